"""Citations by author and year, on a small BibTeX file."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

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


@pytest.mark.parametrize("kind", ["misc", "article, journal = {J}"])
def test_a_title_that_asks_ends_with_its_own_mark(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "references.bib"
    entry, _, more = kind.partition(", ")
    path.write_text(f"@{entry}{{a, author = {{A, B}}, title = {{Why?}}, year = {{2001}}, {more}}}")
    works = Bibliography(path)
    works.cite("@a")
    text = BeautifulSoup(works.list_html(), "html.parser").get_text()
    assert text.startswith("A, B. (2001). Why?")
    assert "?." not in text


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


# --- GB/T 7714-2015: examples of the standard itself ---------------------------------------------

STANDARD = r"""
@article{lantian, author = {袁训来 and 陈哲 and 肖书海 and 万斌},
  title = {蓝田生物群: 一个认识多细胞生物起源和早期演化的新窗口}, journal = {科学通报},
  year = {2012}, volume = {55}, number = {34}, pages = {3219}}
@article{shaking, author = {Kanamori, Hiroo}, title = {Shaking without quaking},
  journal = {Science}, year = {1998}, volume = {279}, number = {5359}, pages = {2063}}
@article{carbon, author = {Des Marais, D. J. and Strauss, H. and Summons, R. E. and Hayes, J. M.},
  title = {Carbon isotope evidence for the stepwise oxidation of the Proterozoic environment},
  journal = {Nature}, year = {1992}, volume = {359}, pages = {605--609}}
@book{random, author = {Peebles, Jr., P. Z.},
  title = {Probability, random variable, and random signal principles}, edition = {4},
  address = {New York}, publisher = {McGraw Hill}, year = {2001}}
@phdthesis{haihe, author = {马欢}, title = {人类活动影响下海河流域典型区水循环变化分析},
  address = {北京}, school = {清华大学}, year = {2011}, pages = {27}}
@phdthesis{oxygen, author = {Calms, R. B.},
  title = {Infrared spectroscopic studies on solid oxygen},
  address = {Berkeley}, school = {Univ. of California}, year = {1965}}
@incollection{flowers, author = {白书农}, title = {植物开花研究}, editor = {李承森},
  booktitle = {植物科学进展}, address = {北京}, publisher = {高等教育出版社}, year = {1998},
  pages = {146--163}}
@incollection{invading, author = {Weinstein, L. and Swertz, M. N.},
  title = {Pathogenic properties of invading microorganism},
  editor = {Sodeman, Jr., W. A. and Sodeman, W. A.},
  booktitle = {Pathologic physiology: mechanisms of disease}, address = {Philadelphia},
  publisher = {Saunders}, year = {1974}, pages = {745--772}}
@inproceedings{digital, author = {贾东琴 and 柯平}, editor = {{中国图书馆学会}},
  title = {面向数字素养的高校图书馆数字服务体系研究},
  booktitle = {中国图书馆学会年会论文集: 2011年卷},
  address = {北京}, publisher = {国家图书馆出版社}, year = {2011}, pages = {45--52}}
@techreport{immune, author = {{World Health Organization}},
  title = {Factors regulating the immune response: report of WHO Scientific Group},
  address = {Geneva}, institution = {WHO}, year = {1970}}
@techreport{acid, author = {{U.S. Department of Transportation Federal Highway Administration}},
  title = {Guidelines for handling excavated acid-producing materials}, number = {PB 91-194001},
  address = {Springfield}, year = {1990},
  institution = {U.S. Department of Commerce National Information Service}}
