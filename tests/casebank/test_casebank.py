"""The simulated bank is what its world says: checked against the exact distribution."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from pmlib.casebank import field_test, generate, population
from pmlib.casebank.block import AS_OF
from pmlib.casebank.world import World
from pmlib.errors import StudyError
from pmlib.files import read_json
from pmlib.params import Parameters
from pmlib.studies import Channel, load_spec


def make(folder, **settings):
    params = Parameters(**{"n_customers": 20_000, "n_months": 6, "seed": 3} | settings)
    generate(params, folder)
    return SimpleNamespace(
        truth=folder / "truth",
        name="casebank",
        as_of=AS_OF,
        margins={},
        channels=[Channel("email", 0.25), Channel("letter", 1.5), Channel("phone", 6.0)],
        **{p.stem: pd.read_parquet(p) for p in (folder / "tables").glob("*.parquet")},
    )


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return make(tmp_path_factory.mktemp("bank"))


def open_baskets(bank):
    held = bank.holdings[bank.holdings["closed_on"].isna()]
    table = pd.crosstab(held["customer_id"], held["product_id"]).astype(bool)
    return table.reindex(bank.customers["customer_id"], fill_value=False)


def test_levels_follow_the_public_data_that_the_data_card_names(bank):
    """Moro's contacts: quartiles of age 32, 38, 47; loans 15 %. Berka: 4.5 bookings a month."""
    age = (pd.Timestamp(AS_OF) - pd.to_datetime(bank.customers["birth_date"])).dt.days / 365.25
    assert age.quantile([0.25, 0.5, 0.75]).tolist() == pytest.approx([32, 38, 47], abs=6)
    assert open_baskets(bank)["personal_loan"].mean() == pytest.approx(0.15, abs=0.04)
    months = bank.transactions["booked_on"].astype(str).str[:7].nunique()
    pace = len(bank.transactions) / len(bank.customers) / months
    assert pace == pytest.approx(4.5, abs=1.5)


def test_the_easy_bank_is_the_default_bank_of_before(tmp_path):
    """Counts and sums of the default bank before its levels followed published ones."""
    bank = make(tmp_path, world="easy", n_customers=2_000)
    assert (len(bank.customers), bank.customers["risk_tolerance"].sum()) == (2_000, 5_618)
    sums = bank.contacts[["responded", "value", "cost"]].sum()
    assert (len(bank.contacts), sums["responded"]) == (2_620, 60)
    assert sums[["value", "cost"]].tolist() == pytest.approx([3_990.10, 5_991.50])
    days = pd.to_datetime(bank.holdings["opened_on"]) - pd.Timestamp("2000-01-01")
    assert (len(bank.holdings), days.dt.days.sum()) == (8_569, 61_130_270)
    assert len(bank.transactions) == 42_647
    assert bank.transactions["amount"].sum() == pytest.approx(22_452_859.34)


def test_who_defaults_depends_on_income_and_missed_payments(bank):
    lent = bank.customers.dropna(subset=["loan_default"])
    rate = lent["loan_default"].astype(bool).groupby(lent["missed_payments"] >= 2).mean()
    assert rate[True] > 5 * rate[False]
    by_class = lent["loan_default"].astype(bool).groupby(lent["risk_class"]).mean()
    assert by_class["E"] > by_class["D"] > by_class["C"] > by_class[["A", "B"]].max()
    loans = bank.products.loc[bank.products["family"] == "loan", "product_id"]
    held = open_baskets(bank)[loans].any(axis=1)
    assert set(lent["customer_id"]) == set(held.index[held])


def test_a_sale_is_worth_its_margin_less_the_loss_of_the_class(bank):
    known = population(bank)
    loans = pd.Series(["personal_loan"] * len(bank.customers))
    worth = known.worth(bank.customers["customer_id"].to_numpy(), loans)
    rates = dict(zip("ABCDE", (10.0, 17.0, 30.0, 90.0, 410.0), strict=True))
    expected = 190 - bank.customers["risk_class"].map(rates)
    assert worth == pytest.approx(expected.to_numpy())


