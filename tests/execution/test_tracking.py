"""What trackers are told of a study, and that the study does not depend on them."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console
from small_study import Plain, planned, resolved, small, write_small

import nearfar.execution.tracking as module
from nearfar.errors import UserError
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.tracking import Tracking
from nearfar.track import TRACKERS, Notice, TrackedRun, Tracker


class Sink(Tracker):
    """Keeps what it is told; options are ignored."""

    got: ClassVar[list[Any]] = []

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder)

    def send(self, message: Any) -> None:
        self.got.append(message)


class Runs(Sink):
    got: ClassVar[list[TrackedRun]] = []


class Notices(Sink):
    takes = Notice
    got: ClassVar[list[Notice]] = []


class Broken(Sink):
    def send(self, message: Any) -> None:
        raise RuntimeError("no use")


@pytest.fixture(autouse=True)
def sinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sinks in the places of real trackers."""
    monkeypatch.setitem(TRACKERS, "tensorboard", Runs)
    monkeypatch.setitem(TRACKERS, "webhook", Notices)
    monkeypatch.setattr(Runs, "got", [])
    monkeypatch.setattr(Notices, "got", [])


ARMS = ("mean", "plain", "frozen", "tuned")


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A study of four arms, two of which share their pre-training, on one seed."""
    raw = small()
    arms = {name: raw["arms"][name] for name in ARMS}
    path = write_small(tmp_path, arms=arms, axes={"seed": {"role": "repeat", "values": 1}})
    return Request(str(path), out=tmp_path / "runs", device="cpu", track=("tensorboard", "webhook"))


def carried_out(request: Request) -> tuple[Prepared, str]:
    """Run a study, tracked; return it and what was printed."""
    prepared, printed = prepare(request), io.StringIO()
    with Tracking(prepared, Console(file=printed, width=300)) as tracking:
        carry_out(prepared, 1, tracking)
    return prepared, printed.getvalue()


def test_a_study_is_told_by_runs_and_by_notices(request_: Request) -> None:
    prepared, printed = carried_out(request_)
    assert printed == ""
    assert [run.name for run in Runs.got] == [f"{arm} · seed 0" for arm in ARMS]
    tuned = Runs.got[-1]
    assert [stage.name for stage in tuned.stages] == ["pretrain:rnc", "fit"]
    assert [at for at, split, metric, _ in tuned.stages[0].points if metric == "loss"][:3]
    assert tuned.config["pretrain-rnc"]["recipe"]["epochs"] == 3
    results = (prepared.folder.path / "results.csv").read_text().splitlines()
    (line,) = (r for r in results if re.match("tuned,0,,test,y,mae,z,", r))
    assert tuned.summary["test/mae_z"] == pytest.approx(float(line.split(",")[7]), rel=1e-6)
    *stages, end = Notices.got
    assert len(stages) == len(prepared.plan.steps) == 5
    (shared,) = (notice for notice in stages if notice.stage == "pretrain:rnc")
    assert shared.arms == ("frozen", "tuned")
    assert {notice.event for notice in stages} == {"stage done"}
    assert (end.event, end.status, end.arms) == ("study done", "done", ARMS)
    assert prepared.folder.read_json("summary.json")["answer"] in end.text
    assert all("\n" not in notice.text for notice in Notices.got)


def test_nothing_is_told_twice(request_: Request) -> None:
    carried_out(request_)
    runs, notices = len(Runs.got), len(Notices.got)
    carried_out(request_)
    assert (len(Runs.got), len(Notices.got)) == (runs, notices)
    carried_out(replace(request_, seeds=2))
    assert [run.seed for run in Runs.got[runs:]] == [1] * 4
    assert len(Notices.got) == 2 * notices


def test_a_tracker_that_comes_later_is_told_of_what_is_there(request_: Request) -> None:
    before, _ = carried_out(replace(request_, track=()))
    assert not (before.folder.path / "track").exists()
    carried_out(replace(request_, track=("tensorboard",)))
    assert [run.arm for run in Runs.got] == list(ARMS)


def test_a_broken_tracker_is_told_of_once_and_changes_no_number(
    request_: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain, _ = carried_out(replace(request_, track=(), out=tmp_path / "plain"))
    monkeypatch.setitem(TRACKERS, "tensorboard", Broken)
    tracked, printed = carried_out(request_)
    assert printed == ("track: tensorboard: RuntimeError: no use; the study is not touched by it\n")
    results = [run.folder.path / "results.csv" for run in (plain, tracked)]
    assert results[0].read_bytes() == results[1].read_bytes()
    assert set(plain.plan.steps) == set(tracked.plan.steps)
    assert not tracked.failures
    monkeypatch.setitem(TRACKERS, "tensorboard", Runs)
    carried_out(request_)
    assert len(Runs.got) == 4


def test_failures_are_told(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("out of luck\nand more")

    monkeypatch.setattr("nearfar.stages.run.pretrain", fail)
    carried_out(request_)
    failed = {notice.arms: notice for notice in Notices.got if notice.event == "failed"}
    assert set(failed) == {("frozen", "tuned"), ("frozen",), ("tuned",)}
    shared = failed["frozen", "tuned"]
    assert (shared.stage, shared.status) == ("pretrain:rnc", "failed")
    assert shared.text.startswith(
        "small (full): pretrain:rnc for frozen, tuned · seed 0 failed: ValueError: out of luck"
    )
    assert Notices.got[-1].status == "3 stages failed"
    assert [run.arm for run in Runs.got] == ["mean", "plain"]


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "interrupted"), (OSError, "OSErr")]
)
def test_a_study_that_stops_says_so(
    error: type[BaseException], status: str, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr("nearfar.execution.run.write_records", stop)
    with pytest.raises(error):
        carried_out(request_)
    assert Notices.got[-1].event == "failed"
    assert status in Notices.got[-1].status


def test_the_end_is_bounded(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    free = threading.Event()
    monkeypatch.setattr(Runs, "send", lambda self, message: free.wait(20))
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    _, printed = carried_out(request_)
    free.set()
    assert printed.count("not waited for longer than 0.1 s") == 1


WAYS: list[tuple[Any, Plain]] = [
    ("wandb", {"wandb": {"project": "nearfar", "mode": "auto"}}),
    (["webhook", "tensorboard"], {"tensorboard": {}, "webhook": None}),
    ({"tensorboard": None}, {"tensorboard": {}}),
    (
        ["tensorboard", {"wandb": {"project": "p"}}],
        {"tensorboard": {}, "wandb": {"project": "p", "mode": "auto"}},
    ),
]


@pytest.mark.parametrize(("given", "expected"), WAYS)
def test_trackers_are_written_as_a_name_a_list_or_with_options(given: Any, expected: Plain) -> None:
    text = resolved(small(track=given)).text
    webhook = {"url_from": "NEARFAR_WEBHOOK", "timeout": 5.0, "retries": 3}
    assert text["track"] == {name: webhook if o is None else o for name, o in expected.items()}
    assert resolved(text).text == text
    assert set(planned(small(track=given)).steps) == set(planned(small()).steps)


def test_a_study_without_trackers_does_not_speak_of_them() -> None:
    assert "track" not in resolved(small()).text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("wandbb", "track: unknown key 'wandbb'; did you mean 'wandb'?"),
        (["wandb", "wandb"], "track: needs names, each once"),
        (7, "track: needs names, each once"),
        ([7], "track: needs names, each once"),
        ({"webhook": {"timeout": 0}}, "track.webhook.timeout: "),
        ({"webhook": {"url": "x"}}, "track.webhook: unknown key 'url'"),
        ({"wandb": {"mode": "of"}}, "track.wandb.mode: unknown value 'of'"),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(given: Any, says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        resolved(small(track=given))


def test_a_url_in_the_study_is_refused_and_not_repeated() -> None:
    with pytest.raises(UserError, match="environment variable") as told:
        resolved(small(track={"webhook": {"url_from": "https://host/secret"}}))
    assert "secret'" not in str(told.value)
    assert "host" not in str(told.value)


def test_set_reaches_into_a_list_of_trackers(request_: Request) -> None:
    settings = ("track=[tensorboard, wandb]", "track.wandb.project=faces")
    text = prepare(replace(request_, settings=settings, track=())).resolved.text
    assert text["track"] == {"tensorboard": {}, "wandb": {"project": "faces", "mode": "auto"}}


def test_a_tracker_that_is_asked_for_twice_keeps_its_options(request_: Request) -> None:
    settings = ("track.webhook.retries=1",)
    track = prepare(replace(request_, settings=settings)).resolved.text["track"]
    assert set(track) == {"tensorboard", "webhook"}
    assert track["webhook"]["retries"] == 1


def test_a_tracker_is_checked_before_anything_is_written(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runs, "package", "not_installed_here")
    with pytest.raises(UserError, match="pip install"):
        prepare(request_)
    assert not request_.out.exists()


@pytest.mark.parametrize("search", [{"epochs": 1}, None])
def test_runs_that_only_choose_are_told_apart(search: Any, tmp_path: Path) -> None:
    """Also where the chosen point is one of them, because the search has no budget of its own."""
    fit = {"encoder": {"mlp": {"hidden": "$n"}}, "epochs": 2, "batch": 16}
    axes = {"seed": {"role": "repeat", "values": 1}, "n": {"role": "choose", "values": [2, 4]}}
    more = {"search": search} if search else {}
    path = write_small(tmp_path, arms={"plain": {"fit": fit}}, stages={}, axes=axes, **more)
    carried_out(Request(str(path), out=tmp_path / "runs", device="cpu", track=("tensorboard",)))
    assert sorted(run.name for run in Runs.got) == [
        "plain · seed 0",
        "plain · seed 0 · search n=2",
        "plain · seed 0 · search n=4",
    ]
    epochs = {run.search: run.summary["epochs"] for run in Runs.got}
    assert epochs == {"": 2, "n=2": 1 if search else 2, "n=4": 1 if search else 2}


def test_points_between_epochs_are_told_by_iteration(tmp_path: Path) -> None:
    raw = small(track="tensorboard", axes={"seed": {"role": "repeat", "values": 1}})
    fit = {"encoder": "mlp", "iterations": 8, "batch": 16}
    raw |= {"arms": {"plain": {"fit": fit}}, "stages": {}, "profiles": {}}
    carried_out(Request(str(write_small(tmp_path, **raw)), out=tmp_path / "runs"))
    (stage,) = Runs.got[0].stages
    assert stage.counts == "iteration"
    losses = [at for at, split, metric, _ in stage.points if (split, metric) == ("train", "loss")]
    assert losses == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(isinstance(at, int) for at, *_ in stage.points)
