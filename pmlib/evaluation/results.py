"""Results of a real campaign come back as a CSV and are joined to the plan, or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pmlib.canon.contacts import CONTROL, OFFERED, WATCHED
from pmlib.errors import StudyError
from pmlib.studies.arms import plain
from pmlib.studies.results_file import read_columns


def read_results(
    file: Path, plan: pd.DataFrame, *, as_of: dt.date, costs: Mapping[str, float],
    arms: Mapping[str, str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Join a campaign's results to the plan and refuse what does not match, with counts.

    Parameters
    ----------
    file : Path
        Delimited text with the columns of `pmlib.studies.results_file.COLUMNS`.
    plan : DataFrame
        ``customer_id, product_id, channel, arm, propensity``.
    as_of : date
        Day of the plan; nobody can have been contacted by it before.
    costs : mapping of str to float
        Currency a contact by channel, where the file has no ``cost``.
    arms : mapping of str to str
        Other words for the plan's arms: what the study calls its past ones.

    Returns
    -------
    DataFrame
        The canonical columns of contacts, one row a planned contact, in the plan's order;
        planned customers who are not in the file keep an unknown outcome (intention to treat).

    Raises
    ------
    StudyError
        The file cannot be read or lacks a column; a value cannot be read; rows that are not in
        the plan, twice in the file, in another arm than drawn, of another product, or contacted
        before the plan. All faults are told at once, with counts and up to three customers.
    """
    rows = read_columns(file)
    watched = {WATCHED: WATCHED} if (plan["arm"] == WATCHED).any() else {}
    rows["arm"] = _in_words_of_plan(file, rows["arm"], {**(arms or {}), **watched})
    planned = plan.astype({"customer_id": str, "product_id": object})
    several = int(planned["customer_id"].duplicated().sum())
    has_product = "product_id" in rows
    if several:
        rows["product_id"] = _products(rows, planned)
    if several and not has_product and rows["product_id"].isna().any():
        raise StudyError(
            "The results do not say which offer they are of.", where=str(file),
            rule="a column product_id where customers are planned for several products",
            found=f"{several:,} further offers in the plan, columns {', '.join(rows.columns)}",
        )  # fmt: skip
    key = ["customer_id", "product_id"] if several else ["customer_id"]
    nameless = rows["product_id"].isna() if several else rows["customer_id"].isna()
    joined = rows.merge(planned, on=key, how="left", suffixes=("", "_planned"), indicator=True)
    known, nothing = joined["_merge"] == "both", pd.Series(0.0, joined.index)
    faults = {
        "unplanned": ~known & ~nameless,
        "no_product": nameless,
        "repeated": joined.duplicated(key, keep="first"),
        "other_arm": known & (joined["arm"] != joined["arm_planned"]),
        "early": joined["contacted_on"] <= pd.Timestamp(as_of),
        "no_day": known & (joined["arm"] == OFFERED) & joined["contacted_on"].isna()
        & joined["responded"].notna(),
        "no_value": joined.get("value", nothing).isna()
        & (joined["responded"] == True),  # noqa: E712 - unknown responses are None
        "cost": (joined["arm"] != OFFERED) & (joined.get("cost", nothing).fillna(0) != 0),
    }  # fmt: skip
    if has_product and not several:
        other = joined["product_id"] != joined["product_id_planned"]
        faults["other_product"] = other & known & joined["product_id"].notna()
    if any(rule.any() for rule in faults.values()):
        raise StudyError(
            "The results do not match the plan.", where=str(file),
            rule=f"each of the {len(rows):,} rows is one planned contact, in the arm drawn for it",
            found="; ".join(
                f"{int(rule.sum()):,} {'row' if rule.sum() == 1 else 'rows'} {what} "
                f"(for example {', '.join(joined.loc[rule, 'customer_id'].head(3))})"
                for fault, what in {
                    "unplanned": "not in the plan",
                    "no_product": "without product, of customers planned for several in that arm",
                    "repeated": "more than once in the file",
                    "other_arm": "in another arm than was drawn",
                    "early": "contacted before the plan",
                    "no_day": "in the offer arm without a day of contact",
                    "no_value": "with a response but no value",
                    "cost": "in control or watched, yet with a contact cost",
                    "other_product": "offered another product than planned",
                }.items()
                for rule in [faults.get(fault, ~known & known)] if rule.any()
            ),
            remedy="Mend or remove these rows; an arm changed by hand breaks the comparison, so "
            "keep such customers in the arm that was drawn.",
        )  # fmt: skip
    back = planned.merge(rows, on=key, how="left", suffixes=("", "_back"), sort=False)
    treated = back["arm"] == OFFERED
    cost = back["channel"].map(costs).astype(float)
    if "cost" in rows:
        cost = back["cost_back" if "cost_back" in back else "cost"].fillna(cost)
    return pd.DataFrame(
        {
            "campaign_id": "field", "customer_id": plan["customer_id"].to_numpy(),
            **{name: back[name] for name in ("contacted_on", "arm", "product_id", "channel")},
            "cost": cost.where(treated, 0.0), "propensity": back["propensity"].astype(float),
            "responded": back["responded"],
            "value": back["value"].astype(float) if "value" in rows else None,
        }
    )  # fmt: skip


def _in_words_of_plan(file: Path, given: pd.Series, arms: Mapping[str, str]) -> pd.Series:
    """Arms of the file in the words of the plan, whatever their case; StudyError for other ones."""
    known = {**arms, OFFERED: OFFERED, CONTROL: CONTROL}
    folded = {plain(word): arm for word, arm in known.items()}
    told = given.map(lambda word: known.get(word) or folded.get(plain(word)))
    other = given[told.isna()]
    if n := len(other):
        words = ", ".join(map(repr, list(known)[::-1][:12]))
        raise StudyError(
            "The results name an arm that nobody knows.", where=f"{file}, column arm",
            rule=f"one of {words}",
            found=f"{n:,} {'row' if n == 1 else 'rows'}, first {other.iloc[0]!r}",
            remedy="Write the plan's words; what the study calls its control is `control` in "
            "study.yaml.",
        )  # fmt: skip
    return told


def _products(rows: pd.DataFrame, planned: pd.DataFrame) -> pd.Series:
    """The product of each row; where none is named, the only one planned for customer and arm."""
    key = ["customer_id", "arm"]
    only = planned[~planned.duplicated(key, keep=False)].set_index(key)["product_id"]
    told = rows["product_id"] if "product_id" in rows else pd.Series(None, rows.index, dtype=object)
    asked = pd.MultiIndex.from_frame(rows[key])
    return told.where(told.notna(), pd.Series(only.reindex(asked).to_numpy(), rows.index))