def test_the_study_declares_the_losses_that_the_bank_books():
    declared = {
        product: tuple(loss.rates.values())
        for loss in load_spec("casebank").expected_loss
        for product in loss.products
    }
    assert declared == World("default", 0).levels.expected_loss


def test_basket_distribution_of_each_segment_sums_to_one():
    assert World("default", 0).basket_distribution().sum(axis=1) == pytest.approx(np.ones(6))


@pytest.mark.parametrize("pair", [("mortgage", "home_insurance"), ("credit_card", "terminal")])
def test_joint_holdings_follow_the_exact_distribution(bank, pair):
    world = World("default", 3)
    p = world.shares @ world.basket_distribution()
    bits = np.arange(len(p))
    first, second = (bits >> world.product_ids.index(product) & 1 for product in pair)
    expected = 20_000 * np.array([p[(first == a) & (second == b)].sum() for a, b in _CELLS])
    baskets = open_baskets(bank)
    seen = [((baskets[pair[0]] == a) & (baskets[pair[1]] == b)).sum() for a, b in _CELLS]
    # Pearson's statistic of four cells, no parameter estimated: 3 degrees of freedom.
    assert ((seen - expected) ** 2 / expected).sum() < chi2.ppf(0.9999, 3)


_CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_rules_consequent_is_opened_after_its_antecedent(bank):
    held = bank.holdings[bank.holdings["closed_on"].isna()]
    dates = held.pivot_table("opened_on", "customer_id", "product_id", aggfunc="first")
    both = dates[["mortgage", "home_insurance"]].dropna()
    assert (both["home_insurance"] >= both["mortgage"]).all()


def test_same_seed_gives_the_same_bank(bank, tmp_path):
    again = make(tmp_path)
    for name in ("customers", "holdings", "transactions", "contacts"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(bank, name))


def test_a_larger_bank_begins_with_the_smaller_one(bank, tmp_path):
    larger = make(tmp_path, n_customers=20_100)
    pd.testing.assert_frame_equal(larger.customers.head(20_000), bank.customers)


def test_pilot_is_randomised_among_eligible_offers_only(bank):
    pilot = bank.contacts[bank.contacts["campaign_id"] == "pilot"]
    merged = pilot.merge(bank.customers, on="customer_id").merge(bank.products, on="product_id")
    held = bank.holdings[bank.holdings["closed_on"].isna()][["customer_id", "product_id"]]
    assert not merged["marketing_opt_out"].any()
    assert (merged["risk_rating"].fillna(0) <= merged["risk_tolerance"]).all()
    assert pilot.merge(held, on=["customer_id", "product_id"]).empty


def test_propensity_is_one_over_the_offers_open_to_the_customer(bank):
    pilot = bank.contacts[bank.contacts["campaign_id"] == "pilot"]
    # Inverse propensities weigh each arm up to the whole pilot: the Horvitz-Thompson total of
    # "control for travel insurance" counts the customers who could have been given it.
    cell = pilot[(pilot["arm"] == "control") & (pilot["product_id"] == "travel_insurance")]
    offers = pilot[(pilot["arm"] == "offer") & (pilot["product_id"] == "travel_insurance")]
    by_channel = offers.groupby("channel")["propensity"].apply(lambda p: (1 / p).sum())
    total = (1 / cell["propensity"]).sum()
    assert by_channel.to_numpy() == pytest.approx(np.full(3, total), rel=0.12)


def test_history_and_holdings_tell_one_story(bank):
    mass = bank.contacts[
        bank.contacts["campaign_id"].str.startswith("mass") & bank.contacts["responded"]
    ]
    sold = mass.merge(bank.holdings, on=["customer_id", "product_id"])
    wait = (pd.to_datetime(sold["opened_on"]) - pd.to_datetime(sold["contacted_on"])).dt.days
    assert len(sold) == len(mass)
    assert wait.between(1, 60).all()


