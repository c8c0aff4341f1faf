"""How people write amounts, days, flags and ids: each form as SQL that reads it.

Text that a form does not cover becomes null, never a wrong value; `pmlib.studies.reading` counts it.
"""

from __future__ import annotations

import re

from pmlib.studies.spec import IdForm, Reading
from pmlib.studies.words import CURRENCIES, MISSING, MONTHS

DAY_FORMS = (
    "year-month-day",
    "day-month-year",
    "month-day-year",
    "excel",
    "excel-1904",
    "sas",
    "unix",
)
"""Order of the parts of a day, or what a number of days (unix: of seconds) counts from."""

AMOUNT_FORMS = ("1234.56", "1234,56", "1,234.56", "1.234,56", "1 234,56", "1 234.56", "1'234.56",
                "1'234,56")  # fmt: skip
"""How one thousand two hundred thirty-four and 56 hundredths are written; ``1.234`` and ``1,234``
are whole amounts in groups."""

BLANKS = r"\s\x{a0}\x{2007}\x{2009}\x{202f}\x{3000}\x{feff}"
_MINUS = r"-\x{2212}\x{2013}\x{fe63}\x{ff0d}"
_EPOCHS = {"excel": "1899-12-30", "excel-1904": "1904-01-01", "sas": "1960-01-01"}


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
    # Most cells are tidy ASCII, and seeing that is quicker than looking for blanks of all kinds.
    untidy = f"length({column}) <> strlen({column}) OR regexp_matches({column}, '^\\s|\\s$')"
    return f"nullif(CASE WHEN {untidy} THEN {tidied} ELSE {column} END, '')"


def is_missing_sql(text: str, reading: Reading) -> str:
    """Whether a text stands for a value that is not there."""
    words = MISSING["text" if reading.as_ in {"text", "customer", "flag"} else "number"]
    known = {word.lower() for word in (*words, *reading.missing)}
    known -= {
        word.lower() for word in (*reading.yes_words, *reading.no_words, *reading.out, *reading.in_)
    }
    return f"lower({text}) IN ({_listed(sorted(known))})"


def reading_sql(column: str, reading: Reading, *, ids: IdForm = "as-written") -> str:
    """SQL that reads a text column: null where a cell is blank, missing or unreadable.

    Parameters
    ----------
    column : str
        The column as SQL writes it.
    reading : Reading
    ids : str
        What is done to ids of customers.
    """
    text = text_sql(column)
    if reading.as_ == "flag":
        return _flag(text, reading)
    value = {"text": lambda: text, "customer": lambda: id_sql(text, ids),
             "amount": lambda: _amount(text, reading), "day": lambda: _day(text, reading)}  # fmt: skip
    if reading.as_ in {"amount", "day"} and not reading.missing:
        return value[reading.as_]()  # the usual words are neither
    return f"CASE WHEN NOT {is_missing_sql(text, reading)} THEN {value[reading.as_]()} END"


def id_sql(text: str, form: IdForm) -> str:
    """An id as text, changed as the study says."""
    return {
        "as-written": text,
        "without-leading-zeros": f"regexp_replace({text}, '^0+(.)', '\\1')",
        "without-point-zero": f"regexp_replace({text}, '\\.0+$', '')",
        "in-lower-case": f"lower({text})",
    }[form]


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


def amount_pattern(form: str) -> str:
    """Regular expression (RE2) of all that counts as an amount of a form."""
    digits = digits_pattern(form)
    signs = rf"[{BLANKS}]*[{_MINUS}+]?[{BLANKS}]*"
    money = rf"(?:[A-Za-z]{{0,3}}\p{{Sc}}|{'|'.join(map(re.escape, CURRENCIES))})?"
    return rf"(?i)\(?{signs}{money}{signs}{digits}{signs}{money}[{BLANKS}]*(?:[CD]R|[SH])?\)?"


def digits_pattern(form: str) -> str:
    """Regular expression of the digits of an amount of a form, without sign and currency."""
    group, decimal = separators(form) or ("", "")
    whole = "[0-9]+"
    if group:
        one = {" ": f"[{BLANKS}]", "'": "['’`´]"}.get(group, re.escape(group))
        # Groups of two digits are written in India: 12,34,567.
        whole = f"(?:[1-9][0-9]{{0,2}}(?:{one}[0-9]{{3}})+|[1-9][0-9]?(?:{one}[0-9]{{2}})+{one}[0-9]{{3}}|[0-9]+)"
    point = re.escape(decimal)
    return f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)" if decimal else whole


