"""Encoders of other runs: ``pretrain: {run: …, arm: …}``."""

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shlex import quote

import numpy as np

from nearfar.data import Dataset, Split, split_rows
from nearfar.errors import UserError, nearest
from nearfar.plan.chain import Step
from nearfar.plan.specs import (
    Data,
    FitSpec,
    PretrainSpec,
    SolveSpec,
    StageSpec,
    encoder_of,
    spec_of,
)
from nearfar.records import SEARCH, StageRow
from nearfar.records.run import RunFolder
from nearfar.records.stages import StageStore
from nearfar.study.schema import Pretrain


class OtherRuns:
    """The runs of a folder, asked for the stage that holds an arm's encoder.

    Args:
        out: the folder.
        profile: of the study that asks.
        dataset: the rows of the study that asks.
    """

    def __init__(self, out: Path, profile: str, dataset: Dataset) -> None:
        self.out, self.profile, self.dataset = out, profile, dataset
        self._rows = functools.cache(_rows)
        self._splits: dict[tuple[str, int | None], Split] = {}

    def __call__(self, start: Pretrain, seed: int, data: Data) -> Step:
        """Return the finished stage with the encoder of an arm: fine-tuned there, or pre-trained.

        Args:
            start: the run and the arm.
            seed: of that run, and of what starts from the encoder.
            data: the rows of the study that asks, and how it splits them.

        Raises:
            UserError: there is no such run, arm or seed, it is not done, trained no encoder, or
                learnt from rows that are tested now.
        """
        assert start.run is not None
        assert start.arm is not None
        path = self._path(start.run)
        where = f"pretrain: run {path.name}"
        rows = [
            row
            for row in self._rows(path)
            if row.stage != "score" and not row.stage.startswith(SEARCH)
        ]
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
        folder = RunFolder(path)
        step = self._trained(folder, chain, start, where)
        self._refuse_tested(
            step.spec, data, folder.store, f"{where}: arm {start.arm!r}, seed {seed}"
        )
        return step

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

    def _refuse_tested(self, spec: StageSpec, data: Data, store: StageStore, where: str) -> None:
        """Refuse an encoder that has learnt from rows of the same data that are tested now."""
        for learnt in _stages_behind(spec, store):
            if learnt.digest != data.digest:
                continue
            if (learnt.split, learnt.split_seed) == (data.split, data.split_seed):
                continue
            known, tested = self._split(learnt), self._split(data).test
            shared = len(np.intersect1d(np.concatenate([known.train, known.validation]), tested))
            if shared:
                raise UserError(
                    f"{where}, learnt from {shared} of the {len(tested)} rows that are tested "
                    "here: give both studies the same 'split'"
                )

    def _split(self, data: Data) -> Split:
        key = str(data.split), data.split_seed
        if key not in self._splits:
            self._splits[key] = split_rows(self.dataset, data.split, data.split_seed or 0)
        return self._splits[key]

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


def _stages_behind(spec: StageSpec, store: StageStore) -> Iterator[Data]:
    """Yield the rows that each stage learnt from that an encoder has been through."""
    while True:
        yield spec.data
        start = spec.input if isinstance(spec, FitSpec) else None
        if start is None:
            return
        spec = spec_of(start.stage, store)
