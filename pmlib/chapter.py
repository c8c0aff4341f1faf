"""The chapter: what a notebook opens, asks for data, shows its findings through, and saves into.

Everything shown is an HTML fragment (or a Markdown sentence) that reads well in JupyterLab as it
is; the report later numbers it and resolves its references.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
from IPython.display import HTML, Markdown, display

from pmlib import params as parameters
from pmlib import studies
from pmlib.engine import Engine, open_engine
from pmlib.errors import StudyError, nearest
from pmlib.figures.style import Drawing, to_svg
from pmlib.files import (
    folder_written_whole,
    read_frame,
    read_json,
    scratch,
    write_frame,
    write_json,
)
from pmlib.inference.learners import keep_to_one_thread
from pmlib.markup import caption_html
from pmlib.numbers import Fact, Finding, Number, Phrase, from_records, to_records
from pmlib.owner import joined, require_run
from pmlib.safeguards import all_hidden, published
from pmlib.tables import csv_of, figure_html, to_html
from pmlib.texts import Look, Words, open_language

_ORDER = ("customer_id", "product_id")


class Chapter:
    """One chapter of the case study while its notebook runs.

    Open it with `Chapter.open`; it then offers the study's tables, shows figures, tables and
    sentences, and saves what later chapters need.

    Attributes
    ----------
    name : str
        One of `pmlib.params.CHAPTERS`.
    params : pmlib.params.Parameters
    study : pmlib.studies.Study
    engine : pmlib.engine.Engine
    run : pathlib.Path
        The run's folder.
    as_of : datetime.date
        The day as of which the bank is looked at.
    """

    def __init__(
        self,
        name: str,
        run: Path,
        *,
        params: parameters.Parameters,
        study: studies.Study,
        engine: Engine,
    ) -> None:
        self.name, self.run = name, run
        self.params, self.study, self.engine = params, study, engine
        self.as_of = study.as_of
        self._unsaid = tuple(study.rare.get("unsaid", ()))
        self.language = open_language(params.language).with_names(study.names, self._unsaid)
        self._recorded: dict[str, Number | Fact] = {}
        self._said: list[Phrase] = []
        self._before: dict[str, Number | Fact] | None = None

    @classmethod
    def open(cls, name: str, namespace: Mapping[str, Any]) -> Chapter:
        """Check the notebook's parameters, prepare its study and open its run folder.

        `namespace` is ``vars()`` of the notebook: its parameters cell has been run. StudyError
        where a parameter, the study or the run folder is not as it must be.

        The notebook has one thread for linear algebra from here on: threads of many small products
        only wait for each other, and runs that `run_all.py` starts have no more.
        """
        keep_to_one_thread()
        _require_known(name, namespace)
        params = parameters.from_namespace(name, namespace)
        study = studies.prepare(str(namespace["study"]), params)
        run = parameters.PROJECT / str(namespace["run"])
        engine = open_engine(str(namespace["engine"]), scratch(run, name))
        return cls(name, run, params=params, study=study, engine=engine)

    # --- data in ------------------------------------------------------------------------------

    def scan(self, table: str) -> nw.LazyFrame:
        """Open a canonical table of the study."""
        return self.study.scan(table, self.engine)

    @property
    def tables(self) -> dict[str, nw.LazyFrame]:
        """All canonical tables of the study, opened."""
        return {name: self.scan(name) for name in self.study.tables}

    def load(self, chapter: str, frame: str) -> pd.DataFrame:
        """Read a data frame that an earlier chapter saved; empty where it had none to save."""
        folder = self.run / "artifacts" / chapter
        path = folder / f"{frame}.parquet"
        if not path.is_file() and (folder / "numbers.json").is_file():
            return pd.DataFrame()
        return read_frame(path)

    def load_value(self, chapter: str, value: str) -> Any:
        """Read a JSON value that an earlier chapter saved."""
        return read_json(self.run / "artifacts" / chapter / f"{value}.json")

    def load_private(self, chapter: str, table: str) -> Path:
        """Path of a customer-level table that an earlier chapter saved; else StudyError."""
        path = self.run / "private" / chapter / f"{table}.parquet"
        if not path.is_file():
            raise StudyError(
                "A customer-level artefact of an earlier chapter is missing.",
                where=str(path),
                remedy="Run the chapters before this one: python run_all.py",
            )
        return path

    # --- findings out -------------------------------------------------------------------------

    def show(self, finding: Finding, *parts: str | Drawing) -> None:
        """Show a finding: keep its numbers and facts, then say, tabulate and draw its parts.

        Parameters
        ----------
        finding : Finding
            One that is absent says why, once, and nothing else; its facts are kept.
        parts : str or Drawing
            In the order of the page: the name of a text block; the label of a table, ``tbl-…``; a
            drawing. A part named as one of the finding's further tables shows that one, any other
            the main table; a table without rows is not shown. ``tbl-sheet-*`` shows every further
            table whose name starts so, worded as ``tbl-sheet``; its caption quotes what the
            finding's quotes hold under the table's name.

        Raises
        ------
        StudyError
            A text, a column, a number or a fact has no words in the catalogue.
        """
        whole, least = finding, self.params.min_group_size
        finding = published(finding, least, self.language.forms)
        self.record([*finding.numbers, *(Fact(k, v) for k, v in finding.facts.items())])
        if finding.absent:
            # Said once; the report says it again where a whole section has nothing else to say.
            again = " hidden" if finding.absent in self._said else ""
            self._said.append(finding.absent)
            source = self._rendered(finding.absent.block, finding.absent.quotes)
            display(HTML(f'<p class="pm-absent"{again}>{caption_html(source)}</p>'))
            return
        for part in parts:
            if isinstance(part, Drawing):
                before, after = whole.of(part.of), finding.of(part.of)
                drawn = not all_hidden(before, after) and self._draw(finding, part)
                if not drawn and (
                    before is not after or bool(after.get("suppressed", pd.Series()).any())
                ):
                    self.say("all-hidden", least=least)
            elif part.endswith("-*"):
                kind = part.removesuffix("-*")
                for name in finding.tables:
                    if f"tbl-{name}".startswith(f"{kind}-"):
                        self._tabulate(finding, f"tbl-{name}", kind)
            elif part.startswith("tbl-"):
                self._tabulate(finding, part, part)
            else:
                self.say(part, **finding.quotes)

    def record(self, found: Iterable[Number | Fact]) -> None:
        """Keep headline numbers and facts for the prose and for ``results.json``.

        Raises
        ------
        StudyError
            A key was used before with another value, or the catalogue does not know it.
        """
        for record in found:
            if record.value in self._unsaid:
                record = replace(record, value=self.language.forms["others"])  # noqa: PLW2901
            if not record.meaning:
                record = replace(record, meaning=self.language.described(record, self.name))  # noqa: PLW2901
            if self._recorded.get(record.key, record) != record:
                raise StudyError(
                    "Two headline numbers share one key.",
                    where=f"{self.name}: {record.key}",
                    found=f"{self._recorded[record.key].value} and {record.value}",
                    remedy="Give each number a key of its own.",
                )
            self._recorded[record.key] = record

    def say(self, block: str, **quotes: Any) -> None:
        """Show a text block (Markdown), filled in with numbers and facts, unless it is empty.

        Parameters
        ----------
        block : str
            Of the chapter's text file. It may quote all numbers and facts of this chapter and of
            those before it, by key.
        quotes
            What else it may quote.

        Raises
        ------
        StudyError
            There is no such block, or it quotes what no chapter recorded.
        """
        text = self._rendered(block, quotes)
        if text:
            display(Markdown(text))

    def words(self, phrase: Phrase) -> str:
        """Form the words of a phrase, for a name that is kept: from then on it is data."""
        return self._rendered(phrase.block, phrase.quotes, plain=True)

    def _rendered(self, block: str, quotes: Mapping[str, Any], *, plain: bool = False) -> str:
        return self.language.render(
            self.name, block, self._known(quotes), currency=self.study.currency, plain=plain
        )

    def _known(self, quotes: Mapping[str, Any]) -> dict[str, Any]:
        """What a text may quote: numbers and facts so far, and what its finding adds."""
        return {**self._earlier(), **self._recorded, **quotes}

    def _draw(self, finding: Finding, drawing: Drawing) -> bool:
        label, data = _checked(drawing.label, "fig-"), finding.of(drawing.of)
        if data.empty:
            return False
        known = self._known(finding.quotes)
        figure = drawing(
            finding, Words(self.language, self.name, label, known, self.study.currency)
        )
        if figure is None:
            return False
        look = Look(self.language, self.name, label, self.study.currency)
        shown = look.worded(data)
        alt = self._rendered(f"{label}.alt", finding.quotes, plain=True)
        caption = self._rendered(label, finding.quotes)
        fragment = figure_html(
            to_svg(figure), shown, look, alt=alt, caption=caption, beside=drawing.beside
        )
        self._show(fragment, label, shown)
        return True

    def _tabulate(self, finding: Finding, label: str, kind: str) -> None:
        name = _checked(label, "tbl-").removeprefix("tbl-")
        data = finding.of(name)
        if data.empty:
            return
        look = Look(self.language, self.name, kind, self.study.currency)
        shown = look.worded(data)
        quotes = finding.quotes if kind == label else finding.quotes[name]
        self._show(
            f'<figure class="pm-table" id="{label}">\n'
            f"<figcaption>{caption_html(self._rendered(kind, quotes))}</figcaption>\n"
            f"{to_html(shown, look)}\n</figure>",
            label,
            shown,
        )

    def _show(self, fragment: str, label: str, data: pd.DataFrame) -> None:
        # The raw values travel with the output; the report writes them out as CSV.
        display(HTML(fragment), metadata={"pmlib": {"label": label, "csv": csv_of(data)}})

    # --- what later chapters need -------------------------------------------------------------

    def save(
        self,
        *,
        frames: Mapping[str, pd.DataFrame | Finding] | None = None,
        values: Mapping[str, Any] | None = None,
        private: Mapping[str, pd.DataFrame | nw.LazyFrame | Finding] | None = None,
    ) -> None:
        """Write all that this chapter leaves behind, whole or not at all. The last call.

        Of a finding its main table is kept; one that is absent leaves nothing behind.

        Parameters
        ----------
        frames : mapping
            Name to aggregated data frame.
        values : mapping
            Name to JSON value.
        private : mapping
            Name to customer-level table (a data frame, or a lazy frame written by the engine);
            goes to the run's ``private`` folder, never into the report. A lazy one is sorted by
            customer and product; one without columns, as an absent finding has, is not written.
        """
        public, secret = self.run / "artifacts" / self.name, self.run / "private" / self.name
        with (
            joined(self.run),
            folder_written_whole(secret, private=True) as hidden,
            folder_written_whole(public, private=True) as shown,
        ):
            for name, table in _present(private):
                path = hidden / f"{name}.parquet"
                if not isinstance(table, pd.DataFrame):
                    # Engines give rows in any order; "the first 500" should be the same people.
                    columns = table.collect_schema().names()
                    order = [column for column in _ORDER if column in columns]
                    self.engine.write(table.sort(order) if order else table, path)
                elif len(table.columns):
                    write_frame(table, path)
            for name, frame in _present(frames):
                write_frame(frame, shown / f"{name}.parquet")
            for name, value in (values or {}).items():
                write_json(value, shown / f"{name}.json")
            write_json(to_records(self._recorded.values()), shown / "numbers.json")
            require_run()  # nothing is published for a run that was killed meanwhile

    def _earlier(self) -> dict[str, Number | Fact]:
        """Numbers and facts of the chapters before this one."""
        if self._before is None:
            self._before = {}
            for chapter in parameters.NEEDS[self.name]:
                path = self.run / "artifacts" / chapter / "numbers.json"
                if path.is_file():
                    self._before |= {found.key: found for found in from_records(read_json(path))}
        return self._before


def _present(tables: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Names and tables, without those of absent findings."""
    return [
        (name, table.table if isinstance(table, Finding) else table)
        for name, table in (tables or {}).items()
        if not (isinstance(table, Finding) and table.absent)
    ]


def _checked(label: str, prefix: str) -> str:
    if not label.startswith(prefix) or not label.replace("-", "").isalnum():
        raise StudyError(
            "A label is not of the expected form.",
            where=label,
            rule=f"starts with {prefix}, then letters, digits and hyphens",
        )
    return label


def _require_known(chapter: str, namespace: Mapping[str, Any]) -> None:
    """Stop at a name that was given to papermill and means nothing here: papermill only warns."""
    cells = [text for text in namespace.get("In", ()) if text.startswith("# Parameters\n")]
    nodes = [node for text in cells for node in ast.parse(text).body]
    targets = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    given = [target.id for target in targets if isinstance(target, ast.Name)]
    known = ("study", "run", "engine", *parameters.names_of(chapter))
    if unknown := [name for name in given if name not in known]:
        raise StudyError(
            "A parameter that this notebook does not have",
            where=f"notebook {chapter}",
            rule=f"one of {', '.join(known)}",
            found="; ".join(f"{name}: {nearest(name, known)}" for name in unknown),
            remedy="Correct the name. run_all.py --list-parameters shows each with its chapters",
        )
