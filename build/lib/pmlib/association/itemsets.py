"""Frequent itemsets: an exact depth-first search over weighted distinct baskets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import numpy as np
import pandas as pd

from pmlib.errors import StudyError
from pmlib.numbers import Finding, Number, Phrase

if TYPE_CHECKING:
    from pmlib.association.baskets import Baskets
    from pmlib.params import Parameters

Itemset: TypeAlias = frozenset[str]


@dataclass(frozen=True)
class Itemsets:
    """All itemsets that enough customers hold.

    Parameters
    ----------
    frame : pandas.DataFrame
        itemset (tuple of product ids), length, customers, support (share); the largest support
        first within each length.
    total : int
        Customers, those with empty baskets included.
    minimum : int
        Customers an itemset needs.
    largest_support : float
        Support of the most widely held product, frequent or not; 0 where nothing is held.
    """

    frame: pd.DataFrame
    total: int
    minimum: int
    largest_support: float

    @property
    def counts(self) -> dict[Itemset, int]:
        """Customers of each itemset, and of the empty one."""
        itemsets = map(frozenset, self.frame["itemset"])
        counts = zip(itemsets, self.frame["customers"].tolist(), strict=True)
        return {frozenset(): self.total, **dict(counts)}


def frequent_itemsets(
    baskets: Baskets, *, min_support: float, max_length: int | None = None,
    max_itemsets: int = 100_000,
) -> Itemsets:  # fmt: skip
    r"""Find every itemset with support of at least `min_support`.

    Parameters
    ----------
    baskets : Baskets
    min_support : float
        Share of customers, above 0 to 1.
    max_length : int, optional
        Most products in an itemset; by default no limit.
    max_itemsets : int
        More than this many itemsets is an error.

    Raises
    ------
    StudyError
        `min_support` is not a share above 0.
    TooManyItemsetsError
        There would be more than `max_itemsets` itemsets.

    Notes
    -----
    Products are ordered from rare to common. The search extends a prefix of the rarer ones by
    one product at a time, on the distinct baskets that contain it, as Eclat does [1]_. The
    :math:`2^k` combinations of the k commonest products are counted for each prefix in one
    table: each basket is added to its cell, and summing the table over supersets, one product
    after the other, gives the support of all combinations at once. Counts are whole numbers
    below :math:`2^{53}`, so sums in double precision are exact.

    An itemset is frequent when ``customers / total >= min_support``. mlxtend's ``fpgrowth`` finds
    the same; only where ``min_support * total`` is a whole number that floating point misses
    (0.07 of 100 customers) does it, by rounding up, lose itemsets exactly on the threshold.

    References
    ----------
    .. [1] Zaki (2000), Scalable algorithms for association mining, doi:10.1109/69.846291.

    Examples
    --------
    >>> from pmlib.association.baskets import Baskets
    >>> table = pd.DataFrame({"card": [1, 1, 1, 0], "loan": [1, 1, 0, 0]}, dtype=bool)
    >>> frequent_itemsets(Baskets.from_table(table), min_support=0.5).frame
            itemset  length  customers  support
    0       (card,)       1          3     0.75
    1       (loan,)       1          2     0.50
    2  (card, loan)       2          2     0.50
    """
    if not 0 < min_support <= 1:
        raise StudyError(
            "The smallest support is out of range.",
            where="min_support",
            rule="above 0, at most 1",
            found=str(min_support),
            remedy="Give the share of customers that must hold the products together, e.g. 0.01.",
        )
    total = baskets.total
    minimum = smallest_count(min_support, total)
    weights = baskets.customers.astype(float)
    # From rare to common: the rows that contain a prefix are few where extensions are many.
    single = weights @ baskets.held
    columns = np.flatnonzero(single >= minimum)
    columns = columns[np.argsort(single[columns], kind="stable")]
    length_limit = len(columns) if max_length is None else min(max_length, len(columns))
    matrix = np.ascontiguousarray(baskets.held[:, columns].T)
    _refuse_explosion(matrix, weights, minimum, length_limit, max_itemsets)
    tail = min(_TABLE, len(columns), len(weights).bit_length())
    search = _Search(tuple(columns.tolist()), tail, minimum, length_limit, max_itemsets, found=[])
    search.run(matrix, weights)

    itemsets = [tuple(sorted(baskets.products[j] for j in itemset)) for itemset, _ in search.found]
    frame = pd.DataFrame({"itemset": pd.Series(itemsets, dtype=object)})
    frame["length"] = np.array([len(itemset) for itemset in itemsets], dtype=np.int64)
    frame["customers"] = np.array([count for _, count in search.found], dtype=np.int64)
    frame["support"] = frame["customers"] / max(total, 1)
    order = ["length", "customers", "itemset"]
    frame = frame.sort_values(order, ascending=[True, False, True], ignore_index=True)
    return Itemsets(frame, total, minimum, float(single.max(initial=0) / max(total, 1)))


def smallest_count(min_support: float, total: int) -> int:
    """Return the smallest count c, at least 1, with ``c / total >= min_support``.

    Examples
    --------
    >>> smallest_count(0.07, 100)  # 0.07 * 100 is 7.000000000000001
    7
    """
    count = max(1, math.ceil(min_support * total))
    while count > 1 and (count - 1) / total >= min_support:
        count -= 1
    return count


def closed_and_maximal(itemsets: Itemsets, baskets: Baskets) -> pd.DataFrame:
    """Tell which itemsets are closed and which are maximal.

    An itemset is closed when no further product is held by all its customers, and maximal when no
    further product can be added without falling below the smallest support. The closed itemsets
    carry all supports, the maximal ones the border of what is frequent.

    Parameters
    ----------
    itemsets : Itemsets
        Mined from `baskets`; a limit on length does not disturb the answer.

    Returns
    -------
    pandas.DataFrame
        ``itemsets.frame`` with closed (bool) and maximal (bool).
    """
    frame = itemsets.frame
    with_one_more = np.zeros(len(frame), dtype=np.int64)
    holders = baskets.holders(frame["itemset"])
    for row, (itemset, inside) in enumerate(zip(frame["itemset"], holders, strict=True)):
        extended = baskets.customers[inside] @ baskets.held[inside]
        # A product of the itemset itself counts every customer: it is no extension.
        extended[[baskets.products.index(product) for product in itemset]] = 0
        with_one_more[row] = extended.max(initial=0)
    closed, maximal = with_one_more < frame["customers"], with_one_more < itemsets.minimum
    return frame.assign(closed=closed, maximal=maximal)


# Most products whose combinations are counted in one table of 2^k cells.
_TABLE = 13
# Baskets taken at a time to count pairs, and pairs looked at to tell how many triples there are.
_BLOCK = 1 << 16
_PAIRS_LOOKED_AT = 40


@dataclass(frozen=True)
class _Search:
    """The depth-first search; what it finds is appended to `found`.

    `columns` are frequent, from rare to common; the last `tail` of them are tabulated.
    """

    columns: tuple[int, ...]
    tail: int
    minimum: int
    length_limit: int
    max_itemsets: int
    found: list[tuple[tuple[int, ...], int]]

    def run(self, matrix: np.ndarray, weights: np.ndarray) -> None:
        """Search the distinct baskets: `matrix` (columns × rows, bool), `weights` (rows)."""
        head = len(self.columns) - self.tail
        cells = np.zeros(matrix.shape[1], dtype=np.int16)
        for bit, row in enumerate(matrix[head:]):
            cells |= np.left_shift(row, bit, dtype=np.int16)
        self._extend((), 0, matrix[:head], cells, weights)

    def _extend(
        self, prefix: tuple[int, ...], first: int, head: np.ndarray, cells: np.ndarray,
        weights: np.ndarray,
    ) -> None:  # fmt: skip
        """Find the itemsets of `prefix` and any of the columns from `first` on.

        `head` (columns from `first` on × rows), `cells` and `weights` are those of the distinct
        baskets that contain the prefix.
        """
        self._tabulate(prefix, cells, weights)
        if len(prefix) + 1 == self.length_limit:
            counts = head @ weights
            for j in np.flatnonzero(counts >= self.minimum).tolist():
                self.found.append(((*prefix, self.columns[first + j]), int(counts[j])))
            return
        for j, row in enumerate(head):
            inside = np.flatnonzero(row)
            kept = weights[inside]
            if kept.sum() >= self.minimum:
                longer, others = (*prefix, self.columns[first + j]), head[j + 1 :, inside]
                self._extend(longer, first + j + 1, others, cells[inside], kept)

    def _tabulate(self, prefix: tuple[int, ...], cells: np.ndarray, weights: np.ndarray) -> None:
        """Keep `prefix` with every frequent combination of the tail's columns."""
        table = np.bincount(cells, weights=weights, minlength=1 << self.tail)
        for bit in range(self.tail):
            halves = table.reshape(-1, 2, 1 << bit)
            halves[:, 0] += halves[:, 1]
        frequent = np.flatnonzero(table >= self.minimum)
        frequent = frequent[np.bitwise_count(frequent) <= self.length_limit - len(prefix)]
        tail = self.columns[len(self.columns) - self.tail :]
        self.found.extend(
            ((*prefix, *(c for bit, c in enumerate(tail) if cell >> bit & 1)), int(table[cell]))
            for cell in frequent.tolist()
            if prefix or cell
        )
        if len(self.found) > self.max_itemsets:
            _refuse("more than", self.max_itemsets, self.max_itemsets)


