"""The studies that come with the project, against figures computed from their raw files apart."""

from __future__ import annotations

import io
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mlxtend.frequent_patterns import fpgrowth

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import STUDIES, Study, list_studies, prepare
from pmlib.studies.study import KEPT


def copy_of(name: str, folder: Path) -> Path:
    """Copy what defines a study, without what was fetched or prepared."""
    return shutil.copytree(
        STUDIES / name, folder / name, ignore=shutil.ignore_patterns("raw", "tables")
    )


@pytest.fixture(scope="module")
def prepared(raw: Callable[[str], Path], tmp_path_factory) -> Callable[[str], Study]:
    """Prepare a real study in a copy of its folder, from the mirror."""

    def prepare_copy(name: str) -> Study:
        mirror = raw(name).parent
        return prepare(copy_of(name, tmp_path_factory.mktemp("real")), Parameters(), mirror=mirror)

    return prepare_copy


def table(study: Study, name: str) -> pd.DataFrame:
    return pd.read_parquet(study.tables[name])


# --- every study --------------------------------------------------------------------------------


def test_all_studies_are_listed():
    assert {"bank-marketing", "berka", "casebank", "coil2000", "hillstrom"} == set(list_studies())


@pytest.mark.parametrize("name", list_studies())
def test_every_study_has_a_data_card_that_says_what_it_cannot_show(name):
    card = (STUDIES / name / "README.md").read_text(encoding="utf-8")
    for heading in ("**What.**", "**Who, when, why.**", "icence", "**Pitfalls.**"):
        assert heading in card
    assert "**What it cannot show.**" in card


def test_an_unknown_study_is_told_with_the_nearest_name():
    with pytest.raises(StudyError, match="Did you mean berka"):
        prepare("berko", Parameters())


def test_a_day_after_the_study_ends_is_refused():
    with pytest.raises(StudyError, match="knows nothing of that day"):
        prepare("casebank", Parameters(as_of="2031-01-01"))


def test_old_tables_are_deleted_and_the_last_ones_stay(tmp_path: Path):
    bank = copy_of("casebank", tmp_path)
    made = [
        prepare(bank, Parameters(n_customers=200, n_months=6, seed=seed)).tables
        for seed in range(KEPT)
    ]
    folders = [tables["customers"].parents[1] for tables in made]
    for age, folder in enumerate(reversed(folders)):
        day = time.time() - age * 24 * 3600 - 3600
        os.utime(folder / "study.json", (day, day))
    prepare(bank, Parameters(n_customers=200, n_months=6, seed=KEPT))
    assert [folder.exists() for folder in folders] == [False] + [True] * (KEPT - 1)


# --- casebank -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def casebank(tmp_path_factory):
    copy = copy_of("casebank", tmp_path_factory.mktemp("simulated"))
    return prepare(copy, Parameters(n_customers=500, n_months=6))


def test_casebank_keeps_every_contract_and_has_a_truth(casebank):
    assert casebank.simulated
    assert casebank.rows["customers"] == 500
    assert set(casebank.tables) == {
        "customers", "products", "holdings", "transactions", "contacts",
    }  # fmt: skip
    assert casebank.truth is not None
    assert any(casebank.truth.iterdir())


def test_another_seed_is_another_bank_beside_the_first(casebank):
    other = prepare(casebank.folder, Parameters(n_customers=500, n_months=6, seed=1))
    assert other.fingerprint != casebank.fingerprint
    assert casebank.tables["customers"].is_file()


def test_a_parameter_that_the_bank_does_not_read_leaves_it_as_it_is(casebank):
    same = prepare(casebank.folder, Parameters(n_customers=500, n_months=6, k_max=5))
    assert same.fingerprint == casebank.fingerprint


# --- berka --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def berka(prepared):
    return prepared("berka")


@pytest.fixture(scope="module")
def baskets(berka):
    """One row an account, one column a product, true where held."""
    held = (
        pd.crosstab(table(berka, "holdings").customer_id, table(berka, "holdings").product_id) > 0
    )
    return held.reindex(table(berka, "customers").customer_id, fill_value=False)


def test_berka_has_one_customer_an_account(berka):
    assert berka.rows["customers"] == 4_500
    assert berka.rows["products"] == 10


