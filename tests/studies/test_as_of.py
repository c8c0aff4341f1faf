"""As of an earlier day: as if the bank's files had ended then, in every chapter's findings.

The reference is a second study, whose raw tables were cut by hand, with pandas, and whose
study.yaml says that day.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmlib import association, casebank, profiling, segmentation, strategy
from pmlib.casebank.block import AS_OF
from pmlib.engine import Engine, collect
from pmlib.errors import StudyError
from pmlib.evaluation import open_campaign
from pmlib.numbers import Finding
from pmlib.params import Parameters
from pmlib.schema import CONTRACTS
from pmlib.studies import Study, check_study, prepare

pytestmark = pytest.mark.whole

END = dt.date(2025, 12, 31)
DATES = {
    "customers": ["birth_date", "joined_on"], "holdings": ["opened_on", "closed_on"],
    "transactions": ["booked_on"], "contacts": ["contacted_on"], "products": [],
}  # fmt: skip
Frames = dict[str, pd.DataFrame]


# --- two banks, and a study of either -----------------------------------------------------------


def own_bank() -> Frames:
    """A bank whose dates are missing, ahead or before their customer's; a pilot in May 2025."""
    rng = np.random.default_rng(12)
    n = 600
    ids = np.array([f"c{i:03d}" for i in range(n)])

    def days(first: str, last: str, size: int, missing: float = 0.0) -> np.ndarray:
        span = (pd.Timestamp(last) - pd.Timestamp(first)).days
        drawn = pd.Timestamp(first) + pd.to_timedelta(rng.integers(0, span + 1, size), unit="D")
        return np.where(rng.random(size) < missing, np.datetime64("NaT"), drawn.to_numpy())

    born = days("1950-01-01", "2006-12-31", n, 0.05)
    joined = days("2023-06-01", "2025-12-31", n, 0.2)
    child = (rng.random(n) < 0.05) & np.isnat(joined)
    born[child] = days("2025-01-01", "2025-12-31", int(child.sum()))
    customers = pd.DataFrame(
        {"customer_id": ids, "birth_date": born, "gender": rng.choice(["f", "m"], n),
         "joined_on": joined, "risk_tolerance": rng.integers(1, 6, n),
         "marketing_opt_out": rng.random(n) < 0.1, "income": rng.lognormal(8, 0.5, n).round(2)}
    )  # fmt: skip
    products = pd.DataFrame(
        {"product_id": ["card", "fund", "loan"], "name": ["Card", "Fund", "Loan"],
         "family": ["pay", "save", "lend"], "risk_rating": [1, 3, 2],
         "annual_margin": [20.0, 80.0, 60.0]}
    )  # fmt: skip
    m = 900
    opened = days("2023-06-01", "2025-12-31", m, 0.15)
    left = days("2024-06-01", "2025-12-31", m, 0.7)
    left = np.where(left < opened, opened, left)
    holdings = pd.DataFrame(
        {"customer_id": rng.choice(ids, m), "product_id": rng.choice(products["product_id"], m),
         "opened_on": opened, "closed_on": left}
    )  # fmt: skip
    t = 6_000
    transactions = pd.DataFrame(
        {"customer_id": rng.choice(ids, t), "booked_on": days("2024-01-01", "2025-12-31", t),
         "amount": rng.normal(20, 200, t).round(2), "kind": rng.choice(["pay", "salary"], t),
         "channel": rng.choice(["web", "desk"], t)}
    )  # fmt: skip

    def campaign(name: str, first: str, last: str, size: int, control: float) -> pd.DataFrame:
        told = rng.random(size) < control
        chance = np.where(told, control, 1 - control) / 2 if control else np.full(size, np.nan)
        bought = rng.random(size) < np.where(told, 0.05, 0.15)
        return pd.DataFrame(
            {"campaign_id": name, "customer_id": rng.choice(ids, size, replace=False),
             "contacted_on": days(first, last, size), "arm": np.where(told, "control", "offer"),
             "product_id": rng.choice(["card", "fund"], size),
             "channel": np.where(told, None, "phone"), "cost": np.where(told, 0.0, 5.0),
             "propensity": chance, "responded": bought, "value": np.where(bought, 50.0, 0.0)}
        )  # fmt: skip

    mailing = campaign("mailing", "2024-09-01", "2024-09-30", 300, 0.0)
    pilot = campaign("pilot", "2025-05-01", "2025-05-31", 500, 0.4)
    return {"customers": customers, "products": products, "holdings": holdings,
            "transactions": transactions, "contacts": pd.concat([mailing, pilot])}  # fmt: skip


