"""TensorBoard: one run for each arm, seed and condition, under ``track/tensorboard``."""

import shutil
from collections.abc import Iterator
from typing import Any

from nearfar.track.base import TrackedRun, Tracker, file_name


class TensorBoard(Tracker):
    """Write event files: curves, final numbers, and hyper-parameters for the HPARAMS page.

    They go to ``<arm>/seed <n>[ <condition>][ search <point>]``; a run is written whole, in
    the place of what an interrupted one left.
    """

    package = "tensorboard"

    def load(self) -> None:
        """See ``Tracker.load``."""
        import torch.utils.tensorboard  # noqa: F401

    def send(self, message: Any) -> None:
        """Write one run."""
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        run: TrackedRun = message
        tried = f"search {run.search}" if run.search else ""
        part = " ".join(filter(None, [f"seed {run.seed}", run.condition, tried]))
        place = self.folder / file_name(run.arm) / file_name(part)
        shutil.rmtree(place, ignore_errors=True)
        with SummaryWriter(str(place)) as writer:
            for tag, value, step in scalars(run):
                writer.add_scalar(tag, value, step)
            settings = {"status": run.status, **dict(flat(run.config))}
            for summary in hparams(settings, run.summary):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary)


def scalars(run: TrackedRun) -> Iterator[tuple[str, float, int]]:
    """Yield (tag, value, step): ``fit/validation/loss`` and the like, then the final numbers."""
    for stage in run.stages:
        for step, split, metric, value in stage.points:
            yield f"{stage.place}/{split}/{metric}", value, step
    for name, value in run.summary.items():
        yield f"final/{name}", value, 0


def flat(value: Any, place: str = "") -> Iterator[tuple[str, str | float | bool]]:
    """Yield nested settings with dotted names: numbers, truth values and text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{place}.{key}" if place else str(key))
    elif value is not None:
        yield place, value if isinstance(value, bool | int | float | str) else str(value)
