"""The policy trial, designed: on whom policies disagree, and what lots between them can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import made
from pmlib.engine import collect, scratch_folder
from pmlib.inference.power import POWER, detectable_mean, mean_power
from pmlib.numbers import Finding, Level, Number, Phrase, needs
from pmlib.strategy.case import Case
from pmlib.strategy.contacts import contact_plan as drawn_for_the_plan
from pmlib.strategy.design import Design
from pmlib.strategy.effects import ends
from pmlib.strategy.evidence import moments
from pmlib.strategy.lots import NOBODY, Lots, deal, draw_lots
from pmlib.strategy.policies import RIVALS, combining_tested, plan_policies

PLAN = "combined"

FEWEST_A_LOT = 20
"""Customers of a lot, at least; with fewer no trial is made."""

KINDS = ("whom", "product", "channel")
"""In what two policies can disagree on a customer."""

SIZES = np.geomspace(0.1, 100, 61)
"""Sizes of a bank, in units of this one, that the curve of power is told for."""


@dataclass(frozen=True, kw_only=True)
class Trial(Finding):
    """A policy trial.

    The table has one row a rival: ``rival, customers`` (on whom the plan and the rival disagree),
    ``whom, product, channel`` (of them, by what they disagree in), ``expected, low, high`` (what
    the plan is expected to earn more), ``standard_error, detectable`` (with power 0.8; all
    currency, at the scale of the plans), ``power`` to show what is expected, and ``enough``
    (customers of a bank with power 0.8); both NaN where nothing is expected.

    Further tables: *curve* with ``rival, customers`` (of a bank), ``power, low, high``; *trial*,
    what may be shown of the main table. Facts: ``policy_trial``, and whether the trial is large
    enough for each rival.
    """

    lots: Lots | None = None


def untried(case: Case) -> Phrase | None:
    """Why no trial can be made, whatever the plan; None if one can."""
    params = case.params
    if not params.policy_trial:
        return Phrase("absent.trial_off")
    if case.evidence.kind != "uplift":
        return Phrase("absent.trial_no_pilot")
    if params.contact_limit > 1:
        return Phrase("absent.trial_several_contacts")
    return None if _rivals(case) else Phrase("absent.trial_no_rival")


def _rivals(case: Case) -> list[str]:
    rivals = [*RIVALS] if combining_tested(case) == "tested" else []
    return rivals + ["mass"] * case.params.trial_mass


@needs()
def design_trial(case: Case, design: Design) -> Trial:
    """Plan the rivals on the whole pilot, count who is in dispute, and foretell what lots show.

    Absent, but for the fact ``policy_trial``, where `untried` says so, where nobody is planned or
    where the policies agree on nearly everybody.
    """
    if reason := untried(case):
        return _absent(reason)
    if design.planned.empty:
        return _absent(Phrase("absent.no_plan"))
    rivals = plan_policies(case, _rivals(case))
    plans = {PLAN: design.plan}
    plans |= {name: policy.plan for name, policy in rivals.items() if policy.plan is not None}
    lots = deal(case, plans, design.table, seed=case.params.seed)
    apart = {n: lots.strata[f"cell_{n}"] != lots.strata[f"cell_{PLAN}"] for n in rivals}
    few = [n for n in rivals if _counted(lots.strata, apart[n]) < FEWEST_A_LOT * len(plans)]
    if few:  # what the plan hardly differs from has no lot
        plans = {name: plan for name, plan in plans.items() if name not in few}
        if len(plans) == 1:
            return _absent(Phrase("absent.trial_agree"))
        lots = deal(case, plans, design.table, seed=case.params.seed)
    return _described(case, design, lots)


def _absent(reason: Phrase) -> Trial:
    return Trial(facts={"policy_trial": "none"}, absent=reason)


def _counted(strata: pd.DataFrame, which: pd.Series) -> int:
    return int(strata.loc[which, "customers"].sum())


def _described(case: Case, design: Design, lots: Lots) -> Trial:
    level, error_rate = case.params.confidence_level, case.error_rate
    spread = _Spread.of(case, design)
    rows, curves = [], []
    for rival in lots.policies[1:]:
        own, load = (_load(lots.strata, name, design.table) for name in (PLAN, rival))
        gain, (below, above) = _earned(design, own - load, level)
        error = spread.error(lots.strata, PLAN, rival)
        least = detectable_mean(error**2, error_rate=error_rate)
        strata = lots.strata[lots.strata[f"cell_{PLAN}"] != lots.strata[f"cell_{rival}"]]
        kinds = strata["customers"].groupby(_kinds(strata, rival, design.table)).sum()
        enough = case.total * (least / gain) ** 2 if gain > 0 else np.nan
        rows.append({
            "rival": rival, "customers": int(strata["customers"].sum()),
            **kinds.reindex(KINDS, fill_value=0), "expected": gain, "low": gain + below,
            "high": gain + above, "standard_error": error, "detectable": least,
            "power": float(mean_power(gain, error, error_rate=error_rate)) if gain > 0 else np.nan,
            "enough": enough,
        })  # fmt: skip
        curves.append(_curve(case, rows[-1]))
    table, disputed = pd.DataFrame(rows), lots.disagreeing
    # Because rivals get lots too, the plan is expected to earn less.
    loads = [_load(lots.strata, name, design.table) for name in lots.policies]
    cost, margins = _earned(design, loads[0] - np.mean(loads, axis=0), level)
    told: list[Number] = [
        Number("policies_disagree", int(disputed["customers"].sum()), "customers"),
        Number("lots_cost", cost, "currency", *ends(cost, margins)),
    ]
    facts: dict[str, str | bool] = {"policy_trial": "drawn"}
    quotes: dict[str, Any] = {
        "rivals": [], "lots": Number("", len(lots.policies), "count"), "aim": POWER,
        "free": cost <= 0, "bank": case.total,
    }  # fmt: skip
    for row in table.itertuples():
        whole, shown = None, None
        if row.expected > 0:
            whole, shown = round(row.enough, -2), float(row.power)
        between, name = (row.low, row.high), row.rival
        numbers = {
            "disagree": Number(f"disagree_{row.rival}", row.customers, "customers"),
            "gain": Number(f"expected_beyond_{name}", row.expected, "currency", *between),
            "least": Number(f"shown_beyond_{row.rival}", row.detectable, "currency"),
            "power": Number(f"power_beyond_{row.rival}", shown, "share", decimals=0),
            "enough": Number(f"bank_for_{row.rival}", whole, "customers"),
        }
        told += numbers.values()
        size = "no_gain" if row.expected <= 0 else "enough" if row.power >= POWER else "short"
        facts[f"lots_against_{row.rival}"] = size
        quotes["rivals"].append({
            "rival": Level("rival", row.rival), "no_gain": size == "no_gain",
            "large_enough": size == "enough", **numbers,
        })  # fmt: skip
    tables = {"trial": _shown(table, case.params.min_group_size)}
    tables["curve"] = pd.concat(curves, ignore_index=True)
    return Trial(table, tuple(told), facts, quotes, tables, lots=lots)


def _shown(table: pd.DataFrame, least: int) -> pd.DataFrame:
    """What may be shown: no count of a few customers, nor one that could be worked out."""
    few = table[[*KINDS]].gt(0) & table[[*KINDS]].lt(least)
    shown = table.astype(dict.fromkeys(KINDS, float))
    shown.loc[few.any(axis=1), [*KINDS]] = np.nan
    return shown[["rival", "customers", *KINDS, "expected", "detectable", "power"]]


def _kinds(strata: pd.DataFrame, rival: str, cells: pd.DataFrame) -> np.ndarray:
    """In what the plan and a rival disagree on each stratum, one of `KINDS`."""
    product = cells.set_index("cell")["product_id"]
    own, other = strata[f"cell_{PLAN}"], strata[f"cell_{rival}"]
    alone = (own == NOBODY) | (other == NOBODY)
    same = own.map(product) == other.map(product)
    return np.select([alone, same], ["whom", "channel"], "product")


def _load(strata: pd.DataFrame, name: str, cells: pd.DataFrame) -> np.ndarray:
    """Contacts that a policy would make in each cell of the design."""
    made = strata.groupby(f"cell_{name}")["contacts"].sum()
    return made.reindex(cells["cell"], fill_value=0.0).to_numpy()


def _earned(design: Design, load: np.ndarray, level: float) -> tuple[float, tuple[float, float]]:
    """What contacts in each cell are expected to earn, and how far the interval reaches."""
    cells = design.table
    margins = design.effects.margins(load * cells["margin"].to_numpy(), level)
    return float(load @ cells["expected_profit"]), margins


def _curve(case: Case, row: Mapping[str, Any]) -> pd.DataFrame:
    """Power by the size of the bank, its pilot, budget and capacities growing with it."""
    error = row["standard_error"] * np.sqrt(SIZES)
    shown = {
        name: mean_power(row[end] * SIZES, error, error_rate=case.error_rate)
        for name, end in (("power", "expected"), ("low", "low"), ("high", "high"))
    }
    return pd.DataFrame({"rival": row["rival"], "customers": case.total * SIZES, **shown})


@dataclass(frozen=True)
class _Spread:
    """Variance of what a customer brings, by cell: offered, and with the product not offered."""

    offered: np.ndarray
    alone: np.ndarray
    product: np.ndarray
    position: pd.Series

    @classmethod
    def of(cls, case: Case, design: Design) -> _Spread:
        """Foretell it from the pilot: the rate of its controls, and the effects that are planned.

        The mean square of what a product brings is taken as `q` times its mean.
        """
        cells, evidence = design.table, case.evidence
        sums = evidence.tallies.groupby(["control", "product_id"])[["w", "wy", "wyy"]].sum()
        base = moments(sums.loc[True])[0].reindex(cells["product_id"]).fillna(0.0).to_numpy()
        whole = evidence.tallies.groupby("product_id")[["wy", "wyy"]].sum()
        q = (whole["wyy"] / whole["wy"]).reindex(cells["product_id"]).fillna(0.0).to_numpy()
        q = q * _scatter(case).reindex(cells["product_id"]).fillna(1.0).to_numpy()
        margin = cells["margin"].to_numpy()
        offered, alone = (
            margin**2 * np.maximum(q * mean - mean**2, 0.0)
            for mean in (np.clip(base + cells["effect"].to_numpy(), 0, None), base)
        )
        position = pd.Series(np.arange(len(cells)), index=cells["cell"])
        return cls(offered, alone, cells["product_id"].to_numpy(), position)

    def error(self, strata: pd.DataFrame, one: str, other: str) -> float:
        r"""Standard error of the difference of two policies' profit, in total.

        $\sum_h m_h^2 (v_{1h} / n_{1h} + v_{2h} / n_{2h})$ over strata, the outcome being what
        every product brings that either would offer.
        """
        apart = strata[strata[f"cell_{one}"] != strata[f"cell_{other}"]]
        pair = [apart[f"cell_{name}"].to_numpy() for name in (one, other)]
        total = 0.0
        for own, against, name in ((*pair, one), (*pair[::-1], other)):
            variance = self._of(own, offered=True)
            second = self._of(against, offered=False)
            variance += np.where(self._product(own) == self._product(against), 0.0, second)
            # Where nobody is likely to be drawn, the estimate merges the stratum with another.
            n = (apart["customers"] * apart[f"made_{name}"]).clip(lower=1.0).to_numpy()
            total += float((apart["contacts"].to_numpy() ** 2 * variance / n).sum())
        return float(np.sqrt(total))

    def _of(self, cell: np.ndarray, *, offered: bool) -> np.ndarray:
        at = self.position.reindex(cell).fillna(0).to_numpy(int)
        return np.where(cell == NOBODY, 0.0, (self.offered if offered else self.alone)[at])

    def _product(self, cell: np.ndarray) -> np.ndarray:
        at = self.position.reindex(cell).fillna(0).to_numpy(int)
        return np.where(cell == NOBODY, "", self.product[at])


def _scatter(case: Case) -> pd.Series:
    """Mean square of what past sales of a product brought, over their squared mean."""
    if case.sources.contacts is None or case.evidence.outcome != "response":
        return pd.Series(dtype=float)
    value = nw.col("value").cast(nw.Float64)
    sold = made(case.sources.contacts).filter(nw.col("responded"), ~nw.col("value").is_null())
    sums = sold.group_by("product_id").agg(mean=value.mean(), square=(value * value).mean())
    table = collect(sums, sort_by=["product_id"]).set_index("product_id")
    return (table["square"] / table["mean"] ** 2).replace([np.inf, -np.inf], np.nan)


def own_offers(design: Design | Finding, trial: Finding) -> Design | Finding:
    """The design with those customers only to whom its own offers are made, or kept back."""
    if not isinstance(trial, Trial) or trial.lots is None or not isinstance(design, Design):
        return design
    rows = trial.lots.rows[trial.lots.rows["box"] > 0]
    counts = rows.groupby("cell").agg(planned=("n", "sum"), kept=("n_control", "first"))
    counts = counts.reindex(design.table["cell"], fill_value=0)
    planned, kept = counts["planned"].to_numpy(), counts["kept"].to_numpy()
    return replace(design, table=design.table.assign(planned=planned, offers=planned - kept))


def strata_of(trial: Finding) -> pd.DataFrame:
    """What an evaluation must know of the lots; without columns where there is no trial."""
    return trial.lots.strata if isinstance(trial, Trial) and trial.lots else pd.DataFrame()


def contact_plan(
    case: Case | Finding, design: Design | Finding, trial: Finding | None = None
) -> nw.LazyFrame | Finding:
    """Draw the contact plan: of the design alone, or with the lots of a trial.

    It is drawn once and kept in a file, which all that asks of it reads.
    """
    drawn: nw.LazyFrame | Finding
    if isinstance(case, Case) and isinstance(trial, Trial) and trial.lots is not None:
        drawn = draw_lots(case, trial.lots, seed=case.params.seed)
    else:
        drawn = drawn_for_the_plan(case, design)  # type: ignore[arg-type]
    if isinstance(drawn, Finding) or not isinstance(case, Case):
        return drawn
    path = scratch_folder(case.engine) / "contact_plan.parquet"
    case.engine.write(drawn, path)
    return case.engine.scan(path)
