"""Distinct baskets with their counts: all that association analysis needs of the customers.

One group-by in the engine turns holdings into `Baskets`; everything after works on these few
rows, whether they stand for ten thousand customers or for a hundred million.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import held_out, joined_by
from pmlib.canon.holdings import held_on
from pmlib.engine import collect
from pmlib.errors import StudyError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence

# A basket travels out of the engine as whole numbers of this many bits: a 64-bit integer has a
# sign bit, and double precision (through which some engines pass) is exact to 53.
_BITS = 52


@dataclass(frozen=True)
class Baskets:
    """Distinct baskets and how many customers hold exactly that.

    Parameters
    ----------
    products : tuple of str
        Product ids, sorted; the columns of `held`.
    held : numpy.ndarray of bool, shape (rows, products)
        A row is one basket in one segment and one half.
    customers : numpy.ndarray of int, shape (rows,)
        Customers a row stands for.
    segment : numpy.ndarray of int, shape (rows,)
    holdout : numpy.ndarray of bool, shape (rows,)
        True for the half on which rules are tested, False for the half on which they are found.
    """

    products: tuple[str, ...]
    held: np.ndarray
    customers: np.ndarray
    segment: np.ndarray
    holdout: np.ndarray

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, *, segment: Sequence[int] | np.ndarray | None = None,
        holdout: Sequence[bool] | np.ndarray | None = None,
    ) -> Baskets:  # fmt: skip
        """Count the distinct rows of a table in memory: customers × products, bool.

        `segment` and `holdout` have one value a customer; by default there is one segment (1) and
        no hold-out half.

        Examples
        --------
        >>> table = pd.DataFrame({"card": [True, True, False], "loan": [False, False, False]})
        >>> baskets = Baskets.from_table(table)
        >>> baskets.held.tolist(), baskets.customers.tolist()
        ([[False, False], [True, False]], [1, 2])
        """
        table = table[sorted(table.columns)]
        packed = pack(table.to_numpy(dtype=bool)).T
        given = {"segment": segment, "holdout": holdout}
        rows = pd.DataFrame(
            {name: np.asarray(values) for name, values in given.items() if values is not None}
            | dict(zip(word_names(table.shape[1]), packed, strict=True))
        )
        if len(rows.columns) == 1:  # numpy counts one column five times as fast
            values, customers = np.unique(rows.to_numpy()[:, 0], return_counts=True)
            counted = pd.DataFrame({rows.columns[0]: values, "customers": customers})
        else:
            counted = rows.groupby(list(rows.columns)).size().reset_index(name="customers")
        whole = pd.DataFrame({"segment": 1, "holdout": False}, index=counted.index)
        return cls.from_counts(tuple(map(str, table.columns)), whole.assign(**counted))

    @classmethod
    def from_counts(cls, products: tuple[str, ...], counted: pd.DataFrame) -> Baskets:
        """Unpack counted combinations: segment, holdout, customers and the columns `word_names`.

        `products` are sorted.
        """
        customers, segment = (counted[name].to_numpy(np.int64) for name in ("customers", "segment"))
        held = unpack(counted[word_names(len(products))], len(products))
        return cls(products, held, customers, segment, counted["holdout"].to_numpy(dtype=bool))

    @property
    def total(self) -> int:
        """Customers in all rows together."""
        return int(self.customers.sum())

    @property
    def segments(self) -> tuple[int, ...]:
        """The segments that occur, ascending."""
        return tuple(int(s) for s in np.unique(self.segment))

    def part(self, *, holdout: bool | None = None, segment: int | None = None) -> Baskets:
        """Return the rows of one half, of one segment, or of both."""
        keep = np.ones(len(self.customers), dtype=bool)
        if holdout is not None:
            keep &= self.holdout == holdout
        if segment is not None:
            keep &= self.segment == segment
        rows = (part[keep] for part in (self.held, self.customers, self.segment, self.holdout))
        return Baskets(self.products, *rows)

    def count(self, itemsets: Sequence[Iterable[str]], *, by_segment: bool = False) -> np.ndarray:
        """Count the customers who hold every product of each itemset.

        The shape is (itemsets,), or (itemsets, segments) if counted within each of `segments`.
        """
        if not by_segment:
            rows = (self.customers[inside].sum() for inside in self.holders(itemsets))
            return np.fromiter(rows, dtype=np.int64, count=len(itemsets))
        groups = self.segments
        place = np.searchsorted(groups, self.segment)
        counts = np.zeros((len(itemsets), len(groups)), dtype=np.int64)
        for row, inside in enumerate(self.holders(itemsets)):
            np.add.at(counts[row], place[inside], self.customers[inside])
        return counts

    def holders(self, itemsets: Iterable[Iterable[str]]) -> Iterator[np.ndarray]:
        """Tell, one itemset after the other, which rows hold all its products (rows, bool)."""
        words = pack(self.held)
        bits = pack(np.eye(len(self.products), dtype=bool))
        bit_of = dict(zip(self.products, bits, strict=True))
        nothing = np.zeros(words.shape[1], dtype=np.int64)
        for itemset in itemsets:
            wanted = reduce(np.bitwise_or, (bit_of[product] for product in itemset), nothing)
            yield ((words & wanted) == wanted).all(axis=1)


def collect_baskets(
    customers: nw.LazyFrame, holdings: nw.LazyFrame, *, products: Sequence[str], as_of: dt.date,
    seed: int, holdout_share: float = 0.5, segments: nw.LazyFrame | None = None,
) -> Baskets:  # fmt: skip
    """Count distinct baskets by segment and half with one group-by in the engine.

    A customer's basket is what is held at `as_of`: opened on or before that day (or at an unknown
    date) and not closed by then. A customer without products has the empty basket.

    Parameters
    ----------
    customers : narwhals.LazyFrame
        customer_id, customer_hash; where it has joined_on, who joined later is left out.
    holdings : narwhals.LazyFrame
        customer_id, product_id, opened_on, closed_on.
    products : sequence of str
        All product ids of the bank.
    seed, holdout_share : int, float
        Decide which customers form the hold-out half, and their expected share.
    segments : narwhals.LazyFrame, optional
        customer_id, segment (int) for every customer; by default all are in segment 1.

    Raises
    ------
    StudyError
        There is no product, or a customer has no segment.

    Notes
    -----
    The split is a function of the customer's hash and the seed, so it is the same in every
    engine and does not depend on the order of rows.
    """
    products = tuple(sorted(products))
    if not products:
        raise StudyError(
            "There is no product to analyse.",
            where="products",
            rule="at least one row",
            found="none",
            remedy="Fill the table products, or leave out products and holdings.",
        )
    people = joined_by(customers, as_of).select("customer_id", "customer_hash")
    table = with_baskets(people, holdings.filter(held_on(as_of)), products)
    table = table.with_columns(holdout=held_out(seed, holdout_share))
    if segments is None:
        table = table.with_columns(segment=nw.lit(1))
    else:
        table = table.join(segments.select("customer_id", "segment"), on="customer_id", how="left")
    keys = ["segment", "holdout", *word_names(len(products))]
    counted = collect(table.group_by(keys).agg(customers=nw.len()), sort_by=keys)
    if counted["segment"].isna().any():
        raise StudyError(
            "Some customers have no segment.",
            where="segment assignments",
            rule="one segment for every customer",
            found=f"{counted.loc[counted['segment'].isna(), 'customers'].sum():,} without",
            remedy="Run the segmentation chapter again on the same customers.",
        )
    return Baskets.from_counts(products, counted)


def word_names(n_products: int, prefix: str = "word") -> list[str]:
    """Columns that hold the baskets of so many products: ``<prefix>_0``, ``<prefix>_1``, …."""
    return [f"{prefix}_{i}" for i in range(math.ceil(n_products / _BITS))]


def with_baskets(
    customers: nw.LazyFrame, holdings: nw.LazyFrame, products: Sequence[str], prefix: str = "word"
) -> nw.LazyFrame:
    """Add each customer's basket as whole numbers, one bit a product.

    Of holdings, several rows of one product count once. Bit i stands for product i; the columns
    are called as by `word_names`, and `unpack` reads them.
    """
    # A maximum a product instead of a sum over distinct rows: one pass, no second shuffle.
    flags = {
        f"flag_{i}": nw.when(nw.col("product_id") == product).then(nw.lit(1)).otherwise(nw.lit(0))
        for i, product in enumerate(products)
    }
    held = holdings.group_by("customer_id").agg(**{n: flag.max() for n, flag in flags.items()})
    bits = [nw.col(name).cast(nw.Int64) * (1 << i % _BITS) for i, name in enumerate(flags)]
    words = {
        name: nw.sum_horizontal(*bits[word * _BITS : (word + 1) * _BITS])
        for word, name in enumerate(word_names(len(products), prefix))
    }
    joined = customers.join(held.select("customer_id", **words), on="customer_id", how="left")
    return joined.with_columns(**{n: nw.col(n).fill_null(0).cast(nw.Int64) for n in words})


def unpack(counted: pd.DataFrame, n_products: int) -> np.ndarray:
    """Turn the columns of `with_baskets` back into baskets: rows × products, bool."""
    words, product = counted.to_numpy(dtype=np.int64), np.arange(n_products)
    return (words[:, product // _BITS] >> (product % _BITS)) & 1 == 1


def pack(held: np.ndarray) -> np.ndarray:
    """Turn baskets, rows × products, into whole numbers; the inverse of `unpack`."""
    n_products = held.shape[1]
    words = np.zeros((math.ceil(n_products / _BITS), len(held)), dtype=np.int64)
    for i in range(n_products):
        words[i // _BITS] |= np.left_shift(held[:, i], i % _BITS, dtype=np.int64)
    return words.T
