"""What a case takes from its study, and what a study cannot tell."""

from __future__ import annotations

import pytest

from pmlib import strategy
from pmlib.errors import StudyError
from pmlib.strategy.cells import eligibility
from tests.strategy.banks import open_case, study_of, tables


def test_what_is_not_recorded_is_not_called_checked(tmp_path, engine):
    frames = tables()
    frames["customers"] = frames["customers"].drop(columns=["marketing_opt_out", "risk_tolerance"])
    del frames["holdings"]
    case = open_case(study_of(tmp_path / "bare", frames), engine)
    assert case.not_recorded == ("objection", "suitability")  # sales of contacts tell of holding
    assert strategy.eligibility_table(case).table["unsuitable"].isna().all()
    buyers = frames["contacts"].groupby("product_id")["responded"].sum()
    held = eligibility(case.sources, case.catalogue, cool_down=30).set_index("product_id")["held"]
    assert held.to_dict() == buyers.to_dict()


def test_a_negative_cost_is_refused(tmp_path):
    channels = [{"name": "email", "cost": -0.5}]
    with pytest.raises(StudyError, match="cost"):
        study_of(tmp_path / "negative", tables(), channels)
