"""Looking before the end, and how large the next campaign must be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, weights_of
from pmlib.evaluation.effects import customer_codes
from pmlib.inference.means import weighted_difference
from pmlib.inference.normal import normal_quantile
from pmlib.inference.power import detectable_rate, rate_power
from pmlib.numbers import Finding, Number, missing, needs

N_LOOKS = 10

FEWEST_A_LOOK = 10
"""Customers that each look adds, at least."""

# Paths simulated for the rate of false alarms: standard error of the rate below 0.2 points.
_PATHS = 20_000


def sequence_radius(count: np.ndarray, *, error_rate: float, aimed_at: float) -> np.ndarray:
    r"""Half-width of an asymptotic confidence sequence, in standard deviations of one customer.

    The normal mixture boundary [@howard2021confidence]: with $\rho^{2}$ fixed beforehand,

    $$ r(t) = \sqrt{ \frac{2 (t \rho^{2} + 1)}{t^{2} \rho^{2}}
    \ln \frac{\sqrt{t \rho^{2} + 1}}{\alpha} } $$

    covers the effect at all $t$ (`count`, customers seen) at once with probability $1 - \alpha$,
    and is tightest at `aimed_at` customers.
    """
    # The minimiser of the width at t = aimed_at, from its usual approximation.
    log = -2 * np.log(error_rate)
    rho2 = (log + np.log(1 + log)) / aimed_at
    scaled = count * rho2 + 1
    return np.sqrt(2 * scaled / (count**2 * rho2) * np.log(np.sqrt(scaled) / error_rate))


def too_few_to_look(known: int) -> bool:
    """Whether so many known outcomes are too few to look at several times."""
    return known < FEWEST_A_LOOK * N_LOOKS


@needs(section="interim-looks")
def interim_looks(contacts: pd.DataFrame, *, error_rate: float = 0.05, seed: int) -> Finding:
    """The effect on response at equally spaced looks, with and without correction.

    Customers are taken in the order of contact, those of one day in a seeded random order; `seed`
    is that of the simulated false alarms.

    Returns
    -------
    Finding
        ``look, customers, effect, low, high`` (the plain interval at each look), ``always_low,
        always_high`` (the confidence sequence). Further table: *alarms*, as `false_alarms`.
    """
    known = np.flatnonzero(contacts["responded"].notna())
    if too_few_to_look(len(known)):
        return missing("few_to_look")
    order = known[np.lexsort((contacts["order"].iloc[known], contacts["contacted_on"].iloc[known]))]
    y = contacts["responded"].iloc[order].to_numpy(float)
    treated = (contacts["arm"] != CONTROL).to_numpy()[order]
    weight, customers = weights_of(contacts).to_numpy()[order], customer_codes(contacts)[order]
    n, looks = len(y), N_LOOKS
    ends = (np.arange(1, looks + 1) * n // looks).astype(int)
    rows = (y, treated, weight, customers)
    seen = [weighted_difference(*(values[:end] for values in rows)) for end in ends]
    effect, error = np.transpose(seen)
    # One customer's standard deviation: that of the difference times the root of those seen.
    plain = normal_quantile(1 - error_rate) * error
    radius = sequence_radius(ends, error_rate=error_rate, aimed_at=n) * error * np.sqrt(ends)
    table = pd.DataFrame(
        {
            "look": np.arange(1, looks + 1), "customers": ends, "effect": effect,
            "low": effect - plain, "high": effect + plain,
            "always_low": effect - radius, "always_high": effect + radius,
        }
    )  # fmt: skip
    alarms = false_alarms(looks, error_rate=error_rate, seed=seed)
    last, rate = table.iloc[-1], alarms.iloc[-1]
    sure = table[(table["always_low"] > 0) | (table["always_high"] < 0)]
    first = int(sure["look"].iloc[0]) if len(sure) else None
    about, always = {"looks": Number("", looks)}, last[["always_low", "always_high"]]
    numbers = (
        Number("effect_always_valid", last["effect"], "points", *always),
        Number("false_alarms_plain", rate["plain"], "share", decimals=0, about=about),
        Number("look_of_certainty", first, "count"),
    )
    quotes = about | {
        "error_rate": Number("", error_rate, "share", decimals=0),
        "false_alarms_sequence": Number("", rate["sequence"], "share"),
    }
    return Finding(table, numbers, {}, quotes, {"alarms": alarms})


def false_alarms(looks: int, *, error_rate: float, seed: int) -> pd.DataFrame:
    """Chance of a false alarm in the first 1 to `looks` looks where nothing is caused, simulated.

    Whoever looks stops at the first interval without zero: ``looks, plain, sequence``.
    """
    rng = np.random.default_rng(seed)
    count = np.arange(1, looks + 1)
    mean = rng.standard_normal((_PATHS, looks)).cumsum(axis=1) / count
    plain = normal_quantile(1 - error_rate) / np.sqrt(count)
    radius = sequence_radius(count, error_rate=error_rate, aimed_at=looks)
    seen = [np.maximum.accumulate(np.abs(mean) > r, axis=1).mean(axis=0) for r in (plain, radius)]
    return pd.DataFrame({"looks": count, "plain": seen[0], "sequence": seen[1]})


@needs(section="interim-looks")
def power_curve(contacts: pd.DataFrame, *, error_rate: float = 0.05) -> Finding:
    """Chance to show an effect, by size of campaign, with this one's control share and base rate.

    Effects of a quarter, half and the whole of the smallest one that this campaign shows with power
    80 %, see `pmlib.inference.power.rate_power`, and twice it; where it shows none, of the largest
    possible one.

    Returns
    -------
    Finding
        ``effect`` (difference in response), ``customers``, ``power``.
    """
    known = contacts["responded"].notna()
    treated = contacts["arm"][known] != CONTROL
    base = contacts["responded"][known][~treated].astype(float)
    # Where none or all of the control bought, one who did otherwise is lent, or nothing would vary.
    base = float(np.clip(base.mean(), 1 / len(base), 1 - 1 / len(base)))
    # A customer's further rows may bring nothing new, so customers are counted.
    share, n = float(treated.mean()), contacts["customer_id"][known].nunique()

    def arms(size: int) -> tuple[int, int]:
        return size - max(round(size * (1 - share)), 1), max(round(size * (1 - share)), 1)

    detectable = detectable_rate(*arms(n), base=base, error_rate=error_rate)
    most = 1 - base
    effects = np.array([0.25, 0.5, 1.0, 2.0]) * min(most, detectable)
    sizes = np.unique(np.geomspace(max(n / 30, 50), n * 4, 30).astype(int))
    rows = [
        pd.DataFrame({"effect": effects, "customers": size, "power": rate_power(
            effects, *arms(int(size)), base=base, error_rate=error_rate)})
        for size in sizes
    ]  # fmt: skip
    quotes = {
        "customers": Number("", n), "control": Number("", 1 - share, "share", decimals=0),
        "detectable": Number("", detectable if detectable < most else None, "points"),
    }  # fmt: skip
    table = pd.concat(rows).sort_values(["effect", "customers"], ignore_index=True)
    return Finding(table, quotes=quotes)
