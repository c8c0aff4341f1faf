"""The encoding of exports, in many languages: what is judged, and what is asked."""

# ruff: noqa: E501  (tables: one case a line)
from __future__ import annotations

import random

import pytest

from pmlib.raw.encodings import judge

# Words that a bank's file in a language holds, and the encodings in which such files come.
WORDS = {
    "German": ("Müller Köln Düsseldorf Straße Überweisung Gebühr Schröder Jäger Österreich Würzburg",
               ["cp1252", "iso8859-1", "iso8859-15"]),
    "Polish": ("Łódź Kraków Gdańsk Poznań Oszczędności Małgorzata Woźniak Śląskie Świętokrzyskie",
               ["cp1250", "iso8859-2"]),
    "Czech": ("Příbram Plzeň České Děčín Třebíč Žďár Dvořák Černý Účet Spořicí Úvěr Výběr Říčany",
              ["cp1250"]),
    "Hungarian": ("Győr Székesfehérvár Kőszeg Nyíregyháza Szűcs Kovács Számla Készpénz Hűség Űrlap",
                  ["cp1250"]),
    "Russian": ("Иванов Петров Москва Сбережения Кредит Перевод Оплата Счёт Вклад Ипотека Зарплата",
                ["cp1251", "koi8-r"]),
    "Greek": ("Αθήνα Θεσσαλονίκη Παπαδόπουλος Λογαριασμός Κάρτα Δάνειο Κατάθεση Πληρωμή Μισθός",
              ["cp1253"]),
    "Chinese": ("活期账户 定期存款 信用卡 房贷 基金 保险 北京 上海 宁波 张伟 王芳 转账 工资 利息",
                ["gb18030", "gbk"]),
    "Taiwanese": ("活期帳戶 定期存款 信用卡 房貸 保險 台北 高雄 陳志明 轉帳 薪資 利息 客戶 理財",
                  ["big5"]),
    "Japanese": ("普通預金 定期預金 クレジットカード 住宅ローン 保険 東京 佐藤 振込 給与 手数料",
                 ["cp932"]),
    "Korean": ("보통예금 정기예금 신용카드 대출 보험 서울 부산 김민수 이체 급여 수수료 적금", ["cp949"]),
}  # fmt: skip
EACH = [(language, encoding) for language, (_, found) in WORDS.items() for encoding in found]


def export(language: str, rows: int, *, share: float) -> str:
    """A file of payments in which a share of the rows holds one of the words."""
    draw = random.Random(7)
    words = WORDS[language][0].split()
    lines = ["customer_id,date,amount,type,name"]
    for row in range(rows):
        word = words[row % len(words)] if draw.random() < share else "card"
        lines.append(
            f"{1000 + row},2023-04-{1 + row % 28:02},{draw.uniform(-900, 900):.2f},x,{word}"
        )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("language", "encoding"), EACH)
@pytest.mark.parametrize(("rows", "share"), [(20, 1.0), (200, 0.5), (3000, 0.02)])
def test_the_encoding_reads_as_it_was_written(tmp_path, language, encoding, rows, share):
    text = export(language, rows, share=share)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    found = judge(tmp_path / "a.csv")
    assert text.encode(encoding).decode(found.encoding) == text


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_certain_with_or_without_its_mark(tmp_path, language, encoding):
    text = export(language, 50, share=0.3)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    found = judge(tmp_path / "a.csv")
    assert found.sure
    assert (tmp_path / "a.csv").read_bytes().decode(found.encoding).removeprefix("\ufeff") == text


def test_ascii_is_utf_8_and_certain(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,Anna\n")
    found = judge(tmp_path / "a.csv")
    assert (found.encoding, found.sure) == ("utf-8", True)


def test_the_byte_that_tells_may_come_late(tmp_path):
    plain = "1001,2023-04-01,12.50,card\n" * 200_000
    late = "".join(f"1001,2023-04-01,1.5,{word}\n" for word in WORDS["German"][0].split())
    (tmp_path / "a.csv").write_bytes((plain + late).encode("cp1252"))
    found = judge(tmp_path / "a.csv")
    assert late.encode("cp1252").decode(found.encoding) == late


def test_a_choice_between_readings_shows_words_in_both(tmp_path):
    (tmp_path / "a.csv").write_bytes("id,name\n1,Muñoz\n2,Anna\n".encode("cp1252"))
    found = judge(tmp_path / "a.csv")
    assert not found.sure
    assert "cp1252" in (found.encoding, *found.alternatives)
    assert "Muñoz" in found.samples[0]
    assert len(set(found.samples[0])) == len(found.samples[0]) == 1 + len(found.alternatives)


def test_lines_that_break_a_file_of_utf_8_are_told(tmp_path):
    text = export("German", 40, share=1.0).encode()
    (tmp_path / "a.csv").write_bytes(text + "1,2,3,x,Köln\n".encode("cp1252"))
    found = judge(tmp_path / "a.csv")
    assert (found.encoding, found.sure, found.broken) == ("utf-8", False, (42,))


def test_bytes_of_no_text_are_never_certain(tmp_path):
    (tmp_path / "a.csv").write_bytes(bytes(range(128, 256)) * 3 + b"\n" + b"\x81\x8d\xff\n")
    assert not judge(tmp_path / "a.csv").sure