# Shares of the 4,500 accounts, computed with pandas from the raw files.
PENETRATION = {
    "order_household": 0.7478, "order_loan": 0.1593, "order_insurance": 0.1182,
    "order_leasing": 0.0758, "order_other": 0.2662, "loan": 0.1516, "card_classic": 0.1464,
    "card_junior": 0.0322, "card_gold": 0.0196, "second_user": 0.1931,
}  # fmt: skip


@pytest.mark.parametrize(("product", "share"), PENETRATION.items())
def test_berka_penetration(baskets, product, share):
    assert baskets[product].mean() == pytest.approx(share, abs=5e-5)


def test_berka_has_96_baskets_and_77_itemsets_of_one_per_cent(baskets):
    # computed with pandas and mlxtend from the raw files
    assert len(baskets.drop_duplicates()) == 96
    assert len(fpgrowth(baskets, min_support=0.01)) == 77


def test_berka_structural_pairs_hold_almost_without_exception(berka, baskets):
    for first, second in berka.structural_pairs:
        assert baskets.loc[baskets[first], second].mean() > 0.9


def test_berka_birth_numbers_give_gender_and_birth_date(berka):
    # client 1 of the raw file: 706213 is a woman born on 13 December 1970
    first = table(berka, "customers").set_index("customer_id").loc[1]
    assert (str(first.birth_date), first.gender) == ("1970-12-13", "female")


def test_berka_amounts_are_signed(berka, raw):
    # sums of the raw column amount by type, computed with pandas
    trans = pd.read_csv(raw("berka/trans.asc"), sep=";", usecols=["type", "amount"])
    expected = trans.amount.where(trans.type == "PRIJEM", -trans.amount).sum()
    assert table(berka, "transactions").amount.sum() == pytest.approx(expected)


def test_berka_says_how_many_transactions_were_seen(berka):
    seen = berka.rows["transactions"]
    if seen == 1_056_320:
        pytest.skip("the raw file is whole here")
    assert f"{seen:,} of 1,056,320 rows" in berka.description
    assert f"{seen:,} of 1,056,320 rows" in berka.notes[0]


# --- bank-marketing -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marketing(prepared):
    return prepared("bank-marketing")


@pytest.fixture(scope="module")
def raw_calls(raw):
    """The raw file, read by other means than the study's."""
    with zipfile.ZipFile(raw("bank-marketing/bank+marketing.zip")) as outer:
        inner = io.BytesIO(outer.read("bank-additional.zip"))
    with (
        zipfile.ZipFile(inner) as archive,
        archive.open("bank-additional/bank-additional-full.csv") as file,
    ):
        return pd.read_csv(file, sep=";")


def test_bank_marketing_has_41188_contacts_and_4640_deposits(marketing):
    contacts = table(marketing, "contacts")
    assert (len(contacts), int(contacts.responded.sum())) == (41_188, 4_640)


def test_bank_marketing_response_rises_over_the_file(marketing):
    # 2.8 % in the first tenth of rows, 45.9 % in the last
    responded = table(marketing, "contacts").sort_values("customer_id").responded
    tenth = len(responded) // 10
    assert responded[:tenth].mean() == pytest.approx(0.028, abs=5e-4)
    assert responded[-tenth:].mean() == pytest.approx(0.459, abs=5e-4)


def test_bank_marketing_keeps_the_file_order_and_rebuilds_the_years(marketing, raw_calls):
    names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    month = raw_calls.month.map(names.index) + 1
    year = 2008 + (month.diff() < 0).cumsum()
    expected = [f"{y}-{m:02d}-01" for y, m in zip(year, month, strict=True)]
    contacts = table(marketing, "contacts").sort_values("customer_id")
    assert contacts.contacted_on.astype(str).tolist() == expected
    assert (expected[0], expected[-1]) == ("2008-05-01", "2010-11-01")


def test_bank_marketing_attributes_are_those_of_the_file(marketing, raw_calls):
    customers = table(marketing, "customers").sort_values("customer_id")
    for ours, theirs in {"age": "age", "euribor_3m": "euribor3m", "job": "job"}.items():
        assert customers[ours].tolist() == raw_calls[theirs].tolist()


def test_bank_marketing_counts_duplicates_and_contradictions(marketing):
    assert int(table(marketing, "customers").repeats_earlier_row.sum()) == 12
    assert any(note.startswith("12 rows equal") for note in marketing.notes)
    assert any(note.startswith("4,110 rows say") for note in marketing.notes)


