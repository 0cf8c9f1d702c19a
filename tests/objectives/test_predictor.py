"""What is trained moves, what is not stays bit for bit, and a predictor can learn by heart."""

from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from z_units import in_z_units

from nearfar.data import Images, Molecules, Vectors
from nearfar.encoders import Encoder, build_encoder
from nearfar.heads import Linear
from nearfar.losses import REGRESSION_LOSSES
from nearfar.objectives import Batch, CachedRows, Predictor, Rows, in_chunks
from nearfar.stages.models import FeatureRows
from nearfar.stages.tasks import FitTask
from nearfar.train.loop import Trainer
from nearfar.train.recipe import Adam, Constant, Recipe

Part = Literal["all", "head"] | int
CHAINS = ["C" * n + end for n in range(1, 9) for end in ("", "O", "N", "C=O")]
L1 = REGRESSION_LOSSES["l1"]


def molecules() -> Rows:
    sizes = torch.tensor([[len(smiles) + 2.0 * smiles.count("O")] for smiles in CHAINS])
    targets = (sizes - sizes.mean()) / sizes.std()
    return Rows(Molecules.from_smiles(CHAINS), targets.double())


def vectors(targets: int = 1) -> Rows:
    torch.manual_seed(3)
    values = torch.randn(32, 4) * torch.tensor([1.0, 10.0, 0.1, 1.0])
    target = torch.randn(32, targets, dtype=torch.float64)
    return Rows(Vectors(values, list("abcd")), target)


def gin(rows: Rows, **options: Any) -> Encoder:
    torch.manual_seed(0)
    chosen = {"layers": 4, "hidden": 8, "out": 8, **options}
    encoder = build_encoder("gin", chosen, rows.inputs)
    assert isinstance(encoder, Encoder)
    return encoder


def mlp(rows: Rows, **options: Any) -> Encoder:
    torch.manual_seed(0)
    chosen = {"layers": 3, "hidden": 16, **options}
    encoder = build_encoder("mlp", chosen, rows.inputs)
    assert isinstance(encoder, Encoder)
    return encoder


def recipe(epochs: int, lr: float = 0.01) -> Recipe:
    return Recipe(
        epochs=epochs,
        batch=16,
        drop_last=False,
        optimizer=Adam(lr=lr),
        schedule=Constant(),
        clip=None,
        select="last",
    )


def train(
    predictor: Predictor,
    rows: Rows,
    folder: Path,
    epochs: int,
    lr: float = 0.01,
    index: Tensor | None = None,
) -> None:
    index = torch.arange(len(rows.targets)) if index is None else index
    task = FitTask(predictor, rows, index, index, in_z_units(rows.targets), "mae")
    fabric = Fabric(accelerator="cpu", devices=1)
    outcome = Trainer(
        task, recipe(epochs, lr), 0, fabric, checkpoint=folder / "checkpoint.pt"
    ).run()
    assert outcome.status == "done"


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def moved(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    return {name for name, now in module.state_dict().items() if not torch.equal(now, before[name])}


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def names_under(encoder: Encoder, groups: list[nn.Module]) -> set[str]:
    """Names in the encoder's state that belong to these layer groups."""
    inside = {id(value) for group in groups for value in group.state_dict(keep_vars=True).values()}
    whole = encoder.state_dict(keep_vars=True)
    return {name for name, value in whole.items() if id(value) in inside}


@pytest.mark.parametrize("make", [gin, mlp])
@pytest.mark.parametrize("trained", ["head", 1, 2, "all"])
def test_what_is_not_trained_stays_bit_for_bit(make: Any, trained: Part, tmp_path: Path) -> None:
    rows = molecules() if make is gin else vectors()
    encoder = make(rows)
    last = encoder.layer_groups()[-trained:] if isinstance(trained, int) else []
    live = names_under(encoder, [encoder] if trained == "all" else last)
    before = state(encoder)
    predictor = Predictor(encoder, Linear(encoder.out_features, 1), L1, trained=trained)
    head_before = state(predictor.head)
    train(predictor, rows, tmp_path, epochs=2)
    changed = moved(before, encoder)
    assert changed <= live
    parameters = {name for name, _ in encoder.named_parameters()}
    assert changed & parameters == live & parameters
    statistics = {name for name in live if name.endswith(STATISTICS)}
    assert changed & set(statistics) == statistics
    assert moved(head_before, predictor.head) == set(head_before)


@pytest.mark.parametrize("make", [gin, mlp])
def test_batch_norm_in_eval_keeps_its_statistics_and_trains_its_weights(
    make: Any, tmp_path: Path
) -> None:
    rows = molecules() if make is gin else vectors()
    encoder = make(rows)
    before = state(encoder)
    head = Linear(encoder.out_features, 1)
    train(Predictor(encoder, head, L1, batch_norm="eval"), rows, tmp_path, epochs=2)
    changed = moved(before, encoder)
    assert changed == {name for name, _ in encoder.named_parameters()}
    assert any(name.endswith(STATISTICS) for name in before)


def test_a_frozen_encoder_does_not_drop_units_and_a_trained_one_does() -> None:
    rows = vectors()
    batch = rows.batch(torch.arange(32))
    for trained, repeats in (("head", True), ("all", False)):
        encoder = mlp(rows, dropout=0.5)
        predictor = Predictor(encoder, Linear(16, 1), L1, trained=trained).train()  # type: ignore[arg-type]
        assert torch.equal(predictor.loss(batch), predictor.loss(batch)) == repeats
        predictor.eval()
        assert torch.equal(predictor.loss(batch), predictor.loss(batch))


def test_groups_are_what_is_trained_with_the_encoders_own_rate() -> None:
    rows = molecules()
    encoder = gin(rows)
    predictor = Predictor(encoder, Linear(encoder.out_features, 1), L1, trained=1, encoder_lr=0.1)
    (own, factor), (head, one) = predictor.groups()
    assert (factor, one) == (0.1, 1.0)
    last = list(encoder.layer_groups()[-1].parameters())
    assert {id(p) for p in own} == {id(p) for p in last}
    assert {id(p) for p in head} == {id(p) for p in predictor.head.parameters()}
    whole = Predictor(gin(rows), Linear(encoder.out_features, 1), L1, trained="head")
    assert whole.groups()[0] == ([], 1.0)


def test_a_smaller_rate_moves_the_encoder_less(tmp_path: Path) -> None:
    steps = []
    for factor in (1.0, 0.1):
        rows = vectors()
        encoder = mlp(rows)
        before = [p.detach().clone() for p in encoder.parameters()]
        train(Predictor(encoder, Linear(16, 1), L1, encoder_lr=factor), rows, tmp_path, epochs=1)
        gaps = [(p - b).abs().max() for p, b in zip(encoder.parameters(), before, strict=True)]
        steps.append(float(max(gap.item() for gap in gaps)))
    assert steps[1] < 0.3 * steps[0]


def test_more_layers_than_there_are_cannot_be_trained() -> None:
    rows = vectors()
    encoder = mlp(rows)
    with pytest.raises(ValueError, match=r"last:4.*3"):
        Predictor(encoder, Linear(16, 1), L1, trained=4)


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@pytest.mark.parametrize("targets", [1, 3])
def test_the_loss_compares_predictions_with_targets(loss: str, targets: int) -> None:
    rows = vectors(targets)
    encoder = mlp(rows)
    predictor = Predictor(encoder, Linear(16, targets), REGRESSION_LOSSES[loss]).eval()
    batch = rows.batch(torch.arange(5, 20))
    error = predictor(batch.inputs).double() - batch.targets
    far = error.abs() - 0.5
    expected = {
        "l1": error.abs(),
        "mse": error.square(),
        "huber": torch.where(error.abs() < 1, error.square() / 2, far),
    }[loss].mean()
    assert predictor.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)
    assert predictor.loss(batch).ndim == 0