def simulated_bank() -> Frames:
    """The tables of a small casebank, as another bank's files."""
    study = prepare("casebank", Parameters(n_customers=1_500, n_months=12, seed=7))
    frames = {name: pd.read_parquet(path) for name, path in study.tables.items()}
    frames["customers"] = frames["customers"].drop(columns="customer_hash")
    return frames


def cut(frames: Frames, day: dt.date) -> Frames:
    """What the files would hold had they been written on that day."""
    at = pd.Timestamp(day)
    frames = {name: frame.copy() for name, frame in frames.items()}
    for name, dates in DATES.items():
        frames[name][dates] = frames[name][dates].apply(pd.to_datetime)
    people = frames["customers"]
    people = people[~(people["joined_on"] > at) & ~(people["birth_date"] > at)]
    own = {name: frames[name] for name in ("holdings", "transactions", "contacts")}
    own = {n: frame[frame["customer_id"].isin(people["customer_id"])] for n, frame in own.items()}
    held = own["holdings"][~(own["holdings"]["opened_on"] > at)]
    held = held.assign(closed_on=held["closed_on"].where(~(held["closed_on"] > at)))
    return {
        "customers": people, "products": frames["products"], "holdings": held,
        "transactions": own["transactions"][own["transactions"]["booked_on"] <= at],
        "contacts": own["contacts"][own["contacts"]["contacted_on"] <= at],
    }  # fmt: skip


def study_of(folder: Path, frames: Frames, end: dt.date) -> Path:
    """A study of frames; a table without rows is not in it, as a bank would leave it out."""
    folder.mkdir(parents=True)
    present = {name: frame for name, frame in frames.items() if len(frame)}
    for name, frame in present.items():
        frame.to_parquet(folder / f"raw_{name}.parquet", index=False)
        typed = [f"{column}::DATE AS {column}" for column in DATES[name]]
        replaced = f"REPLACE ({', '.join(typed)})" if typed else ""
        (folder / f"{name}.sql").write_text(f"SELECT * {replaced} FROM raw_{name}")
    extra = set(frames["customers"]) - set(CONTRACTS["customers"].columns)
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": end, "sources": [{"file": f"raw_{name}.parquet"} for name in present],
        "attributes": {name: {"label": name.title(), "role": "descriptor"} for name in extra},
        "channels": [{"name": name, "cost": 2.0} for name in ("email", "letter", "phone")],
        "tables": {name: f"{name}.sql" for name in present},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    return folder


BANKS = {"own": own_bank, "casebank": simulated_bank}


@pytest.fixture(scope="module")
def banks(tmp_path_factory) -> dict[str, tuple[Frames, Path]]:
    """Each bank's frames, and a study of all that they know."""
    folder = tmp_path_factory.mktemp("banks")
    made = {name: make() for name, make in BANKS.items()}
    return {n: (frames, study_of(folder / n, frames, END)) for n, frames in made.items()}


def both(banks, tmp_path: Path, bank: str, day: dt.date) -> tuple[Study, Study]:
    """The study as of a day by the parameter, and the one that was cut by hand."""
    frames, whole = banks[bank]
    by_hand = study_of(tmp_path / bank, cut(frames, day), day)
    return prepare(whole, Parameters(as_of=day)), prepare(by_hand, Parameters())


# --- what is asked of them ----------------------------------------------------------------------


def table_of(study: Study, name: str) -> pd.DataFrame:
    frame = pd.read_parquet(study.tables[name])
    return frame.sort_values(list(frame), ignore_index=True)


