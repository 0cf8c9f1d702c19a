"""MoCo against a step-by-step reference: queue, momentum, shuffling, groups; and resuming."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from moco_reference import Network, Reference
from torch import Tensor, nn

from nearfar.objectives import OBJECTIVES, Batch, MomentumContrast
from nearfar.objectives.moco import KeyQueue
from nearfar.train.loop import Points, Trainer
from nearfar.train.recipe import SGD, Constant, Recipe
from nearfar.train.rounds import Round

TEMPERATURE = 0.2


def tiny_encoder(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    encoder: Any = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 4))
    encoder.out_features = 4
    return encoder


def made(**options: Any) -> MomentumContrast:
    given = {"queue": 12, "momentum": 0.7, "temperature": TEMPERATURE, "out": 3, **options}
    return MomentumContrast(tiny_encoder(), **given)


def batch(rows: int, seed: int, dtype: torch.dtype = torch.float32) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    one = torch.randn(rows, 5, generator=generator, dtype=dtype)
    other = one + 0.3 * torch.randn(rows, 5, generator=generator, dtype=dtype)
    return Batch((one, other), torch.zeros(rows, 1, dtype=torch.float64))


def reference_of(objective: MomentumContrast) -> Reference:
    def network(encoder: Any, projection: nn.Module, trained: bool) -> Network:
        parameters = [*encoder.parameters(), *projection.parameters()]
        weights = [p.detach().clone().requires_grad_(trained) for p in parameters]
        return Network(weights, encoder[1].running_mean.clone(), encoder[1].running_var.clone())

    return Reference(
        network(objective.encoder, objective.projection, True),
        network(objective.key_encoder, objective.key_projection, False),
        list(objective.queue.rows.clone()),
        objective.momentum,
        objective.temperature,
        objective.groups,
        objective.symmetric,
    )


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_several_steps_are_those_of_the_reference(groups: int, symmetric: bool) -> None:
    """Batches that do not divide the queue, are larger than it, fall into unequal groups."""
    objective = made(split_batch_norm=groups, symmetric=symmetric).double().train()
    reference = reference_of(objective)
    leading = [*objective.encoder.parameters(), *objective.projection.parameters()]
    following = [*objective.key_encoder.parameters(), *objective.key_projection.parameters()]
    optimizers = [torch.optim.SGD(w, lr=0.2) for w in (leading, reference.query.weights)]
    for step, rows in enumerate([8, 8, 8, 5, 20, 2, 3, 12]):
        given = batch(rows, seed=step, dtype=torch.float64)
        losses = []
        for call in (lambda g: objective.loss(g), lambda g: reference.loss(*g.views)):
            torch.manual_seed(100 + step)
            losses.append(call(given))
        torch.testing.assert_close(losses[0], losses[1], rtol=1e-9, atol=1e-9)
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        exact = {"rtol": 1e-8, "atol": 1e-9}
        torch.testing.assert_close(leading, reference.query.weights, **exact)
        torch.testing.assert_close(following, reference.key.weights, **exact)
        torch.testing.assert_close(objective.queue.rows, torch.stack(reference.queue), **exact)
        assert int(objective.queue.position) == reference.oldest
        for encoder, network in (
            (objective.encoder, reference.query),
            (objective.key_encoder, reference.key),
        ):
            norm: Any = encoder[1]  # type: ignore[index]
            torch.testing.assert_close(norm.running_mean, network.mean, **exact)
            torch.testing.assert_close(norm.running_var, network.variance, **exact)
            assert int(norm.num_batches_tracked) == (step + 1) * (1 + symmetric)
    accuracy = objective.monitor()["pick_accuracy"]
    assert accuracy == pytest.approx(reference.picked / reference.asked)
    assert 0 < accuracy < 1


def test_shuffling_changes_who_shares_statistics_but_not_who_is_compared() -> None:
    """With groups the keys depend on the draw; without them, or in evaluation, they do not."""
    given = batch(8, 0)
    for groups, differs in ((1, False), (4, True)):
        objective = made(split_batch_norm=groups).train()
        losses = []
        for seed in range(3):
            torch.manual_seed(seed)
            losses.append(float(copy.deepcopy(objective).loss(given).detach()))
        assert (losses != pytest.approx(losses[:1] * 3, rel=1e-5)) is differs
        objective.eval()
        torch.manual_seed(0)
        before = torch.get_rng_state()
        objective.loss(given)
        assert torch.equal(torch.get_rng_state(), before)


def test_only_the_query_side_has_gradients() -> None:
    objective = made().train()
    objective.loss(batch(8, 0)).backward()
    for name, parameter in objective.named_parameters():
        query = name.startswith(("encoder.", "projection."))
        assert parameter.requires_grad is query, name
        assert (parameter.grad is not None and bool(parameter.grad.any())) is query or (
            query and name == "encoder.0.bias"  # batch norm takes the bias away
        ), name


def test_momentum_moves_the_keys_in_training_alone() -> None:
    objective = made(momentum=0.9)
    with torch.no_grad():
        for parameter in objective.encoder.parameters():
            parameter.add_(1.0)
    start = {n: v.clone() for n, v in objective.state_dict().items()}
    objective.eval().loss(batch(8, 0))
    for name, value in objective.state_dict().items():
        assert torch.equal(value, start[name]), name
    objective.train().loss(batch(8, 0))
    for name, parameter in objective.key_encoder.named_parameters():
        moved = start[f"key_encoder.{name}"] + 0.1
        torch.testing.assert_close(parameter, moved, rtol=1e-5, atol=1e-6)


def test_keys_begin_as_the_query_and_stay_there_at_momentum_one() -> None:
    objective = made(momentum=1.0).train()
    start = {n: v.clone() for n, v in objective.key_encoder.named_parameters()}
    for name, parameter in objective.encoder.named_parameters():
        assert torch.equal(parameter, start[name])
    with torch.no_grad():
        objective.encoder.get_parameter("0.weight").mul_(3)
    objective.loss(batch(8, 0))
    for name, parameter in objective.key_encoder.named_parameters():
        assert torch.equal(parameter, start[name])


def test_validation_neither_moves_the_keys_nor_touches_the_training_queue() -> None:
    objective = made().train()
    for seed in range(2):
        objective.loss(batch(8, seed))
    with torch.no_grad():
        objective.encoder.get_parameter("0.weight").mul_(1.5)
    objective.monitor()
    start = {n: v.clone() for n, v in objective.state_dict().items()}
    random = torch.get_rng_state()
    given = batch(5, 9)
    loss = objective.validation_loss(given)
    assert not loss.requires_grad
    assert objective.training
    assert all(module.training for module in objective.modules())
    assert torch.equal(torch.get_rng_state(), random)
    changed = {n for n, v in objective.state_dict().items() if not torch.equal(v, start[n])}
    assert changed == {"validation_queue.rows", "validation_queue.position"}
    objective.eval()
    keys = objective.key_projection(objective.key_encoder(given.views[1]))
    keys = torch.nn.functional.normalize(keys)
    torch.testing.assert_close(objective.validation_queue.rows[:5], keys)
    reference = reference_of(objective)
    reference.queue = list(start["validation_queue.rows"])
    queries = reference.query(given.views[0], None)
    logits = torch.cat([(queries * keys).sum(1, True), queries @ torch.stack(reference.queue).T], 1)
    expected = nn.functional.cross_entropy(logits / TEMPERATURE, torch.zeros(5, dtype=torch.long))
    torch.testing.assert_close(loss, expected.detach())
    picked = (logits.argmax(1) == 0).float().mean()
    assert objective.monitor() == {"pick_accuracy": pytest.approx(float(picked))}
    assert objective.monitor() == {}


def test_a_new_queue_holds_random_directions() -> None:
    torch.manual_seed(0)
    queue = KeyQueue(500, 8)
    torch.testing.assert_close(queue.rows.norm(dim=1), torch.ones(500))
    assert queue.rows.mean(0).abs().max() < 0.1
    objective = made()
    assert not torch.equal(objective.queue.rows, objective.validation_queue.rows)


@pytest.mark.parametrize("counts", [[3, 3, 3], [7], [16], [5, 16, 2], [14, 1]])
def test_the_queue_holds_the_last_keys_oldest_first_from_its_position(counts: list[int]) -> None:
    queue = KeyQueue(7, 2)
    expected = list(queue.rows.clone())
    total = 0
    for count in counts:
        keys = torch.arange(total, total + count).float()[:, None].expand(-1, 2)
        queue.add(keys)
        expected = [*expected, *keys][-7:]
        total += count
    rolled = queue.rows.roll(-int(queue.position), 0)
    assert torch.equal(rolled, torch.stack(expected))
    assert int(queue.position) == total % 7


@pytest.mark.parametrize("symmetric", [False, True])
def test_it_goes_on_from_its_state_bit_for_bit(symmetric: bool) -> None:
    def steps(objective: MomentumContrast, seeds: range) -> list[float]:
        optimizer = torch.optim.SGD([p for p in objective.parameters() if p.requires_grad], lr=0.1)
        losses = []
        for seed in seeds:
            torch.manual_seed(seed)
            loss = objective.train().loss(batch(5, seed))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += [float(loss.detach()), float(objective.validation_loss(batch(4, 50 + seed)))]
        return losses

    whole = made(symmetric=symmetric)
    first = steps(whole, range(4))
    saved = {n: v.clone() for n, v in whole.state_dict().items()}
    last = steps(whole, range(4, 8))
    again = made(symmetric=symmetric)
    assert steps(again, range(2)) == first[:4]
    again.load_state_dict(saved)
    assert steps(again, range(4, 8)) == last
    for name, value in again.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name


class Views:
    """A task of the training loop: two noisy views of rows, by torch's own generator."""

    def __init__(self) -> None:
        self.module: Any = made(split_batch_norm=2)
        self.data = torch.randn(22, 5, generator=torch.Generator().manual_seed(3))
        self.rows = torch.arange(22)

    def batch(self, rows: Tensor) -> Batch:
        given = self.data[rows]
        views = tuple(given + 0.1 * torch.randn(given.shape) for _ in range(2))
        return Batch(views, torch.zeros(len(rows), 1, dtype=torch.float64))

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        return map(self.batch, rows.split(size))

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    def validate(self, at: Round) -> tuple[None, Points]:
        return None, {("train", name): value for name, value in self.module.monitor().items()}


