"""Every command with its arguments. Thin: what a command does stands elsewhere."""

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from nearfar.cli.command import Command
from nearfar.cli.shared_arguments import (
    Address,
    Device,
    Devices,
    Document,
    Executor,
    ImageRoot,
    Jobs,
    ModelFormat,
    Modules,
    Node,
    Nodes,
    NoModules,
    OnlyArms,
    OnlySeeds,
    Out,
    Profile,
    RefitDevice,
    Run,
    RunName,
    Seeds,
    Settings,
    Storage,
    Study,
    Track,
    UsedArm,
)
from nearfar.errors import UserError, printable

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Compare ways of learning a representation, honestly, on your own data.",
)


def _say_version(asked: bool) -> None:
    if asked:
        from nearfar import __version__

        typer.echo(f"nearfar {__version__}")
        raise typer.Exit


@app.callback()
def main_options(
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which version this is.", callback=_say_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Compare ways of learning a representation, honestly, on your own data."""


@app.command(cls=Command)
def run(
    study: Study,
    profile: Profile = None,
    arm: OnlyArms = None,
    seeds: Seeds = None,
    seed: OnlySeeds = None,
    setting: Settings = None,
    out: Out = Path("runs"),
    jobs: Jobs = None,
    device: Device = "auto",
    track: Track = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="decided", help="Add rounds of trainings until nothing is open."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="With --until: no round but the first begins that would end later."),
    ] = None,
    name: RunName = None,
    no_modules: NoModules = False,
    devices: Devices = 1,
    nodes: Nodes = 1,
    node: Node = 0,
    executor: Executor = "local",
    address: Address = None,
    storage: Storage = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would run, and stop.")] = False,
) -> None:
    """Run a study, or what is missing of it, and write the report."""
    from nearfar.execution import processes

    processes.hush_torch(nodes)
    if not dry_run and executor == "local" and (jobs or processes.cores()) > 1:
        processes.import_ahead()
    from nearfar.commands import run_study
    from nearfar.execution.prepared import Request
    from nearfar.execution.where import Where
    from nearfar.study.rounds import asked_rounds

    settings, trackers, only = tuple(setting or ()), tuple(track or ()), tuple(seed or ())
    rounds = asked_rounds(until, budget, seeds, settings, only)
    request = Request(
        study,
        profile,
        arm,
        seeds,
        settings,
        out,
        jobs,
        device,
        trackers,
        *rounds,
        only,
        name,
        no_modules=no_modules,
        where=Where(executor, address, devices, nodes, node),
        storage=storage,
    )
    raise typer.Exit(run_study(request, dry_run=dry_run))


@app.command(cls=Command)
def plan(
    study: Study,
    profile: Profile = None,
    setting: Settings = None,
    out: Out = Path("runs"),
    jobs: Jobs = None,
    no_modules: NoModules = False,
) -> None:
    """Say what difference a study finds with how many trainings an arm, and what that costs."""
    from nearfar.commands import plan_study
    from nearfar.execution.prepared import Request

    settings = tuple(setting or ())
    request = Request(study, profile, settings=settings, out=out, jobs=jobs, no_modules=no_modules)
    raise typer.Exit(plan_study(request))


@app.command(cls=Command)
def studies() -> None:
    """List the studies that come with nearfar."""
    from nearfar.commands import list_studies

    list_studies()


@app.command(cls=Command)
def show(
    study: Study, profile: Profile = None, setting: Settings = None, no_modules: NoModules = False
) -> None:
    """Print the resolved study, every default spelled out."""
    from nearfar.commands import show_study

    show_study(study, profile, tuple(setting or ()), no_modules=no_modules)


Features = Annotated[
    list[str] | None,
    typer.Option(help="A column to learn from, beside molecules or images too; again."),
]
PartColumn = Annotated[
    str | None,
    typer.Option(help="The column that says train or test, or a time: the latest are tested."),
]
Mapping = Annotated[str | None, typer.Option(help="The file that names the numbers of classes.")]
ValueRange = Annotated[
    tuple[float, float] | None,
    typer.Option(help="Of images beyond 8 bits: what becomes black and white."),
]
Standardise = Annotated[
    bool | None, typer.Option("--standardise", help="Molecules to one form by RDKit.")
]
Transposed = Annotated[
    bool | None, typer.Option("--transposed", help="IDX images lie on their side (EMNIST).")
]
Pictures = Annotated[
    bool | None, typer.Option("--pictures/--no-pictures", help="Show images on the page.")
]


