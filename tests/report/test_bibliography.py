"""Citations by author and year, on a small BibTeX file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmlib.errors import StudyError
from pmlib.report.bibliography import Bibliography

BIBTEX = r"""
@article{hall2001a, author = {Hall, Ann and M{\"u}ller, Bob and {van der} Berg, C. D.},
  title = {On {B}anks \& Rules}, journal = {Journal of X}, year = {2001}, volume = {3},
  number = {2}, pages = {1--9}, doi = {10.1000/x<1>}}
@book{hall2001b, author = {Hall, Ann}, title = {One}, publisher = {P}, address = {A}, year = {2001}}
@book{hall2001c, author = {Hall, Ann}, title = {Two}, publisher = {P}, address = {A}, year = {2001}}
@techreport{board, author = {{Board of Banks}}, title = {Rule}, institution = {Board of Banks},
  type = {Letter}, number = {7}, year = {2011}}
"""


@pytest.fixture
def works(tmp_path: Path) -> Bibliography:
    path = tmp_path / "references.bib"
    path.write_text(BIBTEX, "utf-8")
    return Bibliography(path)


def test_three_authors_are_shortened(works: Bibliography) -> None:
    assert works.cite("@hall2001a") == '(<a href="#ref-hall2001a">Hall et al., 2001</a>)'


def test_several_works_and_a_locator(works: Bibliography) -> None:
    assert works.cite("@board; @hall2001a, p. 3") == (
        '(<a href="#ref-board">Board of Banks, 2011</a>; '
        '<a href="#ref-hall2001a">Hall et al., 2001, p. 3</a>)'
    )


def test_works_that_would_read_the_same_get_letters(works: Bibliography) -> None:
    assert "Hall, 2001a" in works.cite("@hall2001b")
    assert "Hall, 2001b" in works.cite("@hall2001c")


def test_reference_is_complete_and_escaped(works: Bibliography) -> None:
    works.cite("@hall2001a")
    assert works.list_html() == (
        '<ul class="pm-references"><li id="ref-hall2001a">'
        "Hall, A., Müller, B. &amp; van der Berg, C. D. (2001). On Banks &amp; Rules. "
        '<i>Journal of X</i>, 3(2), 1–9. <a class="pm-external" '
        'href="https://doi.org/10.1000/x&lt;1&gt;">https://doi.org/10.1000/x&lt;1&gt;</a></li></ul>'
    )


def test_list_is_sorted_by_author_and_holds_only_what_was_cited(works: Bibliography) -> None:
    works.cite("@hall2001c; @board")
    order = [item.partition('"')[0] for item in works.list_html().split('id="')[1:]]
    assert order == ["ref-board", "ref-hall2001c"]


def test_unknown_key_names_the_nearest(works: Bibliography) -> None:
    with pytest.raises(StudyError, match="Did you mean @hall2001a"):
        works.cite("@hal2001a")


def test_file_that_is_no_bibtex_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "references.bib"
    path.write_text("@article{a, title = {no end", "utf-8")
    with pytest.raises(StudyError, match="cannot be read"):
        Bibliography(path)
