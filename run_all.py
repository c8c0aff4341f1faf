"""Run the case study: one study in, one run folder with a report out.

``python run_all.py --help`` tells the options; ``make study`` installs and runs.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import webbrowser
from pathlib import Path

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
    help="Run folder.  [default: reports/<study>]",
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
@click.option("--force", is_flag=True, help="Run what is up to date too.")
@click.option("--list-parameters", is_flag=True, help="Show name, default, range and meaning.")
@click.option("--list-studies", is_flag=True, help="Show the studies that come with the project.")
@click.option("--open", "show", is_flag=True, help="Open the report in the browser.")
def main(
    study: str,
    assignments: tuple[tuple[str, str], ...],
    file: Path | None,
    out: Path | None,
    engine: str,
    mirror: Path | None,
    first: str,
    last: str,
    results: Path | None,
    *,
    force: bool,
    list_parameters: bool,
    list_studies: bool,
    show: bool,
) -> None:
    """Run the precision-marketing case study on a bank's data.

    The stages are data_profiling, segmentation, association_analysis, strategy_design and
    campaign_evaluation. Only what has changed since the last run is run again.
    """
    if list_parameters:
        table = params.describe().drop(columns="chapters")
        click.echo(table.to_string(index=False, justify="left"))
        return
    from pmlib import studies  # pandas and DuckDB take a moment; --help should not
    from pmlib.engine import open_engine
    from pmlib.runner.plan import Plan, study_record
    from pmlib.runner.run import require_writable, run
    from pmlib.studies.spec import folder_of

    if list_studies:
        for name in studies.list_studies():
            click.echo(f"{name:<16} {studies.load_spec(name).title}")
        return
    started = time.perf_counter()
    spec = studies.load_spec(study)
    if results is not None:
        assignments += (("campaign_results", str(results.resolve())),)
    values = params.resolve(overrides=spec.parameters, file=file, assignments=assignments)
    folder = folder_of(study)
    out = Path.cwd() / (out or PROJECT / "reports" / folder.name)
    require_writable(out)
    open_engine(engine).close()
    if mirror is not None:  # notebooks look there too
        os.environ["PMLIB_MIRROR"] = str(mirror.resolve())
    prepared = studies.prepare(str(folder), values, mirror=mirror, progress=click.echo)
    click.echo(f"{'data':<22} {time.perf_counter() - started:6.1f} s")
    bundled = folder.parent == PROJECT / "data"
    plan = Plan(
        study=study_record(prepared),
        source=folder.name if bundled else str(folder),
        values=values,
        out=out,
        engine=engine,
        first=first,
        last=last,
        force=force,
    )
    report = run(plan, echo=click.echo)
    elapsed = time.perf_counter() - started
    if report is None:
        click.echo(f"Stopped after {last} ({elapsed:.0f} s); no report was built.")
        return
    click.echo(f"Report: {report}  ({elapsed:.0f} s)")
    if show:
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
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; what was finished is kept.", err=True)
        return 130
    except StageError as error:
        click.echo(str(error), err=True)
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that child processes end too
    sys.exit(console())
