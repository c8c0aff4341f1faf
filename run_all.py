"""Run the case study: one study in, one run folder with a report out.

``python run_all.py --help`` tells the options; ``make study`` installs and runs.
"""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from pmlib import params
from pmlib.errors import StudyError
from pmlib.runner.stage import StageError

PROJECT = Path(__file__).resolve().parent
STAGE = click.Choice(params.CHAPTERS)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--study",
    default="casebank",
    show_default=True,
    metavar="NAME|FOLDER",
    help="A study under data/, or a folder with a study.yaml.",
)
@click.option(
    "-p",
    "assignments",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter; repeat for more.",
)
@click.option("-f", "file", type=click.Path(path_type=Path), help="YAML file of parameters.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run folder.  [default: reports/<study>, with what is changed by -p and -f in its name]",
)
@click.option(
    "--engine",
    default="duckdb",
    show_default=True,
    help="duckdb, spark, or the address of a Spark master.",
)
@click.option(
    "--mirror",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar="PMLIB_MIRROR",
    show_envvar=True,
    help="Folder to take raw files from instead of downloading them.",
)
@click.option(
    "--from-stage",
    "first",
    type=STAGE,
    default=params.CHAPTERS[0],
    metavar="CHAPTER",
    help="Leave the chapters before this one as they are.",
)
@click.option(
    "--to-stage",
    "last",
    type=STAGE,
    default=params.CHAPTERS[-1],
    metavar="CHAPTER",
    help="Stop after this chapter; no report is built.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with the results of a campaign that carried out the plan.",
)
@click.option(
    "--compare",
    "compared",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="RUN...",
    help="Set finished runs side by side on one page; the others are compared with the first.",
)
@click.option(
    "--sweep",
    "swept",
    multiple=True,
    metavar="NAME=V1,V2,...",
    help="Run each of these values, or each combination, and compare the runs.",
)
@click.option(
    "--numbers",
    default="",
    metavar="KEY,KEY,...",
    help="Numbers of results.json to draw over the parameter that differs.",
)
@click.option("--force", is_flag=True, help="Run what is up to date too.")
@click.option("--dry-run", is_flag=True, help="Tell what would run and why; write nothing.")
@click.option("--list-parameters", is_flag=True, help="Show name, default, range and meaning.")
@click.option("--list-studies", is_flag=True, help="Show the studies that come with the project.")
@click.option("--open", "show", is_flag=True, help="Open the report in the browser.")
@click.option("--pdf", is_flag=True, help="Print the report to report.pdf too (needs Chromium).")
@click.option(
    "--check",
    is_flag=True,
    help="Check the study's tables, describe them, tell what a run will show; no run.",
)
@click.option(
    "--confirm",
    is_flag=True,
    help="Take the CHECK marks off a drafted study, once they are read.",
)
@click.option(
    "--new-study",
    "draft",
    type=click.Path(path_type=Path, file_okay=False),
    help="Draft a study.yaml in this folder from the files given with --from.",
)
@click.option(
    "--from",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE...",
    help="A bank's own files, or folders of them: text, Excel, SPSS, Stata, SAS, databases, zip.",
)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="")
def main(**given: Any) -> None:
    """Run the precision-marketing case study on a bank's data.

    The stages are data_profiling, segmentation, association_analysis, strategy_design and
    campaign_evaluation. Only what has changed since the last run is run again.
    """
    if given["list_parameters"]:
        table = params.describe().drop(columns="chapters")
        click.echo(table.to_string(index=False, justify="left"))
        return
    from pmlib import studies  # which takes a moment; --help should not

    if given["more"] and not (given["files"] or given["compared"]):
        said = " ".join(map(str, given["more"]))
        raise click.UsageError(f"Got an unexpected argument. Did you mean --study {said}?")
    if given["files"] and given["draft"] is None:
        raise click.UsageError("--from drafts a study: name its folder with --new-study.")
    if given["dry_run"] and (given["swept"] or given["compared"]):
        raise click.UsageError("--dry-run tells of one run: leave out --sweep and --compare.")
    if given["list_studies"]:
        for name in studies.list_studies():
            click.echo(f"{name:<16} {studies.load_spec(name).title}")
    elif given["draft"] is not None:
        from pmlib import drafting

        click.echo(drafting.draft_study(given["draft"], [*given["files"], *given["more"]]))
    elif given["confirm"]:
        guesses = studies.confirm(given["study"])
        click.echo("\n".join(guesses))
        click.echo(f"Confirmed {len(guesses)} guesses; next: --check")
    elif given["check"]:
        values = _parameters(given)
        mirror, progress = given["mirror"], click.echo
        table = studies.check_study(given["study"], values, mirror=mirror, progress=progress)
        click.echo(table.to_string(index=False, justify="left"))
        click.echo(f"\n{_foretold(given, values)}")
        studies.require_confirmed(given["study"])
    elif given["compared"]:
        _compare([*given["compared"], *given["more"]], given)
    elif given["swept"]:
        _sweep(given)
    else:
        _run(given)


def _parameters(given: dict[str, Any]) -> params.Parameters:
    """Resolve the parameters of a run: schema < study.yaml < -f < -p."""
    from pmlib import studies

    assignments = given["assignments"]
    if given["results"] is not None:
        assignments += (("campaign_results", str(given["results"])),)
    overrides = studies.load_spec(given["study"]).parameters
    values = params.resolve(overrides=overrides, file=given["file"], assignments=assignments)
    for name in ("names_from", "campaign_results"):
        path = getattr(values, name)
        if path is not None and not Path(path).is_file():
            raise StudyError("The file that a parameter names is missing.", where=name, found=path)
        if path is not None:  # notebooks run in a folder of their own
            values = values.model_copy(update={name: str(Path(path).resolve())})
    return values


