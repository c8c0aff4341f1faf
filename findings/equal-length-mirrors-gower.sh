#!/bin/sh
# Guess: gower.gower_matrix(X, Y) gives the distance of each row of X to each row of Y, whatever the two
#   tables are; for X beside itself it is symmetric, for two different tables it need not be.
# What happens (gower 0.1.2): where the two tables have equally many rows, they are taken for one and the
#   same. Only the upper half is worked out and mirrored below. Customers of 20, 40 and 60 years beside
#   others of 60, 60 and 20: the second is 20 of 40 years from the first of the others, .5; told is 1.0, the
#   distance of the first to the second. Add a row to the other table, and the same cell is .5.
# Why it matters: Gower's distance is the usual one for customers described by numbers and categories. The
#   same customers at two dates, or k customers beside k medoids, are tables of equal length: half of the
#   distances are those of other pairs, the diagonal is right, nothing warns.
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
ours = pd.DataFrame({"age": [20.0, 40.0, 60.0]})
others = pd.DataFrame({"age": [60.0, 60.0, 20.0]})
by_hand = np.abs(ours["age"].to_numpy()[:, None] - others["age"].to_numpy()) / (60 - 20)
equal = gower.gower_matrix(ours, others)
more = gower.gower_matrix(ours, pd.concat([others, others.tail(1)]))[:, :3]
for name, table in {"by hand": by_hand, "equal length": equal, "one row more": more}.items():
    print(f"{name}:\n{table.round(3)}")
assert np.allclose(more, by_hand)
assert np.allclose(equal, equal.T)
assert np.allclose(np.triu(equal), np.triu(by_hand))
assert np.allclose([equal[1, 0], by_hand[1, 0]], [1.0, 0.5])
PYTHON
echo "as stated"
