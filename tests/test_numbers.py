"""Numbers, facts and findings: what they refuse, keep and pass on."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib.numbers import Fact, Finding, Number, from_records, missing, needs, to_records


def test_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="furlongs"):
        Number("a", 1, "furlongs")


def test_published_numbers_do_not_carry_the_last_bits():
    # Two orders of one sum, as a parallel engine may take them.
    one, other = sum([0.1] * 10 + [1e8]), sum([1e8] + [0.1] * 10)
    assert one != other
    assert to_records([Number("x", one)]) == to_records([Number("x", other)])


def test_numbers_and_facts_come_back_from_their_records():
    kept = [Number("n", 3, "count", meaning="how many"), Fact("verdict", "more", "what was found")]
    records = [record | {"chapter": "segmentation"} for record in to_records(kept)]
    assert from_records(records) == kept
    assert "about" not in records[0]


def test_table_is_found_by_its_name_or_is_the_main_one():
    main, other = pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [2]})
    found = Finding(main, tables={"other": other})
    assert found.of("other") is other
    assert found.of("anything else") is main


@needs("holdings", "products")
def penetration(tables: dict) -> Finding:
    return Finding(tables["holdings"])


@needs()
def compared(one: Finding, *, other: Finding) -> Finding:
    return Finding(pd.concat([one.table, other.table]))


def test_function_whose_tables_are_missing_answers_which():
    answer = penetration({"products": pd.DataFrame()})
    assert (answer.absent.block, answer.absent.quotes) == (
        "absent.tables",
        {"tables": ["holdings"]},
    )


def test_absence_is_passed_on():
    nothing, something = missing("contacts"), Finding(pd.DataFrame({"a": [1]}))
    assert compared(something, other=nothing).absent == nothing.absent
    assert compared(something, other=something).absent is None
