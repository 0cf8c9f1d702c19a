"""How training is judged on validation rows, and that it does not notice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nearfar.data import Dataset, Split
from nearfar.data.augment import build_views
from nearfar.data.inputs.images import Images
from nearfar.data.inputs.vectors import Vectors
from nearfar.encoders import build_encoder
from nearfar.heads import NETWORKS
from nearfar.losses import LOSSES
from nearfar.metrics import METRICS
from nearfar.objectives import OBJECTIVES, Predictor, Rows
from nearfar.stacking.predictors import stack_of
from nearfar.stacking.trainer import StackedTrainer
from nearfar.stages.targets import outputs_of
from nearfar.stages.tasks import FitTask, PretrainTask
from nearfar.stages.undefined import is_undefined
from nearfar.train import loop
from nearfar.train.loop import Outcome, Points, Trainer
from nearfar.train.recipe import SGD, Constant, Plateau, Recipe
from nearfar.train.rounds import Round

SIZE = 8
SPLIT = Split(np.arange(30), np.arange(30, 47), np.arange(47, 50))
TRAIN, VALIDATION = torch.arange(30), torch.arange(30, 47)
"""17 rows for validation: two batches, and one row with which no objective can do."""

OPTIONS: dict[str, dict[str, Any]] = {
    "moco": {"queue": 20, "split_batch_norm": 2, "symmetric": True, "momentum": 0.9},
    "rnc": {"views": 2},
    "contrastive": {"distance": "mahalanobis"},
}
RECIPE = Recipe(
    epochs=3,
    batch=SIZE,
    drop_last=False,
    optimizer=SGD(lr=0.02),
    schedule=Constant(),
    clip=1.0,
    select="last",
)


def dataset(classes: bool, labels: bool = False) -> Dataset:
    random = np.random.default_rng(0)
    inputs: Any = Images(random.integers(0, 255, size=(50, 3, 12, 12), dtype=np.uint8))
    if not classes:
        inputs = Vectors(torch.from_numpy(random.normal(size=(50, 4))).float(), list("abcd"))
    targets = random.normal(size=50)
    if classes or labels:
        targets = (np.arange(50) % (3 if classes else 2)).astype(float)
    names = ["x", "y", "z"] if classes else []
    ids = [str(i + 1) for i in range(50)]
    blank = dict.fromkeys(Dataset.__dataclass_fields__)
    given: dict[str, Any] = {
        "inputs": inputs,
        "ids": ids,
        "targets": targets[:, None],
        "target_names": ["t"],
        "classes": names,
        "multilabel": labels,
    }
    return Dataset(**{**blank, **given})


def pretraining(name: str, kind: type[PretrainTask] = PretrainTask) -> PretrainTask:
    torch.manual_seed(5)
    classes = "classification" in OBJECTIVES[name].tasks
    data = dataset(classes, labels=OBJECTIVES[name].tasks == {"multilabel"})
    outputs = outputs_of(data, SPLIT)
    encoder: Any = build_encoder(
        *(("cnn", {"width": 2, "dropout": 0.3}) if classes else ("mlp", {"dropout": 0.3})),
        data.inputs,
    )
    predicts = getattr(OBJECTIVES[name], "predicts", False)
    outputs_too = (outputs.count,) if predicts else ()
    objective = OBJECTIVES[name](encoder, *outputs_too, **OPTIONS.get(name, {}))
    view = build_views([("standard", {})]) if classes else jitter
    rows = Rows(data.inputs, torch.from_numpy(outputs.targets), view, objective.views)
    return kind(objective, rows, TRAIN, VALIDATION, outputs, size=SIZE, seed=0)


def jitter(inputs: Tensor) -> Tensor:
    return inputs + 0.1 * torch.randn(inputs.shape)


class Unjudged(PretrainTask):
    def validate(self, at: Round) -> tuple[None, Points]:
        return None, {}


def train(task: Any, folder: Path, **more: Any) -> Outcome:
    fabric = Fabric(accelerator="cpu", devices=1)
    return Trainer(task, RECIPE, 0, fabric, checkpoint=folder / "checkpoint.pt", **more).run()


def state(module: nn.Module) -> dict[str, Tensor]:
    """What training uses: all but the queue that validation has to itself."""
    return {
        name: value.clone()
        for name, value in module.state_dict().items()
        if not name.startswith("validation_queue")
    }


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name, value in one.items() if not torch.equal(value, other[name])]


def values(outcome: Outcome, split: str, metric: str) -> list[float]:
    return [p.value for p in outcome.curves if (p.split, p.metric) == (split, metric)]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_validation_does_not_disturb_pre_training(name: str, tmp_path: Path) -> None:
    judged, alone = pretraining(name), pretraining(name, Unjudged)
    shown, plain = train(judged, tmp_path), train(alone, tmp_path)
    assert not differing(state(judged.module), state(alone.module))
    assert values(shown, "train", "loss") == values(plain, "train", "loss")
    losses = values(shown, "validation", "loss")
    assert len(losses) == 3
    assert len(set(losses)) == 3
    probe = "knn_accuracy" if "classification" in OBJECTIVES[name].tasks else "mae"
    probe = "average_precision" if OBJECTIVES[name].tasks == {"multilabel"} else probe
    assert len(values(shown, "validation", probe)) == 3


@pytest.mark.parametrize("name", OBJECTIVES)
def test_judging_changes_no_state_and_no_generator(name: str) -> None:
    task = pretraining(name)
    task.module.train()
    task.module.loss(task.data.batch(TRAIN[:SIZE]))
    before, drawn = state(task.module), torch.get_rng_state()
    _, first = task.validate(Round(1, 1))
    assert not differing(state(task.module), before)
    assert torch.equal(torch.get_rng_state(), drawn)
    if name != "moco":
        _, again = task.validate(Round(1, 1))
        assert again["validation", "loss"] == first["validation", "loss"]


def test_the_validation_loss_is_that_of_whole_batches_in_views_of_their_own(
    tmp_path: Path,
) -> None:
    task = pretraining("nt_xent")
    train(task, tmp_path)
    _, points = task.validate(Round(1, 3))
    torch.manual_seed(int(np.random.SeedSequence([0, 1]).generate_state(1)[0]))
    task.module.eval()
    with torch.no_grad():
        losses = [
            float(task.module.loss(task.data.batch(VALIDATION[at : at + 8]))) for at in (0, 8)
        ]
    assert points["validation", "loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    _, other = task.validate(Round(2, 3))
    assert other["validation", "loss"] != points["validation", "loss"]


def test_too_few_validation_rows_give_no_loss() -> None:
    task = pretraining("triplet")
    task.validation = VALIDATION[:2]
    _, points = task.validate(Round(1, 1))
    assert {metric for _, metric in points} == {"knn_accuracy"}


def test_between_the_twenty_times_only_training_is_told() -> None:
    task = pretraining("moco")
    task.module.train().loss(task.data.batch(TRAIN[:SIZE]))
    _, points = task.validate(Round(1, 100))
    assert set(points) == {("train", "pick_accuracy")}
    _, points = task.validate(Round(5, 100))
    assert {split for split, _ in points} == {"validation"}


@pytest.mark.parametrize(
    ("name", "metric"),
    [("moco", "pick_accuracy"), ("autoencoder", "sse"), ("cross_entropy", "accuracy")],
)
def test_what_an_objective_tells_is_told_of_both_parts(
    name: str, metric: str, tmp_path: Path
) -> None:
    outcome = train(pretraining(name), tmp_path)
    told = [values(outcome, split, metric) for split in ("train", "validation")]
    assert [len(points) for points in told] == [3, 3]
    assert told[0] != told[1]
    if name == "autoencoder":
        assert told[0] == pytest.approx(values(outcome, "train", "loss"), rel=1e-5)
        assert told[1] == pytest.approx(values(outcome, "validation", "loss"), rel=1e-5)


@pytest.mark.parametrize("name", ["cross_entropy", "supcon"])
def test_the_loss_that_a_schedule_may_go_by_is_that_of_a_classifier(name: str) -> None:
    task = pretraining(name)
    task.module.train().loss(task.data.batch(TRAIN[:SIZE]))
    value, points = task.validate(Round(1, 100))
    if name == "supcon":
        assert value is None
    else:
        assert value == points["validation", "loss"]
    assert ("validation", "knn_accuracy") not in points


def test_a_plateau_of_a_pre_trained_classifier_lowers_its_rate(tmp_path: Path) -> None:
    still = RECIPE.model_copy(update={"schedule": Plateau(factor=0.5, patience=0), "epochs": 5})
    task, losses = pretraining("cross_entropy"), iter([1.0, 2.0, 3.0, 0.5, 1.0])
    task._loss = lambda number: {"loss": next(losses)}  # type: ignore[method-assign]
    fabric = Fabric(accelerator="cpu", devices=1)
    trainer = Trainer(task, still, 0, fabric, checkpoint=tmp_path / "checkpoint.pt")
    trainer.run()
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.02 / 8)


class StoppedError(Exception):
    pass


def test_the_validation_queue_goes_on_from_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    (tmp_path / "whole").mkdir()
    whole = train(pretraining("moco"), tmp_path / "whole")

    def stop(done: int, loss: float) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(pretraining("moco"), tmp_path, report=stop)
    torch.rand(9)
    assert train(pretraining("moco"), tmp_path).curves == whole.curves


def fitting(classes: bool, metric: str, data: Dataset | None = None) -> FitTask:
    torch.manual_seed(5)
    data = data or dataset(classes)
    outputs = outputs_of(data, SPLIT)
    loss = LOSSES["classification"]["cross_entropy"] if classes else LOSSES["regression"]["huber"]
    encoder: Any = build_encoder("cnn" if classes else "mlp", {"dropout": 0.3}, data.inputs)
    head = NETWORKS["linear"](encoder.out_features, outputs.count)
    module = Predictor(encoder, head, loss, classifies=classes)
    rows = Rows(data.inputs, torch.from_numpy(outputs.targets))
    return FitTask(module, rows, TRAIN, VALIDATION, outputs, metric)


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_a_fit_of_numbers_shows_loss_and_metric(metric: str, tmp_path: Path) -> None:
    task = fitting(False, metric)
    outcome = train(task, tmp_path)
    shown = {(p.split, p.metric) for p in outcome.curves}
    assert shown == {("train", "loss"), ("validation", "loss"), ("validation", metric)}
    batch = task.data.batch(VALIDATION)
    with torch.no_grad():
        loss = nn.functional.smooth_l1_loss(
            task.module.eval()(batch.inputs).double(), batch.targets
        )
    assert values(outcome, "validation", "loss")[-1] == pytest.approx(float(loss), rel=1e-5)


def test_a_fit_of_classes_shows_accuracy_of_both_parts(tmp_path: Path) -> None:
    task = fitting(True, "balanced_accuracy")
    right: list[Tensor] = []

    def watch(module: nn.Module, given: Any, logits: Tensor) -> None:
        if module.training:
            right.append(logits.argmax(1))

    task.module.head.register_forward_hook(watch)
    batches: list[Tensor] = []
    gather = Rows.batch

    def remember(self: Rows, index: Tensor) -> Any:
        batches.append(index)
        return gather(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "batch", remember)
        outcome = train(task, tmp_path)
    hits = [(guess == index % 3).float().sum() for guess, index in zip(right, batches, strict=True)]
    per_epoch = torch.stack(hits).view(3, 4).sum(1) / 30
    assert values(outcome, "train", "accuracy") == pytest.approx(per_epoch.tolist())
    with torch.no_grad():
        logits = task.module.eval()(task.data.batch(VALIDATION).inputs)
    accuracy = (logits.argmax(1) == VALIDATION % 3).double().mean()
    assert values(outcome, "validation", "accuracy")[-1] == pytest.approx(float(accuracy))
    loss = nn.functional.cross_entropy(logits, VALIDATION % 3)
    assert values(outcome, "validation", "loss")[-1] == pytest.approx(float(loss), rel=1e-5)
    assert len(values(outcome, "validation", "balanced_accuracy")) == 3


def test_validation_does_not_disturb_a_fit(tmp_path: Path) -> None:
    judged, alone = fitting(True, "accuracy"), fitting(True, "accuracy")
    alone.validate = lambda at: (None, {})  # type: ignore[method-assign]
    train(judged, tmp_path)
    train(alone, tmp_path)
    assert not differing(judged.module.state_dict(), alone.module.state_dict())


def test_fits_may_be_trained_together(tmp_path: Path) -> None:
    """Seeds, a fraction of the rows and a grid point: each ends as alone."""
    data = dataset(classes=False)
    outputs = outputs_of(data, SPLIT)
    rows = Rows(data.inputs, torch.from_numpy(outputs.targets))

    def fit(seed: int, count: int) -> FitTask:
        torch.manual_seed(seed)
        encoder: Any = build_encoder("mlp", {}, data.inputs)
        head = NETWORKS["linear"](encoder.out_features, 1)
        module = Predictor(encoder, head, LOSSES["regression"]["l1"])
        return FitTask(module, rows, TRAIN[:count], VALIDATION, outputs, "mae")

    fabric = Fabric(accelerator="cpu", devices=1)
    file, made = tmp_path / "checkpoint.pt", RECIPE.model_copy(update={"select": "best"})
    recipes = [made, made.model_copy(update={"optimizer": SGD(lr=0.1)}), made]
    seeds, counts = [1, 1, 2], [30, 30, 17]
    tasks, twins = ([fit(*each) for each in zip(seeds, counts, strict=True)] for _ in range(2))
    options: dict[str, Any] = {"stack_of": stack_of, "checkpoint": file}
    outcomes = StackedTrainer(tasks, recipes, seeds, fabric, **options).run()
    for task, twin, one, seed, outcome in zip(tasks, twins, recipes, seeds, outcomes, strict=True):
        expected = Trainer(twin, one, seed, fabric, checkpoint=file).run()
        assert outcome.selected_epoch == expected.selected_epoch
        for point, other in zip(outcome.curves, expected.curves, strict=True):
            assert (point.epoch, point.metric) == (other.epoch, other.metric)
            assert point.value == pytest.approx(other.value, rel=1e-4)
        torch.testing.assert_close(state(task.module), state(twin.module), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("made", ["fit", "pretraining"])
def test_along_the_way_features_are_no_means_and_a_finished_encoder_has_them(made: str) -> None:
    def judged(test_time: str) -> tuple[Any, Points]:
        task: Any = fitting(True, "accuracy") if made == "fit" else pretraining("cross_entropy")
        options = {"widths": (2, task.module.encoder.out_features), "test_time": test_time}
        torch.manual_seed(0)
        task.module.encoder = build_encoder("fast_cnn", options, dataset(classes=True).inputs)
        return task.module.encoder, task.validate(Round(1, 1))[1]

    (plain, one), (means, other) = judged("plain"), judged("flip_shift")
    assert one == other
    pixels = torch.rand(3, 3, 12, 12)
    assert not torch.equal(plain.eval()(pixels), means.eval()(pixels))


def test_a_fit_that_chooses_nothing_is_judged_up_to_twenty_times() -> None:
    often, seldom = fitting(False, "mae"), fitting(False, "mae")
    seldom.chooses = False
    of = 75
    judged = [
        [number for number in range(1, of + 1) if task.validate(Round(number, of))[0] is not None]
        for task in (often, seldom)
    ]
    assert judged == [list(range(1, of + 1)), [*range(4, of, 4), of]]


@pytest.mark.parametrize(
    ("metric", "truth", "undefined"),
    [
        ("auroc", [0, 0, 0, 0], True),
        ("auroc", [0, 0, 1, 0], False),
        ("f1", [0, 0, 0, 0], True),
        ("f1", [0, 0, 1, 0], False),
        ("mcc", [1, 1, 1, 1], True),
        ("mcc", [0, 0, 1, 0], False),
        ("average_precision", [0, 0, 0, 0], True),
        ("accuracy", [0, 0, 0, 0], False),
        ("nll", [1, 1, 1, 1], False),
        ("r2", [2.0, 2.0, 2.0, 2.0], True),
        ("r2", [2.0, 2.0, 2.5, 2.0], False),
        ("spearman", [2.0, 2.0, 2.0, 2.0], True),
        ("spearman", [1.0, 2.0, 3.0, 2.0], False),
        ("mae", [2.0, 2.0, 2.0, 2.0], False),
    ],
)
def test_where_a_metric_has_no_value_the_loss_chooses(
    metric: str, truth: list[float], undefined: bool
) -> None:
    classes = all(value in {0, 1} for value in truth)
    targets = np.resize([0.0, 1.0] if classes else [0.1, 0.7, 0.4], (50, 1))
    targets[46:, 0] = truth
    names = ["x", "y"] if classes else []
    data = replace(dataset(classes), targets=targets, classes=names)
    task = fitting(classes, metric, data)
    task.validation = torch.arange(46, 50)
    assert is_undefined(task.outputs, metric, task.validation.numpy()) is undefined
    value, points = task.validate(Round(1, 3))
    found = {name: point for (part, name), point in points.items() if part == "validation"}
    sign = 1 if METRICS[metric].better == "lower" else -1
    assert value == pytest.approx(found["loss"] if undefined else sign * found[metric])
