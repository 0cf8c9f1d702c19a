"""A run folder: what belongs to one study and profile, beside the store of stages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.records.files import write_atomically
from nearfar.records.plain_yaml import from_yaml, to_yaml
from nearfar.records.run_plan import RunPlan
from nearfar.records.samples import write_samples
from nearfar.records.stages import StageStore

SCHEMA = "inputs.json"
"""File of a run folder that holds the form of the inputs of its models."""


@dataclass(frozen=True)
class RunFolder:
    """``OUT/<study>-<profile>``; its stages lie in ``OUT/stages``."""

    path: Path

    @property
    def store(self) -> StageStore:
        """The stages that this and other runs in the same OUT share."""
        return StageStore(self.path.parent / "stages")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Return the run folder at ``path``.

        Raises:
            UserError: there is none.
        """
        if not (path / "study.yaml").exists():
            here = path.parent if path.parent.is_dir() else Path()
            runs = sorted(str(found.parent) for found in here.glob("*/study.yaml"))
            raise UserError(f"{path}: not a run folder; found here: {', '.join(runs) or 'none'}")
        return cls(path)

    def study(self) -> dict[str, Any] | None:
        """Return the resolved study, None where it has not been written."""
        file = self.path / "study.yaml"
        if not file.exists():
            return None
        study = from_yaml(file.read_text(encoding="utf-8"))
        if not isinstance(study, dict):
            raise self._damaged("study.yaml")
        return study

    def write_study(self, study: dict[str, Any]) -> None:
        """Write the resolved study."""
        write_atomically(self.path / "study.yaml", to_yaml(study))

    def plan(self) -> RunPlan:
        """Return what the run consists of.

        Raises:
            UserError: it does not say so, or what it says is damaged.
        """
        plain = self.read_json("plan.json")
        if not plain:
            raise UserError(
                f"{self.path}: has no plan.json; the command that made this run writes it"
            )
        try:
            return RunPlan.from_plain(plain)
        except (KeyError, TypeError, AttributeError):
            raise self._damaged("plan.json") from None

    def write_plan(self, plan: RunPlan) -> None:
        """Write what the run consists of."""
        self.write_json("plan.json", plan.to_plain())

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write ``summary.json``, ``plan.json`` or ``provenance.json``."""
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(self.path / name, text + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read what ``write_json`` wrote; empty where there is no such file.

        Raises:
            UserError: the file is damaged.
        """
        file = self.path / name
        if not file.exists():
            return {}
        try:
            value = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            raise self._damaged(name) from None
        if not isinstance(value, dict):
            raise self._damaged(name)
        return value

    def _damaged(self, name: str) -> UserError:
        return UserError(f"{self.path / name}: is damaged; 'nearfar run' of the study writes it")

    def write_samples(self, columns: dict[str, list[Any]]) -> None:
        """Write ``samples.parquet``: what a page shows of every row, in the data set's order."""
        write_samples(self.path, columns)
