"""How people write amounts, days, flags and ids: each form as SQL that reads it.

Text that a form does not cover becomes null, never a wrong value; `pmlib.studies.reading` counts
it.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import unicodedata
from collections.abc import Mapping

from pmlib.studies.spec import IdForm, Reading
from pmlib.studies.words import CURRENCIES, MISSING, MONTHS, WEEKDAY

AMOUNT_FORMS = ("1234.56", "1234,56", "1,234.56", "1.234,56", "1 234,56", "1 234.56", "1'234.56",
                "1'234,56")  # fmt: skip
"""How one thousand two hundred thirty-four and 56 hundredths are written; ``1.234`` and ``1,234``
are whole amounts in groups."""

BLANKS = r"\s\x{a0}\x{2007}\x{2009}\x{202f}\x{3000}\x{feff}"

_SIGNS = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d",
    " ": "\t\u00a0\u2007\u2009\u202f\u3000",
    "'": "\u2018\u2019\u00b4`\uff07", ".": "\uff0e", ",": "\uff0c", "/": "\uff0f", ":": "\uff1a",
    "(": "\uff08", ")": "\uff09", "+": "\uff0b", **{str(i): chr(0xFF10 + i) for i in range(10)},
}  # fmt: skip
_FOLDED = {other: sign for sign, others in _SIGNS.items() for other in others}
_TABLE = str.maketrans("".join(_FOLDED), "".join(_FOLDED.values()))


def folded(text: str) -> str:
    """A number or day with its dashes, blanks, apostrophes and digits as ASCII has them.

    The signs by which spreadsheets are told that it is text, '12 and ="12", are left out.
    """
    bare = text if text.isascii() else text.translate(_TABLE).strip()
    if bare[:1] not in {"=", "'"} and bare[-1:] != '"':
        return bare
    return re.sub(r"""^(?:="?|')|"$""", "", bare)


def _folded_sql(text: str) -> str:
    others, signs = "".join(_FOLDED), "".join(_FOLDED.values())
    plain = f"translate({text}, {quoted_text(others)}, {quoted_text(signs)})"
    bare = f"""regexp_replace(trim({plain}), '^(?:="?|'')|"$', '', 'g')"""
    return f"CASE WHEN regexp_matches({text}, '^[='']|[^ -~]') THEN {bare} ELSE {text} END"


COUNTS: Mapping[str, tuple[dt.date, int]] = {
    "excel": (dt.date(1899, 12, 30), 1),
    "excel-1904": (dt.date(1904, 1, 1), 1),
    "sas": (dt.date(1960, 1, 1), 1),
    "sas-seconds": (dt.date(1960, 1, 1), 86_400),
    "unix-days": (dt.date(1970, 1, 1), 1),
    "unix": (dt.date(1970, 1, 1), 86_400),
    "unix-milliseconds": (dt.date(1970, 1, 1), 86_400_000),
    "unix-microseconds": (dt.date(1970, 1, 1), 86_400_000_000),
}
"""The day that a number counts from, and how much of what it counts is a day."""

ORDERS = ("year-month-day", "day-month-year", "month-day-year")
DAY_FORMS = (*ORDERS, *COUNTS)
"""Order of the parts of a day, or what counts days or seconds."""

_FAR = 2_000_000  # days, within which DuckDB knows a date


def other_form(form: str) -> str:
    """The form with which one is easily confused; empty where there is none."""
    swapped = {"day-month-year": "month-day-year", "month-day-year": "day-month-year"}
    if form in swapped:
        return swapped[form]
    return form.translate(str.maketrans(",.", ".,")) if separators(form) else ""


def form_fault(reading: Reading) -> str:
    """What is wrong with the form of a reading, in words; empty where nothing is."""
    if reading.as_ == "day" and reading.form not in DAY_FORMS:
        return f"a day has one of the forms {', '.join(DAY_FORMS)}, found {reading.form!r}"
    if reading.as_ == "amount" and separators(reading.form) is None:
        return f"an amount has a form such as {', '.join(AMOUNT_FORMS)}, found {reading.form!r}"
    if reading.as_ not in {"day", "amount"} and reading.form:
        return f"'form' is for days and amounts, not for {reading.as_}"
    return ""


def separators(form: str) -> tuple[str, str] | None:
    """Group and decimal sign of an amount's form, each possibly empty; None where it is none."""
    match = re.fullmatch(r"1([ .,']?)234(?:([.,])56)?", form)
    if match is None or match[1] == match[2] != "":
        return None
    return match[1], match[2] or ""


def text_sql(column: str) -> str:
    """The text of a cell without blanks around it, null where nothing is left."""
    tidied = f"regexp_replace({column}, '^[{BLANKS}]+|[{BLANKS}]+$', '', 'g')"
    # Most cells are tidy ASCII, and seeing that is quicker than looking for blanks of all kinds:
    # in ASCII no sign below '!' is seen.
    untidy = f"length({column}) <> strlen({column}) OR {column} < '!' OR right({column}, 1) < '!'"
    return f"nullif(CASE WHEN {untidy} THEN {tidied} ELSE {column} END, '')"


def is_missing_sql(text: str, reading: Reading) -> str:
    """Whether a text stands for a value that is not there."""
    words = MISSING["text" if reading.as_ in {"text", "customer", "flag"} else "number"]
    known = {word.lower() for word in (*words, *reading.missing)}
    known -= {
        word.lower() for word in (*reading.yes_words, *reading.no_words, *reading.out, *reading.in_)
    }
    return f"lower({text}) IN ({_listed(sorted(known))})"


def reading_sql(
    column: str, reading: Reading, *, ids: IdForm = "as-written", is_tidy: bool = False
) -> str:
    """SQL that reads a text column: null where a cell is blank, missing or unreadable.

    Parameters
    ----------
    column : str
        The column as SQL writes it.
    reading : Reading
    ids : str
        What is done to ids of customers.
    is_tidy : bool
        The column holds what `text_sql` gives: the text is then not tidied in each place anew.
    """
    text = column if is_tidy else text_sql(column)
    if reading.as_ == "flag":
        return _flag(text, reading)
    value = {"text": lambda: text, "customer": lambda: id_sql(text, ids),
             "amount": lambda: _amount(text, reading),
             "day": lambda: _day(text, reading)}  # fmt: skip
    if reading.as_ in {"amount", "day"} and not reading.missing:
        return value[reading.as_]()  # the usual words are neither
    return f"CASE WHEN NOT {is_missing_sql(text, reading)} THEN {value[reading.as_]()} END"


def usual_sql(text: str, reading: Reading) -> str:
    """SQL that reads most of a tidy text column as `reading_sql` does, and is far shorter.

    Null where a text is not written in the most usual way, whatever `reading_sql` makes of it.
    """
    if reading.as_ == "amount" and not (reading.direction or reading.missing):
        return _plain_amount(text, reading)
    if reading.as_ == "day" and reading.form in _ORDERS and not reading.missing:
        return _plain_day(text, _ORDERS[reading.form][2])
    return reading_sql(text, reading, is_tidy=True)


def id_sql(text: str, form: IdForm) -> str:
    """An id as text, changed as the study says."""
    zeros = quoted_text(r"(?:\.0+|,00?)$")  # as spreadsheets write whole numbers
    return {
        "as-written": text,
        "without-leading-zeros": f"regexp_replace({text}, '^0+(.)', '\\1')",
        "without-point-zero": f"regexp_replace({text}, {zeros}, '')",
        "as-number": f"regexp_replace(regexp_replace({text}, '^0+(.)', '\\1'), {zeros}, '')",
        "in-lower-case": f"lower({text})",
        "without-signs": f"nullif(regexp_replace({text}, '[^\\p{{L}}\\p{{N}}]+', '', 'g'), '')",
        "digits-only": f"nullif(regexp_replace({text}, '[^0-9]+', '', 'g'), '')",
    }[form]


def quoted(name: str) -> str:
    """Return an identifier as SQL writes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _listed(words: list[str]) -> str:
    return ", ".join(map(quoted_text, words)) or "NULL"


def _flag(text: str, reading: Reading) -> str:
    low = f"coalesce(lower({text}), '')"
    yes = _listed([word.lower() for word in reading.yes_words])
    no = _listed([word.lower() for word in reading.no_words])
    return f"CASE WHEN {low} IN ({yes}) THEN true WHEN {low} IN ({no}) THEN false END"


# --- amounts ------------------------------------------------------------------------------------


_MONEY = "".join(chr(c) for c in range(0x10000) if unicodedata.category(chr(c)) == "Sc")
_SIDE = r"\(?(?:[CD]R?|[SH])\.?\)?"
_DEBIT = r"[^a-z]\(?(?:DR?|S)\.?\)?$|^\(?(?:DR?|S)\.?\)? "
_CREDIT = r"[^a-z]\(?(?:CR?|H)\.?\)?$|^\(?(?:CR?|H)\.?\)? "
ANY_DIGITS = r"(?:[0-9][0-9.,' ]*|[.,][0-9]+)(?:e[-+]?[0-9]{1,3})?"
"""Regular expression of the digits of an amount of any form."""


def amount_pattern(digits: str) -> str:
    """Regular expression (RE2 and Python, without case) of a folded amount, whose digits match.

    Signs stand before or behind, parentheses say that it is negative, currencies and percent may
    stand on either side, and D, C, DR, CR, S, H tell debit from credit.
    """
    signs = r" *[-+]? *"
    names = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))
    money = rf"(?:[a-z]{{0,3}}[{_MONEY}]|{names})?"
    return (
        rf"(?i)(?:{_SIDE} +)?\(?{signs}{money} *\(?{signs}({digits}){signs}(?:%|{money}) *\)? *"
        rf"(?:%|{money}){signs}(?:{_SIDE})?"
    )


def digits_pattern(form: str) -> str:
    """Regular expression of the digits of an amount of a form, without sign and currency."""
    group, decimal = separators(form) or ("", "")
    whole = "[0-9]+"
    if group:
        one = re.escape(group)
        # Groups of two digits are written in India: 12,34,567.
        whole = (
            f"(?:[1-9][0-9]{{0,2}}(?:{one}[0-9]{{3}})+"
            f"|[1-9][0-9]?(?:{one}[0-9]{{2}})+{one}[0-9]{{3}}|[0-9]+)"
        )
    point = re.escape(decimal)
    power = "(?:e[-+]?[0-9]{1,3})?"
    return f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+){power}" if decimal else whole


def _amount(text: str, reading: Reading) -> str:
    """A plain number at once, as most are; all else by the pattern, its sign looked for apart."""
    decimal = (separators(reading.form) or ("", ""))[1]
    digits = digits_pattern(reading.form)

    def number(found: str) -> str:
        found = f"regexp_replace(lower({found}), '[^-0-9{decimal}e+]', '', 'g')"
        found = f"replace({found}, ',', '.')" if decimal == "," else found
        return f"TRY_CAST({found} AS DOUBLE)"

    pattern = quoted_text(amount_pattern(digits))
    size = number(f"regexp_extract(t, {pattern}, 1)")
    # 12,- is a way of writing 12: its dash is no sign. A power has a sign of its own.
    marked = "regexp_matches(regexp_replace(t, '[.,]-+', ''), '[(][^)]*[0-9]|(?:^|[^eE])-')"
    spent = -1 if reading.sign == "spending" else 1
    debit, credit = (
        f"regexp_matches(t, {quoted_text(f'(?i){side}')})" for side in (_DEBIT, _CREDIT)
    )
    sign = (
        f"CASE WHEN {debit} THEN -1 WHEN {credit} THEN CASE WHEN NOT ({marked}) THEN 1 END "
        f"WHEN {marked} THEN {-spent} ELSE {spent} END"
    )
    hundredth = "CASE WHEN contains(t, '%') THEN 100 ELSE 1 END"
    slow = f"CASE WHEN regexp_full_match(t, {pattern}) THEN {size} * {sign} / {hundredth} END"
    slow = f"list_transform([{_folded_sql(text)}], lambda t: {slow})[1]"
    value = f"coalesce({_plain_amount(text, reading)}, {slow})"
    if reading.direction:
        side = f"coalesce(lower({text_sql(quoted(reading.direction))}), '')"
        out = _listed([word.lower() for word in reading.out])
        in_ = _listed([word.lower() for word in reading.in_])
        value = f"({value}) * CASE WHEN {side} IN ({out}) THEN -1 WHEN {side} IN ({in_}) THEN 1 END"
    return value


def _plain_amount(text: str, reading: Reading) -> str:
    """An amount of digits alone, possibly with a minus before them; else null."""
    group, decimal = separators(reading.form) or ("", "")
    minus = "-" if reading.sign == "spending" else ""
    own = f"replace({text}, {quoted_text(group)}, '')" if group else text
    own = f"replace({own}, ',', '.')" if decimal == "," else own
    digits = quoted_text(f"(?i)-?{digits_pattern(reading.form)}")
    plain = f"CASE WHEN regexp_full_match({text}, {digits}) THEN {minus}TRY_CAST({own} AS DOUBLE)"
    if decimal != ".":
        return f"{plain} END"
    number = f"TRY_CAST({text} AS DOUBLE)"  # DuckDB reads it by itself, but also 1_000
    quick = f"CASE WHEN isfinite({number}) AND NOT contains({text}, '_') THEN {minus}{number}"
    return f"{quick} END" if not group else f"coalesce({quick} END, {plain} END)"


# --- days ---------------------------------------------------------------------------------------

_BETWEEN = r"(?:[-./, 年月년월]|de |del |of )+"
_NAMES = "|".join(sorted(MONTHS, key=len, reverse=True))
_PART = rf"([0-9]{{1,4}}|{_NAMES})\.?(?:st|nd|rd|th|er|º|ª)?"
_BEFORE = rf"(?:(?:{WEEKDAY})[.,]* (?:den |le )?)?(?:[0-9]{{1,2}}:[0-9:]+ )?"
_BEHIND = r"(?:[日号일].*|[^0-9a-z:].*|t[0-9].*|:[0-9]{2}:[0-9]{2}:[0-9]{2}.*)?"
SPELLED = (
    rf"^{_BEFORE}{_PART}{_BETWEEN}{_PART}{_BETWEEN}'?([0-9]{{4}}|[0-9]{{1,2}}){_BEHIND}$",
    rf"^([0-9]{{1,2}})[-. ]?({_NAMES})[-. ]?([0-9]{{4}}|[0-9]{{2}}){_BEHIND}$",
    rf"^(?:{WEEKDAY}) ({_NAMES}) +([0-9]{{1,2}}) [0-9:]+ (?:[a-z+0-9]+ )?([0-9]{{4}})$",
)
"""Regular expressions (RE2 and Python) of a day in three parts, numbers or names of months: with
signs between, as 07APR2024, and as programs in C write it. Times may stand behind."""

_SPELLED = [re.compile(pattern) for pattern in SPELLED]

COMPACT = r"([0-9]{8}|[0-9]{6})(?:[^0-9].*)?|([0-9]{8})[0-9]{4}(?:[0-9]{2})?"
"""Regular expression of a day in digits alone, times behind."""

_ORDERS = {
    "year-month-day": ("abc", ("^([0-9]{4}|[0-9]{2})([0-9]{2})([0-9]{2})"
                       "(?:[^0-9].*|[0-9]{4}|[0-9]{6})?$"), "%Y-%m-%d"),
    "day-month-year": ("cba", "^([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})(?:[^0-9].*)?$", "%d-%m-%Y"),
    "month-day-year": ("cab", "^([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})(?:[^0-9].*)?$", "%m-%d-%Y"),
}  # fmt: skip
"""Of each order: which part is year, month, day; digits without signs; the usual way, which
DuckDB reads by itself."""


@functools.lru_cache(maxsize=4096)  # most columns repeat what they hold
def spelled(text: str) -> tuple[str, ...] | None:
    """The three parts of a day that is written with signs or names, as they stand."""
    bare = folded(text).lower()
    if not bare.isascii():
        apart = unicodedata.normalize("NFD", bare)
        kept = "".join(c for c in apart if not unicodedata.combining(c))
        bare = unicodedata.normalize("NFC", kept)
    return next((m.groups() for pattern in _SPELLED if (m := pattern.match(bare))), None)


def _day(text: str, reading: Reading) -> str:
    if reading.form in COUNTS:
        since, a_day = COUNTS[reading.form]
        number = f"TRY_CAST(replace({_folded_sql(text)}, ',', '.') AS DOUBLE) / {a_day}"
        whole = f"CASE WHEN abs(n) < {_FAR} THEN floor(n)::INTEGER END"
        return f"DATE '{since}' + list_transform([{number}], lambda n: {whole})[1]"
    order, compact, digits = _ORDERS[reading.form]
    any_other = ", ".join(
        _date_of(text, pattern, order, reading.pivot) for pattern in (*SPELLED, compact)
    )
    return f"coalesce({_plain_day(text, digits)}, {any_other})"


def _plain_day(text: str, digits: str) -> str:
    """A day of ten signs, written in digits of the usual way; else null."""
    sign_at = 5 if digits.startswith("%Y") else 3
    usual = " ".join(
        f"WHEN '{sign}' THEN try_strptime({text}, '{digits.replace('-', sign)}')" for sign in ".-/"
    )
    usual = f"CASE substr({text}, {sign_at}, 1) {usual} END::DATE"
    return f"CASE WHEN strlen({text}) = 10 THEN {usual} END"


def _date_of(text: str, pattern: str, order: str, pivot: int | None) -> str:
    bare = f"lower(strip_accents({_folded_sql(text)}))"
    found = f"regexp_extract({bare}, {quoted_text(pattern)}, ['a', 'b', 'c'])"
    year, month, day = (f"m.{part}" for part in order)
    if order != "abc":  # four digits in front are a year whatever else the column holds
        year, month, day = (
            f"CASE WHEN regexp_full_match(m.a, '[0-9]{{4}}') THEN m.{iso} ELSE {own} END"
            for iso, own in zip("abc", (year, month, day), strict=True)
        )
    short = "NULL"
    if pivot is not None:
        short = f"CASE WHEN p.y::INTEGER <= {pivot} THEN '20' ELSE '19' END || p.y"
    full = f"CASE length(p.y) WHEN 4 THEN p.y WHEN 2 THEN {short} END"
    names = ", ".join(f"{quoted_text(name)}: '{number}'" for name, number in MONTHS.items())
    number = (
        f"CASE WHEN regexp_full_match(p.m, '[0-9]{{1,2}}') THEN p.m ELSE MAP {{{names}}}[p.m] END"
    )
    short_day = "CASE WHEN length(p.d) <= 2 THEN p.d END"
    date = f"TRY_CAST({full} || '-' || {number} || '-' || {short_day} AS DATE)"
    # Lists of one, so that the text is taken apart once.
    parts = f"list_transform([{found}], lambda m: {{y: {year}, m: {month}, d: {day}}})"
    return f"list_transform({parts}, lambda p: {date})[1]"
