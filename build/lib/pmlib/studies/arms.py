"""The arms of contacts as study.yaml declares them: who was left out, and by what draw.

The canonical table calls those who were deliberately not contacted ``control``, whatever the bank
calls them, and holds the probability of each arm where chance decided. Neither is guessed from a
spelling.
"""

from __future__ import annotations

import glob
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from duckdb import DuckDBPyConnection as Connection

from pmlib.canon.contacts import CONTROL
from pmlib.errors import StudyError, nearest
from pmlib.studies.spec import StudySpec

_WHERE = "study.yaml: control"
_MOST_SHOWN = 12
_ROUNDING = 0.0011  # three arms of a third may be written 0.333


def settle_arms(connection: Connection, spec: StudySpec, path: Path) -> list[str]:
    """Let a written table of contacts say ``control``, and the probabilities of a declared draw.

    Arms are compared as the text that the SQL gives. Where `assignment` is ``randomised``, empty
    propensities of campaigns with a control group are filled: by `shares`, or else by the share
    of the arm among the campaign's rows. Where it is ``chosen``, no propensity is kept.

    Parameters
    ----------
    path : pathlib.Path
        The Parquet file of contacts; written anew where the declaration changes it.

    Returns
    -------
    list of str
        Sentences for the notes of the study: what is read as control, and what was filled how.

    Raises
    ------
    StudyError
        Nobody says which of several arms is the control; an arm is declared that no row has; a
        contacted arm is called ``control``; shares of a campaign's arms do not add up to 1.
    """
    own = glob.escape(str(path))
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet($1)", [own])
    types = {name: dtype for name, dtype, *_ in described.fetchall()}
    wanted = {"arm": {"VARCHAR"}, "propensity": {"DOUBLE", "BIGINT"}}
    if "campaign_id" not in types or any(types.get(c) not in of for c, of in wanted.items()):
        return []  # the contract says what is wrong
    rows = connection.execute(
        "SELECT campaign_id::VARCHAR AS campaign, arm, count(*) AS n, count(propensity) AS known "
        "FROM read_parquet($1) WHERE arm IS NOT NULL GROUP BY ALL ORDER BY ALL", [own],
    ).df()  # fmt: skip
    control = _control(rows, spec.control)
    notes = _renamed(rows, control)
    rows["told"] = rows["arm"].where(~rows["arm"].isin(control), CONTROL)
    chances, said = _chances(rows, spec)
    notes += said
    if notes:
        _write(connection, path, rows.assign(chance=chances), forget=spec.assignment == "chosen")
    return notes


# --- who was left out ---------------------------------------------------------------------------


def _control(rows: pd.DataFrame, declared: list[str] | None) -> list[str]:
    """The arms of those left out, as they are written; StudyError where nobody says which."""
    arms = rows.groupby("arm")["n"].sum()
    if declared is None:
        _require_no_question(rows, arms)
        return [CONTROL] if CONTROL in arms else []
    for arm in declared:
        if arm not in arms:
            raise StudyError(
                "An arm is declared as control that no contact has.",
                where=_WHERE,
                rule="arms as they are written in the table contacts",
                found=f"{arm!r}; there are {_listed(arms)}",
                remedy=_alike(arm, arms.index),
            )
    if CONTROL in arms and CONTROL not in declared:
        raise StudyError(
            f"An arm is called {CONTROL!r} and is not declared as one.",
            where=_WHERE,
            rule=f"an arm that was contacted has another name than {CONTROL!r}",
            found=f"control: {_yaml(declared)}; there are {_listed(arms)}",
            remedy=f"Write control: {_yaml([*declared, CONTROL])}, or, if it was contacted, give "
            "it another name in contacts.sql.",
        )
    return declared


def _require_no_question(rows: pd.DataFrame, arms: pd.Series) -> None:
    """Stop where an arm may be a control group that is spelled otherwise: guessing would lie."""
    bare = [
        (f"campaign {campaign!r}: ", of.set_index("arm")["n"])
        for campaign, of in rows.groupby("campaign")
        if len(of) > 1 and CONTROL not in set(of["arm"])
    ]
    if len(arms) > 1 and CONTROL not in arms:
        bare = [("", arms)]
    alike = [arm for arm in arms.index if arm != CONTROL and plain(arm) == CONTROL]
    if alike and not bare:
        bare = [("", arms)]
    if not bare:
        return
    place, shown = bare[0]
    more = f" and {len(bare) - 1:,} more campaigns" if len(bare) > 1 else ""
    example = [arm for arm in arms.index if arm == CONTROL or arm in alike] or [shown.index[0]]
    raise StudyError(
        "Nobody says which arm was left out on purpose.",
        where="study.yaml: control; table contacts, column arm",
        rule=f"of several arms one is {CONTROL!r}, or study.yaml names those not contacted",
        found=f"{place}{_listed(shown)}{more}",
        remedy=f"Name the arms that were not contacted, for example control: {_yaml(example)}; "
        "where every arm was contacted write "
        f"control: {_yaml([CONTROL] if CONTROL in arms else [])}.",
    )


def _renamed(rows: pd.DataFrame, control: list[str]) -> list[str]:
    if control in ([], [CONTROL]):
        return []
    n, whole = rows.loc[rows["arm"].isin(control), "n"].sum(), rows["n"].sum()
    names = ", ".join(f"'{arm}'" for arm in control)
    arms = "the arm" if len(control) == 1 else "the arms"
    left_out = f"Of the {whole:,} rows of contacts {n:,} were deliberately not contacted"
    return [f"{left_out}: those of {arms} {names}, called {CONTROL} here."]


