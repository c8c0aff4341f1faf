"""What a study.yaml may say."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from pmlib.raw.signatures import kind_by_ending
from pmlib.schema import CONTRACTS, TABLES
from pmlib.studies.columns_spec import (
    AttributeSpec,
    Blank,
    ChannelSpec,
    EligibilityRule,
    ExpectedLoss,
    FileName,
    MarketingSpec,
    Name,
    Sha256,
    Strict,
    Text,
    Word,
)

SPEC_FILE = "study.yaml"

IdForm = Literal[
    "as-written", "without-leading-zeros", "without-point-zero", "as-number", "in-lower-case",
    "without-signs", "digits-only",
]  # fmt: skip


class Csv(Strict):
    """How a delimited text file is written. Its columns arrive as text; the SQL gives types."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What separates the fields of a line."""
    quote: Annotated[str, Field(max_length=1)] = '"'
    """What encloses a field that holds the delimiter; empty where nothing does."""
    encoding: str = "utf-8"
    """Such as utf-8, cp1252, iso8859-2, gb18030."""
    header: bool = True
    """Whether the first line names the columns."""
    columns: list[str] | None = None
    """Their names, where no line does."""
    widths: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)] | None = None
    """Of text in columns of fixed width: the characters of each column."""
    missing: list[str] = [""]
    """What stands for no value."""

    @model_validator(mode="after")
    def _named(self) -> Csv:
        if self.header == (self.columns is not None):
            raise ValueError("give 'columns' if, and only if, 'header' is false")
        if self.widths and self.columns and len(self.widths) != len(self.columns):
            raise ValueError("'widths' and 'columns' speak of different numbers of columns")
        return self


class Reading(Strict):
    """How the text of a column is read; see `pmlib.studies.forms` for the forms."""

    model_config = ConfigDict(populate_by_name=True)

    as_: Annotated[Literal["text", "amount", "day", "flag", "customer"], Field(alias="as")]
    """What the column becomes: text, a number, a date, true or false, a customer's id."""
    form: str = ""
    """Of amounts, how 1234.56 is written there, such as 1.234,56; of days, the order of their
    parts, such as day-month-year, or what counts them: excel, excel-1904, sas, sas-seconds, unix,
    unix-days, unix-milliseconds, unix-microseconds."""
    sign: Literal["as-written", "spending"] = "as-written"
    """Of amounts without a sign: ``spending`` says that each is money that went out."""
    direction: str = ""
    """Of amounts: the column that says which way the money went."""
    out: list[Blank] = []
    """What that column says of money that went out; an empty text stands for a blank cell."""
    in_: Annotated[list[Blank], Field(alias="in")] = []
    """What it says of money that came in; an amount beside any other word is unreadable."""
    pivot: Annotated[int, Field(ge=0, le=99)] | None = None
    """Of years of two digits: up to this one they are of the 21st century, else of the 20th."""
    yes_words: list[Blank] = []
    """Of flags: what means true; an empty text stands for a blank cell. (A key that is
    just yes would be no text for YAML.)"""
    no_words: list[Blank] = []
    """Of flags: what means false; an empty text stands for a blank cell."""
    missing: list[str] = []
    """Further words of the bank for a value that is not there."""
    unreadable: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the filled cells that may be unreadable; more of them are an error."""

    @model_validator(mode="after")
    def _complete(self) -> Reading:
        if self.as_ == "flag" and not (self.yes_words or self.no_words):
            raise ValueError("a flag needs 'yes_words' or 'no_words', which mean true and false")
        if bool(self.direction) != bool(self.out or self.in_):
            raise ValueError("'direction' names a column, 'out' and 'in' what it says of money")
        return self


class Member(Strict):
    """One raw table: a file of its own, or a file, sheet or table within one."""

    file: FileName
    """Path within the archive (a zip within a zip is one step of the path), or the sheet's name."""
    also: list[FileName] = []
    """Further files or sheets there that are the same table and written alike."""
    table: Name
    """The name under which the SQL finds it."""
    csv: Csv = Csv()
    """How a delimited text file is written."""
    skip: Annotated[int, Field(ge=0)] = 0
    """Lines of title above the names of the columns."""
    footer: Annotated[int, Field(ge=0)] = 0
    """Lines below the last row."""
    without: dict[str, list[str]] = {}
    """Rows that are none or do not count, such as totals, repeated names of columns and closed
    accounts: by a column, what it holds in them; an empty text stands for a blank cell."""
    read: dict[str, Reading] = {}
    """How columns are read; the others reach the SQL as they are, text as text."""
    unused: str = ""
    """Why nothing uses it; it is not read then."""
    sha256: Sha256 | None = None
    """Of the file by itself, for mirrors that hold it unpacked."""
    rows: int | None = None
    """Rows of the whole file."""
    may_be_partial: bool = False
    """Fewer rows are a stated limitation, not an error."""
    optional: bool = False
    """Where the file is absent, the SQL finds an empty table."""

    @model_validator(mode="after")
    def _known_columns(self) -> Member:
        if self.optional and self.csv.columns is None:
            raise ValueError("an optional file needs 'csv.columns'")
        return self


