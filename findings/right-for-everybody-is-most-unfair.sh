#!/bin/sh
# Guess: predictions that are right for every customer are fair by equalized odds and by equal
#   opportunity; where a group holds no buyer, its rate of hits does not exist, so a measure of fairness
#   leaves it out, is missing, or warns.
# What happens (fairlearn 0.15.0, aif360 0.6.1, scikit-learn 1.9.1): eight customers, all foretold
#   rightly, none of group B buys. fairlearn says equalized_odds_difference 1.0 and ratio 0.0, equal
#   opportunity 1.0: the worst values there are, with no warning, for it counts a rate of 0 / 0 as 0.
#   Whoever foretells no purchase at all is called perfectly fair (0.0). aif360's functions of the
#   scikit-learn kind say -1.0 too (a warning speaks of recall); its older class says nan of the same.
#   Rates of false alarms are handled the other way within the same call: their ratio 0 / 0 is nan.
# Why it matters: few customers of a small group buy, so a group without a buyer is common in a test of
#   some thousands. A report that takes the largest difference over age bands then shows the band with
#   nobody in it, and a model chosen by such a measure is one that finds nobody.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check fairlearn==0.15.0 aif360==0.6.1 scikit-learn==1.9.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import math
import warnings
from importlib.metadata import version

logging.disable(logging.WARNING)  # aif360 tells which optional packages are not there

import fairlearn.metrics as fair
import numpy as np
import pandas as pd
from aif360.datasets import BinaryLabelDataset
from aif360.metrics import ClassificationMetric
from aif360.sklearn.metrics import equal_opportunity_difference

print({name: version(name) for name in ("fairlearn", "aif360", "scikit-learn")})
group = np.array([0, 0, 0, 0, 1, 1, 1, 1])  # of group 1 nobody buys
bought = np.array([1, 1, 0, 0, 0, 0, 0, 0])
MODELS = {"right for everybody": bought, "nobody buys": np.zeros(8, dtype=int)}


def old_class(foretold):
    def held(label):
        frame = pd.DataFrame({"group": group, "bought": label})
        return BinaryLabelDataset(
            df=frame, label_names=["bought"], protected_attribute_names=["group"]
        )

    sides = {"privileged_groups": [{"group": 0}], "unprivileged_groups": [{"group": 1}]}
    return ClassificationMetric(held(bought), held(foretold), **sides).equal_opportunity_difference()


found = {}
for name, foretold in MODELS.items():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        odds = {
            "difference": fair.equalized_odds_difference(bought, foretold, sensitive_features=group),
            "ratio": fair.equalized_odds_ratio(bought, foretold, sensitive_features=group),
            "opportunity": fair.equal_opportunity_difference(
                bought, foretold, sensitive_features=group
            ),
        }
    frame = pd.Series(bought, index=pd.Index(group, name="group"))
    with warnings.catch_warnings(record=True) as other:
        warnings.simplefilter("always")
        new = equal_opportunity_difference(frame, foretold, prot_attr="group", priv_group=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = old_class(foretold)
    found[name] = odds, new, old
    print(f"{name:20} fairlearn {odds}, {len(told)} warnings")
    print(f"{'':20} aif360 function {new} ({len(other)} warnings), class {old}")
    if name == "right for everybody":
        assert not told
        assert any("Recall" in str(one.message) for one in other)

odds, new, old = found["right for everybody"]
assert odds == {"difference": 1.0, "ratio": 0.0, "opportunity": 1.0}
assert new == -1.0
assert math.isnan(old)
odds, new, old = found["nobody buys"]
assert odds["difference"] == odds["opportunity"] == 0.0
PYTHON
echo "as stated"