# --- by what draw -------------------------------------------------------------------------------


def _chances(rows: pd.DataFrame, spec: StudySpec) -> tuple[pd.Series, list[str]]:
    """Probability of each row's arm (NaN where none is to be filled in), and what is told of it."""
    nothing = pd.Series(float("nan"), rows.index)
    if spec.assignment == "chosen":
        known = int(rows["known"].sum())
        dropped = f", so the {known:,} probabilities on record are not used" if known else ""
        return nothing, [f"Who was contacted was chosen and not drawn by chance{dropped}."]
    if spec.assignment is None:
        return nothing, []
    held_out = (rows["told"] == CONTROL).groupby(rows["campaign"])
    tests = held_out.transform("any") & ~held_out.transform("all")
    if spec.shares:
        own = _declared(rows[tests], spec.shares).reindex(rows.index)
    else:
        own = rows["n"] / rows.groupby("campaign")["n"].transform("sum")
    chance = own.groupby([rows["campaign"], rows["told"]]).transform("sum").where(tests)
    missing = rows["n"] - rows["known"]
    filled = int(missing[tests].sum())
    if not filled:
        return nothing, []
    campaigns = rows[tests & (missing > 0)]["campaign"].nunique()
    where = "a campaign" if campaigns == 1 else f"{campaigns:,} campaigns"
    shown = chance[tests].groupby(rows["told"]).agg(["min", "max"])
    values = ", ".join(
        f"{arm} {low:.4g}" + (f" to {high:.4g}" if high - low > 1e-9 else "")
        for arm, low, high in shown.head(_MOST_SHOWN).itertuples()
    )
    how = (
        f"and each has the one that the study declares ({values})" if spec.shares else
        f"and each has the share of its arm in its campaign ({values}), so that the sizes of these "
        "arms cannot be checked against the draw"
    )  # fmt: skip
    lacking = f"{filled:,} rows of {where} came without the probability of their arm"
    return chance, [f"Chance decided who was contacted, as the study declares; {lacking}, {how}."]


def _declared(rows: pd.DataFrame, shares: dict[str, float]) -> pd.Series:
    """Declared share of each row's arm; StudyError where they do not make up a campaign."""
    for arm in shares:
        if arm not in set(rows["arm"]):
            arms = rows.groupby("arm")["n"].sum()
            raise StudyError(
                "A share is declared of an arm that no campaign with a control group has.",
                where="study.yaml: shares",
                rule="arms as they are written in the table contacts",
                found=f"{arm!r}; there are {_listed(arms) or 'none'}",
                remedy=_alike(arm, arms.index),
            )
    own = rows["arm"].map(shares)
    for campaign, of in own.groupby(rows["campaign"]):
        if of.isna().any() or abs(of.sum() - 1) > _ROUNDING:
            arms = rows.loc[of.index].set_index("arm")["n"]
            given = ", ".join(f"{arm!r} {shares.get(arm, 'none')}" for arm in arms.index)
            raise StudyError(
                "The shares of a campaign's arms do not add up to 1.",
                where="study.yaml: shares",
                rule="of each campaign with a control group, one share an arm, together 1",
                found=f"campaign {campaign!r}: {given}; its rows are {_listed(arms)}",
                remedy="Mend the shares; where campaigns were drawn in different ways, write each "
                "row's probability as propensity in contacts.sql.",
            )
    return own


def _write(connection: Connection, path: Path, rows: pd.DataFrame, *, forget: bool) -> None:
    """Write the table anew with the arms as they are told and the probabilities filled in."""
    anew = path.with_suffix(".settled")
    connection.register("_arms", rows[["campaign", "arm", "told", "chance"]])
    known = "NULL::DOUBLE" if forget else "coalesce(c.propensity::DOUBLE, nullif(a.chance, 'NaN'))"
    connection.sql(
        f"SELECT c.* REPLACE (coalesce(a.told, c.arm) AS arm, {known} AS propensity) "  # noqa: S608
        f"FROM read_parquet($p) c LEFT JOIN _arms a "
        "ON a.campaign = c.campaign_id::VARCHAR AND a.arm = c.arm",
        params={"p": glob.escape(str(path))},
    ).write_parquet(str(anew), compression="zstd")
    connection.unregister("_arms")
    anew.replace(path)


# --- words --------------------------------------------------------------------------------------


def _listed(arms: pd.Series) -> str:
    """Arms with their rows, as ``'0' (205), '1' (195)``."""
    shown = ", ".join(f"{arm!r} ({n:,})" for arm, n in arms.head(_MOST_SHOWN).items())
    return shown + (f" and {len(arms) - _MOST_SHOWN:,} more" if len(arms) > _MOST_SHOWN else "")


def _yaml(arms: Iterable[str]) -> str:
    """Arms as study.yaml lists them; quoted, since YAML reads ``no`` and ``0`` as no text."""
    return "[" + ", ".join("'" + arm.replace("'", "''") + "'" for arm in arms) + "]"


def plain(arm: str) -> str:
    """Return an arm without case, width, blanks around it, and the ``.0`` of floats."""
    return unicodedata.normalize("NFKC", arm).strip().casefold().removesuffix(".0")


def _alike(arm: str, known: Iterable[str]) -> str:
    """Suggest the arm that is spelled a little otherwise, or the nearest one."""
    known = list(known)
    same = next((name for name in known if plain(name) == plain(arm)), None)
    if same is not None:
        return f"Did you mean {same!r}?"
    told = nearest(arm, known)
    return f"{told[:1].upper()}{told[1:]}"
