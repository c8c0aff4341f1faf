"""Results of a real campaign come back as a CSV and are joined to the plan, or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pmlib.canon.contacts import CONTROL
from pmlib.errors import StudyError

REQUIRED = ("customer_id", "arm", "contacted_on", "responded")
OPTIONAL = ("product_id", "channel", "cost", "value")
_TRUE, _FALSE = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}


def read_results(
    file: Path, plan: pd.DataFrame, *, as_of: dt.date, costs: Mapping[str, float]
) -> pd.DataFrame:
    """Join a campaign's results to the plan and refuse what does not match, with counts.

    Parameters
    ----------
    file : Path
        CSV with a header: ``customer_id, arm, contacted_on`` (YYYY-MM-DD, may be empty in
        control), ``responded`` (yes/no, true/false, 1/0 or empty), and optionally
        ``product_id`` (needed where a customer is planned more than once), ``channel``,
        ``cost`` and ``value`` (currency; empty counts as 0 where nobody responded).
    plan : DataFrame
        ``customer_id, product_id, channel, arm, propensity``.
    as_of : date
        Day of the plan; nobody can have been contacted by it before.
    costs : mapping of str to float
        Currency a contact by channel, where the file has no ``cost``.

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
    rows = _read(file)
    planned = plan.astype({"customer_id": str, "product_id": object})
    several = int(planned["customer_id"].duplicated().sum())
    if several and "product_id" not in rows:
        raise StudyError(
            "The results do not say which offer they are of.", where=str(file),
            rule="a column product_id where customers are planned for several products",
            found=f"{several:,} further offers in the plan, columns {', '.join(rows.columns)}",
        )  # fmt: skip
    key = ["customer_id", "product_id"] if several else ["customer_id"]
    joined = rows.merge(planned, on=key, how="left", suffixes=("", "_planned"), indicator=True)
    known, nothing = joined["_merge"] == "both", pd.Series(0.0, joined.index)
    faults = {
        "unplanned": ~known,
        "repeated": joined.duplicated(key, keep="first"),
        "other_arm": known & (joined["arm"] != joined["arm_planned"]),
        "early": joined["contacted_on"] <= pd.Timestamp(as_of),
        "no_day": known & (joined["arm"] != CONTROL) & joined["contacted_on"].isna()
        & joined["responded"].notna(),
        "no_value": joined.get("value", nothing).isna()
        & (joined["responded"] == True),  # noqa: E712 - unknown responses are None
        "cost": (joined["arm"] == CONTROL) & (joined.get("cost", nothing).fillna(0) != 0),
    }  # fmt: skip
    if "product_id" in rows and not several:
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
                    "unplanned": "not in the plan", "repeated": "more than once in the file",
                    "other_arm": "in another arm than was drawn",
                    "early": "contacted before the plan",
                    "no_day": "in the offer arm without a day of contact",
                    "no_value": "with a response but no value",
                    "cost": "in control, yet with a contact cost",
                    "other_product": "offered another product than planned",
                }.items()
                for rule in [faults.get(fault, ~known & known)] if rule.any()
            ),
            remedy="Mend or remove these rows; an arm changed by hand breaks the comparison, so "
            "keep such customers in the arm that was drawn.",
        )  # fmt: skip
    back = planned.merge(rows, on=key, how="left", suffixes=("", "_back"), sort=False)
    treated = back["arm"] != CONTROL
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


def _read(file: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise StudyError(
            "The results cannot be read.", where=str(file), rule="a CSV in UTF-8 with a header",
            found=str(error).strip() or type(error).__name__,
        ) from None  # fmt: skip
    missing = [name for name in REQUIRED if name not in rows]
    if missing:
        raise StudyError(
            "The results lack columns.", where=str(file),
            rule=f"columns {', '.join(REQUIRED)}; optional {', '.join(OPTIONAL)}",
            found=f"missing {', '.join(missing)}; there are {', '.join(rows.columns)}",
        )  # fmt: skip
    rows = rows[[name for name in (*REQUIRED, *OPTIONAL) if name in rows]]
    rows = rows.apply(lambda column: column.str.strip())
    rows = rows.astype(object).where(rows != "", None)
    outcome = rows["responded"].map(lambda cell: cell if cell is None else cell.lower())
    known = outcome.notna()
    _refuse(file, "responded", known & ~outcome.isin(_TRUE | _FALSE), rows)
    rows["responded"] = outcome.isin(_TRUE).where(known, None).astype(object)
    days = pd.to_datetime(rows["contacted_on"], format="%Y-%m-%d", errors="coerce")
    _refuse(file, "contacted_on", days.isna() & rows["contacted_on"].notna(), rows)
    rows["contacted_on"] = days
    for name in ("cost", "value"):
        if name in rows:
            numbers = pd.to_numeric(rows[name], errors="coerce").astype(float)
            bad = ~numbers.abs().lt(float("inf")) & rows[name].notna()
            _refuse(file, name, bad, rows)
            rows[name] = numbers
    return rows


def _refuse(file: Path, column: str, bad: pd.Series, rows: pd.DataFrame) -> None:
    if bad.any():
        raise StudyError(
            "A value in the results cannot be read.",
            where=f"{file}, column {column}",
            rule={"responded": "yes or no, 1 or 0", "contacted_on": "YYYY-MM-DD"}
            .get(column, "a number"),
            found=f"{int(bad.sum()):,} rows, first {rows.loc[bad, column].iloc[0]!r}",
        )  # fmt: skip