@app.command(cls=Command)
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
    embeddings: Annotated[
        Path | None, typer.Option(help="A file of embeddings of the rows: .npz, .npy, .parquet.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="The column of its ids.")] = None,
    group: Annotated[
        str | None, typer.Option(help="The column whose equal values stay in one part; none.")
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
    features: Features = None,
    part: PartColumn = None,
    mapping: Mapping = None,
    unit: Annotated[str | None, typer.Option(help="Of a number that is predicted.")] = None,
    range: ValueRange = None,
    label_separator: Annotated[str | None, typer.Option(help="Between labels of a row.")] = None,
    standardise: Standardise = None,
    transposed: Transposed = None,
    pictures: Pictures = None,
) -> None:
    """Write a study file for your own data."""
    said = dict(locals())
    from nearfar.commands import expected_times
    from nearfar.starter.asked import checked
    from nearfar.starter.write import write_study

    apart = {"data", "target", "task", "out", "embeddings"}
    beside = checked({key: said[key] for key in said if key not in apart})
    path, facts = write_study(data, target or (), out, task, beside, embeddings)
    for fact in facts:
        typer.echo(printable(fact))
    typer.echo(f"wrote {path}; next: nearfar run {quote(str(path))} --profile quick")
    for line in expected_times(path):
        typer.echo(line)


@app.command(cls=Command)
def report(
    folder: Run,
    to: Document = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --to: the file (default: print).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
) -> None:
    """Rebuild the summary and the page from the records, or write the table for a manuscript."""
    from nearfar.commands import rebuild_report, write_document

    if to is not None:
        write_document(folder, to, output or Path("-"), force=force)
    elif output is not None or force:
        raise UserError("--output, --force: go with --to md or --to latex")
    else:
        raise typer.Exit(rebuild_report(folder))


@app.command(cls=Command)
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of runs and stages, or one run folder.")],
) -> None:
    """Compare every file with the digest kept of it: status 1, and a list, where one differs."""
    from nearfar.commands import check_folder

    raise typer.Exit(check_folder(folder))


@app.command(cls=Command)
def splits(
    folder: Run,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV or parquet to write, - prints.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
) -> None:
    """Write which rows each training learnt from, chose on and tested: id, name, seed, part."""
    from nearfar.commands import write_splits

    said = write_splits(folder, output, force=force)
    typer.echo(said, err=output == Path("-"))


@app.command(cls=Command)
def predict(
    folder: Run,
    data: Annotated[Path, typer.Argument(help="Rows to predict for, as in the study's data.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV or parquet to write, - prints.")
    ],
    arm: UsedArm = None,
    seed: Annotated[int | None, typer.Option(help="One seed's model, not the mean.")] = None,
    modules: Modules = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows that cannot be used.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
    device: Device = "cpu",
    batch: Annotated[int, typer.Option(help="Rows at a time, at most.")] = 1024,
    level: Annotated[float, typer.Option(help="Share of rows that intervals hold.")] = 0.9,
    embeddings: Annotated[
        list[Path] | None,
        typer.Option(help="Of the rows, where the arm reads some from a file; again for several."),
    ] = None,
    root: ImageRoot = None,
) -> None:
    """Predict new rows, with intervals and a flag for rows unlike the training rows."""
    from nearfar.execution.predict import predict_file

    numbers = level, batch, device
    options: Any = {"modules": modules, "strict": strict, "force": force, "root": root}
    files = [path.expanduser() for path in embeddings or ()]
    said = predict_file(folder, arm, data, output, seed, *numbers, **options, embeddings=files)
    typer.echo(said, err=output == Path("-"))


@app.command(cls=Command)
def embed(
    folder: Annotated[Path, typer.Argument(help="A run folder, or one that export wrote.")],
    data: Annotated[Path, typer.Argument(help="Rows as in the study's data.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".npz or .parquet to write.")],
    arm: UsedArm = None,
    device: Device = "auto",
    modules: Modules = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
    root: ImageRoot = None,
) -> None:
    """Write the features that an arm's encoder makes of new rows."""
    from nearfar.commands.models import embed_file

    options: Any = {"modules": modules, "force": force, "root": root}
    typer.echo(embed_file(folder, data, output, arm, device, **options))


@app.command(cls=Command)
def export(
    folder: Annotated[Path, typer.Argument(help="A run folder, or one that export wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder.")],
    arm: UsedArm = None,
    to: ModelFormat = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Train it once more before, on all rows.")
    ] = False,
    device: RefitDevice = "auto",
    modules: Modules = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model.")] = False,
) -> None:
    """Write an arm's model to a folder that can be sent to a colleague, with its card."""
    from nearfar.commands.models import export_run

    options: Any = {"refit": refit, "modules": modules, "force": force, "device": device}
    typer.echo(export_run(folder, output, arm, to, **options))


@app.command(cls=Command)
def clean(
    out: Annotated[Path, typer.Argument(help="Folder of runs and stages.")] = Path("runs"),
) -> None:
    """Remove stages that no run refers to."""
    from nearfar.commands import clean_stages

    clean_stages(out)


@app.command(cls=Command)
def merge(
    out: Annotated[Path, typer.Argument(help="Folder of runs and stages that is added to.")],
    others: Annotated[list[Path], typer.Argument(help="Others, which stay as they are.")],
) -> None:
    """Take over the stages and runs of other folders of runs, verified."""
    from nearfar.commands import merge_runs

    raise typer.Exit(merge_runs(out, others))
