"""A run as jobs that submitit submits: here by its executor for one machine."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from small_study import resolved, small, write_small, write_table
from whole_runs import run_whole

from nearfar.data import load_dataset
from nearfar.errors import UserError
from nearfar.execution import where
from nearfar.execution.events import Event, Finished, Progress, Started
from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.where import Where
from nearfar.execution.worker import StudySource
from nearfar.plan.environment import Environment
from nearfar.plan.plan import make_plan
from nearfar.records.stages import StageStore

RESULTS = Path("small-full") / "results.csv"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, its jobs processes of this machine."""
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    from nearfar.execution.executors import slurm_queue

    monkeypatch.setattr(slurm_queue, "CLUSTER", "local")
    monkeypatch.setattr(slurm_queue, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(slurm_queue, "QUEUE_SECONDS", 0.2)
    monkeypatch.setattr(slurm_queue, "LATE_SECONDS", 0.5)
    monkeypatch.setattr(where, "which", lambda name: f"/usr/bin/{name}")
    return slurm_queue


@pytest.fixture
def study(tmp_path: Path) -> Path:
    raw = small(axes={"seed": {"role": "repeat", "values": 1}})
    raw["arms"] = {name: raw["arms"][name] for name in ("plain", "frozen")}
    # Long enough to be found at work, beside other tests on a busy machine too.
    raw["arms"]["plain"]["fit"]["epochs"] = raw["stages"]["rnc"]["epochs"] = 400
    return write_small(tmp_path, **raw)


@pytest.mark.filterwarnings("ignore")
def test_jobs_give_the_bytes_of_a_local_run_though_one_is_killed(
    queue: Any, study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    run_whole(Request(str(study), out=here))
    prepared = prepare(Request(str(study), out=there, where=Where("slurm")))
    names: list[str] = []
    killed: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, Started):
            names.append(event.stage_hash)
            if not killed and kill_job(there, event.stage_hash):
                killed.append(event.stage_hash)

    carry_out(prepared, 2, watch)
    assert not prepared.failures
    assert (there / RESULTS).read_bytes() == (here / RESULTS).read_bytes()
    assert names.count(killed[0]) == 2
    assert "begins again" in capfd.readouterr().err


def kill_job(out: Path, stage_hash: str) -> bool:
    """Kill the job at work on a stage; return whether the stage was not done before."""
    (told,) = [path for path in out.rglob("*.told") if stage_hash in path.read_text("utf-8")]
    jobs = told.parent.glob("*_submitted.pkl")
    # submitit's jobs on one machine bear the numbers of their processes.
    (number,) = [job.name.split("_")[0] for job in jobs if told.name.encode() in job.read_bytes()]
    try:
        os.kill(int(number), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return not StageStore(out / "stages").is_done(stage_hash)


def test_a_job_that_has_to_end_says_nothing_of_its_stages(
    queue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As submitit does at the time limit: it queues the job again, and leaves by an exception."""
    write_table(tmp_path / "small.csv")
    dataset = load_dataset(resolved(small()).study.data, tmp_path)
    environment = Environment(str(torch.__version__), "cpu")
    plan = make_plan(resolved(small(axes={})), dataset.digest, environment)
    bundle = next((s,) for s in plan.steps.values() if s.name == "pretrain:rnc")
    source = StudySource(resolved(small()).study.data, tmp_path)
    store = StageStore(tmp_path / "out/stages")
    work = queue.Work(bundle, source, store, tmp_path / "1.told")
    told: list[Event] = []

    def leave(event: Event) -> None:
        told.append(event)
        if isinstance(event, Progress):
            raise SystemExit(-1)

    monkeypatch.setattr(queue, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(queue.Work, "_tell", lambda self, event: leave(event))
    with pytest.raises(SystemExit):
        work()
    assert not any(isinstance(event, Finished) for event in told)
    again = work.checkpoint().function
    assert again == work
    monkeypatch.undo()
    again()
    job = queue._Job(again)
    kinds = [type(event) for event in queue._lines(job)]
    assert kinds[0] is Started
    assert kinds[-1] is Finished
    assert list(queue._lines(job)) == []
    assert store.is_done(bundle[0].hash)


def test_without_sbatch_it_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "find_spec", lambda name: name)
    monkeypatch.setattr(where, "which", lambda name: None)
    with pytest.raises(UserError, match="there is no sbatch here"):
        Where("slurm").check()


def test_a_queue_that_does_not_answer_has_lost_nothing(
    queue: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(queue, "CLUSTER", "slurm")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queue._in_queue() is None
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 12_0\necho 12_1\necho 13\n", encoding="utf-8")
    squeue.chmod(0o755)
    assert queue._in_queue() == {"12_0", "12_1", "13"}
