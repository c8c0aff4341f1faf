"""Each rule and each statistic is defined once: by name, and where its arithmetic is called."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    path.relative_to(ROOT / "pmlib"): path.read_text()
    for path in (ROOT / "pmlib").rglob("*.py")
    if path.parent.name != "figures"  # where a function is named for what it draws
}

# What a module defines: where, and which calls into libraries give the same thing.
STATISTICS = {
    "wilson": ("inference/proportions.py", ["proportion_confint", "proportion_ci"]),
    "newcombe": ("inference/proportions.py", ["confint_proportions_2indep"]),
    "newcombe_spending": ("inference/means.py", []),
    "welch": ("inference/means.py", ["ttest_ind"]),
    "effective_number": ("inference/means.py", []),
    "student_quantile": ("inference/means.py", ["t.ppf", "t.isf", "stdtrit"]),
    "normal_quantile": ("inference/normal.py", ["norm.ppf", "norm.isf", "ndtri"]),
    "upper_tail": ("inference/normal.py", ["norm.sf", "norm.cdf", "ndtr("]),
    "chi_square_tail": ("inference/normal.py", ["chi2.sf", "chdtrc"]),
    "holm": ("inference/many_tests.py", ["multipletests"]),
    "benjamini_hochberg": ("inference/many_tests.py", ["false_discovery_control"]),
    "roc_area": ("inference/ranking.py", ["roc_auc_score"]),
    "auc_interval": ("inference/ranking.py", []),
    "rate_power": ("inference/power.py", ["NormalIndPower", "power_proportions_2indep"]),
    "detectable_mean": ("inference/power.py", []),
    "detectable_rate": ("inference/power.py", ["proportion_effectsize"]),
    "boosted_trees": ("inference/learners.py", ["HistGradientBoosting", "GradientBoosting"]),
    "one_thread": ("inference/learners.py", ["threadpool_limits"]),
}


@cache
def definitions(source: str) -> list[str]:
    """Names of functions, without the underscore of private ones."""
    return [
        node.name.lstrip("_")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    ]


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_is_defined_once(name: str) -> None:
    home, calls = STATISTICS[name]
    assert [str(path) for path, source in SOURCES.items() if name in definitions(source)] == [home]
    for call in calls:
        elsewhere = [
            str(path)
            for path, source in SOURCES.items()
            if call in source and path.parts[0] != "inference"
        ]
        assert elsewhere == [], f"{call} is called beside {name} of {home}"


def test_importing_the_chapters_loads_no_heavy_library() -> None:
    heavy = {"sklearn", "statsmodels", "scipy.stats", "seaborn", "mlxtend"}
    code = "import sys"
    for chapter in ("profiling", "segmentation", "association", "strategy", "evaluation"):
        code += f"; import pmlib.{chapter}"
        code += f"; print('{chapter}', *sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [line for line in loaded.stdout.splitlines() if " " in line] == []
    assert len(loaded.stdout.splitlines()) == 5
