"""TensorBoard reads back what was sent."""

from pathlib import Path
from typing import Any

import pytest
from event_files import a_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nearfar.track.base import file_name
from nearfar.track.tensorboard import TensorBoard


def read(folder: Path) -> Any:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_a_run_has_its_curves_and_final_numbers(tmp_path: Path) -> None:
    TensorBoard(tmp_path).send(a_run())
    events = read(tmp_path / "RnC(L1)" / "seed 3 labels=0.1")
    points = {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
    assert points.pop("pretrain-rnc/train/loss") == [(4, 3.0), (8, 2.5)]
    assert points.pop("fit/train/loss") == [(1, 1.0), (2, 0.5)]
    assert points.pop("fit/validation/mae") == [(1, pytest.approx(0.9))]
    final = {name.removeprefix("final/"): value for name, ((_, value),) in points.items()}
    budget = {"epochs": 5, "steps": 14, "seconds": 2.0, "parameters": 4}
    assert final == {"test/mae_z": 0.25, "test/mae": 0.5, "test/r2": 0.75, **budget}


def test_hyper_parameters_are_there_for_the_table_of_runs(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    TensorBoard(tmp_path).send(a_run())
    events = read(tmp_path / "RnC(L1)" / "seed 3 labels=0.1")
    metadata = events.SummaryMetadata("_hparams_/session_start_info")
    given = HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info.hparams
    assert given["arm"].string_value == "RnC(L1)"
    assert given["seed"].number_value == 3
    assert given["pretrain-rnc.recipe.optimizer.sgd.lr"].number_value == 0.5
    assert given["fit.standardise"].number_value == 1
    assert given["fit.betas"].string_value == "[0.9, 0.99]"
    assert "fit.clip" not in given


def test_sending_again_replaces(tmp_path: Path) -> None:
    for _ in range(2):
        TensorBoard(tmp_path).send(a_run())
    events = read(tmp_path / "RnC(L1)" / "seed 3 labels=0.1")
    assert len(events.Scalars("fit/train/loss")) == 2


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", "..", "a\nb", "é: ?" * 40, " a", "a."])
def test_any_arm_has_a_folder_of_its_own(name: str, tmp_path: Path) -> None:
    TensorBoard(tmp_path / "here").send(a_run(arm=name))
    (arm,) = (tmp_path / "here").iterdir()
    assert len(list(arm.rglob("*tfevents*"))) == 1
    assert arm.name != file_name(file_name(name).rpartition("-")[0])
    assert not arm.name.startswith(".")
