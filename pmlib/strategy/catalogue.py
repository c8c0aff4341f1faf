"""What the bank can offer and how it can reach a customer: products, channels, antecedents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from pmlib.errors import StudyError


class ChannelLike(Protocol):
    """A channel as a study declares it."""

    name: str
    cost: float
    capacity: int | None


@dataclass(frozen=True)
class Catalogue:
    """Products on offer and channels to offer them through.

    Parameters
    ----------
    products : pandas.DataFrame
        ``product_id, name, risk_rating`` (1 to 5, NaN: no rating), ``margin`` (currency a sale).
    channels : pandas.DataFrame
        ``channel, cost`` (currency a contact), ``capacity`` (contacts, inf: no limit).
    antecedents : mapping
        Product to the rules that point to it, each as (segment, antecedent); segment 0 stands
        for all customers, the antecedent is a tuple of products. A product without rules is
        absent.
    """

    products: pd.DataFrame
    channels: pd.DataFrame
    antecedents: Mapping[str, tuple[tuple[int, tuple[str, ...]], ...]]

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Products in the order of every array of this package."""
        return tuple(self.products["product_id"])

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Channels in the order of every array of this package."""
        return tuple(self.channels["channel"])


def catalogue(
    products: pd.DataFrame,
    channels: Sequence[ChannelLike],
    *,
    offered: Sequence[str],
    rules: pd.DataFrame,
    default_margin: float | None = None,
) -> Catalogue:
    """Put together what can be offered, and refuse what makes no sense.

    Parameters
    ----------
    products : pandas.DataFrame
        ``product_id``; optional ``name, risk_rating, annual_margin``. May be empty.
    channels : sequence
        Each with ``name``, ``cost`` (currency a contact) and ``capacity`` (contacts or None).
    offered : sequence of str
        Products to plan for, from the contacts or the rules.
    rules : pandas.DataFrame
        ``antecedent, consequent, scope`` (0, or the one segment it was found in), ``lift,
        survives, within``; see `useful_rules`.
    default_margin : float, optional
        Margin (currency a holder a year) of products without one.

    Raises
    ------
    StudyError
        No channel, a negative cost or capacity, a margin that is missing.
    """
    if not channels:
        raise StudyError(
            "The study has no channel to contact customers through.",
            where="study.yaml: channels",
            remedy="Declare at least one: channels: [{name: e-mail, cost: 0.05}]",
        )
    reach = pd.DataFrame(
        {
            "channel": [channel.name for channel in channels],
            "cost": [float(channel.cost) for channel in channels],
            "capacity": [
                float("inf") if channel.capacity is None else float(channel.capacity)
                for channel in channels
            ],
        }
    )
    for column in ("cost", "capacity"):
        wrong = reach[~(reach[column] >= 0)]
        if len(wrong):
            raise StudyError(
                f"The {column} of a channel is negative.",
                where=f"study.yaml: channels: {wrong['channel'].iloc[0]}",
                rule=f"{column} is 0 or more",
                found=f"{wrong[column].iloc[0]:g}",
            )
    menu = pd.DataFrame({"product_id": sorted(offered)})
    for column in ("name", "risk_rating", "annual_margin"):
        known = products.set_index("product_id")[column] if column in products else {}
        menu[column] = menu["product_id"].map(dict(known))
    menu["name"] = menu["name"].fillna(menu["product_id"])
    menu["risk_rating"] = menu["risk_rating"].astype(float)
    menu["margin"] = menu.pop("annual_margin").astype(float)
    if default_margin is not None:
        menu["margin"] = menu["margin"].fillna(default_margin)
    missing = menu.loc[menu["margin"].isna(), "product_id"]
    if len(missing):
        raise StudyError(
            "The margin of a product is missing, so its profit cannot be planned.",
            where=f"products.annual_margin: {', '.join(missing[:3])}",
            rule="every product on offer has a margin",
            found=f"{len(missing)} of {len(menu)} products without one",
            remedy="Fill in annual_margin, or give one for all with -p default_margin VALUE.",
        )
    return Catalogue(menu, reach, _antecedents(rules, tuple(menu["product_id"])))


def useful_rules(rules: pd.DataFrame) -> pd.DataFrame:
    """Keep the rules that say what a holder is likely to want next, beyond the segment.

    These survived the test on held-out customers, have a lift above 1 and do more than restate
    the segments.
    """
    adds = rules["within"] != "restates_segments"
    return rules[rules["survives"].astype(bool) & (rules["lift"] > 1) & adds]


def _antecedents(
    rules: pd.DataFrame, offered: tuple[str, ...]
) -> dict[str, tuple[tuple[int, tuple[str, ...]], ...]]:
    return {
        str(product): tuple(
            sorted(
                (int(scope), tuple(antecedent))
                for scope, antecedent in zip(group["scope"], group["antecedent"], strict=True)
            )
        )
        for product, group in useful_rules(rules).groupby("consequent")
        if product in offered
    }
