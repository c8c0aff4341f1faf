"""What keeps the study lawful and fair: disclosure control, consent, suitability, fairness, drift.

Every chapter may use this module; it uses none of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import objects
from pmlib.canon.holdings import held_before, held_products, undated
from pmlib.engine import collect, day_number
from pmlib.errors import StudyError
from pmlib.inference.proportions import wilson
from pmlib.safeguards.published import all_hidden, published
from pmlib.safeguards.suppression import (
    DOMINANT,
    carried_by_two,
    dominated,
    k_anonymity,
    suppress,
)

__all__ = [
    "DOMINANT", "EXCLUSIONS", "PSI_SHIFTED", "PSI_STABLE", "all_hidden", "carried_by_two",
    "count_exclusions", "dominated", "exclusions", "k_anonymity", "offer_rates", "psi",
    "published", "suppress",
]  # fmt: skip

EXCLUSIONS = ("already_held", "unsuitable", "opted_out")
"""Why an offer should not be made, in the order in which they are reported."""

PSI_STABLE, PSI_SHIFTED = 0.10, 0.25
"""Below the first a distribution counts as stable, from the second on as shifted."""


# --- consent, suitability, products already held --------------------------------------------------


def exclusions(
    offers: nw.LazyFrame,
    *,
    customers: nw.LazyFrame,
    on: str | dt.date,
    products: nw.LazyFrame | None = None,
    holdings: nw.LazyFrame | None = None,
) -> nw.LazyFrame:
    """Mark offers that should not be made: product held, product too risky, customer objects.

    Parameters
    ----------
    offers : narwhals.LazyFrame
        Any rows with ``customer_id`` and ``product_id``: past contacts or a plan.
    customers : narwhals.LazyFrame
        With ``marketing_opt_out`` and ``risk_tolerance`` where they are known.
    on : str or datetime.date
        Day of past contacts, a date column of `offers`: what was held before it counts; or the
        day as of which a plan is made.
    products : narwhals.LazyFrame, optional
        With ``risk_rating``.
    holdings : narwhals.LazyFrame, optional
        With ``opened_on`` and ``closed_on``.

    Returns
    -------
    narwhals.LazyFrame
        `offers` with the Boolean columns of `EXCLUSIONS`; null where the data cannot tell (no
        such column or table, no rating, or, when `on` is a column, a product of which any holding
        has no opening day). Opting out is undated: it counts for every day.
    """
    flagged = _with_held(offers, holdings, on)
    columns = customers.collect_schema().names()
    tolerance = ["risk_tolerance"] if "risk_tolerance" in columns else []
    has_rating = products is not None and "risk_rating" in products.collect_schema().names()
    known = (nw.col(name).alias(f"_{name}") for name in tolerance)
    asked = customers.select("customer_id", *known, opted_out=objects(customers))
    flagged = flagged.join(asked, on="customer_id", how="left")
    if products is not None and has_rating and tolerance:
        rating = products.select("product_id", nw.col("risk_rating").alias("_risk_rating"))
        flagged = flagged.join(rating, on="product_id", how="left").with_columns(
            unsuitable=nw.col("_risk_rating") > nw.col("_risk_tolerance")
        )
    else:
        flagged = flagged.with_columns(unsuitable=nw.lit(None, dtype=nw.Boolean))
    return flagged.select(*offers.collect_schema().names(), *EXCLUSIONS)


def _with_held(
    offers: nw.LazyFrame, holdings: nw.LazyFrame | None, on: str | dt.date
) -> nw.LazyFrame:
    if holdings is None:
        return offers.with_columns(already_held=nw.lit(None, dtype=nw.Boolean))
    pair = key = ["customer_id", "product_id"]
    if isinstance(on, str):
        key = [*pair, on]
        dated = offers.select(*key).unique().join(holdings, on=pair, how="inner")
        held = dated.filter(held_before(day_number(on))).select(*key).unique()
    else:
        held = held_products(holdings, on)
    marked = offers.join(held.with_columns(_held=nw.lit(1)), on=key, how="left")
    can_tell = ~nw.col("product_id").is_null()
    if isinstance(on, str):
        # One holding of unknown opening hides who held the product then. Taking only the holders
        # as unknown would leave non-holders and make the share of holders too small.
        hidden = holdings.filter(undated()).select("product_id").unique()
        marked = marked.join(hidden.with_columns(_undated=nw.lit(1)), on="product_id", how="left")
        can_tell = can_tell & nw.col("_undated").is_null()
    return marked.with_columns(already_held=nw.when(can_tell).then(~nw.col("_held").is_null()))


def count_exclusions(
    flagged: nw.LazyFrame,
    *,
    by: Sequence[str] = (),
    cost: str | None = None,
    sold: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Count the offers that should not be made, by reason.

    Parameters
    ----------
    flagged : narwhals.LazyFrame
        As `exclusions` returns it.
    by : sequence of str
        Columns to count within.
    cost : str, optional
        Column with the cost of an offer, currency.
    sold : str, optional
        Column that says whether an offer was answered by a sale; null where nobody knows.

    Returns
    -------
    pandas.DataFrame
        `by`, ``reason`` (each of `EXCLUSIONS` and ``any``), ``offers``, ``known`` (offers for
        which the data can tell), ``excluded``, ``share`` of the known with ``low`` and ``high``
        (Wilson), ``cost`` of the excluded (NaN where it was not recorded), and ``sales``, those of
        the excluded, of ``sales_all`` (both 0 where none is known).
    """
    reasons = (*EXCLUSIONS, "any")
    either = {name: nw.col(name).fill_null(value=False) for name in EXCLUSIONS}
    frame = flagged.with_columns(
        any=either["already_held"] | either["unsuitable"] | either["opted_out"],
        _cost=nw.col(cost).cast(nw.Float64) if cost else nw.lit(None, dtype=nw.Float64),
        _all=nw.lit(1),
        _sold=nw.col(sold).fill_null(value=False) if sold else nw.lit(value=False),
    )
    whole = {"offers": "_all", "sales_all": "_sold"}
    totals = {name: nw.col(column).cast(nw.Int64).sum() for name, column in whole.items()}
    totals["costed"] = nw.col("_cost").count()
    for name in reasons:
        yes = nw.col(name).fill_null(value=False)
        totals[f"known_{name}"] = (~nw.col(name).is_null()).cast(nw.Int64).sum()
        totals[f"excluded_{name}"] = yes.cast(nw.Int64).sum()
        totals[f"cost_{name}"] = nw.when(yes).then(nw.col("_cost")).sum()
        totals[f"sales_{name}"] = (yes & nw.col("_sold")).cast(nw.Int64).sum()
    counted = frame.group_by(*by).agg(**totals) if by else frame.select(**totals)
    wide = collect(counted, sort_by=by)
    parts = []
    for name in reasons:
        part = wide[[*by, "offers", "costed", "sales_all"]].copy()
        part["reason"] = name
        for measure in ("known", "excluded", "cost", "sales"):
            part[measure] = wide[f"{measure}_{name}"].astype(float)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["share"] = table["excluded"] / table["known"].where(table["known"] > 0)
    table["low"], table["high"] = wilson(
        table["excluded"], table["known"], confidence_level=confidence_level
    )
    # The sum over no rows is null in every engine; excluding no one cost nothing, if costs exist.
    table.loc[(table["costed"] > 0) & (table["excluded"] == 0), "cost"] = 0.0
    columns = [*by, "reason", "offers", "known", "excluded", "share", "low", "high", "cost",
               "sales", "sales_all"]  # fmt: skip
    order = table["reason"].map(reasons.index)
    table = table.assign(_order=order).sort_values([*by, "_order"], kind="stable")
    return table[columns].reset_index(drop=True)