def _amount(text: str, reading: Reading) -> str:
    """A plain number at once, as most are; all else by the pattern, its sign looked for apart."""
    group, decimal = separators(reading.form) or ("", "")
    digits = digits_pattern(reading.form)

    def number(found: str) -> str:
        found = f"regexp_replace({found}, '[^-0-9{decimal}eE]', '', 'g')" if group else found
        found = f"replace({found}, ',', '.')" if decimal == "," else found
        return f"TRY_CAST({found} AS DOUBLE)"

    plain = f"regexp_full_match({text}, {quoted_text(f'-?{digits}')})"
    size = number(f"regexp_extract({text}, {quoted_text(digits)})")
    # 12,- is a way of writing 12: its dash is no sign.
    negative = f"regexp_matches({text}, '(?i)^[(]|(?:^|[^.,])[{_MINUS}]|(?:DR|S)[)]?$')"
    if decimal == ".":  # DuckDB reads it by itself, but also 1_000
        plain = f"isfinite(TRY_CAST({text} AS DOUBLE)) AND NOT contains({text}, '_')"
    value = (
        f"CASE WHEN {plain} THEN {f'TRY_CAST({text} AS DOUBLE)' if decimal == '.' else number(text)} "
        f"WHEN regexp_full_match({text}, {quoted_text(amount_pattern(reading.form))}) "
        f"THEN {size} * CASE WHEN {negative} THEN -1 ELSE 1 END END"
    )
    if reading.sign == "spending":
        value = f"-({value})"
    if reading.direction:
        side = f"lower({text_sql(_quoted(reading.direction))})"
        out = _listed([word.lower() for word in reading.out])
        in_ = _listed([word.lower() for word in reading.in_])
        value = f"({value}) * CASE WHEN {side} IN ({out}) THEN -1 WHEN {side} IN ({in_}) THEN 1 END"
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# --- days ---------------------------------------------------------------------------------------

_BETWEEN = "(?:[-./, 年月]|de |del )+"
_PART = r"([0-9]{1,4}|[\p{L}]{3,12})\.?(?:st|nd|rd|th|er|º|ª)?"
SPELLED = rf"^(?:[\p{{L}}]{{2,10}}[.,]+ )?{_PART}{_BETWEEN}{_PART}{_BETWEEN}([0-9]{{4}}|[0-9]{{1,2}})(?:日|[^0-9\p{{L}}].*|[tT][0-9].*)?$"
"""Regular expression (RE2) of a day in three parts, numbers or names of months, times behind."""

_SHORT_FIRST = "^([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})(?:[^0-9].*)?$"
_ORDERS = {
    "year-month-day": ("abc", "^([0-9]{4}|[0-9]{2})([0-9]{2})([0-9]{2})(?:[^0-9].*)?$", "%Y-%m-%d"),
    "day-month-year": ("cba", _SHORT_FIRST, "%d-%m-%Y"),
    "month-day-year": ("cab", _SHORT_FIRST, "%m-%d-%Y"),
}
"""Of each order: which part is year, month, day; digits without signs; the usual way, which
DuckDB reads by itself."""


def _day(text: str, reading: Reading) -> str:
    if reading.form in _EPOCHS:
        number = f"TRY_CAST({text} AS DOUBLE)"
        whole = f"CASE WHEN {number} BETWEEN -100000 AND 100000 THEN floor({number})::INTEGER END"
        return f"DATE '{_EPOCHS[reading.form]}' + {whole}"
    if reading.form == "unix":
        number = f"TRY_CAST({text} AS DOUBLE)"
        seconds = f"CASE WHEN abs({number}) >= 1e11 THEN {number} / 1000 ELSE {number} END"
        return f"DATE '1970-01-01' + CASE WHEN abs({number}) < 1e14 THEN floor({seconds} / 86400)::INTEGER END"
    order, compact, digits = _ORDERS[reading.form]
    any_other = ", ".join(
        _date_of(text, pattern, order, reading.pivot) for pattern in (SPELLED, compact)
    )
    sign_at = 5 if digits.startswith("%Y") else 3
    usual = " ".join(
        f"WHEN '{sign}' THEN try_strptime({text}, '{digits.replace('-', sign)}')" for sign in ".-/"
    )
    quick = f"CASE WHEN strlen({text}) = 10 THEN CASE substr({text}, {sign_at}, 1) {usual} END::DATE END"
    return f"coalesce({quick}, {any_other})"


def _date_of(text: str, pattern: str, order: str, pivot: int | None) -> str:
    found = f"regexp_extract(lower(strip_accents({text})), {quoted_text(pattern)}, ['a', 'b', 'c'])"
    year, month, day = (f"m.{part}" for part in order)
    short = "NULL"
    if pivot is not None:
        short = f"CASE WHEN {year}::INTEGER <= {pivot} THEN '20' ELSE '19' END || {year}"
    full = f"CASE length({year}) WHEN 4 THEN {year} WHEN 2 THEN {short} END"
    names = ", ".join(f"{quoted_text(name)}: '{number}'" for name, number in MONTHS.items())
    number = f"CASE WHEN regexp_full_match({month}, '[0-9]{{1,2}}') THEN {month} ELSE MAP {{{names}}}[{month}] END"
    short_day = f"CASE WHEN length({day}) <= 2 THEN {day} END"
    date = f"TRY_CAST({full} || '-' || {number} || '-' || {short_day} AS DATE)"
    return f"list_transform([{found}], lambda m: {date})[1]"  # so that the text is taken apart once