"""
EXAMPLES = {
    "lantian": "袁训来, 陈哲, 肖书海, 等. 蓝田生物群: 一个认识多细胞生物起源和早期演化的新窗口[J]. "
    "科学通报, 2012, 55(34): 3219.",
    "shaking": "KANAMORI H. Shaking without quaking[J]. Science, 1998, 279(5359): 2063.",
    "carbon": "DES MARAIS D J, STRAUSS H, SUMMONS R E, et al. Carbon isotope evidence for the "
    "stepwise oxidation of the Proterozoic environment[J]. Nature, 1992, 359: 605-609.",
    "random": "PEEBLES P Z, Jr. Probability, random variable, and random signal principles[M]. "
    "4th ed. New York: McGraw Hill, 2001.",
    "haihe": "马欢. 人类活动影响下海河流域典型区水循环变化分析[D]. 北京: 清华大学, 2011: 27.",
    "oxygen": "CALMS R B. Infrared spectroscopic studies on solid oxygen[D]. Berkeley: Univ. of "
    "California, 1965.",
    "flowers": "白书农. 植物开花研究[M]//李承森. 植物科学进展. 北京: 高等教育出版社, 1998: "
    "146-163.",
    "invading": "WEINSTEIN L, SWERTZ M N. Pathogenic properties of invading microorganism[M]//"
    "SODEMAN W A, Jr., SODEMAN W A. Pathologic physiology: mechanisms of disease. Philadelphia: "
    "Saunders, 1974: 745-772.",
    "digital": "贾东琴, 柯平. 面向数字素养的高校图书馆数字服务体系研究[C]//中国图书馆学会. "
    "中国图书馆学会年会论文集: 2011年卷. 北京: 国家图书馆出版社, 2011: 45-52.",
    "immune": "World Health Organization. Factors regulating the immune response: report of WHO "
    "Scientific Group[R]. Geneva: WHO, 1970.",
    "acid": "U.S. Department of Transportation Federal Highway Administration. Guidelines for "
    "handling excavated acid-producing materials: PB 91-194001[R]. Springfield: U.S. Department of "
    "Commerce National Information Service, 1990.",
}


@pytest.fixture
def standard(tmp_path: Path) -> Bibliography:
    path = tmp_path / "references.bib"
    path.write_text(STANDARD, "utf-8")
    return Bibliography(path, "gbt7714")


@pytest.mark.parametrize("key", EXAMPLES)
def test_examples_of_the_standard(standard: Bibliography, key: str) -> None:
    standard.cite(f"@{key}")
    shown = f'<li id="ref-{key}">[1] {EXAMPLES[key]}</li>'
    assert standard.list_html() == f'<ul class="pm-references">{shown}</ul>'


def test_numbers_follow_the_order_of_citing(standard: Bibliography) -> None:
    """As 10.1.3 has it: commas between numbers, a hyphen between those in a row."""
    assert standard.cite("@random") == '<sup>[<a href="#ref-random">1</a>]</sup>'
    standard.cite("@haihe; @acid")
    text = standard.cite("@acid; @random; @shaking; @carbon")
    assert BeautifulSoup(text, "html.parser").get_text() == "[1,3-5]"
    assert standard.list_html().index("ref-random") < standard.list_html().index("ref-haihe")


def test_pages_cited_stand_behind_the_bracket(standard: Bibliography) -> None:
    text = standard.cite("@random, pp. 15-17")
    assert BeautifulSoup(text, "html.parser").get_text() == "[1]15-17"


def test_a_work_on_line_has_its_path(tmp_path: Path) -> None:
    path = tmp_path / "references.bib"
    path.write_text(
        "@misc{oclc, author = {{Online Computer Library Center, Inc.}}, year = {2012},"
        " title = {About {OCLC}: history of cooperation}, url = {http://www.oclc.org/about}}"
        "@article{doi, author = {A, B.}, title = {C}, journal = {D}, year = {2020}, doi = {10.1/x}}"
        "@misc{law, author = {{State}}, title = {E}, howpublished = {Journal}, year = {2016}}",
        "utf-8",
    )
    works = Bibliography(path, "gbt7714")
    works.cite("@oclc; @doi; @law")
    text = BeautifulSoup(works.list_html(), "html.parser").get_text("|", strip=True)
    assert (
        "Inc. About OCLC: history of cooperation[EB/OL]. (2012).|http://www.oclc.org/about|."
        in text
    )
    assert "A B. C[J]. D, 2020.|DOI: 10.1/x|." in text
    assert "State. E[Z]. Journal. 2016." in text
