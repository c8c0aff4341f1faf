"""The frozen scorer in the engine."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pmlib.engine import collect
from pmlib.segmentation import Feature, Scorer, assign_customers, fit_encoder
from pmlib.segmentation.clustering import ALGORITHMS, WAYS, cluster
from pmlib.segmentation.made import score_encoder
from tests.segmentation.banks import NUMBERS, planted


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WAYS[1:]])
def test_the_engine_assigns_as_the_sample_was(engine, algorithm, tmp_path):
    sample, _ = planted(300)
    sample.loc[:5, "a"] = np.nan
    sample["kind"] = pd.Series(["x", "y", None]).reindex(np.arange(300) % 3).to_numpy()
    features = (*NUMBERS, Feature("kind", kind="category"))
    encoder = fit_encoder(sample, features)
    if algorithm == "tiers":
        measures = zip(NUMBERS, ("recency", "frequency", "monetary"), strict=False)
        scored = [Feature(f.name, about={"rfm": measure}) for f, measure in measures]
        encoder = score_encoder(sample, scored)
    matrix = encoder.encode(sample)
    clustering = cluster(matrix, 3, algorithm=algorithm, seed=1, blocks=encoder.blocks)
    scorer = Scorer(encoder, clustering, ("one", "two", "three"))
    again = Scorer.from_json(json.loads(json.dumps(scorer.to_json())))
    assigned = assign_customers(engine.from_pandas(sample), again, engine=engine, folder=tmp_path)
    table = collect(assigned, sort_by=["customer_id"])
    np.testing.assert_array_equal(table["segment"], clustering.labels + 1)
    assert table["silhouette"].between(0, 1).all()
