"""A prepared study: its tables on disk, what a reader must know about them, and their check."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmlib import schema
from pmlib.errors import StudyError
from pmlib.files import keep_private, read_json, write_json
from pmlib.params import PROJECT, Parameters
from pmlib.studies import asks, assumed, eligibility
from pmlib.studies.fetch import Progress, RawFile, mirror_folder, obtain, writable
from pmlib.studies.folders import folder_of, load_spec
from pmlib.studies.rare import Rare, folded, rare_names
from pmlib.studies.spec import SPEC_FILE, AttributeSpec, StudySpec, present

if TYPE_CHECKING:
    import narwhals as nw

    from pmlib.engine import Engine


_MANIFEST = "study.json"
_ELIGIBILITY = "eligibility.parquet"
# Modules that decide what the tables hold.
_CODE = ("arms", "eligibility", "forms", "ingest", "queries", "reading", "servers", "sources",
         "words")  # fmt: skip
# The parameters that a simulated bank depends on.
SIMULATION = ("seed", "n_customers", "n_months", "world", "segment_strength", "rule_strength",
              "effect_strength", "dirty_share")  # fmt: skip
_AS_DECLARED = (
    "title", "licence", "citation", "simulated", "currency", "firm", "value_is", "names",
)  # fmt: skip

KEPT = 8
"""Sets of tables that a study keeps at least: going back to earlier settings costs nothing."""


@dataclass(frozen=True)
class Attribute:
    """A further column of customers: its label and unit for readers, its role for methods.

    Parameters
    ----------
    role : str
        ``feature`` may form segments; ``descriptor`` describes and predicts, but forms no
        segments; ``sensitive`` is kept for checks of fairness.
    known_before_contact : bool
        False for what is known only after the outcome: using it to predict is leakage.
    rfm : str or None
        ``recency``, ``frequency`` or ``monetary`` where it measures that of past purchases.
    levels : sequence of str, optional
        Of a text, its values in their order, where they have one.
    """

    label: str
    unit: str = ""
    role: str = "feature"
    known_before_contact: bool = True
    rfm: str | None = None
    levels: Sequence[str] | None = None


@dataclass(frozen=True)
class Study:
    """A study whose tables are there and keep their contracts.

    Attributes
    ----------
    citation : str
        Key of the bibliography, or empty.
    as_of : datetime.date
        The day as of which the bank is looked at. The tables hold what was known on it: it is the
        last day the data know, or the earlier one that the parameter ``as_of`` asks for.
    attributes, outcomes : mapping of str to Attribute
        Further columns of `customers` and of `contacts`.
    structural_pairs : tuple of pairs of str
        The first product implies the second by construction.
    notes : tuple of str
        Sentences on the data as they came (partial files, duplicates), with counts.
    sources : tuple of mappings
        ``name, address, sha256, size`` of each raw file.
    tables, rows : mapping
        Canonical tables present, and the rows of each.
    truth : pathlib.Path or None
        Folder of the truth, simulated studies only.
    fingerprint : str
        Hash of all that the tables depend on.
    overrides : mapping
        Parameter values that study.yaml sets.
    firm : str
        What the report calls it: bank, insurer or shop.
    value_is : str
        What the value of a contact is: ``margin``, or ``sales`` where margins are not known.
    control : tuple of str
        What the study itself calls the arms that the table of contacts calls ``control``.
    marketing : mapping
        What study.yaml says of its campaign: ``owner, staff, tone``, and ``price`` and ``benefit``
        by product; empty where it says nothing.
    eligibility : pmlib.studies.eligibility.Eligibility or None
        The bank's own rules of who may be offered what, and expected losses.
    names : mapping
        By language of the report, what names and labels are called in it.
    margins : mapping
        Margins a year by product, of those that are taken to be other than recorded.
    rare : mapping
        Names that too few customers share, see `pmlib.studies.rare`.
    """

    name: str
    title: str
    description: str
    licence: str
    citation: str
    simulated: bool
    as_of: dt.date
    currency: str
    attributes: Mapping[str, Attribute]
    outcomes: Mapping[str, Attribute]
    structural_pairs: tuple[tuple[str, str], ...]
    channels: tuple[assumed.Channel, ...]
    notes: tuple[str, ...]
    sources: tuple[Mapping[str, Any], ...]
    folder: Path
    tables: Mapping[str, Path]
    rows: Mapping[str, int]
    truth: Path | None
    fingerprint: str
    overrides: Mapping[str, Any]
    firm: str = "bank"
    value_is: str = "margin"
    control: tuple[str, ...] = ()
    marketing: Mapping[str, Any] = field(default_factory=dict)
    eligibility: eligibility.Eligibility | None = None
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    rare: Rare = field(default_factory=dict)

    def has(self, *names: str) -> bool:
        """Whether the study has all these canonical tables."""
        return all(name in self.tables for name in names)

    def scan(self, name: str, engine: Engine) -> nw.LazyFrame:
        """Open a canonical table on an engine, its rare levels folded into others.

        StudyError where the study has no such table.
        """
        if name not in self.tables:
            raise StudyError(
                "The study has no such table.",
                where=f"study {self.name}",
                rule=f"one of {', '.join(self.tables)}",
                found=name,
            )
        table = folded(engine.scan(self.tables[name]), self.rare.get("levels", {}).get(name, {}))
        return assumed.with_margins(table, self.margins) if name == "products" else table


def prepare(
    name_or_folder: str | Path,
    params: Parameters,
    *,
    mirror: str | Path | None = None,
    progress: Progress | None = None,
    confirmed: bool = True,
) -> Study:
    """Bring a study's canonical tables into being; at once when they are there already.

    Parameters
    ----------
    name_or_folder : str or path
        A study under ``data/``, or a folder with a study.yaml.
    params : pmlib.params.Parameters
        A simulated study is generated from its size, seed and world. From ``as_of``, where it is
        earlier than the study's own, the tables are cut to what was known on that day, once, here.
    mirror : str or path, optional
        Folder of raw files; by default the environment's ``PMLIB_MIRROR``.
    progress : callable, optional
        Gets one line of text a step.
    confirmed : bool
        Refuse a draft whose guesses nobody has confirmed.

    Raises
    ------
    StudyError
        The study asks something, a raw file is missing, truncated or altered, the SQL fails, a
        table breaks its contract, or ``as_of`` lies after what the data know, or before the first
        customer. Tables of earlier runs stay as they were.
    """
    say = progress or (lambda _: None)
    folder = folder_of(name_or_folder)
    spec = _asked(folder, params, confirmed=confirmed)
    files = _files(spec, folder, mirror, say)
    target = folder / "tables" / _fingerprint(spec, folder, files, params)
    if not (target / _MANIFEST).is_file():
        with writable(folder / "tables") as tables:
            work = tables / f".{target.name}.{uuid.uuid4().hex[:8]}"
            work.mkdir(mode=0o700)
            try:
                _make(spec, folder, files, params, work, say)
                keep_private(work)
                _publish(work, target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            _prune(tables, target)
    with suppress(OSError):  # a folder for reading only
        (target / _MANIFEST).touch()  # used now
    return _study(spec, folder, target, files, params)


def prepared(
    name_or_folder: str | Path, params: Parameters, *, mirror: str | Path | None = None
) -> Study | None:
    """Give what `prepare` would, where its tables are there; None where they would be made first.

    Nothing is fetched or written. Errors as those of `prepare` before it makes tables.
    """
    folder = folder_of(name_or_folder)
    spec = _asked(folder, params, confirmed=True)
    files = _files(spec, folder, mirror, None)
    target = folder / "tables" / _fingerprint(spec, folder, files, params)
    if not (target / _MANIFEST).is_file():
        return None
    return _study(spec, folder, target, files, params)


def _asked(folder: Path, params: Parameters, *, confirmed: bool) -> StudySpec:
    """The study.yaml of a folder; StudyError where it asks something, or knows less than asked."""
    spec = load_spec(folder)
    if params.as_of is not None and params.as_of > spec.as_of:
        raise StudyError(
            "The study knows nothing of that day.",
            where="as_of",
            rule=f"not after {spec.as_of}, the study's as_of",
            found=str(params.as_of),
            remedy="Choose an earlier day, or leave as_of at null.",
        )
    if confirmed:
        asks.require_none(asks.open_asks(folder, (SPEC_FILE, *spec.tables.values())), folder)
    return spec


def _files(
    spec: StudySpec, folder: Path, mirror: str | Path | None, say: Progress | None
) -> list[RawFile]:
    """The raw files, verified; without a say none is fetched, and one not there is left out."""
    where, own = mirror_folder(mirror), [source for source in spec.sources if not source.server]
    found = [obtain(source, folder, mirror=where, progress=say) for source in own]
    return [file for of_source in found for file in of_source]


def _make(
    spec: StudySpec,
    folder: Path,
    files: list[RawFile],
    params: Parameters,
    work: Path,
    say: Progress,
) -> None:
    """Make the tables in a folder aside, check them, and note what was seen."""
    from pmlib import casebank  # heavy to import, and needed here only
    from pmlib.studies import ingest as ingestion

    if spec.simulated:
        say(f"simulating {params.n_customers:,} customers")
        said: dict[str, Any] = {"notes": casebank.generate(params, work), "raw": []}
    else:
        say(f"reading {folder.name} into canonical tables")
        said = ingestion.ingest(spec, folder, files, work)
    rows = ingestion.validate(spec, _tables(work))
    if (day := _earlier_day(spec, params)) is not None:
        rows = ingestion.keep_known(_tables(work), day)
    own = eligibility.evaluate(spec, _tables(work), day or spec.as_of, work / _ELIGIBILITY)
    write_json({**said, "rows": rows, "eligibility": own}, work / _MANIFEST)


def _earlier_day(spec: StudySpec, params: Parameters) -> dt.date | None:
    """The day to cut the tables at; None where they are wanted as of the last day they know."""
    return None if params.as_of == spec.as_of else params.as_of


def _publish(work: Path, target: Path) -> None:
    try:
        work.rename(target)
    except OSError:
        if not (target / _MANIFEST).is_file():
            raise  # else another process made the same tables meanwhile


def _prune(tables: Path, made: Path) -> None:
    """Delete tables that nobody used for a day, but for the last few."""
    used = {path: path.stat().st_mtime for path in tables.glob(f"[!.]*/{_MANIFEST}")}
    for manifest in sorted(used, key=lambda path: used[path])[:-KEPT]:
        if manifest.parent != made and used[manifest] < time.time() - 24 * 3600:
            shutil.rmtree(manifest.parent, ignore_errors=True)


def _tables(folder: Path) -> dict[str, Path]:
    paths = {name: folder / "tables" / f"{name}.parquet" for name in schema.TABLES}
    return {name: path for name, path in paths.items() if path.is_file()}


def _fingerprint(spec: StudySpec, folder: Path, files: list[RawFile], params: Parameters) -> str:
    """Hash what the tables depend on: the declaration, the SQL, the raw files, the code."""
    parts = {file: _digest(folder / file) for file in (SPEC_FILE, *spec.tables.values())}
    for number, file in enumerate(files):  # two files of different folders may have one name
        parts[f"file {number} {file.path.name}"] = file.sha256
    package = PROJECT / "pmlib"
    code = [package / "schema.py", *(package / "studies" / f"{name}.py" for name in _CODE)]
    code += sorted((package / "raw").glob("*.py"))
    if spec.simulated:
        code += sorted((package / "casebank").glob("*.py"))
        settings = {name: getattr(params, name) for name in SIMULATION}
        parts["parameters"] = json.dumps(settings, sort_keys=True, default=str)
    if (day := _earlier_day(spec, params)) is not None:
        parts["as_of"] = str(day)
        code += sorted((package / "canon").glob("*.py"))
    parts |= {f"code {path.parent.name}/{path.name}": _digest(path) for path in code}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    # A missing SQL file is reported where it is read.
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _study(
    spec: StudySpec, folder: Path, target: Path, files: list[RawFile], params: Parameters
) -> Study:
    manifest = read_json(target / _MANIFEST)
    truth, tables = target / "truth", _tables(target)
    customers, contacts = tables["customers"], tables.get("contacts")
    return Study(
        **{name: getattr(spec, name) for name in _AS_DECLARED},
        as_of=params.as_of or spec.as_of,
        name=folder.name,
        description=" ".join([spec.description.strip(), *manifest["notes"]]),
        attributes=_declared(spec.attributes, customers),
        outcomes=_declared(spec.outcomes, contacts),
        structural_pairs=tuple((first, second) for first, second in spec.structural_pairs),
        channels=assumed.channels(spec, params),
        margins=assumed.margins(tables, params),
        control=tuple(spec.control or ()),
        marketing=spec.marketing.model_dump(),
        notes=tuple(manifest["notes"]),
        sources=tuple(
            {
                "name": file.source.file if file.packed else file.path.name,
                "address": file.source.url or "",
                "sha256": file.sha256,
                "size": file.size,
            }
            for file in files
        ),
        folder=folder,
        tables=tables,
        rows=manifest["rows"],
        truth=truth if truth.is_dir() else None,
        fingerprint=target.name,
        overrides=dict(spec.parameters),
        eligibility=eligibility.declared(manifest["eligibility"], target / _ELIGIBILITY),
        rare=rare_names(
            target, tables, params.min_group_size, channels=[one.name for one in spec.channels]
        ),
    )


def _declared(columns: dict[str, AttributeSpec], table: Path | None) -> dict[str, Attribute]:
    """The further columns that a table has, as readers and methods see them."""
    return {
        name: Attribute(**columns[name].model_dump(exclude={"optional"}))
        for name in present(columns, table)
    }


# --- the check ----------------------------------------------------------------------------------