class Server(Strict):
    """A database server. The password is read from the environment, never from a file."""

    kind: Literal["postgresql", "mysql", "sqlserver", "oracle", "db2"] = "postgresql"
    """``mysql`` is MariaDB too; of the last three it is said how their tables become files."""
    host: str
    """Its address."""
    port: Annotated[int, Field(gt=0, lt=65536)] | None = None
    """That of the kind of server, unless it is said: 5432, 3306."""
    database: str
    """The database on it."""
    user: str
    """Who logs in; let it be somebody who may only read."""
    password_variable: str = ""
    """The variable of the environment that holds the password: PGPASSWORD or MYSQL_PWD, unless it
    is said."""


_OF_A_TABLE = ("table", "csv", "rows", "skip", "footer", "without", "read",
               "unused")  # fmt: skip


def _stem(name: str) -> str:
    """A file's name without its ending, packed or not."""
    path = Path(name)
    packed = path.suffix.lower() in {".gz", ".bz2", ".xz", ".zst"}
    return Path(path.stem).stem if packed else path.stem


class Source(Strict):
    """A raw file of the study, or a server: where raw tables come from."""

    file: FileName = ""
    """Its name in the study's folder, in the folder `raw` there, or in a mirror. A pattern such as
    payments_*.csv, or a folder, names several of one's own files that are one table."""
    server: Server | None = None
    """A database server, in place of a file."""
    url: Annotated[str, Field(pattern="^https?://")] | None = None
    """Where the file is downloaded from, if it is not here."""
    sha256: Sha256 | None = None
    """Of the file; without one, the first download is trusted and pinned."""
    size: Annotated[int, Field(gt=0)] | None = None
    """Of the file, in bytes."""
    members: list[Member] = []
    """The tables of a file; a plain file has one, itself."""
    tables: dict[Name, str] = {}
    """Of a database: the SQL's name of each table to be read, and its name there."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """Let a file that is one table be written without members."""
        if not isinstance(value, dict) or not isinstance(value.get("file"), str):
            return value
        if {"members", "tables", "server"} & value.keys():
            return value
        own = {key: value[key] for key in _OF_A_TABLE if key in value}
        rest = {key: item for key, item in value.items() if key not in own}
        default = {"table": _stem(value["file"])}
        return {**rest, "members": [{"file": value["file"], **default, **own}]}

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        if bool(self.file) == (self.server is not None):
            raise ValueError("a source has a 'file' or a 'server', not both")
        inner = [member.file for member in self.raw_tables]
        if self.kind in {"sqlite", "duckdb", "server"} and inner in ([], [self.file]):
            raise ValueError("a database needs 'tables': {name in the SQL: name in the database}")
        if self.kind in {"text", "parquet"} and (self.tables or not self.members):
            raise ValueError("'tables' is for databases; a file has 'table', an archive 'members'")
        return self

    @property
    def kind(self) -> str:
        """What is read, by the file's ending."""
        return "server" if self.server is not None else kind_by_ending(self.file)

    @property
    def raw_tables(self) -> list[Member]:
        """The tables that it gives, under the names by which the SQL finds them."""
        listed = [Member(file=inner, table=name) for name, inner in self.tables.items()]
        return [*listed, *self.members]

    @property
    def names(self) -> list[str]:
        """The names under which the SQL finds its tables."""
        return [member.table for member in self.raw_tables]

    @property
    def is_archive(self) -> bool:
        """Whether the members lie within the file."""
        return self.kind in {"text", "parquet"} and [m.file for m in self.members] != [self.file]


class Note(Strict):
    """A sentence on the data as they came; ``{n}`` is what the SQL counts at ingest."""

    text: str
    """The sentence, which the report says with the study's description."""
    sql: str | None = None
    """A query of one value over the raw tables."""


def named_in(condition: str, names: Iterable[str]) -> list[str]:
    """The columns that an SQL condition names."""
    words = re.findall(r"\w+", re.sub(r"'[^']*'", "", condition).casefold())
    return [name for name in names if name.casefold() in words]


def present(declared: Mapping[str, AttributeSpec], table: Path | None) -> list[str]:
    """Names of declared columns, without the optional ones that the written table lacks."""
    import pyarrow.parquet as pq

    names = set(pq.read_schema(table).names) if table else set()
    return [name for name, column in declared.items() if name in names or not column.optional]


Share = Annotated[float, Field(gt=0, lt=1)]