# --- fairness -----------------------------------------------------------------------------------


def offer_rates(
    customers: nw.LazyFrame, *, group: str, offered: str = "offered", confidence_level: float = 0.95
) -> pd.DataFrame:
    """Share of each group that is made an offer.

    `customers` has one row a customer, the column `group` (e.g. gender or age band; null is a group
    of its own) and the Boolean column `offered`. The result has ``group``, ``customers``,
    ``offered``, ``rate``, ``low``, ``high`` (Wilson), and ``ratio`` to the rate of all customers
    together.
    """
    table = collect(
        customers.select(group=nw.col(group), offered=nw.col(offered).cast(nw.Int64))
        .group_by("group")
        .agg(customers=nw.len(), offered=nw.col("offered").sum()),
        sort_by=["group"],
    )
    table["rate"] = table["offered"] / table["customers"]
    table["low"], table["high"] = wilson(
        table["offered"], table["customers"], confidence_level=confidence_level
    )
    overall = table["offered"].sum() / table["customers"].sum()
    table["ratio"] = table["rate"] / overall if overall else np.nan
    return table


# --- drift --------------------------------------------------------------------------------------


def psi(reference: np.ndarray | pd.Series, current: np.ndarray | pd.Series) -> float:
    r"""Population stability index of two distributions over the same bins.

    .. math:: \sum_b (c_b - r_b) \ln (c_b / r_b)

    with the shares r of the reference and c of the current population. Half a count is added to
    each bin, so that an empty bin does not make it infinite. See `PSI_STABLE`, `PSI_SHIFTED`.

    Parameters
    ----------
    reference, current : array_like
        Counts in the same bins.

    Raises
    ------
    StudyError
        The bins do not match, or a population is empty.

    Examples
    --------
    >>> psi(np.array([500, 500]), np.array([500, 500]))
    0.0
    """
    counts = [np.asarray(values, float) for values in (reference, current)]
    if counts[0].shape != counts[1].shape or any(values.sum() <= 0 for values in counts):
        raise StudyError(
            "A stability index compares two populations over the same bins.",
            rule="same number of bins, and each population has someone in it",
            found=f"bins {counts[0].shape} and {counts[1].shape}, "
            f"populations {counts[0].sum():.0f} and {counts[1].sum():.0f}",
        )
    before, now = ((values + 0.5) / (values + 0.5).sum() for values in counts)
    return float(np.sum((now - before) * np.log(now / before)))
