"""Where studies are found, and how a study.yaml is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pmlib.errors import StudyError, nearest
from pmlib.params import resolve
from pmlib.settings_file import read_yaml
from pmlib.studies import asks
from pmlib.studies.spec import (
    SPEC_FILE,
    AttributeSpec,
    ChannelSpec,
    Csv,
    EligibilityRule,
    ExpectedLoss,
    Member,
    Note,
    Reading,
    Server,
    Source,
    Strict,
    StudySpec,
)

STUDIES = Path(__file__).resolve().parents[2] / "data"
"""The folder of the studies that come with the project."""


def list_studies() -> list[str]:
    """Names of the studies that come with the project."""
    return sorted(path.parent.name for path in STUDIES.glob(f"*/{SPEC_FILE}"))


def folder_of(name_or_folder: str | Path) -> Path:
    """Find a study's folder: a name under ``data/``, or the path of a folder of one's own."""
    name = str(name_or_folder)
    if name in list_studies():
        return STUDIES / name
    folder = Path(name_or_folder).expanduser()
    if (folder / SPEC_FILE).is_file():
        return folder.resolve()
    if folder.is_dir():
        raise StudyError(
            "The folder is not a study.",
            where=str(folder),
            rule=f"a study folder holds a {SPEC_FILE}",
            found=f"no {SPEC_FILE}",
            remedy=f"Draft one: python run_all.py --new-study {folder} --from FILE…",
        )
    raise StudyError(
        "There is no such study.",
        where="study",
        rule="a study under data/, or the path of a folder with a study.yaml",
        found=repr(name),
        remedy=f"{nearest(name, list_studies())[:1].upper()}{nearest(name, list_studies())[1:]}",
    )


def load_spec(name_or_folder: str | Path) -> StudySpec:
    """Read and check a study.yaml, without touching the data.

    Parameters
    ----------
    name_or_folder : str or path
        A study under ``data/``, or a folder with a study.yaml.

    Raises
    ------
    StudyError
        No such study, no YAML, or keys and values that a study.yaml may not have; all at once.
    """
    path = folder_of(name_or_folder) / SPEC_FILE
    content = read_yaml(path, SPEC_FILE)
    asks.require_none(asks.questions(path.read_text(encoding="utf-8-sig"), SPEC_FILE), path.parent)
    try:
        spec = StudySpec.model_validate(content)
    except ValidationError as error:
        faults = "\n           ".join(_fault(dict(fault)) for fault in error.errors())
        raise StudyError(
            "The study.yaml says something that a study.yaml cannot say.",
            where=str(path),
            rule="the keys and types of a study.yaml, which docs/study.md lists",
            found=faults,
            remedy="Mend the keys named above.",
        ) from None
    resolve(overrides=spec.parameters)
    return spec


def _fault(fault: dict[str, Any]) -> str:
    """One fault of a study.yaml in words: where, what, and for an unknown key the nearest one."""
    where = ".".join(str(part) for part in fault["loc"] if part != "[key]") or SPEC_FILE
    if fault["type"] == "extra_forbidden":
        inner: list[type[Strict]] = [
            Source, Server, Member, Csv, Reading, AttributeSpec, ChannelSpec, Note,
            EligibilityRule, ExpectedLoss,
        ]  # fmt: skip
        models = [StudySpec] if len(fault["loc"]) == 1 else inner
        known = {name for model in models for name in model.model_fields}
        key = str(fault["loc"][-1])
        misplaced = "this key has no place here"
        return f"{where}: {misplaced if key in known else f'unknown key, {nearest(key, known)}'}"
    if fault["type"] == "missing":
        return f"{where}: missing"
    if fault["loc"] and fault["loc"][-1] == "[key]":
        return f"{where}: a key that cannot stand here ({fault['msg']})"
    message = str(fault["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(fault["input"], dict | list) else f", found {fault['input']!r:.80}"
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}"