def test_standardisation_stands_between_encoder_and_head() -> None:
    rows = vectors()
    encoder = mlp(rows).eval()
    predictor = Predictor(encoder, Linear(16, 1), L1).eval()
    x = rows.inputs.select(torch.arange(32))
    features = encoder(x)
    predictor.standardise.fit(features)
    scaled = (features - features.mean(0)) / features.std(0, correction=0).clamp_min(1e-6)
    varies = features.std(0) > 1e-5
    shown = predictor.standardise(features)
    torch.testing.assert_close(shown[:, varies], scaled[:, varies], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(predictor(x), predictor.head(shown))


@pytest.mark.parametrize("make", [gin, mlp])
def test_a_predictor_learns_a_few_rows_by_heart(make: Any, tmp_path: Path) -> None:
    rows = molecules() if make is gin else vectors()
    few = torch.arange(0, 32, 3)
    encoder = gin(rows, layers=2, hidden=16, out=16) if make is gin else mlp(rows)
    predictor = Predictor(encoder, Linear(encoder.out_features, 1), REGRESSION_LOSSES["mse"])
    predictor.standardise.fit(in_chunks(encoder, rows.inputs, few))

    def error() -> float:
        guess = in_chunks(predictor, rows.inputs, few)
        return float((guess - rows.targets[few]).abs().mean())

    before = error()
    train(predictor, rows, tmp_path, epochs=150 if make is gin else 60, lr=0.02, index=few)
    assert error() < 0.2 < before


def test_chunks_give_what_one_pass_gives_and_keep_no_graph() -> None:
    rows = molecules()
    encoder = gin(rows).train()
    index = torch.tensor([5, 3, 3, 0, 17, 9])
    parts = in_chunks(encoder, rows.inputs, index, size=4)
    assert not encoder.training
    assert not parts.requires_grad
    torch.testing.assert_close(parts, encoder(rows.inputs.select(index)))


@pytest.mark.parametrize(("side", "most"), [(8, 128), (64, 128), (256, 32)])
def test_a_processor_encodes_few_images_at_once(side: int, most: int) -> None:
    seen: list[int] = []

    class Counting(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(len(images))
            return images[:, 0, 0, :1]

    images = Images(torch.zeros(140, 3, side, side, dtype=torch.uint8))
    assert in_chunks(Counting(), images, torch.arange(140)).shape == (140, 1)
    assert max(seen) == most


def test_a_batch_gathers_its_rows() -> None:
    rows = vectors(2)
    index = torch.tensor([4, 0, 4])
    batch = rows.batch(index)
    assert isinstance(batch, Batch)
    assert torch.equal(batch.inputs, rows.inputs.values[index])
    assert torch.equal(batch.targets, rows.targets[index])


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_features_gathered_at_once_come_in_the_same_batches(rows: int) -> None:
    features = torch.randn(400, 20_000)
    targets = torch.arange(400.0, dtype=torch.float64)[:, None]
    index = torch.randperm(400)[:rows]
    plain, cached = (
        list(kind(FeatureRows(features), targets).batches(index, 3)) for kind in (Rows, CachedRows)
    )
    assert len(plain) == len(cached)
    for one, other in zip(plain, cached, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
