"""What a segment is worth, and its card."""

from __future__ import annotations

import narwhals as nw
import pytest

from pmlib.params import Parameters
from pmlib.segmentation import customer_features, lifetime_value, segment_cards
from tests.segmentation.banks import AS_OF, ATTRIBUTES, small_bank


def test_a_card_compares_each_segment_with_the_bank(bank, word):
    lifetime = lifetime_value({}, bank.assigned, bank.features, Parameters(), names=("1", "2"))
    assert lifetime.absent.block == "absent.no_margins"
    cards = segment_cards(bank.profile, lifetime, bank.features).table
    words = cards.drop(columns="segment").map(word)
    assert words["otherwise"].str.contains(r"C .* \(all ").all()
    assert (words["worth"] == "not recorded").all()
    part = cards["otherwise"][0].quotes["parts"][0]
    assert part["bank"].value == pytest.approx(bank.customers["c"].mean())


def test_lifetime_value_is_the_formula_s(engine):
    # Customers 1 and 2 are segment 1 with margins 105 and 5. Of their three products held a year
    # ago (two cards, one loan) two are still held: value = 55 (1 + q + q**2), q = (2/3) / 1.1.
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    one = features.frame.filter(nw.col("customer_id").is_in([1, 2])).with_columns(
        nw.lit(1).cast(nw.Int64).alias("segment")
    )
    params = Parameters(value_years=3, discount_rate=0.1)
    table = lifetime_value(small_bank(engine), one, features, params, names=("One",)).table
    q = (2 / 3) / 1.1
    assert table["retention"].iloc[0] == pytest.approx(2 / 3)
    assert table["value"].iloc[0] == pytest.approx(55 * (1 + q + q**2))
    assert table["low"].iloc[0] < table["value"].iloc[0] < table["high"].iloc[0]
