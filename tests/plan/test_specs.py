"""Specifications are typed here and plain in ``stage.yaml``, and the one tells all of the other."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import golden
import pytest
from small_study import Plain, planned, pretrain_spec, small

from nearfar.plan.chain import hash_of
from nearfar.plan.specs import (
    FitSpec,
    Input,
    Named,
    PretrainSpec,
    ScoreSpec,
    SolveSpec,
    encoder_of,
    from_plain,
    has_encoder,
    spec_of,
)
from nearfar.records.stages import StageStore, write_stage


def test_every_stage_that_was_written_down_is_read_without_loss() -> None:
    """Users have such files: what is read of them is all that they hold."""
    kinds = set()
    for stage in golden.read():
        spec = from_plain(stage["spec"])
        assert spec.to_plain() == stage["spec"]
        kinds.add(type(spec))
    assert kinds == {PretrainSpec, FitSpec, SolveSpec, ScoreSpec}


def test_what_is_planned_is_what_is_read_again() -> None:
    for step in planned(small()).steps.values():
        assert from_plain(json.loads(json.dumps(step.spec.to_plain()))) == step.spec


@pytest.mark.parametrize("kind", [FitSpec, SolveSpec])
def test_the_parts_of_a_fit_stand_in_the_order_that_files_have_them(kind: type[Any]) -> None:
    spec = next(s.spec for s in planned(small()).steps.values() if type(s.spec) is kind)
    keys = list(spec.to_plain())
    assert keys[:5] == ["data", "seed", "environment", "kind", "head"]
    assert list(spec.to_plain()["environment"]) == ["torch", "device", "nearfar", "threads"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"weights": "inverse"}, "weights"),
        ({"readout": Named("own", {})}, "readout"),
        ({"augment": (Named("flip", {}),)}, "augment"),
        ({"frozen_views": "fresh"}, "frozen_views"),
        ({"task": "reconstruction"}, "task"),
        ({"input": Input("0" * 16)}, "input"),
    ],
)
def test_what_is_not_given_leaves_no_trace_in_what_is_hashed(change: Plain, key: str) -> None:
    steps = planned(small()).steps.values()
    usual = next(s.spec for s in steps if isinstance(s.spec, FitSpec) and s.spec.input is None)
    assert key not in usual.to_plain()
    other = replace(usual, **change)
    assert key in other.to_plain()
    assert hash_of(other.to_plain()) != hash_of(usual.to_plain())
    assert from_plain(other.to_plain()) == other


@pytest.mark.parametrize(
    ("train", "trained"), [("head", "head"), ("all", "all"), ("last:2", 2), ("last:12", 12)]
)
def test_how_much_of_an_encoder_is_trained(train: str, trained: object) -> None:
    fit = next(s.spec for s in planned(small()).steps.values() if isinstance(s.spec, FitSpec))
    assert replace(fit, train=train).trained == trained


def test_the_encoder_of_a_fit_is_the_one_that_was_pre_trained(tmp_path: Path) -> None:
    store, encoder = StageStore(tmp_path), Named("mlp", {"hidden": 4})
    before = pretrain_spec(encoder, seed=3)
    with store.working_on("aa") as (folder,):
        write_stage(folder, before.to_plain(), {"status": "done"})
    fit = next(s.spec for s in planned(small()).steps.values() if isinstance(s.spec, SolveSpec))
    fit = replace(fit, encoder=None, input=Input("aa"), seed=5)
    assert spec_of("aa", store) == before
    assert encoder_of(fit, store) == (encoder, 3)
    assert has_encoder(fit)
    assert not has_encoder(replace(fit, input=None))
