"""The command line. Thin: it reads arguments, calls, turns mistakes into a line and status 2."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nearfar.errors import UserError
from nearfar.report.signs import inert
from nearfar.report.streams import make_output_last, output_failure

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Compare ways of learning a representation, honestly, on your own data.",
)

INTERRUPTED = 130
_USAGE_ERRORS: Any = typer.BadParameter.__mro__[2]
"""click's ClickException, whether typer brings its own copy of click or not."""

Study = Annotated[str, typer.Argument(help="A shipped study (see `nearfar studies`) or a file.")]
Run = Annotated[Path, typer.Argument(help="A run folder, OUT/<study>-<profile>.")]
Profile = Annotated[
    str | None,
    typer.Option(help="full (published budget; the default), efficient, quick or smoke."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. stages.rnc.epochs=200."),
]


Modules = Annotated[
    bool, typer.Option("--modules", help="Import the modules that the run's study names: code.")
]


@app.callback()
def main_options(
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Compare ways of learning a representation, honestly, on your own data."""


@app.command()
def run(
    study: Study,
    profile: Profile = None,
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm and its baseline.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Use the seeds 0 to N-1.")] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            min=0, help="Only this seed, any from 0 up (of folds: a training); again for several."
        ),
    ] = None,
    setting: Settings = None,
    out: Annotated[Path, typer.Option(help="Folder of runs and stages.")] = Path("runs"),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Local processes (default: one for each core).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    track: Annotated[
        list[str] | None, typer.Option(help="Also tell: tensorboard, wandb or webhook.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="decided", help="Add rounds of trainings until nothing is open."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="With --until: no round but the first begins that would end later."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would run, and stop.")] = False,
) -> None:
    """Run a study, or what is missing of it, and write the report."""
    from nearfar.execution import processes

    if not dry_run and (jobs or processes.cores()) > 1:
        processes.import_ahead()
    from nearfar.commands import run_study
    from nearfar.execution.prepared import Request
    from nearfar.study.rounds import asked_rounds

    settings, trackers, only = tuple(setting or ()), tuple(track or ()), tuple(seed or ())
    rounds = asked_rounds(until, budget, seeds, settings, only)
    request = Request(
        study, profile, arm, seeds, settings, out, jobs, device, trackers, *rounds, only
    )
    raise typer.Exit(run_study(request, dry_run=dry_run))


@app.command()
def plan(
    study: Study,
    profile: Profile = None,
    setting: Settings = None,
    out: Annotated[Path, typer.Option(help="Folder of runs and stages.")] = Path("runs"),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Local processes (default: one for each core).")
    ] = None,
) -> None:
    """Say what difference a study finds with how many trainings an arm, and what that costs."""
    from nearfar.commands import plan_study
    from nearfar.execution.prepared import Request

    request = Request(study, profile, settings=tuple(setting or ()), out=out, jobs=jobs)
    raise typer.Exit(plan_study(request))


@app.command()
def studies() -> None:
    """List the studies that come with nearfar."""
    from nearfar.commands import list_studies

    list_studies()


@app.command()
def show(study: Study, profile: Profile = None, setting: Settings = None) -> None:
    """Print the resolved study, every default spelled out."""
    from nearfar.commands import show_study

    show_study(study, profile, tuple(setting or ()))


@app.command()
def init(
    data: Annotated[Path, typer.Argument(help="A table, or images: folder, table, array.")],
    target: Annotated[
        list[str] | None, typer.Option(help="The column to predict; again for several.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="What the target is: regression, classification or multilabel."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The study file.")] = None,
    separator: Annotated[str | None, typer.Option(help="Between fields of text.")] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal sign: . or ,")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of text: cp1252, latin-1.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook.")] = None,
    missing: Annotated[
        list[str] | None, typer.Option(help="What stands for a missing value; again for several.")
    ] = None,
    smiles: Annotated[str | None, typer.Option(help="The column of molecules.")] = None,
    name: Annotated[str | None, typer.Option(help="The column of display names.")] = None,
    group: Annotated[
        str | None, typer.Option(help="The column whose equal values stay in one part.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The class looked for, of two.")] = None,
    image: Annotated[str | None, typer.Option(help="The column of images or paths.")] = None,
    root: Annotated[str | None, typer.Option(help="The folder that paths begin at.")] = None,
    subset: Annotated[str | None, typer.Option(help="Which of several sets of images.")] = None,
    size: Annotated[int | None, typer.Option(help="Images become size x size.")] = None,
    channels: Annotated[
        int | None, typer.Option(help="Grey 1, colour 3, with transparency 2 or 4.")
    ] = None,
    channel_axis: Annotated[str | None, typer.Option(help="Of arrays: first or last.")] = None,
    pages: Annotated[str | None, typer.Option(help="Of images: first or channels.")] = None,
) -> None:
    """Write a study file for your own data."""
    said = dict(locals())
    from nearfar.starter.asked import checked
    from nearfar.starter.write import write_study

    beside = {key: said[key] for key in said if key not in {"data", "target", "task", "out"}}
    path, facts = write_study(data, target or (), out, task, checked(beside))
    for fact in facts:
        typer.echo(inert(fact))
    typer.echo(f"wrote {path}; next: nearfar run {path} --profile quick")


@app.command()
def report(folder: Run) -> None:
    """Rebuild the summary and the page from the records."""
    from nearfar.commands import rebuild_report

    rebuild_report(folder)


@app.command()
def predict(
    folder: Run,
    data: Annotated[Path, typer.Argument(help="Rows to predict for, as in the study's data.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV or parquet to write, - prints.")
    ],
    arm: Annotated[
        str | None, typer.Option(help="The arm to use (default: the one that the run recommends).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="One seed's model, not the mean.")] = None,
    modules: Modules = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows that cannot be used.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
) -> None:
    """Predict new rows: the mean over seeds, with their spread as uncertainty."""
    from nearfar.execution.predict import predict_file

    said = predict_file(
        folder, arm, data, output, seed, modules=modules, strict=strict, force=force
    )
    typer.echo(said, err=output == Path("-"))


@app.command()
def clean(
    out: Annotated[Path, typer.Argument(help="Folder of runs and stages.")] = Path("runs"),
) -> None:
    """Remove stages that no run refers to."""
    from nearfar.commands import clean_stages

    clean_stages(out)


@app.command()
def merge(
    out: Annotated[Path, typer.Argument(help="Folder of runs and stages that is added to.")],
    others: Annotated[list[Path], typer.Argument(help="Others, which stay as they are.")],
) -> None:
    """Take over the stages and runs of other folders of runs, verified."""
    from nearfar.commands import merge_runs

    raise typer.Exit(merge_runs(out, others))


def _exit_status(action: Any) -> int:
    try:
        action()
    except UserError as error:
        print(f"nearfar: {inert(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nearfar: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except Exception as error:
        line = inert(f"{type(error).__name__}: {error}")
        print(f"nearfar: {line} (--debug shows more)", file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """Run the command line and exit with 0 (done), 1 (failed), 2 (user's mistake) or 130."""

    def call() -> None:
        try:
            status = app(standalone_mode=False)
        except typer.Abort:
            raise KeyboardInterrupt from None
        except _USAGE_ERRORS as error:
            raise UserError(error.format_message()) from None
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status:
            raise SystemExit(status)

    make_output_last()
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        sys.argv.remove("--debug")
        os.environ["NEARFAR_DEBUG"] = "1"
        call()
        return
    status = _exit_status(call)
    if failure := output_failure():
        print(f"nearfar: standard output: {failure}", file=sys.stderr)
    sys.exit(status or int(bool(failure)))
