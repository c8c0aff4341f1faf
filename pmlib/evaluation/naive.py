"""Before and after: the usual way to judge a campaign, beside the randomised one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from pmlib.artifacts import Finding, Number
from pmlib.evaluation.checks import CONTROL
from pmlib.evaluation.effects import outcomes_of, weights_of
from pmlib.evaluation.intervals import customer_codes, weighted_difference, weighted_mean

BEFORE_AFTER, RANDOMISED = "before and after", "against control"


def before_after(
    contacts: pd.DataFrame,
    *,
    before: pd.Series | None = None,
    confidence_level: float = 0.95,
    currency: str = "",
) -> Finding:
    """Judge the contacted by what they did before, and by the control group.

    Parameters
    ----------
    contacts : DataFrame
        ``arm, responded, value, cost``.
    before : Series, optional
        The outcome in a period of the same length before the contact, per customer. Without it
        the period before counts as zero, which is what a campaign shows that offers customers
        only what they do not hold: all sales come after the contact.

    Returns
    -------
    Finding
        ``method, outcome`` (value or response), ``effect, low, high`` per contacted customer.
    """
    outcomes = outcomes_of(contacts)
    name = "value" if "value" in outcomes else "responded"
    unit = "currency" if name == "value" else "points"
    known = outcomes[name].notna().to_numpy()
    if before is not None:
        known = known & before.notna().to_numpy()
    y, treated = outcomes[name].to_numpy()[known], (contacts["arm"] != CONTROL).to_numpy()[known]
    weight, customers = weights_of(contacts).to_numpy()[known], customer_codes(contacts)[known]
    rise = y if before is None else y - before.to_numpy(float)[known]
    change = weighted_mean(rise[treated], weight[treated], customers[treated])
    z = stats.norm.ppf(0.5 + confidence_level / 2)
    rows = []
    for method, effect, error in (
        (BEFORE_AFTER, *change),
        (RANDOMISED, *weighted_difference(y, treated, weight, customers)),
    ):
        rows.append((method, name, effect, effect - z * error, effect + z * error))
    table = pd.DataFrame(rows, columns=["method", "outcome", "effect", "low", "high"])
    # What before and after adds: the control group's outcome, less what the treated had before.
    added = weighted_mean(y[~treated], weight[~treated], customers[~treated])
    if before is not None:
        had = weighted_mean((y - rise)[treated], weight[treated], customers[treated])
        added = added[0] - had[0], float(np.hypot(added[1], had[1]))
    naive = table.iloc[0]
    numbers = (
        Number("before_after_effect", naive["effect"], unit, naive["low"], naive["high"],
               f"{name} per contacted customer, after less before"),
        Number("before_after_error", added[0], unit, added[0] - z * added[1],
               added[0] + z * added[1],
               f"what before and after adds to the randomised effect on {name}"),
    )  # fmt: skip
    return Finding(
        table, numbers, _text(table, numbers, from_zero=before is None, currency=currency)
    )


def _text(
    table: pd.DataFrame, numbers: tuple[Number, ...], *, from_zero: bool, currency: str
) -> str:
    naive, true = table.iloc[0], table.iloc[1]
    unit = numbers[0].unit
    shown = [Number("", row["effect"], unit).text(currency) for row in (naive, true)]
    text = (
        f"Per contacted customer, before and after says {shown[0]}, the control group {shown[1]}. "
    )
    text += f"The difference is {numbers[1].text(currency)} ({numbers[1].interval(currency)}). "
    if from_zero:
        text += (
            "Nobody was offered what they held, so nothing was sold before: the difference is what "
            "the control group earned without any contact, and is counted as caused."
        )
    else:
        text += (
            "Customers were picked by what they did before, so they fall back towards the usual "
            "afterwards, contacted or not, and seasons change between the two periods; the "
            "control group falls back alike, and only the difference to it is the campaign's."
        )
    return text
