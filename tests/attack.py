"""An attacker who knows of which people published tables tell, and solves them all together."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from pmlib.engine import collect, open_engine
from pmlib.studies import Study

Cell = frozenset[tuple[str, str]]
"""People who have these levels of these dimensions; all of them where it is empty."""


def cell(**levels: object) -> Cell:
    return frozenset((name, str(level)) for name, level in levels.items())


class Attacker:
    """Counts of people in the cells of tables, and what is told of them.

    Tables of the same people share their margins: two that cross age with other things are linked
    by age. No count is negative.
    """

    def __init__(self) -> None:
        self.at: dict[Cell, int] = {frozenset(): 0}
        self.sums: list[tuple[dict[int, float], float]] = []

    def classify(self, **dimensions: Sequence[object]) -> None:
        """Say that people are crossed by dimensions: a cell a combination, and all margins."""
        levels = {name: [str(level) for level in of] for name, of in dimensions.items()}
        for size in range(1, len(levels) + 1):
            for names in combinations(sorted(levels), size):
                cells = [
                    frozenset(zip(names, c, strict=True)) for c in product(*map(levels.get, names))
                ]
                new = [one for one in cells if one not in self.at]
                self.at |= {one: len(self.at) + place for place, one in enumerate(new)}
                for name in names if new else ():
                    margins: dict[Cell, list[Cell]] = {}
                    for one in cells:
                        margins.setdefault(frozenset(x for x in one if x[0] != name), []).append(
                            one
                        )
                    for margin, parts in margins.items():
                        self.add({**dict.fromkeys(parts, 1.0), margin: -1.0}, 0.0)

    def add(self, weights: Mapping[Cell, float], total: float) -> None:
        """Tell a weighted sum of cells."""
        self.sums.append(({self.at[one]: weight for one, weight in weights.items()}, total))

    def tell(self, one: Cell, count: float) -> None:
        """Tell the count of a cell."""
        self.add({one: 1.0}, count)

    def ranges(self, cells: Iterable[Cell]) -> dict[Cell, tuple[float, float]]:
        """Least and most that each cell can be."""
        rows = [(row, at, w) for row, (sums, _) in enumerate(self.sums) for at, w in sums.items()]
        place, column, weight = (np.array(part) for part in zip(*rows, strict=True))
        left = csr_matrix((weight, (place, column)), shape=(len(self.sums), len(self.at)))
        told = np.array([total for _, total in self.sums])
        found = {}
        for one in cells:
            aim = np.zeros(len(self.at))
            aim[self.at[one]] = 1
            ends = [linprog(s * aim, A_eq=left, b_eq=told, method="highs") for s in (1, -1)]
            assert all(end.success for end in ends), (one, ends[0].message)
            found[one] = (ends[0].fun, -ends[1].fun)
        return found


# --- what a run publishes of its customers --------------------------------------------------------

AGES = (18, 25, 30, 35, 45, 55, 60, 65, 75)
"""Where the bands of any published table begin."""
BANDS = {"under 18": (0, 18), "under 30": (0, 30), "18–24": (18, 25), "25–34": (25, 35),
         "35–44": (35, 45), "45–54": (45, 55), "55–64": (55, 65), "65–74": (65, 75),
         "75 and over": (75, 999), "30 to 44": (30, 45), "45 to 59": (45, 60),
         "60 and over": (60, 999)}  # fmt: skip
YES, NO = "yes", "no"


def people(study: Study, run: Path) -> pd.DataFrame:
    """A customer a row, with the levels by which published tables of a run count, as text."""
    with closing(open_engine("duckdb")) as engine:
        read = {
            name: collect(study.scan(name, engine), sort_by=["customer_id"])
            for name in study.tables
            if name in ("customers", "holdings")
        }
    customers = read["customers"].set_index("customer_id")
    found = pd.DataFrame(index=customers.index)
    if "birth_date" in customers:
        born = pd.to_datetime(customers["birth_date"])
        had = (born.dt.month * 100 + born.dt.day) <= study.as_of.month * 100 + study.as_of.day
        years = study.as_of.year - born.dt.year - ~had
        found["age"] = np.searchsorted(AGES, years, side="right").astype(str)
        found.loc[born.isna(), "age"] = "not known"
    for name in ("gender", "region"):
        if name in customers:
            found[name] = customers[name].fillna("not known")
    held = read["holdings"]
    now = held["closed_on"].isna() | (pd.to_datetime(held["closed_on"]) > pd.Timestamp(study.as_of))
    for product_id, own in held[now].groupby("product_id"):
        found[f"holds {product_id}"] = np.where(found.index.isin(own["customer_id"]), YES, NO)
    several = held[now].groupby("customer_id")["product_id"].nunique()
    few = [name for name in found if name.startswith("holds") and (found[name] == YES).sum() < 10]
    if few:  # they are not counted among the products of a customer
        named = held[now & ~held["product_id"].isin([name[6:] for name in few])]
        several = named.groupby("customer_id")["product_id"].nunique()
    found["products"] = several.reindex(found.index, fill_value=0).astype(str)
    plan = run / "private" / "strategy_design" / "contact_plan.parquet"
    if plan.is_file():
        planned = pd.read_parquet(plan)
        offered = planned.loc[planned["arm"] != "control", "customer_id"]
        found["offered"] = np.where(found.index.isin(offered), YES, NO)
    return found


def of_run(run: Path, everybody: pd.DataFrame) -> Attacker:  # noqa: PLR0912 - a loop a table
    """An attacker who has read the tables that a run publishes of its customers."""
    attacker, levels = Attacker(), {name: sorted(set(everybody[name])) for name in everybody}
    attacker.tell(frozenset(), len(everybody))
    told: list[tuple[dict[str, Sequence[str]], str]] = []

    def learn(count: str, **of: str | Sequence[str]) -> None:
        """Keep what a cell of a table says; a level may be several of ours."""
        told.append(({name: [x] if isinstance(x, str) else x for name, x in of.items()}, count))

    def ages(label: str) -> list[str]:
        if label not in BANDS:
            return ["not known"]
        low, high = BANDS[label]
        ends = [0, *AGES, 999]
        own = [str(i) for i in range(len(AGES) + 1) if low <= ends[i] and ends[i + 1] <= high]
        return [level for level in own if level in levels["age"]]

    for row in read_table(run, "structure"):
        name = row["dimension"].lower()
        if name in ("gender", "region"):
            learn(row["customers"], **{name: row["level"]})
        elif name == "age":
            learn(row["customers"], age=ages(row["level"]))
    for row in read_table(run, "age-gender"):
        learn(row["customers"], age=ages(row["age_band"]), gender=row["gender"])
    ids = {}
    for row in read_table(run, "penetration"):
        ids[row["name"]] = f"holds {row['product_id']}"
        if ids[row["name"]] in levels:
            learn(row["customers"], **{ids[row["name"]]: YES})
    for row in read_table(run, "held-by-age"):
        name = f"holds {row['product_id']}"
        if name in levels:
            learn(row["customers"], **{name: YES, "age": ages(row["age_band"])})
    for row in read_table(run, "pairs"):
        one, other = (ids[row[column]] for column in ("product", "other"))
        if one in levels and other in levels:
            learn(row["n_both"], **{one: YES, other: YES})
            learn(row["n_antecedent"], **{one: YES})
            learn(row["n_consequent"], **{other: YES})
    for row in read_table(run, "products-per-customer"):
        learn(row["customers"], products=row["products"])
    for row in read_table(run, "offer-rates"):
        group = ages(row["group"]) if row["trait"] == "age" else row["group"]
        if row["trait"] in levels and "offered" in levels:
            learn(row["customers"], **{row["trait"]: group})
            learn(row["offered"], **{row["trait"]: group, "offered": YES})
    for dimensions in {tuple(sorted(of)) for of, _ in told}:
        attacker.classify(**{name: levels[name] for name in dimensions})
    for of, count in told:
        parts = [frozenset(zip(of, one, strict=True)) for one in product(*of.values())]
        if count and all(part in attacker.at for part in parts):
            attacker.add(dict.fromkeys(parts, 1.0), float(count))
    results = json.loads((run / "results.json").read_text("utf-8"))
    total = round(results["products_per_customer"]["value"] * len(everybody))
    attacker.add({cell(products=n): float(n) for n in levels["products"]}, float(total))
    return attacker


def count(everybody: pd.DataFrame, one: Cell) -> int:
    """How many customers are in a cell."""
    chosen = np.ones(len(everybody), bool)
    for name, level in one:
        chosen &= (everybody[name] == level).to_numpy()
    return int(chosen.sum())


def read_table(run: Path, name: str) -> list[dict[str, str]]:
    """Rows of a published table or of the data behind a figure; none where it is not there."""
    paths = [*(run / "tables").glob("*.csv"), *(run / "figures").glob("*.csv")]
    found = [path for path in paths if re.fullmatch(rf"\w+-[\w.]+-{name}", path.stem)]
    texts = [io.StringIO(path.read_text("utf-8")) for path in found]
    return [row for text in texts for row in csv.DictReader(text)]