def _refuse_explosion(
    matrix: np.ndarray, weights: np.ndarray, minimum: int, length_limit: int, max_itemsets: int
) -> None:
    """Raise before the search where few looks already tell that there will be too many.

    A frequent itemset of L products has 2^L - 1 frequent subsets; a long one is found greedily,
    from the commonest product on. And the number of frequent triples is a third of that of
    frequent pairs times the mean number of products that can join a pair, which a sample of pairs
    estimates.
    """
    length, inside = 0, np.arange(len(weights))
    for row in matrix[::-1]:
        kept = inside[row[inside]]
        if weights[kept].sum() >= minimum:
            inside, length = kept, length + 1
    implied = sum(math.comb(length, k) for k in range(1, min(length, length_limit) + 1))
    if implied > max_itemsets:
        _refuse("at least", implied, max_itemsets)
    if length_limit < 3 or math.comb(len(matrix), 3) <= max_itemsets:
        return
    counts = np.zeros((len(matrix), len(matrix)))
    for start in range(0, len(weights), _BLOCK):
        block = matrix[:, start : start + _BLOCK].astype(float)
        counts += block * weights[start : start + _BLOCK] @ block.T
    pairs = np.argwhere(np.triu(counts >= minimum, 1))
    if len(pairs) < _PAIRS_LOOKED_AT:
        return
    thirds = np.zeros(_PAIRS_LOOKED_AT)
    drawn = np.random.default_rng(0).choice(pairs, _PAIRS_LOOKED_AT, replace=False)
    for k, (i, j) in enumerate(drawn):
        inside = np.flatnonzero(matrix[i] & matrix[j])
        thirds[k] = (matrix[:, inside] @ weights[inside] >= minimum).sum() - 2
    error = thirds.std(ddof=1) / math.sqrt(len(thirds))
    if len(pairs) / 3 * (thirds.mean() - 4 * error) > max_itemsets:
        triples = len(pairs) / 3 * thirds.mean()
        _refuse("about", round(triples), max_itemsets)


class TooManyItemsetsError(StudyError):
    """More itemsets are frequent than may be looked through."""


def too_many(params: Parameters) -> Finding:
    """Absent for that reason; sentences may ask for ``not_sought``."""
    most = Number("", params.max_itemsets, "count")
    reason = Phrase("absent.too_many_itemsets", {"most": most})
    return Finding(absent=reason, quotes={"not_sought": True})


def _refuse(how: str, number: int, max_itemsets: int) -> NoReturn:
    raise TooManyItemsetsError(
        "There are too many frequent itemsets.",
        where="min_support",
        rule=f"at most {max_itemsets:,} itemsets (max_itemsets)",
        found=f"{how} {number:,}{' of three products alone' if how == 'about' else ''}",
        remedy="Raise min_support, or lower max_rule_length.",
    )
