"""Secrets planted in every table of a bank, and a search for them in all that a run publishes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pmlib.params import Parameters
from pmlib.studies import prepare
from tests.own_banks import Frames, bank, write

ROOT = Path(__file__).resolve().parents[1]

MINIMUM = 10
"""The smallest group that may be shown, by default."""

WORDS = {
    "name of a customer": "Zqxadalbert",
    "telephone number": "+4915170",
    "employer of one": "Zqxfirma",
    "region of 1": "Zqxholm",
    "region of 2": "Zqxdorf",
    "region of 3": "Zqxtal",
    "gender of 3": "Zqxdivers",
    "job of 1": "Zqxfalconer",
    "kind of transactions of 1": "Zqxransom",
    "channel of transactions of 1": "Zqxtelex",
    "channel of contacts of 2": "Zqxcourier",
    "campaign of 3": "Zqxcampaign",
    "arm of 3": "Zqxarm",
    "product held by 2": "Zqxyacht",
    "id of a customer": "K00017",
}
"""What is planted as text, by what it is."""

AMOUNTS = {
    "income of one": 77_777_777.0,
    "code of one": 66_666_666.0,
    "payment of one": 987_654_321.0,
    "value of one sale": 55_555_555.0,
}
"""What is planted as an amount; one customer's alone, many times all others'."""

KNOWN = {"customer_id", "risk_tolerance", "marketing_opt_out", "customer_hash"}
"""Columns of customers in which no amount can be planted."""

TOLD = 0.05
"""An amount is told where it can be known this well."""

PEOPLE = {
    "customers", "contacts", "answered", "responded", "wasted", "sales", "held", "unsuitable",
    "barred",
    "not_contactable", "eligible", "offers", "offered", "planned", "n", "n_control", "n_both",
    "n_antecedent", "n_consequent", "buyers", "customers_control",
    "past_contacts", "past_controls",
    "without_contact", "unknown", "missing", "duplicates", "others", "size",
}  # fmt: skip
"""Columns of published tables that count people or what single people did."""


def planted(n: int = 900) -> Frames:
    """A bank that has everything, and in every table what must not be found."""
    frames = {name: frame.copy() for name, frame in bank(n=n).items()}
    frames["customers"]["household"] = np.arange(n) % 3 + 1
    plant(frames)
    return frames


def plant(frames: Frames) -> None:
    """Plant the secrets in a bank's tables, in place; it has at least 60 customers."""
    customers = frames["customers"]
    customers["full_name"] = [f"Zqxadalbert {i}" for i in range(len(customers))]
    customers["phone"] = [f"+4915170{i:05d}" for i in range(len(customers))]
    customers["employer"] = [f"Zqxfirma {i}" for i in range(len(customers))]
    at = {name: customers.columns.get_loc(name) for name in customers.columns}
    for column, rows, word in (
        ("region", slice(0, 1), "Zqxholm"), ("region", slice(1, 3), "Zqxdorf"),
        ("region", slice(3, 6), "Zqxtal"), ("gender", slice(6, 9), "Zqxdivers"),
        ("job", slice(9, 10), "Zqxfalconer"), ("occupation", slice(9, 10), "Zqxfalconer"),
        ("area", slice(9, 10), "Zqxfalconer"), ("district", slice(9, 10), "Zqxfalconer"),
    ):  # fmt: skip
        if column in at:
            customers.iloc[rows, at[column]] = word
    ids = customers["customer_id"].tolist()
    numbers = {
        name: pd.api.types.is_integer_dtype(customers[name])
        for name in customers.columns
        if customers[name].dtype.kind in "if" and name not in KNOWN
    }
    for is_whole, amount in ((False, "income of one"), (True, "code of one")):
        for name in [name for name, whole in numbers.items() if whole == is_whole][:1]:
            customers.iloc[0, at[name]] = AMOUNTS[amount]
    if "transactions" in frames:
        moved = frames["transactions"]
        day = pd.to_datetime(moved["booked_on"]).max().date()
        more = pd.DataFrame(
            {
                "customer_id": ids[0], "booked_on": [day] * 4,
                "amount": [AMOUNTS["payment of one"], -AMOUNTS["payment of one"], 5.0, -5.0],
                "kind": "Zqxransom", "channel": "Zqxtelex",
            }
        )  # fmt: skip
        frames["transactions"] = pd.concat([moved, more], ignore_index=True)
    if "products" in frames and "holdings" in frames:
        yacht = pd.DataFrame(
            [{"product_id": "yacht", "name": "Zqxyacht", "family": "all", "annual_margin": 50.0}]
        )
        frames["products"] = pd.concat([frames["products"], yacht], ignore_index=True)
        first = frames["holdings"].iloc[:2].assign(product_id="yacht", customer_id=ids[:2])
        frames["holdings"] = pd.concat([frames["holdings"], first], ignore_index=True)
    if "contacts" in frames:
        contacts = frames["contacts"]
        offered = contacts.index[contacts["arm"] != "control"]
        contacts.loc[offered[:2], "channel"] = "Zqxcourier"
        contacts.loc[offered[0], ["responded", "value"]] = [True, AMOUNTS["value of one sale"]]
        tiny = contacts.loc[offered[4:7]].assign(campaign_id="Zqxcampaign", arm="Zqxarm")
        frames["contacts"] = pd.concat([contacts, tiny], ignore_index=True)


