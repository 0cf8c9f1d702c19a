"""Arguments of commands, by name."""

from pathlib import Path
from typing import Annotated

import typer

from nearfar.completion import complete_arm, complete_profile, complete_study, one_of

Study = Annotated[
    str,
    typer.Argument(
        help="A shipped study (see `nearfar studies`) or a file.", autocompletion=complete_study
    ),
]
Run = Annotated[Path, typer.Argument(help="A run folder, OUT/<study>-<profile>.")]
Profile = Annotated[
    str | None,
    typer.Option(
        help="full (published budget; the default), efficient, quick or smoke.",
        autocompletion=complete_profile,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. stages.rnc.epochs=200."),
]
OnlyArms = Annotated[
    list[str] | None,
    typer.Option(help="Only this arm and its baseline.", autocompletion=complete_arm),
]
Seeds = Annotated[int | None, typer.Option(min=1, max=10_000, help="Use the seeds 0 to N-1.")]
OnlySeeds = Annotated[
    list[int] | None,
    typer.Option(
        min=0,
        max=2**31 - 1,
        metavar="K",
        help="Only this seed, any from 0 up (of folds: a training); again for several.",
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of runs and stages.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Local processes (default: one for each core).")
]
Devices = Annotated[
    int, typer.Option(min=1, metavar="N", help="GPUs, or cores, that train one model together.")
]
Nodes = Annotated[
    int, typer.Option(min=1, metavar="N", help="Machines that do, each with so many devices.")
]
Node = Annotated[
    int, typer.Option(min=0, metavar="R", help="Which of them this one is, from 0; 0 leads.")
]
Executor = Annotated[
    str,
    typer.Option(
        help="Who carries out stages: local, ray or slurm.",
        autocompletion=one_of("local", "ray", "slurm"),
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu or cuda.", autocompletion=one_of("auto", "cpu", "cuda"))
]
RefitDevice = Annotated[
    str,
    typer.Option(
        help="With --refit: auto, cpu or cuda.", autocompletion=one_of("auto", "cpu", "cuda")
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        help="Also tell: mlflow, tensorboard, wandb or webhook.",
        autocompletion=one_of("mlflow", "tensorboard", "wandb", "webhook"),
    ),
]
UsedArm = Annotated[
    str | None,
    typer.Option(
        help="The arm to use (default: the one that the run recommends).",
        autocompletion=complete_arm,
    ),
]
Document = Annotated[
    str | None,
    typer.Option(
        help="Write the table of results alone: md or latex.", autocompletion=one_of("latex", "md")
    ),
]
ModelFormat = Annotated[
    str | None,
    typer.Option(help="onnx: add model.onnx, compared with it.", autocompletion=one_of("onnx")),
]
Address = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Ray cluster (or one starts here); with --nodes, of node 0."),
]
Storage = Annotated[
    str | None,
    typer.Option(help="Keep searches there as well: a file (Optuna's journal) or postgresql://…"),
]
NoModules = Annotated[
    bool,
    typer.Option("--no-modules", help="Refuse a study that names modules, which are code."),
]
Modules = Annotated[
    bool, typer.Option("--modules", help="Import the modules that the run's study names: code.")
]
ImageRoot = Annotated[
    Path | None,
    typer.Option(help="Folder where a table's names of images begin (default: the table's)."),
]
RunName = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="The run's folder in --out; of other data too."),
]
