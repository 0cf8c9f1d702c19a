"""Batches that go through the encoder in chunks: the whole batch's loss, in less memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rank_checks import IN_CHUNKS, Case, steps_of
from small_study import write_small
from torch import Tensor, nn
from whole_runs import run_whole

from nearfar.data import load_dataset
from nearfar.data.inputs.joined import JoinedBatch
from nearfar.data.options import DataOptions
from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.objectives import Batch
from nearfar.ranks.share import ALONE
from nearfar.records.tables import read_results
from nearfar.train.chunks import chunked


@pytest.mark.parametrize("case", IN_CHUNKS, ids=str)
def test_chunks_change_neither_loss_nor_gradients_nor_what_is_kept(case: Case) -> None:
    whole, found = (steps_of(replace(case, chunk=size), ALONE) for size in (None, 4))
    assert found.keys() == whole.keys()
    for key, value in whole.items():
        close = 1e-5 if case.name == "cross_entropy" else 1e-6  # it compares in float32
        torch.testing.assert_close(found[key], value, rtol=close, atol=close, msg=key)


class Seen(nn.Module):
    """An encoder that drops out, and notes how many rows it was given."""

    out_features = 3

    def __init__(self, *, normed: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 500), nn.Dropout(0.5), nn.Linear(500, 3))
        self.norm = nn.BatchNorm1d(3) if normed else nn.Identity()
        self.sizes: list[int] = []

    def forward(self, rows: Tensor) -> Tensor:
        self.sizes.append(len(rows))
        found: Tensor = self.norm(self.layers(rows))
        return found


class Spread(nn.Module):
    """An objective that compares all rows with each other."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def loss(self, batch: Batch) -> Tensor:
        features = self.encoder(batch.inputs)
        return (features @ features.T).exp().mean()


def spread_loss(normed: bool = False) -> tuple[Spread, Batch]:
    torch.manual_seed(0)
    return Spread(Seen(normed=normed)), Batch((torch.randn(11, 4),), torch.zeros(11, 1))


def test_a_chunk_drops_the_same_units_when_it_is_computed_once_more() -> None:
    module, batch = spread_loss()
    torch.manual_seed(1)
    parts = [module.encoder(part) for part in torch.tensor_split(batch.inputs, [3, 7])]
    features = torch.cat(parts)
    (features @ features.T).exp().mean().backward()  # type: ignore[no-untyped-call]
    drawn_next = torch.rand(1)
    expected = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    module.zero_grad()
    torch.manual_seed(1)
    with chunked(module, 4):
        module.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert torch.equal(torch.rand(1), drawn_next)
    for p, grad in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, grad)


def test_chunks_are_as_equal_as_can_be_and_seen_twice_to_train_and_once_to_judge() -> None:
    module, batch = spread_loss()
    encoder: Any = module.encoder
    with chunked(module, 4):
        module.loss(batch).backward()  # type: ignore[no-untyped-call]
        assert encoder.sizes[:3] == [3, 4, 4]
        assert sorted(encoder.sizes[3:]) == [3, 4, 4]
        encoder.sizes.clear()
        with torch.no_grad():
            module.loss(batch)
    assert encoder.sizes == [3, 4, 4]
    module.loss(batch)
    assert encoder.sizes[3:] == [11]
    with chunked(module, 11):
        module.loss(batch)
    assert encoder.sizes[4:] == [11]


def test_running_statistics_move_once_for_each_chunk() -> None:
    module, batch = spread_loss(normed=True)
    norm: Any = module.encoder.norm
    twin: Any = nn.BatchNorm1d(3)
    torch.manual_seed(1)
    for part in torch.tensor_split(batch.inputs, [3, 7]):
        twin(module.encoder.layers(part))  # type: ignore[operator]
    torch.manual_seed(1)
    with chunked(module, 4):
        module.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert norm.num_batches_tracked == 3
    torch.testing.assert_close(norm.running_var, twin.running_var)
    torch.testing.assert_close(norm.running_mean, twin.running_mean)


def test_activations_of_chunks_are_not_kept() -> None:
    kept = {None: 0, 4: 0}
    for size in kept:
        module, batch = spread_loss()

        def keep(tensor: Tensor, size: int | None = size) -> Tensor:
            kept[size] += 0 if isinstance(tensor, nn.Parameter) else tensor.numel()
            return tensor

        with chunked(module, size), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            module.loss(batch)
    assert kept[4] < kept[None] / 3


