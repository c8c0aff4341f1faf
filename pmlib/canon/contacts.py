"""What a row of contacts is: its arm, whether its outcome is known, its campaign."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from pmlib.engine import collect, day_number

CONTROL = "control"
"""Arm of the customers whom a campaign left uncontacted on purpose."""

WATCHED = "watch"
"""Arm of rows of a plan that ask for sales only: of a product that another policy would offer."""

NOT_CONTACTED = (CONTROL, WATCHED)
"""Arms whose customers are not contacted for the row's product; those of any other arm are."""

OFFERED = "offer"
"""Arm of a plan's customers who are to be contacted; past offers have names of their own."""


def in_control() -> nw.Expr:
    """Whether a row is of the control group."""
    return nw.col("arm") == CONTROL


def made(contacts: nw.LazyFrame) -> nw.LazyFrame:
    """The contacts that were made: all rows but those of control groups and of watched products."""
    return contacts.filter(~nw.col("arm").is_in(NOT_CONTACTED))


def answered(contacts: nw.LazyFrame) -> nw.LazyFrame:
    """The contacts made whose outcome is known."""
    return made(contacts).filter(~nw.col("responded").is_null())


def campaigns(contacts: nw.LazyFrame) -> pd.DataFrame:
    """Tell what each campaign is, in one scan.

    A campaign is *randomised* where chance decided, with probabilities that are on record, who was
    contacted: it has contacts, a control group, and a propensity in every row. A control group of
    which nobody knows how it was drawn compares with no one.

    Returns
    -------
    pandas.DataFrame
        ``campaign_id``, ``last`` (day number of the last contact), ``made`` and ``control``
        (rows), ``shared_control`` (rows of the control group assigned to no product),
        ``randomised``; the latest last.
    """
    control = in_control().cast(nw.Int64)
    table = collect(
        contacts.group_by("campaign_id").agg(
            last=day_number("contacted_on").max(),
            made=(1 - control).sum(),
            control=control.sum(),
            shared_control=(control * nw.col("product_id").is_null().cast(nw.Int64)).sum(),
            unknown=nw.col("propensity").is_null().cast(nw.Int64).sum(),
        ),
        sort_by=["last", "campaign_id"],
    )
    randomised = (table["made"] > 0) & (table["control"] > 0) & (table.pop("unknown") == 0)
    return table.assign(randomised=randomised)


def randomised(contacts: pd.DataFrame) -> bool:
    """Tell whether the rows of one campaign are a randomised campaign, as `campaigns` means it."""
    control = contacts["arm"] == CONTROL
    return bool(control.any() and not control.all() and contacts["propensity"].notna().all())


def inverse_propensity() -> nw.Expr:
    """Weight of a row: one over the probability of its arm and offer; 1 where not recorded."""
    return (1 / nw.col("propensity")).fill_null(1.0)


def weights_of(contacts: pd.DataFrame) -> pd.Series:
    """Inverse probability of each row's arm; 1 where ``arm_propensity`` is not recorded.

    Treated arms are weighed by their customers, so that what all offers caused together is the
    sum of what each caused.
    """
    if "arm_propensity" not in contacts:
        return pd.Series(1.0, index=contacts.index)
    weight = 1 / contacts["arm_propensity"].astype(float)
    treated = contacts["arm"] != CONTROL
    mean = weight.groupby(contacts["arm"]).transform("mean")
    return weight.where(~treated, weight * weight[treated].mean() / mean)
