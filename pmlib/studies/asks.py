"""What a drafted study still asks: unanswered questions and guesses that nobody has read.

A question is the value ``ASK`` where the answer belongs, with the question in the comment above; a
guess is a comment that begins with ``CHECK:``. Nothing runs while there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from pmlib.errors import StudyError
from pmlib.files import written_whole

ASK = "ASK"


@dataclass(frozen=True)
class Ask:
    """A question or a guess: the file and line where it stands, and what it says."""

    file: str
    line: int
    said: str
    is_question: bool

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.said}"


def questions(text: str, file: str) -> list[Ask]:
    """The unanswered questions of a study.yaml, in its order."""
    lines = text.splitlines()
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return []  # told where the file is read
    return [
        Ask(
            file,
            number,
            f"{_comment_above(lines, number)} ({'.'.join(path)})".strip(),
            is_question=True,
        )
        for path, number in _asking(root, ())
    ]


def _asking(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.ScalarNode) and node.value == ASK:
        yield path, node.start_mark.line + 1
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _asking(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _asking(value, path)


def _comment_above(lines: list[str], number: int) -> str:
    """The lines of comment right above a line, and what stands behind it, as one text."""
    said: list[str] = []
    above = number - 2
    while above >= 0 and lines[above].lstrip().startswith("#"):
        said.insert(0, lines[above].lstrip().lstrip("#").strip())
        above -= 1
    behind = lines[number - 1].partition(" # ")[2].replace("CHECK:", "").strip()
    return " ".join([*said, *([behind] if behind else [])]) or "a question"


def guesses(path: Path) -> list[Ask]:
    """The guesses of a study.yaml or a SQL file that are still marked."""
    sign = "--" if path.suffix == ".sql" else "#"
    found = []
    text = path.read_text(encoding="utf-8-sig", errors="replace")  # bytes are told where it is run
    for number, line in enumerate(text.splitlines(), 1):
        before, mark, said = line.partition(f"{sign} CHECK:")
        if mark:
            shown = f"{said.strip()}: {before.strip()}" if before.strip() else said.strip()
            found.append(Ask(path.name, number, shown, is_question=False))
    return found


def open_asks(folder: Path, files: tuple[str, ...]) -> list[Ask]:
    """All that a study asks: questions first, then guesses, file by file."""
    paths = [folder / file for file in files]
    texts = [path for path in paths if path.is_file()]
    asked = [ask for path in texts if path.suffix != ".sql"
             for ask in questions(path.read_text(encoding="utf-8-sig"), path.name)]  # fmt: skip
    return [*asked, *(guess for path in texts for guess in guesses(path))]


def require_none(asks: list[Ask], folder: Path) -> None:
    """Raise the StudyError that names all that is asked; nothing where nothing is."""
    asked = [ask for ask in asks if ask.is_question]
    if asked:
        raise StudyError(
            f"The study asks {_count(len(asked), 'question')} that nobody has answered.",
            where=str(folder),
            rule="nothing is run on a guess that numbers depend on",
            found="\n           ".join(map(str, asked)),
            remedy=f"In these lines write an answer in place of {ASK}, then check again.",
        )
    if asks:
        raise StudyError(
            f"The study holds {_count(len(asks), 'guess', 'guesses')} that nobody has confirmed.",
            where=str(folder),
            rule="each line marked CHECK is read, and mended where it is wrong, before a run",
            found="\n           ".join(map(str, asks)),
            remedy="Mend what is wrong; then take the marks away: "
            f"python run_all.py --study {folder} --confirm",
        )


def confirm(folder: Path, files: tuple[str, ...]) -> list[Ask]:
    """Take the marks of guesses away, questions stay; return the guesses that were confirmed."""
    confirmed = []
    for path in (folder / file for file in files):
        if path.is_file() and (found := guesses(path)):
            sign = "--" if path.suffix == ".sql" else "#"
            text = path.read_text(encoding="utf-8-sig")
            with written_whole(path) as aside:
                aside.write_text(text.replace(f"{sign} CHECK:", sign), encoding="utf-8")
            confirmed += found
    return confirmed


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
