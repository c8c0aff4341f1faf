from __future__ import annotations

import datetime as dt
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml

from pmlib import params
from pmlib.errors import StudyError
from pmlib.notebooks import parameters_cell
from pmlib.params import CHAPTERS, Parameters, resolve

# The names that scripts of others rely on.
FIXED = {
    "seed", "n_customers", "n_months", "world", "as_of", "n_segments", "k_max", "n_bootstrap",
    "min_stability", "min_support", "min_confidence", "max_rule_length", "error_rate", "budget",
    "contact_limit", "control_share", "confidence_level", "language",
}  # fmt: skip


def test_names_that_others_rely_on_are_there() -> None:
    assert not FIXED - set(Parameters.model_fields)


def test_every_parameter_has_a_chapter_and_one_line_of_help() -> None:
    table = params.describe()
    assert (table["chapters"] != "").all()
    assert table["help"].str.fullmatch(r"[^\n]{8,90}").all()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("min_support", "1e-3", 0.001),
        ("min_support", ".02", 0.02),
        ("n_customers", "1e4", 10_000),
        ("n_customers", "20_000", 20_000),
        ("n_segments", "null", None),
        ("n_segments", "4", 4),
        ("n_segments", "010", 10),
        ("as_of", "2024-01-31", dt.date(2024, 1, 31)),
        ("as_of", "null", None),
        ("world", "null", "null"),
        ("budget", "5000", 5000.0),
        ("campaign_results", "2024", "2024"),
        ("campaign_results", "null", None),
    ],
)
def test_text_of_a_command_line_is_read_as_its_type_means_it(name, text, value) -> None:
    assert getattr(resolve(assignments=[(name, text)]), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_customers", "many"),
        ("n_customers", "2.5"),
        ("n_customers", "true"),
        ("n_customers", ""),
        ("n_customers", "null"),
        ("n_customers", "12"),
        ("min_support", "0"),
        ("min_support", "1.01"),
        ("budget", "nan"),
        ("budget", "inf"),
        ("budget", "[1, 2]"),
        ("budget", "{a: 1"),
        ("as_of", "2024-02-31"),
        ("as_of", "20240131"),
        ("as_of", "yesterday"),
        ("world", "Null"),
        ("language", "de"),
        ("correction", "bonferroni"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_rule(name, text) -> None:
    with pytest.raises(StudyError, match=rf"{name} \(-p {name}\): must be .*, found '"):
        resolve(assignments=[(name, text)])


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(StudyError, match="unknown, did you mean min_support"):
        resolve(assignments=[("min_suport", "0.1")])


def test_all_faults_are_listed_at_once_with_where_they_were_set(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("budget: -1\n")
    with pytest.raises(StudyError) as caught:
        resolve(overrides={"wrld": "hard"}, file=file, assignments=[("k_max", "1")])
    for fragment in ("wrld (study.yaml)", "budget (mine.yaml)", "k_max (-p k_max)"):
        assert fragment in str(caught.value)


def test_command_line_beats_file_beats_study_beats_schema(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 2\nbudget: 2\n")
    found = resolve(
        overrides={"seed": 1, "budget": 1, "k_max": 5}, file=file, assignments=[("seed", "3")]
    )
    assert (found.seed, found.budget, found.k_max) == (3, 2, 5)
    assert found.min_stability == Parameters().min_stability


def test_a_number_that_yaml_takes_for_text_is_a_number_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("min_support: 1e-3\nworld: null\nas_of: 2024-01-31\n")
    assert yaml.safe_load("1e-3") == "1e-3"  # why this needs a test
    found = resolve(file=file)
    assert (found.min_support, found.world, found.as_of) == (0.001, "null", dt.date(2024, 1, 31))


@pytest.mark.parametrize("content", ["- a\n", "seed: [1\n", "seed\n"])
def test_a_file_that_holds_no_parameters_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(StudyError, match=r"parameter file .*\n  where:  .*mine\.yaml"):
        resolve(file=file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot be read[\s\S]*absent\.yaml"):
        resolve(file=tmp_path / "absent.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.touch()
    assert resolve(file=file) == Parameters()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_parameters_cell_gives_back_the_defaults(chapter: str) -> None:
    namespace: dict[str, object] = {}
    exec(parameters_cell(chapter), namespace)
    assert params.from_namespace(chapter, namespace) == Parameters()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_parameters_cell_says_where_the_study_the_run_and_the_engine_are(chapter: str) -> None:
    names = [line.split(":")[0] for line in parameters_cell(chapter).splitlines()]
    assert names == ["study", "run", "engine", *params.names_of(chapter)]


def test_papermill_reads_type_default_and_help_of_a_cell(tmp_path: Path) -> None:
    import papermill

    cell = nbformat.v4.new_code_cell(
        parameters_cell("segmentation"), metadata={"tags": ["parameters"]}
    )
    path = tmp_path / "cell.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), path)
    found = papermill.inspect_notebook(str(path))
    assert found["k_max"]["inferred_type_name"] == "int"
    assert found["k_max"]["default"] == "10"
    assert found["k_max"]["help"].endswith("(segments)")


def test_numpy_scalars_of_a_notebook_are_plain_values() -> None:
    namespace: dict[str, object] = {}
    exec(parameters_cell("segmentation"), namespace)
    found = params.from_namespace("segmentation", {**namespace, "n_segments": np.int64(3)})
    assert found.n_segments == 3
    assert isinstance(found.n_segments, int)


def test_a_cell_that_lacks_a_line_says_which() -> None:
    with pytest.raises(StudyError, match=r"no line for .*k_max"):
        params.from_namespace("segmentation", {"seed": 1})


def test_an_unknown_chapter_is_refused() -> None:
    with pytest.raises(StudyError, match="Unknown chapter"):
        params.names_of("conclusion")


def test_a_chapter_may_only_read_chapters_to_its_left() -> None:
    for position, chapter in enumerate(CHAPTERS):
        assert params.NEEDS[chapter] <= set(CHAPTERS[:position])


def test_numbers_by_name_add_up_from_all_places(tmp_path) -> None:
    file = tmp_path / "costs.yaml"
    file.write_text("channel_cost: {letter: 2, phone: 9}\nchannel.e-mail 2.0.cost: 0.5\n")
    found = resolve(
        overrides={"channel_cost": {"phone": 7, "fax": 1}}, file=file,
        assignments=[("channel.letter.cost", "2.5"), ("product_margin", "{loan: 80}")],
    )  # fmt: skip
    assert found.channel_cost == {"phone": 9, "fax": 1, "letter": 2.5, "e-mail 2.0": 0.5}
    assert found.product_margin == {"loan": 80}
    assert found.flat()["channel.letter.cost"] == 2.5
    again = {name: "null" if value is None else str(value) for name, value in found.flat().items()}
    assert resolve(assignments=list(again.items())) == found


@pytest.mark.parametrize("value", ["-1", "free", "true", "nan", "null", ""])
def test_a_number_by_name_that_does_not_fit_is_named(value) -> None:
    with pytest.raises(StudyError, match=r"channel\.email\.cost \(-p .*\): must be .* >= 0, found"):
        resolve(assignments=[("channel.email.cost", value), ("channel.phone.cost", "3")])


@pytest.mark.parametrize("name", ["channel.email", "channel..cost", "channel.email.price", "a.b.c"])
def test_a_name_with_points_that_is_no_parameter_is_unknown(name) -> None:
    with pytest.raises(StudyError, match="unknown"):
        resolve(assignments=[(name, "1")])


def test_parameters_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Parameters().seed = 1


def test_the_table_shows_the_values_of_a_run() -> None:
    table = params.describe(resolve(assignments=[("k_max", "6")])).set_index("name")
    assert (table.loc["k_max", "value"], table.loc["k_max", "default"]) == ("6", "10")
