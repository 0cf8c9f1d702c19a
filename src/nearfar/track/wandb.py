"""Weights & Biases: one run for each arm, seed and condition, online or kept for ``wandb sync``."""

import os
import shutil
from typing import Annotated, Any, Literal

from pydantic import Field

from nearfar.errors import UserError
from nearfar.track.base import TrackedRun, Tracker, kept_id

START_SECONDS = 30.0
FINISH_SECONDS = 120.0
"""How long W&B may try to reach its server for one run."""


class WeightsAndBiases(Tracker):
    """Log runs to Weights & Biases; its own files go to ``track/wandb/wandb``.

    Args:
        folder: where to keep files.
        project: the project of the runs; they are grouped by study and profile.
        entity: the user or team that the project belongs to; W&B's default otherwise.
        mode: ``online``, ``offline`` (for ``wandb sync`` later), or ``auto``: what ``WANDB_MODE``
            says, else online where ``WANDB_API_KEY`` is set, else offline.
    """

    package = "wandb"

    def __init__(
        self,
        folder: Any,
        *,
        project: Annotated[str, Field(pattern=r"^[^/\\#?%:]{1,128}$")] = "nearfar",
        entity: str | None = None,
        mode: Literal["auto", "online", "offline"] = "auto",
    ) -> None:
        super().__init__(folder)
        self.project, self.entity, self.mode = project, entity, mode

    def check(self) -> None:
        """See ``Tracker.check``; online also needs a key, since nobody is there to type one."""
        super().check()
        if self._mode() == "online" and not (os.environ.get("WANDB_API_KEY") or _logged_in()):
            raise UserError(
                "track: wandb is to be online, but there is no key: set WANDB_API_KEY, run"
                " `wandb login`, or choose mode: offline"
            )

    def _mode(self) -> Literal["online", "offline"]:
        """Return ``mode`` after the environment.

        Raises:
            UserError: ``WANDB_MODE`` is something else.
        """
        if self.mode != "auto":
            return self.mode
        mode = os.environ.get("WANDB_MODE") or ""
        if mode in ("online", "offline"):
            return mode  # type: ignore[return-value]
        if mode:
            raise UserError(
                f"track: wandb: WANDB_MODE is {mode!r}; allowed: offline, online;"
                " to send nothing, leave wandb out of track"
            )
        return "online" if os.environ.get("WANDB_API_KEY") else "offline"

    def load(self) -> None:
        """See ``Tracker.load``."""
        import wandb  # noqa: F401

    def send(self, message: Any) -> None:
        """Log one run, whole; under its own id, so that sending it again replaces it."""
        import wandb

        wandb.setup(wandb.Settings(silent=True))
        run: TrackedRun = message
        run_id = self._id(run)
        for left in (self.folder / "wandb").glob(f"*run-*-{run_id}"):
            shutil.rmtree(left)
        logged = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self._mode(),
            dir=str(self.folder),
            id=run_id,
            name=run.name,
            group=f"{run.study}-{run.profile}",
            job_type=run.arm[:64],
            tags=[run.group, run.status, *["search"] * bool(run.search)],
            config=run.config,
            reinit="create_new",
            settings=_settings(wandb),
        )
        try:
            _log(logged, run)
        except BaseException:
            logged.finish(exit_code=1)
            raise
        logged.finish()

    def _id(self, run: TrackedRun) -> str:
        """Return an id that only this run of this folder has."""
        return kept_id(self.folder, run.name)


def _settings(wandb: Any) -> Any:
    """Return settings under which W&B records nothing that nobody asked for."""
    return wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        init_timeout=START_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
    )


def _log(logged: Any, run: TrackedRun) -> None:
    for stage in run.stages:
        axis = f"{stage.place}/{stage.counts}"
        logged.define_metric(axis, hidden=True)
        logged.define_metric(f"{stage.place}/*", step_metric=axis)
        rows: dict[int, dict[str, float]] = {}
        for step, split, metric, value in stage.points:
            rows.setdefault(step, {})[f"{stage.place}/{split}/{metric}"] = value
        for step, row in sorted(rows.items()):
            logged.log({axis: step, **row})
    logged.summary.update({**run.summary, "status": run.status})


def _logged_in() -> bool:
    """Return whether ``wandb login`` left a key for the server in ~/.netrc."""
    import netrc
    from urllib.parse import urlsplit

    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    try:
        return netrc.netrc().authenticators(urlsplit(server).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
