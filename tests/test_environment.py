"""pyproject.toml, environment.yml, requirements.lock and the imports say the same."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pmlib import __version__

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = runpy.run_path(str(ROOT / "docs" / "dependencies.py"))
LOCK = (ROOT / "requirements.lock").read_text()

CONDA_NAMES = {
    "duckdb": "python-duckdb",
    "jupyter-client": "jupyter_client",
    "jupyter-core": "jupyter_core",
}  # where conda-forge names a package otherwise
NOT_AT_CONDA = {"pylopdf-fonts-zh-cn"}

# Declared, and never imported: what each is for.
COMMANDS = {
    "jupyterlab": "make lab opens the notebooks in it",
    "mypy": "make lint",
    "nbval": "a plugin of pytest: make test compares the reference notebooks with it",
    "pytest-xdist": "a plugin of pytest: make test runs in two processes",
    "ruff": "make lint",
}
# Imported where it is at hand, and never required.
AT_HAND = {"fim": "PyFIM, an alternative that a benchmark measures against if it is installed"}


def required() -> list[str]:
    return [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


def locked() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def test_conda_environment_requires_what_pyproject_requires() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    expected: list[object] = [f"python{PROJECT['requires-python']}"]
    by_pip = []
    for line in required():
        name = Requirement(line).name
        if name in NOT_AT_CONDA:
            by_pip.append(line)
        else:
            expected.append(CONDA_NAMES.get(name, name) + line[len(name) :])
    assert conda == [*expected, "pip", {"pip": by_pip}]


@pytest.mark.parametrize("line", required())
def test_the_lock_pins_what_pyproject_requires(line: str) -> None:
    wanted = Requirement(line)
    versions = locked()[canonicalize_name(wanted.name)]
    assert all(version in wanted.specifier for version in versions)


def test_the_lock_has_a_hash_for_every_pin_and_names_no_address() -> None:
    pins = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:[0-9a-f]{64}", LOCK, flags=re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[\w.-]+==", LOCK, flags=re.MULTILINE))
    assert not re.search(r"://|--find-links|--index-url|--extra-index-url", LOCK)


def test_every_package_has_a_reason_and_a_licence_in_the_docs() -> None:
    rows = DEPENDENCIES["ROW"].findall(DEPENDENCIES["DOCUMENT"].read_text("utf-8"))
    assert {canonicalize_name(name) for name, _, _ in rows} == names(NEEDED, *EXTRAS.values())
    assert all(why.strip() and licence.strip() for _, why, licence in rows)


def test_no_package_asks_more_than_to_keep_its_notices() -> None:
    found = {name: DEPENDENCIES["licences"](name) for name in DEPENDENCIES["installed"]()}
    assert len(found) > 100
    other = {name for name, own in found.items() if not own <= DEPENDENCIES["ALLOWED"]}
    assert other <= set(DEPENDENCIES["EXCEPTIONS"])


def test_the_oldest_versions_are_those_of_pyproject() -> None:
    oldest = DEPENDENCIES["required"]()
    assert set(map(canonicalize_name, oldest)) == names(NEEDED, *EXTRAS.values())
    assert all(oldest[Requirement(line).name] in Requirement(line).specifier for line in required())


def imported(*places: str) -> set[str]:
    """Third-party distributions that the sources below some files or folders import."""
    modules: set[str] = set()
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.*")):
            if file.suffix == ".py":
                modules |= modules_of(file.read_text("utf-8"))
            elif file.suffix == ".ipynb":
                cells = nbformat.read(file, as_version=4).cells
                code = [cell.source for cell in cells if cell.cell_type == "code"]
                modules |= modules_of("\n".join(code))
    own = {"pmlib", "run_all", "tests", "benchmarks"} | set(AT_HAND)
    own |= {path.stem for path in (ROOT / "benchmarks").glob("*.py")}  # they import one another
    packages = metadata.packages_distributions()
    return {
        canonicalize_name(distribution)
        for name in modules - set(sys.stdlib_module_names) - own
        for distribution in packages.get(name, [name])  # an extra that is not installed
    }


def modules_of(source: str) -> set[str]:
    """Top-level modules that a source imports anywhere, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def names(*lists: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for lines in lists for line in lines}


NEEDED, EXTRAS = PROJECT["dependencies"], PROJECT["optional-dependencies"]
STUDY = ("pmlib", "run_all.py", "notebooks")
AROUND = ("tests", "benchmarks")


def test_what_a_study_imports_is_declared() -> None:
    extras = [EXTRAS[name] for name in set(EXTRAS) - {"dev"}]
    assert imported(*STUDY) <= names(NEEDED, *extras)


def test_what_tests_and_benchmarks_import_is_declared() -> None:
    assert imported(*AROUND) <= names(NEEDED, *EXTRAS.values())


def test_what_is_required_is_imported_or_a_command() -> None:
    unused = (names(NEEDED) - imported(*STUDY)) | (names(EXTRAS["dev"]) - imported(*AROUND))
    assert unused == set(COMMANDS)


def test_an_import_within_a_function_is_seen() -> None:
    assert modules_of("import a.b\ndef f():\n    from c.d import e") == {"a", "c"}


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "abstract", "authors", "keywords"} <= set(cited)
    assert (cited["type"], cited["license"]) == ("software", PROJECT["license"])
    assert cited["version"] == __version__
    holder = re.search(r"Copyright \(c\) \d+ (.*)", (ROOT / "LICENSE").read_text())
    assert holder is not None
    assert cited["authors"] == [{"name": holder[1]}]