class GivenBack(Spread):
    """An objective with a second part, which is given what the first one made."""

    chunked = ("encoder", "decoder")

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.decoder = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))

    def loss(self, batch: Batch) -> Tensor:
        decoded: Tensor = self.decoder(self.encoder(batch.inputs))
        return (decoded - batch.inputs).square().sum()


def test_gradients_flow_through_one_part_in_chunks_to_another() -> None:
    torch.manual_seed(0)
    module, found = GivenBack(nn.Linear(4, 3)), []
    batch = Batch((torch.randn(11, 4),), torch.zeros(11, 1))
    for size in (None, 4):
        module.zero_grad()
        with chunked(module, size):
            module.loss(batch).backward()  # type: ignore[no-untyped-call]
        found.append([p.grad for p in module.parameters()])
    for whole, of_chunks in zip(*found, strict=True):
        torch.testing.assert_close(of_chunks, whole)


def test_what_has_no_encoder_or_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no encoder"), chunked(nn.Linear(1, 1), 4):
        pass
    module = Spread(nn.Identity())
    with chunked(module, 4), pytest.raises(TypeError, match="a list of rows cannot be cut"):
        module.encoder([0.0] * 9)


def test_molecules_are_cut_as_they_would_be_selected(tmp_path: Path) -> None:
    smiles = ["CCO", "c1ccccc1", "C", "CC(=O)N", "OCC"]
    lines = ["smiles,y", *(f"{one},{number}" for number, one in enumerate(smiles))]
    (tmp_path / "m.csv").write_text("\n".join(lines), encoding="utf-8")
    options = DataOptions(source="molecules", path="m.csv", target="y")
    molecules: Any = load_dataset(options, tmp_path).inputs
    every = molecules.select(torch.tensor([4, 0, 2, 1, 3]))
    joined = JoinedBatch(every, torch.arange(5.0)[:, None]).rows_between(1, 4)
    assert joined.columns.flatten().tolist() == [1, 2, 3]
    expected = molecules.select(torch.tensor([0, 2, 1]))
    for name in ("atoms", "bonds", "bond_features", "molecule", "size"):
        part, whole = getattr(joined.batch, name), getattr(expected, name)
        assert part == whole if name == "size" else torch.equal(part, whole)


def pictures(folder: Path, **said: Any) -> Path:
    """A study of images whose encoder has no batch norm and drops nothing out."""
    draw = np.random.default_rng(0)
    images, classes = draw.integers(0, 255, (40, 28, 28), dtype=np.uint8), np.arange(40) % 2
    images[classes == 1, :14] //= 2
    np.savez(folder / "pictures.npz", x=images, y=classes)
    recipe = {"epochs": 2, "batch": 15, **said}
    stage = {"encoder": "emnist_cnn", "objective": "supcon", "augment": "flip", **recipe}
    study = {
        "study": "pictures",
        "data": {"source": "images", "path": "pictures.npz"},
        "split": {"kind": "random"},
        "baseline": "plain",
        "metric": "nll",
        "stages": {"supcon": stage},
        "arms": {
            "plain": {"fit": {"encoder": "emnist_cnn", **recipe}},
            "tuned": {"pretrain": "supcon", "fit": {"train": "all", **recipe}},
        },
        "axes": {"seed": {"role": "repeat", "values": 1}},
    }
    path = folder / "pictures.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return path


def test_a_study_in_chunks_finds_what_it_finds_without(tmp_path: Path) -> None:
    found = []
    for chunk in (None, 4):
        path = pictures(tmp_path, **({} if chunk is None else {"chunk": chunk}))
        prepared = run_whole(Request(str(path), out=tmp_path / f"runs-{chunk}"))
        specs = [step.spec.to_plain() for step in prepared.plan.steps.values()]
        assert {spec["recipe"].get("chunk") for spec in specs} == {chunk}
        found.append(read_results(prepared.folder.path / "results.csv"))
    left, right = ([row.value for row in rows] for rows in found)
    assert right == pytest.approx(left, rel=1e-2)


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ({"train": "head", "chunk": 8}, "chunk has no meaning with train: head"),
        ({"train": "all", "chunk": 3}, "chunk: has to be at least 4"),
    ],
)
def test_chunks_that_mean_nothing_are_refused(
    tmp_path: Path, fit: dict[str, Any], said: str
) -> None:
    path = write_small(tmp_path, arms={"plain": {"pretrain": "rnc", "fit": fit}})
    with pytest.raises(UserError, match=said):
        prepare(Request(str(path), out=tmp_path / "runs"))