class StoppedError(Exception):
    pass


def test_the_training_loop_resumes_it_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearfar.train.loop.CHECKPOINT_SECONDS", -1.0)
    recipe = Recipe(
        epochs=5,
        batch=8,
        drop_last=False,
        optimizer=SGD(lr=0.1),
        schedule=Constant(),
        clip=None,
        select="last",
    )

    def train(name: str, **more: Any) -> tuple[Any, Views]:
        task = Views()
        fabric = Fabric(accelerator="cpu", devices=1)
        path = tmp_path / name
        return Trainer(task, recipe, 0, fabric, checkpoint=path, **more).run(), task

    def stop(epoch: int, loss: float) -> None:
        if epoch == 3:
            raise StoppedError

    whole, task = train("whole")
    with pytest.raises(StoppedError):
        train("stopped", report=stop)
    resumed, other = train("stopped")
    assert [c.__dict__ for c in resumed.curves] == [c.__dict__ for c in whole.curves]
    assert {c.metric for c in whole.curves} == {"loss", "pick_accuracy"}
    state = other.module.state_dict()
    assert all(torch.equal(v, state[n]) for n, v in task.module.state_dict().items())


def test_the_encoder_is_as_it_was_but_for_its_weights() -> None:
    encoder = tiny_encoder()
    names = list(encoder.state_dict())
    objective = OBJECTIVES["moco"](encoder).train()
    objective.loss(batch(8, 0)).backward()
    assert objective.encoder is encoder
    assert list(encoder.state_dict()) == names
    assert type(encoder[1]) is nn.BatchNorm1d
    assert "forward" not in vars(encoder[1])
    tiny_encoder(1).load_state_dict(encoder.state_dict())


def test_it_learns_to_pick_by_what_the_views_share() -> None:
    objective = made(queue=64, out=8, momentum=0.9, split_batch_norm=2).train()
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    generator = torch.Generator().manual_seed(0)
    accuracies = []
    for step in range(150):
        torch.manual_seed(step)
        shared = torch.randn(32, 3, generator=generator)
        own = torch.randn(2, 32, 2, generator=generator)
        views = tuple(torch.cat([shared, noise], 1) for noise in own)
        loss = objective.loss(Batch(views, torch.zeros(32, 1)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in (9, 119, 149):
            accuracies.append(objective.monitor()["pick_accuracy"])
    assert accuracies[-1] > 2 * accuracies[0]
