#!/bin/sh
# Guess: how well a targeting by segments finds those whom an offer moves is a number of the customers:
#   who are in which segment, who was offered, who bought. In which order the rows of the file stand
#   does not matter; customers of one segment, who have one score, count as equals.
# What happens (causalml 0.18.0, scikit-uplift 0.5.1): causalml's auuc_score and qini_score sort by the
#   score and walk through the rows, so within a segment the order of the file decides. 8,000 customers,
#   four segments, offers by lot: as drawn, qini_score is .004; sorted by arm .09; over 60 shuffles of the
#   same rows it runs from .01 to .12, auuc_score from .51 to .62. Nothing warns. scikit-uplift takes
#   customers of one score together in qini_auc_score (.0144 in every order), but its uplift_at_k of the
#   same package cuts through the segment by rows: -.01 to .06, and nan in a file sorted by arm.
# Why it matters: a bank targets by segments, tiers or deciles, and exports come sorted, often by group.
#   Two teams with the same campaign get different winners, and a file in which the control group comes
#   first makes a targeting look twenty times as good.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check causalml==0.18.0 scikit-uplift==0.5.1 \
    numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of packages that these import
    from causalml.metrics import auuc_score, qini_score
    from sklift.metrics import qini_auc_score, uplift_at_k

print({name: version(name) for name in ("causalml", "scikit-uplift", "pandas", "numpy")})
rng = np.random.default_rng(7)
size, moved = 8_000, np.array([0.0, 0.01, 0.02, 0.04])  # what the offer adds, by segment
segment, offered = rng.integers(0, 4, size), rng.integers(0, 2, size)
bought = (rng.random(size) < 0.08 + moved[segment] * offered).astype(int)
customers = pd.DataFrame({"bought": bought, "offered": offered, "score": moved[segment]})
COLUMNS = {"outcome_col": "bought", "treatment_col": "offered"}


def measured(frame: pd.DataFrame) -> dict[str, float]:
    frame = frame.reset_index(drop=True)
    arrays = frame["bought"], frame["score"], frame["offered"]
    return {
        "causalml auuc": float(auuc_score(frame, **COLUMNS)["score"]),
        "causalml qini": float(qini_score(frame, **COLUMNS)["score"]),
        "sklift qini": float(qini_auc_score(*arrays)),
        "sklift at 10 %": float(uplift_at_k(*arrays, strategy="by_group", k=0.1)),
    }


with warnings.catch_warnings():
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", FutureWarning)  # scikit-uplift calls what scikit-learn will drop
    orders = {
        "as drawn": customers,
        "control first": customers.sort_values("offered", kind="stable"),
        "offered first": customers.sort_values("offered", ascending=False, kind="stable"),
    }
    table = pd.DataFrame({name: measured(frame) for name, frame in orders.items()}).T
    shuffled = pd.DataFrame(
        [measured(customers.sample(frac=1, random_state=seed)) for seed in range(60)]
    )
table.loc["smallest of 60 shuffles"], table.loc["largest of 60 shuffles"] = shuffled.min(), shuffled.max()
print(table.round(4).to_string())
with np.errstate(invalid="ignore"), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    first = orders["control first"]
    cut = uplift_at_k(first["bought"], first["score"], first["offered"], strategy="overall", k=0.1)
print("uplift_at_k over both arms, control first:", cut)

assert table.loc["as drawn", "causalml qini"] < 0.01
assert table.loc["control first", "causalml qini"] > 0.08
assert table.loc["smallest of 60 shuffles", "causalml qini"] < 0.02
assert table.loc["largest of 60 shuffles", "causalml qini"] > 0.10
assert table["sklift qini"].round(10).nunique() == 1
assert table.loc["smallest of 60 shuffles", "sklift at 10 %"] < 0
assert table.loc["largest of 60 shuffles", "sklift at 10 %"] > 0.05
assert np.isnan(cut)
PYTHON
echo "as stated"
