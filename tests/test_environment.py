"""pyproject.toml, environment.yml and requirements.lock say the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()

CONDA_NAMES = {"duckdb": "python-duckdb"}  # where conda-forge names a package otherwise


def required() -> list[str]:
    return [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


def locked() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def test_conda_environment_requires_what_pyproject_requires() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    expected = [f"python{PROJECT['requires-python']}"]
    for line in required():
        name = Requirement(line).name
        expected.append(CONDA_NAMES.get(name, name) + line[len(name) :])
    assert conda == expected


@pytest.mark.parametrize("line", required())
def test_the_lock_pins_what_pyproject_requires(line: str) -> None:
    wanted = Requirement(line)
    versions = locked()[canonicalize_name(wanted.name)]
    assert all(version in wanted.specifier for version in versions)


def test_the_lock_has_a_hash_for_every_pin_and_names_no_address() -> None:
    pins = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:[0-9a-f]{64}", LOCK, flags=re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[\w.-]+==", LOCK, flags=re.MULTILINE))
    assert not re.search(r"://|--find-links|--index-url|--extra-index-url", LOCK)


def test_dependencies_are_declared_if_and_only_if_they_are_imported() -> None:
    sources = [*(ROOT / "pmlib").rglob("*.py"), ROOT / "run_all.py"]
    imported = {
        name.split(".")[0]
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name
    }
    packages = metadata.packages_distributions()
    used = {
        canonicalize_name(distribution)
        for name in imported - set(sys.stdlib_module_names) - {"pmlib"}
        for distribution in packages.get(name, [name])
    }
    optional = {"pyspark", "psycopg"}
    # Started as programs, or engines that pandas loads by itself.
    programs = {"jupyterlab", "pyarrow"}
    # Installed with the declared package that they are a part of.
    parts = {"jupyter-client": "ipykernel", "ipython": "ipykernel", "jinja2": "nbconvert",
             "markupsafe": "nbconvert", "pygments": "nbconvert", "mistune": "nbconvert",
             "traitlets": "nbconvert", "urllib3": "requests", "pydantic-core": "pydantic",
             "threadpoolctl": "scikit-learn", "joblib": "scikit-learn"}  # fmt: skip
    used = {parts.get(name, name) for name in used} - optional | programs
    assert used == {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
