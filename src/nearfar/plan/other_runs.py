"""Encoders of other runs: ``pretrain: {run: …, arm: …}``."""

import functools
from dataclasses import replace
from pathlib import Path
from shlex import quote

from nearfar.errors import UserError, nearest
from nearfar.plan.chain import Step
from nearfar.plan.specs import FitSpec, PretrainSpec, SolveSpec, encoder_of, spec_of
from nearfar.records import SEARCH, StageRow
from nearfar.records.run import RunFolder
from nearfar.study.schema import Pretrain


class OtherRuns:
    """The runs of a folder, asked for the stage that holds an arm's encoder."""

    def __init__(self, out: Path, profile: str) -> None:
        self.out, self.profile = out, profile
        self._rows = functools.cache(_rows)

    def __call__(self, start: Pretrain, seed: int) -> Step:
        """Return the finished stage with the encoder of an arm: fine-tuned there, or pre-trained.

        Raises:
            UserError: there is no such run, arm or seed, it is not done, or trained no encoder.
        """
        assert start.run is not None
        assert start.arm is not None
        path = self._path(start.run)
        where = f"pretrain: run {path.name}"
        rows = [row for row in self._rows(path) if not row.stage.startswith(SEARCH)]
        arms = {row.arm for row in rows}
        if start.arm not in arms:
            raise UserError(f"{where} has no arm {start.arm!r}; {nearest(start.arm, arms)}")
        mine = [row for row in rows if row.arm == start.arm]
        if len({row.condition for row in mine}) > 1:
            raise UserError(f"{where}: arm {start.arm!r} was trained under several conditions")
        seeds = sorted({row.seed for row in mine})
        if seed not in seeds:
            raise UserError(
                f"{where}: arm {start.arm!r} has no seed {seed}, only {', '.join(map(str, seeds))}"
            )
        chain = {row.stage: row for row in mine if row.seed == seed}
        for row in chain.values():
            if row.status != "done":
                raise UserError(f"{where}: arm {start.arm!r}, seed {seed}, is {row.status}")
        return self._trained(RunFolder(path), chain, start, where)

    def _trained(
        self, folder: RunFolder, chain: dict[str, StageRow], start: Pretrain, where: str
    ) -> Step:
        store, name = folder.store, f"pretrain:{start.run}/{start.arm}"
        fit = spec_of(chain["fit"].hash, store)
        assert isinstance(fit, FitSpec | SolveSpec)
        if isinstance(fit, FitSpec) and fit.train != "head":
            stage_hash = chain["fit"].hash
        elif fit.input is not None:
            stage_hash = fit.input.stage
        else:
            raise UserError(f"{where}: arm {start.arm!r} trained no encoder")
        spec = spec_of(stage_hash, store)
        assert isinstance(spec, PretrainSpec | FitSpec)
        return Step(name, replace(spec, encoder=encoder_of(spec, store)[0]), stage_hash)

    def _path(self, run: str) -> Path:
        for name in (run, f"{run}-{self.profile}"):
            if (self.out / name / "study.yaml").exists():
                return self.out / name
        known = sorted(found.parent.name for found in self.out.glob("*/study.yaml"))
        raise UserError(
            f"pretrain: no run {run!r} in {self.out}: run it first"
            f" (nearfar run {quote(run)} --profile {self.profile} --out {quote(str(self.out))});"
            f" found there: {', '.join(known) or 'none'}"
        )


def _rows(run: Path) -> list[StageRow]:
    return RunFolder(run).stage_rows()