def same_tables(first: Study, second: Study) -> None:
    assert set(first.tables) == set(second.tables)
    for name in first.tables:
        pd.testing.assert_frame_equal(table_of(first, name), table_of(second, name))


def assigned(study: Study, engine: Engine, path: Path) -> tuple[Path, pd.DataFrame]:
    """Two segments by the customers' hashes, as chapter 2 would save them."""
    customers = collect(study.scan("customers", engine), sort_by=["customer_id"])
    customers["segment"] = customers["customer_hash"] % 2 + 1
    customers[["customer_id", "segment"]].to_parquet(path)
    sizes = customers.groupby("segment").size()
    names = pd.DataFrame({"segment": sizes.index, "name": "S", "customers": sizes.to_numpy()})
    return path, names


def answers(study: Study, engine: Engine, folder: Path) -> dict[str, Any]:
    """The main findings of all chapters but those that are drawn from a seed or fitted."""
    params, day = Parameters(seed=3, cool_down=10), study.as_of
    tables = {name: study.scan(name, engine) for name in study.tables}
    at: dict[str, Any] = {"as_of": day}
    found: dict[str, Any] = {
        "quality": profiling.data_quality(tables, **at),
        "audit": profiling.audit_feature_time(tables, study.attributes),
        "structure": profiling.customer_structure(tables, attributes=study.attributes, **at),
        "activity": profiling.monthly_activity(tables, **at),
        "held": profiling.product_penetration(tables, **at),
        "ages": profiling.penetration_by_age(tables, **at),
        "value": profiling.concentration(profiling.customer_values(tables, **at)),
        "past": profiling.contact_responses(tables),
        "waste": profiling.wasted_contacts(tables),
        "repeated": profiling.repeated_contacts(tables),
        "drift": profiling.response_drift(tables),
    }
    features = segmentation.customer_features(tables, study.attributes, **at)
    found["features"] = collect(features.frame, sort_by=["customer_id"])
    path, segments = assigned(study, engine, folder / f"{study.fingerprint}.parquet")
    baskets = association.held_baskets(
        tables, study, params, segments=segments, assigned=engine.scan(path), **at
    )
    found["baskets"] = baskets
    found["order"] = association.acquisition_order(tables, baskets, params)
    case = strategy.open_case(
        study, engine, params, segments, pd.DataFrame(), assignments=engine.scan(path), **at
    )
    if isinstance(case, Finding):
        found["case"] = case
    else:
        found["eligibility"] = strategy.eligibility_table(case)
        found["evidence"], found["kind"] = case.evidence.tallies, case.evidence.kind
    campaign = open_campaign(
        study, engine, params, load=lambda *_: segments, load_private=lambda *_: path
    )
    found["campaign"], found["contacts"] = campaign, campaign.contacts
    return found


def same(first: Any, second: Any) -> None:
    if isinstance(first, Finding):
        assert first.absent == second.absent
        assert first.facts == second.facts
        assert [n.key for n in first.numbers] == [n.key for n in second.numbers]
        values = [[n.value for n in found.numbers] for found in (first, second)]
        assert values[0] == pytest.approx(values[1], nan_ok=True)
        pd.testing.assert_frame_equal(first.table, second.table)
        assert set(first.tables) == set(second.tables)
        for name in first.tables:
            pd.testing.assert_frame_equal(first.tables[name], second.tables[name])
    elif isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second)
    else:
        assert first == second


# --- tests --------------------------------------------------------------------------------------

GRID = {
    "own": {
        "own day": END, "after the pilot": dt.date(2025, 8, 31), "within": dt.date(2025, 5, 12),
        "its first day": dt.date(2025, 5, 1), "before": dt.date(2025, 4, 30),
        "before any contact": dt.date(2024, 8, 31), "before any payment": dt.date(2023, 12, 31),
        "the first day of all": dt.date(2023, 6, 1),
        "before every dated one": dt.date(2000, 1, 1),
    },
    "casebank": {
        "after the pilot": dt.date(2025, 12, 1), "within": dt.date(2025, 10, 22),
        "before": dt.date(2025, 9, 30), "before any contact": dt.date(2024, 10, 31),
        "long ago": dt.date(2004, 6, 30),
    },
}  # fmt: skip
CASES = [(bank, day) for bank, days in GRID.items() for day in days]
# Findings see the tables and the day only: where other kinds of evidence are left, they are asked.
ASKED = {
    "own": ("after the pilot", "within", "before any contact", "before every dated one"),
    "casebank": ("within", "before", "long ago"),
}


