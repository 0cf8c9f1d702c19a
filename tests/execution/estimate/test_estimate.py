"""What a study takes is measured on few rows, kept, and told."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.execution.estimate import (
    Estimate,
    about,
    estimate,
    estimate_each,
    expected,
    rehearsal,
    size,
)
from nearfar.execution.estimate.clock import Clock
from nearfar.execution.estimate.estimate import Missing
from nearfar.execution.estimate.rehearsal import Measured, Stand
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import prepare
from nearfar.plan.groups import Bundle
from nearfar.plan.specs import FitSpec, SolveSpec

REHEARSE = Stand.rehearse


def flat(features: np.ndarray) -> np.ndarray:
    """A map that takes no time."""
    return features[:, :2]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    arms = small()["arms"]
    write_small(tmp_path, arms={name: arms[name] for name in ("mean", "ridge", "plain", "frozen")})
    return prepare(Request(str(tmp_path / "small.yaml"), out=tmp_path / "runs"))


def never(self: Stand, bundle: Bundle, clock: Clock) -> Measured:
    raise AssertionError("rehearsed though it is known")


def test_every_kind_of_stage_is_rehearsed_and_nothing_is_left_behind(prepared: Prepared) -> None:
    threads = torch.get_num_threads()
    took = estimate(prepared, 1, flat, budget=60)
    assert took.seconds is not None
    assert 1 < took.seconds < 600
    assert took.rehearsed == took.kinds == 5  # four arms and a pre-training
    assert 1e4 < took.bytes < 1e7
    assert took.once < took.seconds
    assert torch.get_num_threads() == threads
    assert not prepared.folder.path.parent.exists()


def test_what_was_measured_is_kept(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = estimate(prepared, 1, flat, budget=60)
    monkeypatch.setattr(Stand, "rehearse", never)
    again = estimate(prepared, 1, flat)
    assert (again.once, again.each) == (first.once, first.each)
    both = estimate_each([prepared, prepared], 1, flat)
    assert both[0] == both[1]
    (path,) = (tmp_path / "cache" / "nearfar" / "timings").glob("*.json")
    path.write_text('{"fixed": 1}')
    assert estimate(prepared, 1, flat, budget=0).rehearsed == 0, "a damaged file is read"


def test_stages_that_are_there_cost_nothing(prepared: Prepared, tmp_path: Path) -> None:
    before = estimate(prepared, 1, flat, budget=60)
    request = Request(str(tmp_path / "small.yaml"), out=tmp_path / "runs")
    run_whole(request)
    after = estimate(prepare(request), 1, flat)
    assert (after.kinds, after.each, after.bytes) == (0, 0.0, 0.0)
    assert before.each > 0
    whole = estimate(prepare(request), 1, flat, whole=True)
    assert whole.each == pytest.approx(before.each)


def test_what_cannot_be_rehearsed_is_taken_to_be_like_the_rest(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_trained(self: Stand, bundle: Bundle, clock: Clock) -> Measured:
        if isinstance(bundle[0].spec, SolveSpec):
            raise ValueError("too few rows")
        return REHEARSE(self, bundle, clock)

    monkeypatch.setattr(Stand, "rehearse", only_trained)
    took = estimate(prepared, 1, flat, budget=60)
    assert took.kinds - took.rehearsed == 2
    assert took.seconds is not None
    assert "2 of 5 kinds of stage by likeness" in expected(took)


def test_without_time_nothing_is_known(prepared: Prepared) -> None:
    assert expected(estimate(prepared, 1, flat, budget=0)).startswith("unknown")


def test_a_first_round_that_warms_up_is_not_the_time_of_a_round(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Missing(prepared)
    bundle = next(b for b in missing.bundles if isinstance(b[0].spec, FitSpec) and not b[0].needs)
    times = iter([0.0, 10.0, 11.0, 12.0])  # the beginning, two rounds, the end

    def now() -> rehearsal._Mark:
        second = next(times)
        return rehearsal._Mark(second, second)

    monkeypatch.setattr(rehearsal._Mark, "now", now)
    stand = Stand(missing.dataset, missing.whole_split(), 48, missing.steps, tmp_path)
    found = stand.rehearse(bundle, Clock(1e-9))
    assert not found.ended, "it has gone on though the time was over"
    assert found.round + found.judging == pytest.approx(1.0)
    assert found.rest == pytest.approx(10.0)


def test_words_are_as_exact_as_an_estimate() -> None:
    idle, busy = Estimate(720.0, 1.0, 4, 4, 0.0), Estimate(720.0, 4.0, 4, 4, 0.0)
    assert expected(idle) == "about 12 minutes (measured on this machine)"
    assert expected(busy) == (
        "about 12 minutes (measured on this machine, it is busy now; idle it would take about 3"
        " minutes)"
    )
    assert [about(s) for s in (0.3, 75, 9000, 400_000)] == [
        "about 1 second",
        "about 75 seconds",
        "about 2.5 hours",
        "about 5 days",
    ]
    assert [size(n) for n in (35_123_456, 2e9, 900)] == ["35 MB", "2 GB", "1 kB"]