def test_an_offer_changes_nothing_in_the_null_world():
    world = World("null", 0)
    held = np.random.default_rng(0).random((50, len(world.product_ids))) < 0.5
    kind = np.arange(50) % 6
    contacted = world.response_probability("mutual_fund", "phone", held, kind)
    assert contacted == pytest.approx(world.response_probability("mutual_fund", None, held, kind))


def test_products_are_independent_in_the_null_world():
    world = World("null", 0)
    p = world.basket_distribution()
    bits = np.arange(p.shape[1])
    has = [(bits >> j & 1).astype(bool) for j in range(len(world.product_ids))]
    mixed = world.shares @ p
    for first, second in [(3, 11), (7, 10), (13, 14)]:
        joint = mixed[has[first] & has[second]].sum()
        assert joint == pytest.approx(mixed[has[first]].sum() * mixed[has[second]].sum())


def test_field_answers_at_the_true_rates(bank):
    known = population(bank)
    ids = bank.customers["customer_id"].to_numpy()
    plan = pd.DataFrame(
        {
            "customer_id": ids,
            "product_id": "pension_plan",
            "channel": "phone",
            "arm": np.where(np.arange(len(ids)) % 2, "offer", "control"),
            "propensity": 0.5,
        }
    )
    seen = field_test(bank, plan, seed=1)
    kind, held = known.look_up(ids)
    for arm, channel in (("control", None), ("offer", "phone")):
        p = known.world.response_probability("pension_plan", channel, held, kind)
        at = (plan["arm"] == arm).to_numpy()
        error = np.sqrt((p[at] * (1 - p[at])).sum()) / at.sum()
        assert abs(seen["responded"][at].mean() - p[at].mean()) < 4 * error


def test_field_refuses_a_product_that_is_not_offered(bank):
    plan = pd.DataFrame(
        {
            "customer_id": ["C00000001"],
            "product_id": ["mortgage"],
            "channel": ["email"],
            "arm": ["offer"],
            "propensity": [1.0],
        }
    )
    with pytest.raises(StudyError, match="mortgage"):
        field_test(bank, plan, seed=1)


def test_population_refuses_a_stranger(bank):
    with pytest.raises(StudyError, match="X1"):
        population(bank).look_up(["X1"])


def test_a_real_bank_has_no_known_truth():
    with pytest.raises(StudyError, match="simulated"):
        population(SimpleNamespace(truth=None, name="berka"))


@pytest.fixture(scope="module")
def dirty_bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    notes = generate(Parameters(n_customers=2_000, n_months=6, seed=3, dirty_share=0.02), folder)
    return folder, " ".join(notes), read_json(folder / "truth" / "damage.json")


def test_cleaning_finds_the_damage_that_was_done(dirty_bank):
    _, notes, damage = dirty_bank
    for done, said in [
        (damage["repeated customers"], "customers: {} rows that repeat"),
        (damage["repeated holdings"], "holdings: {} rows that repeat"),
        (damage["impossible birth_date"], "customers: {} birth dates before 1905"),
        (damage["closed before opened"], "holdings: {} products closed before"),
    ]:
        assert done > 0
        assert said.format(done) in notes


def test_cleaning_restores_what_can_be_restored(dirty_bank, tmp_path):
    folder, _, damage = dirty_bank
    clean = make(tmp_path, n_customers=2_000)
    mended = pd.read_parquet(folder / "tables" / "customers.parquet")
    assert mended["customer_id"].tolist() == clean.customers["customer_id"].tolist()
    lost = mended["birth_date"].isna().sum() - clean.customers["birth_date"].isna().sum()
    assert lost == damage["missing birth_date"] + damage["impossible birth_date"]
