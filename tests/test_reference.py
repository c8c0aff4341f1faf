"""The reference pages say of keys and columns what the code says, and leave none out."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from pmlib.schema import CONTRACTS, HASH, Column
from pmlib.studies.spec import Strict, StudySpec

DOCS = Path(__file__).resolve().parent.parent / "docs"
REFERENCE = runpy.run_path(str(DOCS / "reference.py"))
STUDY = (DOCS / "study.md").read_text("utf-8")


@pytest.mark.parametrize("page", REFERENCE["PAGES"], ids=lambda path: path.stem)
def test_a_page_is_what_the_code_says(page: Path) -> None:
    assert REFERENCE["written"](page.read_text("utf-8")) == page.read_text("utf-8"), "make pages"


def test_every_model_of_study_yaml_and_every_table_is_on_the_page() -> None:
    places = [address for address, _ in REFERENCE["TABLE"].findall(STUDY)]
    models = [f"pmlib.studies.spec:{model.__name__}" for model in Strict.__subclasses__()]
    tables = [f"pmlib.schema:CONTRACTS.{name}" for name in CONTRACTS]
    assert sorted(places) == sorted([*models, *tables])


def test_every_key_and_column_is_on_the_page_once_a_table() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", STUDY, flags=re.MULTILINE)
    keys = [
        field.alias or name
        for model in Strict.__subclasses__()
        for name, field in model.model_fields.items()
    ]
    columns = [name for contract in CONTRACTS.values() for name in contract.columns if name != HASH]
    assert sorted(listed) == sorted(keys + columns)


def test_the_examples_of_the_page_are_a_study() -> None:
    from yaml import safe_load

    first, *more = map(safe_load, re.findall(r"```yaml\n(.*?)```", STUDY, flags=re.DOTALL))
    assert StudySpec.model_validate(first).tables == {"customers": "customers.sql"}
    for example in more:
        assert StudySpec.model_validate(first | example)


def test_a_table_is_written_for_any_mapping_of_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    share = Column("number", high=1, low=0, above_low=True, meaning="A share, or | none.")
    monkeypatch.setattr("pmlib.schema.EXAMPLE", {"share": share}, raising=False)
    text = "# Page\n<!-- table: pmlib.schema:EXAMPLE -->\nold\n<!-- end -->\n"
    assert REFERENCE["written"](text) == (
        "# Page\n<!-- table: pmlib.schema:EXAMPLE -->\n"
        "| column | holds | may be empty | meaning |\n|---|---|---|---|\n"
        "| `share` | a number above 0 to 1 | yes | A share, or \\| none. |\n<!-- end -->\n"
    )


def test_a_column_without_meaning_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmlib.schema.EXAMPLE", {"x": Column("text")}, raising=False)
    text = "# Page\n<!-- table: pmlib.schema:EXAMPLE -->\n<!-- end -->\n"
    with pytest.raises(ValueError, match=r"EXAMPLE\.x has no meaning"):
        REFERENCE["written"](text)