def test_bank_marketing_what_is_known_with_the_answer_is_declared_as_leakage(marketing):
    leaking = [n for n, a in marketing.attributes.items() if not a.known_before_contact]
    assert leaking == ["campaign_calls", "duration", "repeats_earlier_row"]


def test_bank_marketing_counts_the_cost_of_every_call(marketing, raw_calls):
    assert table(marketing, "contacts").cost.sum() == 2 * raw_calls.campaign.sum()


# --- hillstrom ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emails(prepared):
    return table(prepared("hillstrom"), "contacts").astype({"responded": float, "visit": float})


def test_hillstrom_arms_have_the_published_sizes(emails):
    # counts of the raw file
    assert emails.arm.value_counts().to_dict() == {
        "womens_email": 21_387, "mens_email": 21_307, "control": 21_306,
    }  # fmt: skip


# Means by arm, computed with pandas from the raw file: women's, men's, none.
HILLSTROM = {
    "visit": (0.151400, 0.182757, 0.106167),
    "responded": (0.008837, 0.012531, 0.005726),
    "value": (1.077202, 1.422617, 0.652789),
}


@pytest.mark.parametrize(("outcome", "means"), HILLSTROM.items())
def test_hillstrom_outcomes_by_arm(emails, outcome, means):
    found = emails.groupby("arm")[outcome].mean()[["womens_email", "mens_email", "control"]]
    assert found.round(6).tolist() == list(means)


def test_hillstrom_control_has_no_product_and_no_channel(emails):
    control = emails[emails.arm == "control"]
    assert control[["product_id", "channel"]].isna().all(axis=None)


# --- coil2000 -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def insurer(prepared):
    return prepared("coil2000")


@pytest.fixture(scope="module")
def policies(insurer):
    holdings = table(insurer, "holdings")
    held = pd.crosstab(holdings.customer_id, holdings.product_id) > 0
    return held.reindex(table(insurer, "customers").customer_id, fill_value=False)


def test_coil2000_has_348_buyers_among_5822_customers(insurer):
    # published: van der Putten & van Someren (2000)
    contacts = table(insurer, "contacts")
    assert (len(contacts), int(contacts.responded.sum())) == (5_822, 348)


def test_coil2000_has_305_baskets_and_53_itemsets_of_one_per_cent(policies):
    # computed with pandas and mlxtend from the raw file: 21 policies and caravan
    assert policies.shape == (5_822, 22)
    assert len(policies.drop_duplicates()) == 305
    assert len(fpgrowth(policies, min_support=0.01)) == 53


# Rules of the raw file (pandas): antecedent, consequent, both held, confidence, lift.
RULES = [
    ("fire", "third_party", 2_089, 0.661914, 1.646864),
    ("tractor", "third_party_farms", 74, 0.517483, 25.106527),
    ("car", "caravan", 276, 0.092711, 1.551041),
]


@pytest.mark.parametrize(("antecedent", "consequent", "both", "confidence", "lift"), RULES)
def test_coil2000_rules(policies, antecedent, consequent, both, confidence, lift):
    found = policies.loc[policies[antecedent], consequent]
    assert int(found.sum()) == both
    assert found.mean() == pytest.approx(confidence, abs=5e-7)
    assert found.mean() / policies[consequent].mean() == pytest.approx(lift, abs=5e-7)


def test_coil2000_prospects_have_the_attributes_of_customers_and_no_answer(insurer, mirror):
    prospects, customers = table(insurer, "prospects"), table(insurer, "customers")
    assert len(prospects) == 4_000
    assert list(prospects.columns) == [*customers.columns, "responded"]
    assert not set(prospects.customer_id) & set(customers.customer_id)
    if not (mirror / "coil2000" / "tictgts2000.txt").is_file():
        assert prospects.responded.isna().all()


def test_coil2000_reads_the_answers_where_they_are_at_hand(raw, tmp_path):
    mirror = tmp_path / "mirror" / "coil2000"
    shutil.copytree(raw("coil2000"), mirror)
    answers = [int(row % 17 == 0) for row in range(4_000)]
    (mirror / "tictgts2000.txt").write_text("".join(f"{answer}\r\n" for answer in answers))
    study = prepare(copy_of("coil2000", tmp_path), Parameters(), mirror=mirror.parent)
    prospects = table(study, "prospects").sort_values("customer_id")
    assert prospects.responded.astype(int).tolist() == answers
