"""MLflow with a store of its own: what it holds of arms and seeds, and what it must not hold."""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from event_files import a_run

import nearfar.track.mlflow as module
from nearfar.errors import UserError
from nearfar.track import NotSent
from nearfar.track.mlflow import MLflow

tracking = pytest.importorskip("mlflow.tracking", reason="mlflow is not installed")


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tracking server."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def all_runs(tracker: MLflow) -> dict[str, Any]:
    client = tracking.MlflowClient(tracking_uri=tracker.uri)
    experiment = client.get_experiment_by_name(tracker.experiment)
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


@pytest.mark.filterwarnings("ignore")  # of MLflow's own parts
def test_an_arm_is_a_run_and_its_seeds_are_below_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracker = MLflow(tmp_path / "track", experiment="faces")
    tracker.check()
    for _ in range(2):  # the second replaces the first
        tracker.send(a_run(condition=""))
    tracker.send(a_run(seed=4, condition=""))
    tracker.send(a_run())
    assert capfd.readouterr() == ("", "")
    runs = all_runs(tracker)
    parent = runs.pop("toy-quick · RnC(L1)")
    assert set(runs) == {
        "RnC(L1) · seed 3",
        "RnC(L1) · seed 4",
        "RnC(L1) · seed 3 · labels=0.1",
    }
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert (parent.info.status, parent.data.tags["seeds"]) == ("FINISHED", "2")
    assert parent.data.metrics["test/mae_z"] == 0.25
    assert "fit/train/loss" not in parent.data.metrics
    child = runs["RnC(L1) · seed 3"]
    assert child.data.metrics["test/mae"] == 0.5
    assert child.data.params["pretrain-rnc.recipe.optimizer.sgd.lr"] == "0.5"
    assert child.data.tags["status"] == "done"
    client = tracking.MlflowClient(tracking_uri=tracker.uri)
    history = client.get_metric_history(child.info.run_id, "pretrain-rnc/train/loss")
    assert [(point.step, point.value) for point in history] == [(4, 3.0), (8, 2.5)]
    assert "mlflow.user" not in child.data.tags
    assert "mlflow.source.git.commit" not in child.data.tags


@pytest.mark.filterwarnings("ignore")
def test_an_address_that_does_not_work_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"us:secret-word@127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{address}")
    with pytest.raises(NotSent) as told:
        MLflow(tmp_path / "track").send(a_run())
    assert "secret-word" not in str(told.value)
    assert "\n" not in str(told.value)
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.filterwarnings("ignore")
def test_odd_names_of_arms_targets_and_options_arrive(tmp_path: Path) -> None:
    arm = "a/b · \"c\" 'd' % `e` " + "long " * 60
    run = a_run(arm=arm, condition="")
    targets = ["/y", "y/../z", "a%", "a$"]
    metrics = [
        {"split": "test", "target": name, "metric": "mae", "unit": "mm", "value": float(number)}
        for number, name in enumerate(targets)
    ]
    fit = replace(
        run.stages[-1],
        spec={"classes": {"c++": 1, "c##": 2, "..": 3, "x" * 300: "v" * 9000}},
        outcome={**run.stages[-1].outcome, "metrics": metrics},
    )
    tracker = MLflow(tmp_path / "track")
    for _ in range(2):
        tracker.send(replace(run, stages=[run.stages[0], fit]))
    runs = all_runs(tracker)
    assert len(runs) == 2
    child = next(found for found in runs.values() if "seed" in found.data.tags)
    parent = next(found for found in runs.values() if found is not child)
    for found in (child, parent):  # means of one seed
        names = {name: value for name, value in found.data.metrics.items() if "test/" in name}
        assert sorted(names.values()) == [0, 1, 2, 3], names
    assert child.data.tags["arm"] == arm
    kept = {name: value for name, value in child.data.params.items() if "classes" in name}
    assert sorted(kept.values())[:3] == ["1", "2", "3"]
    assert len(kept) == 4


@pytest.mark.filterwarnings("ignore")
def test_a_database_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, client = MLflow(tmp_path / "track"), tracking.MlflowClient

    class Interrupted:
        """Stops when the tables have been made."""

        def __init__(self, tracking_uri: str) -> None:
            self.client = client(tracking_uri=tracking_uri)

        def search_experiments(self, max_results: int) -> None:
            self.client.search_experiments(max_results=max_results)
            assert list(tmp_path.rglob("*.db"))
            raise KeyboardInterrupt

    monkeypatch.setattr(tracking, "MlflowClient", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        tracker.send(a_run())
    assert not list(tmp_path.rglob("*.db"))
    monkeypatch.undo()
    tracker.send(a_run())
    assert len(all_runs(tracker)) == 2
    damaged = tmp_path / "damaged" / "mlflow.db"
    damaged.parent.mkdir()
    damaged.write_bytes(b"no database at all" * 100)
    with pytest.raises(NotSent, match=r"not a database.*without .*damaged all is sent anew"):
        MLflow(damaged.parent).send(a_run())


def test_names_and_the_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._named("test/log S (mol/L), %") == "test/log S _mol/L__ _"
    monkeypatch.setattr(MLflow, "package", "not_installed_here")
    with pytest.raises(UserError, match=r"pip install 'nearfar\[not_installed_here\]'"):
        MLflow(tmp_path).check()
