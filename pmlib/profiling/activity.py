"""How active the customers are: payments, active customers and money moved, month by month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import narwhals as nw
import numpy as np

from pmlib.engine import collect, day_number
from pmlib.numbers import Finding, Number, needs
from pmlib.profiling.quality import count_by, count_rows, with_rate
from pmlib.safeguards import dominated, suppress


@needs("transactions")
def monthly_activity(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date, confidence_level: float = 0.95,
    minimum: int = 10,
) -> Finding:  # fmt: skip
    """Count payments, active customers and money in and out, month by month.

    Active customers, and those they are a share of, had joined by the end of the month; where the
    day of joining is not known, all had. Months with fewer than `minimum` active
    customers are suppressed.

    Returns
    -------
    Finding
        ``month`` (YYYY-MM), ``transactions``, ``active`` customers, ``customers`` then with the
        bank, ``share`` active with ``low`` and ``high`` (Wilson), ``money_in``, ``money_out``
        (currency, both positive; NaN where one or two customers carry it), ``whole`` (False:
        the data cover part of the month).
    """
    # By the date itself: a day's number, of every row, would take most of the time.
    dated = tables["transactions"].filter(nw.col("booked_on") <= as_of)
    dated = dated.with_columns(_month=_month("booked_on"))
    amount = nw.col("amount").cast(nw.Float64)
    money = {
        "money_in": nw.when(amount > 0).then(amount).otherwise(0.0),
        "money_out": nw.when(amount < 0).then(-amount).otherwise(0.0),
    }
    each = dated.group_by("_month", "customer_id").agg(
        rows=nw.len(), first=nw.col("booked_on").min(), last=nw.col("booked_on").max(),
        **{name: value.sum() for name, value in money.items()},
    )  # fmt: skip
    each = _before_joining(each, tables["customers"])
    months = each.group_by("_month").agg(
        transactions=nw.col("rows").sum(),
        active=(1 - nw.col("_early")).sum(),
        first=day_number(nw.col("first").min()),
        last=day_number(nw.col("last").max()),
        **{name: nw.col(name).sum() for name in money},
        **{f"{name}_square": (nw.col(name) ** 2).sum() for name in money},
    )
    months = collect(months, sort_by=["_month"])
    first, last = months["first"].min(), months["last"].max()
    squares = months[[f"{name}_square" for name in money]]
    months["customers"] = _joined_by(tables["customers"], months["_month"].to_numpy())
    months = with_rate(months, "active", "customers", confidence_level)
    months["whole"] = [
        _first_day(number) >= first - 3 and _first_day(number + 1) - 1 <= last + 3
        for number in months["_month"]
    ]
    months["month"] = [f"{number // 12}-{number % 12 + 1:02d}" for number in months.pop("_month")]
    columns = ["month", "transactions", "active", "customers", "share", "low", "high"]
    months = months[[*columns, "money_in", "money_out", "whole"]]
    for name in money:
        months[name] = months[name].mask(dominated(months[name], squares[f"{name}_square"]))
    months = suppress(months, count="active", minimum=minimum, keep=("customers",))
    whole = months[months["whole"] & ~months["suppressed"]]
    observed = Number("n_months_observed", len(months), "months")
    if len(whole) < 2:
        return Finding(months, (observed,), facts={"activity_course": "too_short"})
    latest = whole.iloc[-1]
    numbers = (
        observed,
        Number(
            "active_share",
            latest["share"],
            "share",
            latest["low"],
            latest["high"],
            of=latest["customers"],
        ),
        Number("payments_per_active", latest["transactions"] / latest["active"], decimals=1),
        Number("last_whole_month", latest["month"]),
    )
    quotes = {"partial": months.loc[~months["whole"], "month"].tolist()}
    return Finding(months, numbers, {"activity_course": "shown"}, quotes)


def _before_joining(each: nw.LazyFrame, customers: nw.LazyFrame) -> nw.LazyFrame:
    """Add ``_early``: 1 where a month lies before that in which its customer joined."""
    if "joined_on" not in customers.collect_schema().names():
        return each.with_columns(_early=nw.lit(0, dtype=nw.Int64))
    joined = customers.select("customer_id", _joined=_month("joined_on"))
    early = (nw.col("_joined") > nw.col("_month")).fill_null(value=False).cast(nw.Int64)
    return each.join(joined, on="customer_id", how="left").with_columns(_early=early)


def _month(column: str) -> nw.Expr:
    date = nw.col(column)
    return date.dt.year().cast(nw.Int64) * 12 + date.dt.month().cast(nw.Int64) - 1


def _first_day(month: int) -> int:
    return dt.date(int(month) // 12, int(month) % 12 + 1, 1).toordinal()


def _joined_by(customers: nw.LazyFrame, months: np.ndarray) -> np.ndarray:
    """Customers who had joined by the end of each month; an unknown day counts as before."""
    if "joined_on" not in customers.collect_schema().names():
        return np.full(len(months), count_rows(customers))
    joined = count_by(customers.select(_month=_month("joined_on")), "_month")
    month, n = joined["_month"].fillna(-1).to_numpy(), joined["customers"].to_numpy()
    return np.array([n[month <= limit].sum() for limit in months])
