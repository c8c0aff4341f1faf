"""What the bank can offer and how it can reach a customer: products, channels, antecedents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pmlib.association.baskets import Baskets
from pmlib.studies import Channel
from pmlib.studies.eligibility import Eligibility

Antecedents = Mapping[str, tuple[tuple[int, tuple[str, ...]], ...]]
"""Product to the rules that point to it, each as (segment, antecedent); segment 0 stands for all
customers, the antecedent is a tuple of products. A product without rules is absent."""


@dataclass(frozen=True)
class Catalogue:
    """Products on offer and channels to offer them through.

    Parameters
    ----------
    products : pandas.DataFrame
        ``product_id, name, risk_rating`` (1 to 5, NaN: no rating), ``margin`` (currency a sale).
    channels : pandas.DataFrame
        ``channel, cost`` (currency a contact), ``capacity`` (contacts, inf: no limit).
    unpriced : tuple of str
        Names of products that could be offered and are not, for nobody knows what a sale earns.
    rules : mapping
        By product, the columns of `pmlib.studies.eligibility` that say who meets the study's own
        rules for it.
    loss_columns : mapping
        By product, the column there of the loss expected of a sale.
    losses : pandas.DataFrame, optional
        As of `pmlib.strategy.cells.expected_losses`; margins are less them.
    """

    products: pd.DataFrame
    channels: pd.DataFrame
    antecedents: Antecedents
    unpriced: tuple[str, ...] = ()
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loss_columns: Mapping[str, str] = field(default_factory=dict)
    losses: pd.DataFrame | None = None

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Products in the order of every array of this package."""
        return tuple(self.products["product_id"])

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Channels in the order of every array of this package."""
        return tuple(self.channels["channel"])

    def priced(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Add ``margin``, less the loss expected of a sale, and ``cost`` (currency) to cells."""
        margin = cells["product_id"].map(self.products.set_index("product_id")["margin"])
        return cells.assign(
            margin=margin - self.mean_loss(cells),
            cost=cells["channel"].map(self.channels.set_index("channel")["cost"]),
        )

    def mean_loss(self, cells: pd.DataFrame) -> np.ndarray:
        """(n,) loss expected of a sale in each cell: of those who may be offered the product.

        Where cells tell neither segments (all 0) nor holders apart, nor does the loss.
        """
        if self.losses is None:
            return np.zeros(len(cells))
        keys = ["segment", "holds", "product_id"]
        told_apart = cells.groupby("product_id")["holds"].any()
        sums = self.losses.assign(
            segment=self.losses["segment"] if cells["segment"].any() else 0,
            holds=self.losses["holds"] & self.losses["product_id"].map(told_apart).eq(other=True),
        ).groupby(keys)[["loss", "customers"]].sum()  # fmt: skip
        means = (sums["loss"] / sums["customers"]).rename("mean").reset_index()
        return cells[keys].merge(means, on=keys, how="left")["mean"].fillna(0.0).to_numpy()

    @property
    def net_margins(self) -> np.ndarray:
        """(P,) margin of a sale, less its expected loss over all who may be offered the product."""
        one = self.products[["product_id"]].assign(segment=0, holds=False)
        return self.products["margin"].to_numpy() - self.mean_loss(one)

    def positions(self, cells: pd.DataFrame) -> tuple[np.ndarray, ...]:
        """Where each of a study's cells stands in arrays of (L, 2, P, C)."""
        return (
            np.searchsorted(np.unique(cells["segment"]), cells["segment"]),
            cells["holds"].astype(int).to_numpy(),
            pd.Index(self.product_ids).get_indexer(cells["product_id"]),
            pd.Index(self.channel_names).get_indexer(cells["channel"]),
        )


def catalogue(
    products: pd.DataFrame,
    channels: Sequence[Channel],
    *,
    offered: Sequence[str],
    antecedents: Antecedents | None = None,
    default_margin: float | None = None,
) -> Catalogue:
    """Put together what can be offered and through what.

    Of the products ``product_id`` and, where given, ``name, risk_rating, annual_margin`` are read;
    `default_margin` (currency a holder a year) is for those without a margin. The products to plan
    for are those `offered`, less those whose margin is not known; the antecedents are of
    `choose_antecedents`, if the study has rules.
    """
    reach = pd.DataFrame(
        [(c.name, c.cost, np.inf if c.capacity is None else c.capacity) for c in channels],
        columns=["channel", "cost", "capacity"],
    ).astype({"cost": float, "capacity": float})
    menu = pd.DataFrame({"product_id": sorted(offered)})
    for column in ("name", "risk_rating", "annual_margin"):
        told = products.set_index("product_id")[column] if column in products else {}
        menu[column] = menu["product_id"].map(dict(told))
    # A name that two products share tells neither apart: such products keep their ids.
    shared = menu["name"].isna() | menu["name"].duplicated(keep=False)
    menu["name"] = menu["name"].mask(shared, menu["product_id"].str.replace("_", " "))
    menu["risk_rating"] = menu["risk_rating"].astype(float)
    menu["margin"] = menu.pop("annual_margin").astype(float)
    if default_margin is not None:
        menu["margin"] = menu["margin"].fillna(default_margin)
    priced = menu["margin"].notna()
    known = menu[priced].reset_index(drop=True)
    kept = set(known["product_id"])
    rules = {name: found for name, found in (antecedents or {}).items() if name in kept}
    return Catalogue(known, reach, rules, tuple(menu.loc[~priced, "name"]))


