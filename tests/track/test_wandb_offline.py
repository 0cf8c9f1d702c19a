"""Weights & Biases, offline: what its file holds, and what it must not hold."""

import json
from pathlib import Path

import pytest
from event_files import KEY, a_run, wandb_records

import nearfar.track.wandb as module
from nearfar.errors import UserError
from nearfar.track.wandb import WeightsAndBiases

pytest.importorskip("wandb")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no login, and W&B's cache out of the home folder."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_an_offline_run_holds_curves_numbers_and_settings_but_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    folder = tmp_path / "track"
    tracker = WeightsAndBiases(folder, project="faces", entity="us", mode="offline")
    tracker.check()
    for _ in range(2):
        tracker.send(a_run())
    (path,) = folder.rglob("*.wandb")
    records = wandb_records(path)
    (run,) = (record.run for record in records if record.HasField("run"))
    assert (run.project, run.entity, run.run_group) == ("faces", "us", "toy-quick")
    assert run.display_name == "RnC(L1) · seed 3 · labels=0.1"
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["seed"] == 3
    assert config["pretrain-rnc"]["recipe"]["optimizer"] == {"sgd": {"lr": 0.5}}
    rows = [
        {(i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in r.history.item}
        for r in records
        if r.HasField("history")
    ]
    rows = [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]
    assert rows == [
        {"pretrain-rnc/iteration": 4, "pretrain-rnc/train/loss": 3.0},
        {"pretrain-rnc/iteration": 8, "pretrain-rnc/train/loss": 2.5},
        {"fit/epoch": 1, "fit/train/loss": 1.0, "fit/validation/mae": 0.9},
        {"fit/epoch": 2, "fit/train/loss": 0.5},
    ]
    axes = {r.metric.glob_name: r.metric.step_metric for r in records if r.HasField("metric")}
    assert axes["fit/*"] == "fit/epoch"
    final = {
        (i.key or "/".join(i.nested_key)): json.loads(i.value_json)
        for r in records
        if r.HasField("summary")
        for i in r.summary.update
    }
    assert final["test/mae_z"] == 0.25
    assert final["status"] == "done"
    held = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY.encode() not in held
    assert b"pytest" not in b"".join(p.read_bytes() for p in folder.rglob("*.wandb"))


def test_two_folders_give_ids_of_their_own(tmp_path: Path) -> None:
    first, again, other = (WeightsAndBiases(tmp_path / name) for name in "aab")
    assert first._id(a_run()) == again._id(a_run()) != other._id(a_run())
    assert first._id(a_run()) != first._id(a_run(seed=4))


@pytest.mark.parametrize(
    ("mode", "environment", "expected"),
    [
        ("auto", {}, "offline"),
        ("auto", {"WANDB_API_KEY": KEY}, "online"),
        ("auto", {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}, "offline"),
        ("offline", {"WANDB_API_KEY": KEY, "WANDB_MODE": "online"}, "offline"),
        ("online", {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}, "online"),
    ],
)
def test_online_only_where_there_is_a_key(
    mode: str,
    environment: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracker = WeightsAndBiases(tmp_path, mode=mode)  # type: ignore[arg-type]
    tracker.check()
    assert tracker._mode() == expected


def test_online_without_a_key_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = WeightsAndBiases(tmp_path, mode="online")
    with pytest.raises(UserError, match="WANDB_API_KEY"):
        tracker.check()
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai login user password {KEY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    tracker.check()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    with pytest.raises(UserError, match="no key"):
        tracker.check()
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with pytest.raises(UserError, match="leave wandb out"):
        WeightsAndBiases(tmp_path).check()


def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.WeightsAndBiases, "package", "not_installed_here")
    with pytest.raises(UserError, match=r"pip install 'nearfar\[not_installed_here\]'"):
        WeightsAndBiases(tmp_path).check()