def _out(given: dict[str, Any], values: params.Parameters) -> Path:
    """Run folder: as asked, or named by what is not as usual in the study."""
    from pmlib import studies
    from pmlib.runner.variants import folder_name
    from pmlib.studies.folders import folder_of

    if given["out"] is not None:
        return Path.cwd() / given["out"]
    usual = params.resolve(overrides=studies.load_spec(given["study"]).parameters)
    return PROJECT / "reports" / folder_name(folder_of(given["study"]).name, usual, values)


def _compare(folders: list[Path], given: dict[str, Any]) -> None:
    """Write the page that sets runs side by side, and say where it is."""
    from pmlib.report.comparison import compare

    numbers = [key.strip() for key in given["numbers"].split(",") if key.strip()]
    page = compare(folders, numbers=numbers, out=given["out"] or PROJECT / "reports")
    click.echo(f"Comparison: {page}")
    if given["show"]:
        webbrowser.open(page.resolve().as_uri())


def _sweep(given: dict[str, Any]) -> None:
    """Run each combination of values in a folder of its own, and compare them."""
    from pmlib.runner.variants import combinations, run_variants

    passed = ["--study", given["study"], "--engine", given["engine"]]
    for option in ("file", "mirror", "results"):
        if given[option] is not None:
            passed += ["-f" if option == "file" else f"--{option}", str(given[option])]
    passed += ["--force"] if given["force"] else []
    commands = {}
    for chosen in combinations(given["swept"]):
        assignments = (*given["assignments"], *chosen)
        asked = {**given, "assignments": assignments, "out": None}
        folder = _out(asked, _parameters(asked))
        if given["out"]:
            folder = given["out"] / "-".join(f"{name}-{value}" for name, value in chosen)
        parameters = [part for pair in assignments for part in ("-p", *pair)]
        commands[folder] = [*passed, *parameters]
    run_variants(commands, echo=click.echo)
    _compare(list(commands), given)


def _foretold(given: dict[str, Any], values: params.Parameters) -> str:
    """What a run will show of the study: a line a section, reasons indented beneath."""
    from pmlib import outlook, studies
    from pmlib.engine import open_engine
    from pmlib.texts import open_language

    study = studies.prepare(given["study"], values, mirror=given["mirror"])
    language = open_language(values.language)
    with closing(open_engine("duckdb")) as engine:
        table = outlook.outlook(study, engine, values, language)
    width, lines = table["outlook"].str.len().max() + 2, [language.source(outlook.FILE, "title")]
    indent = " " * (width + 4)
    for chapter, sections in table.groupby("chapter", sort=False):
        lines += ["", str(chapter)]
        for row in sections.itertuples():
            lines.append(f"  {row.outlook:<{width}}{row.section}")
            lines += textwrap.wrap(row.reason, 100, initial_indent=indent, subsequent_indent=indent)
    return "\n".join(lines)


def _run(given: dict[str, Any]) -> None:
    """Prepare the study, run its stages, and say where the report is."""
    from pmlib import studies
    from pmlib.engine import open_engine
    from pmlib.report.pdf import require_browser, write_pdf
    from pmlib.runner.request import Request, study_record
    from pmlib.runner.run import foretell, require_writable, run
    from pmlib.runner.variants import begin_from
    from pmlib.studies.folders import folder_of

    started = time.perf_counter()
    if given["pdf"]:
        require_browser()
    values = _parameters(given)
    folder = folder_of(given["study"])
    out, usual = _out(given, values), PROJECT / "reports" / folder.name
    study: studies.Study | None
    if given["dry_run"]:
        study = studies.prepared(str(folder), values, mirror=given["mirror"])
        told = "up to date" if study else "would be made first, then all chapters"
        click.echo(f"{'data':<22} {told}")
        if study is None:
            return
        if given["out"] is None and not out.exists():
            out = usual  # with whose stages it would begin
    else:
        if given["out"] is None:
            begin_from(out, usual)
        require_writable(out)
        open_engine(given["engine"]).close()
        if given["mirror"] is not None:  # notebooks look there too
            os.environ["PMLIB_MIRROR"] = str(given["mirror"].resolve())
        study = studies.prepare(str(folder), values, mirror=given["mirror"], progress=click.echo)
        click.echo(f"{'data':<22} {time.perf_counter() - started:6.1f} s")
    request = Request(
        study=study_record(study),
        source=folder.name if folder.parent == PROJECT / "data" else str(folder),
        values=values,
        out=out,
        engine=given["engine"],
        first=given["first"],
        last=given["last"],
        force=given["force"],
    )
    if given["dry_run"]:
        click.echo("\n".join(foretell(request)))
        return
    report = run(request, echo=click.echo)
    elapsed = time.perf_counter() - started
    if report is None:
        click.echo(f"Stopped after {request.last} ({elapsed:.0f} s); no report was built.")
        return
    click.echo(f"Report: {report}  ({elapsed:.0f} s)")
    if given["pdf"]:
        click.echo(f"PDF: {write_pdf(report)}")
    if given["show"]:
        webbrowser.open(report.as_uri())


def console() -> int:
    """Run the command and return the exit code; an error a user can mend shows no traceback."""
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except StudyError as error:
        click.echo(str(error), err=True)
        return 2
    except PermissionError as error:  # wherever a folder is another user's
        closed = StudyError(
            "A file or folder is closed to this user.",
            where=str(error.filename or ""),
            rule="tables, artefacts and private files are readable by their owner only",
            found=error.strerror or str(error),
            remedy="Run as their owner, or copy the study's folder and choose another --out.",
        )
        click.echo(str(closed), err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; what was finished is kept.", err=True)
        return 130
    except StageError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that child processes end too
    sys.exit(console())