@pytest.mark.parametrize(("bank", "moment"), CASES, ids=[" ".join(case) for case in CASES])
def test_findings_are_those_of_files_that_ended_on_that_day(banks, engine, tmp_path, bank, moment):
    given_day, by_hand = both(banks, tmp_path, bank, GRID[bank][moment])
    assert given_day.as_of == by_hand.as_of
    assert given_day.rows == by_hand.rows
    same_tables(given_day, by_hand)
    if moment not in ASKED[bank]:
        return
    found, expected = (answers(study, engine, tmp_path) for study in (given_day, by_hand))
    assert set(found) == set(expected)
    for name in found:
        same(found[name], expected[name])


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(day=st.dates(dt.date(1995, 1, 1), END))
def test_tables_are_those_of_files_that_ended_on_any_day(banks, tmp_path_factory, day):
    given_day, by_hand = both(banks, tmp_path_factory.mktemp("cut"), "own", day)
    same_tables(given_day, by_hand)


def test_the_studys_own_day_changes_nothing(banks):
    _, whole = banks["own"]
    assert prepare(whole, Parameters(as_of=END)) == prepare(whole, Parameters())


def test_a_day_on_which_nobody_was_a_customer_is_refused():
    with pytest.raises(StudyError, match=r"Nobody was a customer.*\n.*as_of(.|\n)*1990-01-01"):
        prepare("casebank", Parameters(n_customers=1_500, n_months=12, seed=7, as_of="1990-01-01"))


def test_the_check_of_a_study_shows_what_was_known(banks):
    columns = check_study(banks["own"][1], Parameters(as_of="2025-04-30"))
    last = columns.set_index(["table", "column"])["largest"]
    assert last["transactions", "booked_on"] <= "2025-04-30"
    assert last["contacts", "contacted_on"] <= "2024-09-30"


# --- the simulated bank -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def earlier() -> Study:
    """A simulated bank within its pilot."""
    return prepare("casebank", Parameters(n_customers=1_500, n_months=12, seed=7,
                                          as_of="2025-10-22"))  # fmt: skip


def test_the_truth_is_of_the_day_too(earlier):
    """Baskets as truth has them at the end, against the holdings of the day, counted by hand."""
    known = casebank.population(earlier)
    kind, held = known.look_up(pd.read_parquet(earlier.tables["customers"])["customer_id"])
    assert len(kind) == len(known.customers) == earlier.rows["customers"] < 1_500
    whole = prepare("casebank", Parameters(n_customers=1_500, n_months=12, seed=7))
    rows = pd.read_parquet(whole.tables["holdings"])
    rows[["opened_on", "closed_on"]] = rows[["opened_on", "closed_on"]].apply(pd.to_datetime)
    day = pd.Timestamp("2025-10-22")
    rows = rows[(rows["opened_on"] <= day) & ~(rows["closed_on"] <= day)]
    rows = rows[rows["customer_id"].isin(known.customers["customer_id"])]
    per_product = rows.drop_duplicates(["customer_id", "product_id"])["product_id"].value_counts()
    expected = per_product.reindex(known.world.product_ids, fill_value=0)
    assert held.sum(axis=0).tolist() == expected.tolist()


def test_the_field_test_comes_after_the_day_of_the_plan(earlier):
    ids = pd.read_parquet(earlier.tables["customers"])["customer_id"].iloc[:50]
    plan = pd.DataFrame(
        {"customer_id": ids, "product_id": "credit_card", "channel": "phone", "arm": "offer",
         "propensity": 0.9}
    )  # fmt: skip
    contacts = casebank.field_test(earlier, plan, seed=1)
    assert contacts["contacted_on"].min() > pd.Timestamp(earlier.as_of)
    assert earlier.as_of < AS_OF