def with_own_rules(catalogue: Catalogue, own: Eligibility | None) -> Catalogue:
    """Tell a catalogue which of the study's own rules and losses are for which product."""
    if own is None:
        return catalogue
    rules = {
        product: tuple(f"rule_{i}" for i, rule in enumerate(own.rules) if product in rule.products)
        for product in catalogue.product_ids
    }
    lost = {product: f"loss_{i}" for i, product in enumerate(own.losses)}
    return replace(
        catalogue,
        rules={product: columns for product, columns in rules.items() if columns},
        loss_columns={p: lost[p] for p in catalogue.product_ids if p in lost},
    )


def useful_rules(rules: pd.DataFrame) -> pd.DataFrame:
    """Keep the rules that say what a holder is likely to want next, beyond the segment.

    These survived the test on held-out customers, have a lift above 1 and, where there are segments
    to compare with, are shown to do more than restate them.
    """
    adds = ~rules["within"].isin(["restates_segments", "undecided"])
    return rules[rules["survives"].astype(bool) & (rules["lift"] > 1) & adds]


def is_reversed(rules: pd.DataFrame, ordered: Collection[tuple[str, str]]) -> np.ndarray:
    """(rules,) whether a product of the antecedent surely comes after the consequent.

    Holding it is then a trace of having had the product: context, and no reason to want it.
    `ordered` are pairs of products, (earlier, later), of which the order is sure.
    """
    ends = zip(rules["antecedent"], rules["consequent"], strict=True)
    return np.array([any((y, x) in ordered for x in X) for X, y in ends], dtype=bool)


def choose_antecedents(
    rules: pd.DataFrame, baskets: Baskets, *, offered: Sequence[str]
) -> Antecedents:
    r"""Choose, for each product, the rules whose antecedents tell best who is likely to want it.

    Many rules may point to one product, and nearly everyone holds the antecedent of some weak
    one. The rules are therefore taken in the order of their lift, as many as make *holds any of
    these antecedents* most informative within segments: largest $\sum_s n_s \phi_s^2$, the
    chi-squared statistic of holding an antecedent and holding the product, over segments.

    The rules have ``antecedent, consequent, scope, lift, survives, within``, see `useful_rules`;
    the baskets are counted by segment, of customers on whom the rules were not found.
    """
    position = {product: i for i, product in enumerate(baskets.products)}
    chosen = {}
    for product, group in useful_rules(rules).groupby("consequent"):
        if product not in offered:
            continue
        ordered = group.sort_values("lift", ascending=False, kind="stable")
        pairs = zip(ordered["scope"], ordered["antecedent"], strict=True)
        found = [(int(scope), tuple(antecedent)) for scope, antecedent in pairs]
        flags = np.array([in_force(rule, baskets, position) for rule in found])
        unions = np.logical_or.accumulate(flags, axis=0)
        target = baskets.held[:, position[str(product)]]
        best = int(np.argmax([_chi_squared(union, target, baskets) for union in unions]))
        chosen[str(product)] = tuple(sorted(found[: best + 1]))
    return chosen


def in_force(
    rule: tuple[int, tuple[str, ...]], baskets: Baskets, position: Mapping[str, int]
) -> np.ndarray:
    """(rows of baskets,) whether the antecedent is held, in a segment that the rule is for."""
    segment, antecedent = rule
    whole = baskets.held[:, [position[p] for p in antecedent]].all(axis=1)
    return whole & ((segment == 0) | (baskets.segment == segment))


def _chi_squared(holds: np.ndarray, target: np.ndarray, baskets: Baskets) -> float:
    """Sum over segments of n times the squared phi coefficient."""
    code = np.unique(baskets.segment, return_inverse=True)[1]
    n, a, b, both = (
        np.bincount(code, weights=baskets.customers * flag)
        for flag in (np.ones_like(holds), holds, target, holds & target)
    )
    spread = a * (n - a) * b * (n - b)
    covariance = (n * both - a * b) ** 2
    return float((n * covariance / np.where(spread > 0, spread, 1.0))[spread > 0].sum())