class StudySpec(Strict):
    """A study.yaml."""

    title: Text
    """Of the study, for the report."""
    description: Text
    """What the data are, in a paragraph for readers of the report."""
    licence: Text
    """On what terms the data may be used."""
    citation: str = ""
    """The work to be cited: its key in the report's bibliography."""
    simulated: bool = False
    """Whether the data are made by the simulated bank; that study has no files."""
    as_of: Annotated[dt.date, Field(strict=False)]
    """The last day that the data know; nothing in them is dated later."""
    currency: Text
    """Of all amounts, such as EUR."""
    firm: Literal["bank", "insurer", "shop"] = "bank"
    """What the report calls the firm whose customers these are."""
    value_is: Literal["margin", "sales"] = "margin"
    """What the value of a contact is: the bank's margin, or sales where margins are not known."""
    customer_ids: IdForm = "as-written"
    """What is done to every customer's id, so that ids of several files meet."""
    sources: list[Source] = []
    """The raw files and servers."""
    tables: dict[Literal[TABLES], FileName] = {}  # type: ignore[valid-type]
    """By canonical table, the SQL file that makes it: one SELECT over the raw tables, in DuckDB's
    dialect. It reads no other file, and nothing that changes from run to run."""
    attributes: dict[Name, AttributeSpec] = {}
    """The further columns of customers, by name; each must be declared."""
    outcomes: dict[Name, AttributeSpec] = {}
    """The further columns of contacts, by name: what came of them."""
    structural_pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    """Pairs of product_id of which the first implies the second by construction: no finding."""
    channels: list[ChannelSpec] = []
    """What a plan may use; without any, no plan is made."""
    marketing: MarketingSpec = MarketingSpec()
    """What a program cannot know of a campaign."""
    control: list[Word] | None = None
    """Arms of contacts that were deliberately not contacted; empty where every arm was."""
    assignment: Literal["randomised", "chosen"] | None = None
    """Whether chance decided who was contacted; None where `propensity` tells."""
    shares: dict[Word, Share] = {}
    """Of a randomised assignment, the probability of each arm."""
    objection: Word | None = None
    """Who objects to marketing, where the query of customers does not say it: an SQL condition over
    the declared attributes, such as NOT newsletter. Those that it names describe customers no more.
    Or none: no column tells."""
    eligibility: list[EligibilityRule] = []
    """Who may be offered what by the bank's own rules, beyond age, objection and suitability."""
    expected_loss: list[ExpectedLoss] = []
    """What a sale is expected to lose; a product without one is expected to lose nothing."""
    notes: list[Note] = []
    """What readers must know of the data."""
    names: dict[Name, dict[Text, Text]] = {}
    """What the data's names, labels, notes and this file's title and description are called in a
    language of the report: by language, word for word. A name may have blanks, as {n} in notes."""
    parameters: dict[str, Any] = {}
    """Parameters that this study sets; those of the command line prevail."""

    @property
    def objects(self) -> str:
        """The condition that says who objects to marketing; empty where none does."""
        return "" if (self.objection or "none").casefold() == "none" else str(self.objection)

    @model_validator(mode="after")
    def _telling_objections(self) -> StudySpec:
        for name in named_in(self.objects, self.attributes):
            del self.attributes[name]  # who objects forms and predicts nothing
        return self

    @model_validator(mode="after")
    def _complete(self) -> StudySpec:
        if not self.simulated and "customers" not in self.tables:
            raise ValueError("'tables' must name the SQL file of customers")
        if self.simulated and (self.tables or self.sources):
            raise ValueError("a simulated study has neither 'sources' nor 'tables'")
        names = [name for source in self.sources for name in source.names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {', '.join(twice)}: give each its 'table'")
        taken = sorted(
            {*self.attributes} & {*CONTRACTS["customers"].key}
            | {*self.outcomes} & {*CONTRACTS["contacts"].columns}
        )
        if taken:
            raise ValueError(f"{', '.join(taken)}: a column of every study, not one of this study")
        channels = [channel.name for channel in self.channels]
        if len(set(channels)) < len(channels):
            raise ValueError("two 'channels' have one name")
        rules = [rule.name for rule in self.eligibility]
        lost = [product for loss in self.expected_loss for product in loss.products]
        for key, listed in (("eligibility", rules), ("expected_loss", lost)):
            if len(set(listed)) < len(listed):
                raise ValueError(f"'{key}' names something twice")
        return self

    @model_validator(mode="after")
    def _drawn(self) -> StudySpec:
        declared = [name for name in ("control", "assignment", "shares") if getattr(self, name)]
        if declared and "contacts" not in self.tables:
            raise ValueError(f"'{declared[0]}' speaks of contacts, and 'tables' names no contacts")
        if self.shares and self.assignment != "randomised":
            raise ValueError("'shares' are those of a draw: say 'assignment: randomised' too")
        return self