DECLARED: dict[str, Any] = {
    "attributes": {
        "income": {"label": "Income", "unit": "EUR"},
        "job": {"label": "Job", "role": "descriptor"},
        "household": {"label": "Household", "role": "descriptor"},
        **{
            name: {"label": name, "role": "descriptor"}
            for name in ("employer", "full_name", "phone")
        },
    }
}


def planted_copy(name: str, folder: Path, **settings: Any) -> Path:
    """A study of the project with secrets in its canonical tables, which a run takes as they are.

    Raw files are those that study.yaml pins by hash; what is planted comes after them.
    """
    study = folder / name
    shutil.copytree(ROOT / "data" / name, study, ignore=shutil.ignore_patterns("tables", "raw"))
    spec = yaml.safe_load((study / "study.yaml").read_text("utf-8"))
    secret = {"role": "descriptor", "optional": True}
    more = {word: {"label": word, **secret} for word in ("employer", "full_name", "phone")}
    spec["attributes"] = more | spec.get("attributes", {})
    (study / "study.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    paths = prepare(study, Parameters(**settings)).tables
    before = {table: pq.read_table(path) for table, path in paths.items()}
    frames = {table: read.to_pandas() for table, read in before.items()}
    plant(frames)
    for table, path in paths.items():
        schema = before[table].schema
        for column in frames[table].columns.difference(schema.names):
            schema = schema.append(pa.field(column, pa.string()))
        pq.write_table(pa.Table.from_pandas(frames[table], schema, preserve_index=False), path)
    for kept in paths["customers"].parents[1].glob("rare-*.json"):
        kept.unlink()
    return study


def write_planted(folder: Path, frames: Frames, **declared: Any) -> Path:
    return write(folder, frames, **(DECLARED | declared))


# --- the search -----------------------------------------------------------------------------------


def words_in(text: str) -> set[str]:
    """What of the planted words stands in a text, whatever case and marks it has."""
    plain = re.sub(r"[^\w+]", "", text).casefold()
    return {what for what, word in WORDS.items() if re.sub(r"[^\w+]", "", word).casefold() in plain}


def amounts_in(numbers: list[float]) -> set[str]:
    """What of the planted amounts is among numbers, or told by one of them within one per cent."""
    values = np.abs([x for x in numbers if np.isfinite(x)])
    return {what for what, amount in AMOUNTS.items() if (np.abs(values / amount - 1) < 0.01).any()}


def amounts_told(label: str, table: str) -> Iterator[str]:
    """Planted amounts that a row of a table tells: itself, or as a mean times a count."""
    for line, row in enumerate(csv.DictReader(io.StringIO(table)), 2):
        cells = {name: _number(cell) for name, cell in row.items()}
        numbers = {name: abs(x) for name, x in cells.items() if x is not None and np.isfinite(x)}
        counts = {n: x for n, x in numbers.items() if n in PEOPLE and x >= 1}
        for what, amount in AMOUNTS.items():
            for name, x in numbers.items():
                means = counts if "mean" in name or name in ("monetary", "value") else {}
                for count, n in {"1": 1.0, **means}.items():
                    if abs(x * n / amount - 1) < TOLD:
                        yield f"{label}:{line} {what}: {name} × {count} = {x * n:,.0f}"


def small_counts(label: str, table: str) -> Iterator[str]:
    """Counts of a published table below the smallest group that may be shown."""
    for line, row in enumerate(csv.DictReader(io.StringIO(table)), 2):
        if row.get("table") == "products" or "lorenz" in label:  # no people; shares of people
            continue
        for column in sorted(PEOPLE & set(row)):
            if _between(row[column]):
                yield f"{label}:{line} {column} = {row[column]}"
        yield from _derived(label, line, row)


PARTS = (
    ("responded", "answered", ("rate", "share")), ("responded", "contacts", ("rate",)),
    ("wasted", "contacts", ("share",)), ("offered", "customers", ("rate", "share")),
    ("n_both", "n_antecedent", ("confidence",)), ("share_first", "customers", ()),
)  # fmt: skip
"""Part, whole, and columns that tell the part's share of it."""

MEANS = (("mean", "customers"), ("mean_control", "customers_control"), ("share_first", "customers"),
         ("rate", "answered"), ("rate", "customers"), ("rate", "contacts"), ("share", "contacts"),
         ("confidence", "n_antecedent"))  # fmt: skip


def _derived(label: str, line: int, row: dict[str, str]) -> Iterator[str]:
    for part, whole, _ in PARTS:
        if _number(row.get(part)) is not None and _number(row.get(whole)) is not None:
            rest = _number(row[whole]) - _number(row[part])  # type: ignore[operator]
            if 0 < rest < MINIMUM:
                yield f"{label}:{line} {whole} - {part} = {rest:g}"
    for share, whole in MEANS:
        told, base = _number(row.get(share)), _number(row.get(whole))
        if told is None or base is None or not 0 < told < 1:
            continue
        for name, count in ((f"{share} × {whole}", told * base),
                            (f"(1 - {share}) × {whole}", (1 - told) * base)):  # fmt: skip
            if 0.5 < count < MINIMUM - 0.5 and abs(count - round(count)) < 1e-4:
                yield f"{label}:{line} {name} = {count:.4f}"


def _number(cell: str | None) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return None


def _between(cell: str) -> bool:
    value = _number(cell)
    return value is not None and 0 < value < MINIMUM and value == int(value)


def numbers_of(text: str) -> list[float]:
    """All numbers of a text, thousands separated or not."""
    found = re.findall(r"(?<![\w.])\d[\d,\u00a0\u202f]*(?:\.\d+)?(?!\w)", text)
    return [float(re.sub(r"[,\u00a0\u202f]", "", number)) for number in found]


def small_numbers(results: str) -> Iterator[str]:
    """Headline numbers that count people, below the smallest group that may be shown."""
    for key, record in json.loads(results).items():
        if record.get("unit") == "customers" and _between(str(record["value"])):
            yield f"results.json {key} = {record['value']}"


def published(run: Path) -> Iterator[tuple[str, str]]:
    """Files of a run that may be passed on, with their text."""
    names = ("report.html", "results.json", "run.json", "tables/*", "figures/*", "notebooks/*",
             "log.txt")  # fmt: skip
    for pattern in names:
        for path in sorted(run.glob(pattern)):
            yield str(path.relative_to(run)), path.read_text("utf-8")
