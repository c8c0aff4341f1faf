#!/bin/sh
# Guess: in Gower's distance every column counts alike: a number by its difference over its range. A column
#   of debts counts as much as one of savings, and its sign does not matter.
# What happens (gower 0.1.2): the range is worked out as |1 - min / max|, and is 0 where the largest value
#   is 0. Overdrafts as a bank keeps them, -500 to 0, count nothing: two customers of one age are at distance 0,
#   the one 500 in debt and the other with none, and no two can be farther apart than half. The same
#   column with the sign turned, or one cent lower, gives the distances by hand, up to 1.
# Why it matters: debit balances, arrears, fees and losses end at exactly 0 for whoever has none, which is
#   most customers. Such a column falls out of a segmentation without a word, and still takes its
#   share of the weights.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check gower==0.1.2 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import gower
import numpy as np
import pandas as pd

print({name: version(name) for name in ("gower", "numpy", "pandas")})
customers = pd.DataFrame({"overdraft": [-500.0, 0.0, -10.0, -400.0], "age": [20.0, 20.0, 60.0, 60.0]})
TABLES = {
    "as kept": customers,
    "sign turned": customers.assign(overdraft=-customers["overdraft"]),
    "a cent lower": customers.assign(overdraft=customers["overdraft"] - 0.01),
}
values = customers.to_numpy()
apart = np.abs(values[:, None] - values) / (values.max(axis=0) - values.min(axis=0))
by_hand = apart.mean(axis=2)
found = {name: gower.gower_matrix(table) for name, table in TABLES.items()}
for name, table in {"by hand": by_hand, **found}.items():
    print(f"{name}:\n{table.round(3)}")
assert np.allclose(found["as kept"], apart[:, :, 1] / 2)  # the age alone, at half its weight
assert found["as kept"][0, 1] == 0
assert by_hand[0, 1] == 0.5
assert np.allclose(found["sign turned"], by_hand)
assert np.allclose(found["a cent lower"], by_hand, atol=1e-3)
PYTHON
echo "as stated"
