"""A whole run whose trainings take two devices each, on the processor."""

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from forked_runs import members
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.events import Event, Progress
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.where import Where, device_count
from nearfar.plan.specs import from_plain
from nearfar.records.tables import read_results
from nearfar.train import loop

TWO = Where(devices=2)
needs_two = pytest.mark.skipif(device_count("cpu") < 2, reason="one core: no second device")


def study(folder: Path, dropout: float = 0.2) -> Path:
    """Arms that train by batches, on cached features, and not at all."""
    raw = small()
    encoder = {"mlp": {"layers": 2, "hidden": 8, "dropout": dropout}}
    raw["stages"]["rnc"]["encoder"] = encoder
    arms = {name: raw["arms"][name] for name in ("ridge", "plain", "frozen", "tuned")}
    arms["plain"]["fit"]["encoder"] = encoder
    axes = {"seed": {"role": "repeat", "values": 1}}
    return write_small(folder, stages=raw["stages"], arms=arms, axes=axes)


def table(prepared: Prepared) -> bytes:
    return (prepared.folder.path / "results.csv").read_bytes()


@needs_two
def test_a_run_on_two_devices_finds_what_one_device_finds(tmp_path: Path) -> None:
    path = study(tmp_path, dropout=0.0)
    one = run_whole(Request(str(path), out=tmp_path / "one"))
    two = run_whole(Request(str(path), out=tmp_path / "two", where=TWO))
    same = [step.name for a, step in two.plan.steps.items() if a in one.plan.steps]
    assert same == ["fit"]  # ridge
    devices = {step.name + str(step.length): step for step in two.plan.steps.values()}
    counts = {name: step.spec.environment.devices for name, step in devices.items()}
    assert counts == {"fit0": 1, "pretrain:rnc3": 2, "fit3": 2, "fit2": 2}
    folders = [
        {f.name for f in r.folder.store.folder(a).iterdir()}
        for r in (one, two)
        for a in r.plan.steps
    ]
    assert folders[: len(folders) // 2] == folders[len(folders) // 2 :]
    plain = [step.spec.to_plain() for step in two.plan.steps.values()]
    assert [from_plain(one).to_plain() for one in plain] == plain
    left, right = (read_results(found.folder.path / "results.csv") for found in (one, two))
    assert [(r.arm, r.metric, r.split) for r in left] == [(r.arm, r.metric, r.split) for r in right]
    assert [r.value for r in right] == pytest.approx([r.value for r in left], rel=1e-4)


def broken_off(path: Path, out: Path, at: int, how: Any) -> Prepared:
    """Begin a run; at the ``at``-th progress of a stage do ``how``, and look whether it ends."""
    prepared, seen = prepare(Request(str(path), out=out, where=TWO)), 0

    def watch(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, Progress)
        if isinstance(event, Progress) and seen == at:
            how()

    carry_out(prepared, 1, watch)
    return prepared


def interrupt() -> None:
    raise KeyboardInterrupt


def kill_companion() -> None:
    (companion,) = multiprocessing.active_children()
    companion.kill()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of a run on two devices that nothing breaks off."""
    folder = tmp_path_factory.mktemp("whole")
    return table(run_whole(Request(str(study(folder)), out=folder / "runs", where=TWO)))


@pytest.fixture
def resumed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether trainings of this process went on from a checkpoint, each as it begins."""
    found, load = [], loop.load_checkpoint

    def noted(*where: Any) -> Any:
        checkpoint = load(*where)
        found.append(checkpoint is not None)
        return checkpoint

    monkeypatch.setattr(loop, "load_checkpoint", noted)
    return found


@needs_two
def test_interrupted_and_gone_on_with_gives_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes, resumed: list[bool]
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    path = study(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        broken_off(path, tmp_path / "twice", 2, interrupt)
    assert not multiprocessing.active_children()
    twice = run_whole(Request(str(path), out=tmp_path / "twice", where=TWO))
    assert resumed.count(True) == 1
    assert table(twice) == whole


KILLED = """
import os, signal, sys
import nearfar.train.loop as loop
from nearfar.cli import main

save = loop.save_checkpoint

def last(*given):
    save(*given)
    os.kill(os.getpid(), signal.SIGKILL)

loop.CHECKPOINT_SECONDS, loop.save_checkpoint = 0.0, last
sys.argv = ["nearfar", "run", *sys.argv[1:], "--devices", "2", "--device", "cpu"]
main()
"""


@needs_two
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_command_that_is_killed_leaves_no_companion_and_goes_on_from_its_checkpoint(
    tmp_path: Path, whole: bytes, resumed: list[bool]
) -> None:
    path, out = study(tmp_path), tmp_path / "runs"
    given = [sys.executable, "-c", KILLED, str(path), "--out", str(out)]
    command = subprocess.Popen(given, start_new_session=True, stdout=subprocess.DEVNULL)
    assert command.wait(300) == -signal.SIGKILL
    for _ in range(12000):
        if not members(command.pid):
            break
        time.sleep(0.01)
    assert not members(command.pid)
    assert table(run_whole(Request(str(path), out=out, where=TWO))) == whole
    assert resumed.count(True) == 1


@needs_two
def test_a_companion_that_dies_fails_its_stage_in_a_line_and_no_other(tmp_path: Path) -> None:
    path = study(tmp_path)
    broken = broken_off(path, tmp_path / "runs", 1, kill_companion)
    assert len(broken.reasons) == 1
    assert "process of its devices died" in next(iter(broken.reasons.values()))
    assert not multiprocessing.active_children()
    run_whole(Request(str(path), out=tmp_path / "runs", where=TWO))


@pytest.mark.parametrize(
    ("where", "jobs", "said"),
    [
        (Where(devices=10**6), None, "--devices 1000000: this machine has "),
        (Where(devices=2), 2, "--devices 2: one training at a time has all of them: leave out"),
        (Where(devices=0), None, "--devices 0: at least 1 is expected"),
        (Where("ray", devices=2), None, "--devices 2: goes with --executor local alone, not ray"),
    ],
)
def test_devices_that_cannot_be_are_refused(where: Where, jobs: int | None, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        where.check_devices("cpu", jobs)
    assert str(refusal.value).startswith(said)
