"""Mixed precision: where it is chosen, and that labels, losses and heads stay in float32."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toy import recipe

from nearfar.data import Images
from nearfar.data.augment import build_views
from nearfar.encoders import build_encoder
from nearfar.heads import NETWORKS
from nearfar.losses import LOSSES, RnCLoss
from nearfar.objectives import OBJECTIVES, Batch, Predictor, Rows
from nearfar.train import device as chosen
from nearfar.train.device import FULL, MIXED, Precision, fabric_on, precision_of, processor_flags
from nearfar.train.loop import Points, Trainer
from nearfar.train.recipe import SGD
from nearfar.train.rounds import Round

ROWS = 12
VIEWS = build_views([("moco", {}), ("blur", {}), ("crop", {}), ("rotation", {})])


@pytest.mark.parametrize(
    ("device", "kind", "able", "expected"),
    [
        ("cuda", "image", True, MIXED),
        ("cuda", "image", False, FULL),
        ("cuda", "molecule", True, FULL),
        ("cuda", "vector", True, FULL),
        ("cpu", "image", True, FULL),
        ("mps", "image", True, FULL),
    ],
)
def test_mixed_is_for_images_on_a_gpu_that_has_bfloat16(
    device: str, kind: str, able: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return able or including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(chosen, "processor_flags", frozenset)
    assert precision_of(device, kind) == expected


@pytest.mark.parametrize(
    ("flags", "kind", "expected"),
    [
        ("fma avx2 avx512f", "image", FULL),
        ("fma avx512_bf16", "image", MIXED),
        ("amx_tile amx_bf16", "image", MIXED),
        ("avx512_bf16", "molecule", FULL),
        ("avx512_bf16", "vector", FULL),
    ],
)
def test_mixed_is_for_images_on_a_processor_that_says_it_has_bfloat16(
    flags: str, kind: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: amx_bf16\n", "utf-8")
    monkeypatch.setattr(chosen, "PROCESSOR", told)
    processor_flags.cache_clear()
    try:
        assert processor_flags() == set(flags.split())
        assert precision_of("cpu", kind) == expected
        assert precision_of("mps", kind) == FULL
        told.unlink()
        processor_flags.cache_clear()
        assert precision_of("cpu", kind) == FULL
    finally:
        processor_flags.cache_clear()


def test_the_fast_network_trains_in_mixed_precision_as_in_full(tmp_path: Path) -> None:
    torch.manual_seed(0)
    images = Images(torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8))
    encoder: Any = build_encoder("fast_cnn", {"widths": (8, 16)}, images)
    encoder.start_from(images.select(torch.arange(8)))
    batch = images.select(torch.arange(8))
    exact = encoder(batch)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(batch)
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), exact, rtol=0.05, atol=0.05)
    mixed.float().sum().backward()
    assert {p.grad.dtype for p in encoder.parameters()} == {torch.float32}
    assert {b.dtype for n, b in encoder.named_buffers() if "running" in n} == {torch.float32}


def supervised(encoder: Any, task: str, **options: Any) -> nn.Module:
    head = NETWORKS["mlp"](encoder.out_features, 3 if task == "classification" else 1)
    return Predictor(encoder, head, next(iter(LOSSES[task].values())), **options)


MADE: dict[str, Callable[[Any], nn.Module]] = {
    "l1": lambda encoder: supervised(encoder, "regression"),
    "classes": lambda encoder: supervised(encoder, "classification", classifies=True),
    "symmetric moco": lambda encoder: OBJECTIVES["moco"](encoder, queue=16, symmetric=True),
    "two views": lambda encoder: OBJECTIVES["rnc"](encoder, views=2),
    "regression": lambda encoder: OBJECTIVES["regression"](encoder, 1),
    "cross_entropy": lambda encoder: OBJECTIVES["cross_entropy"](encoder, 3),
    "autoencoder, bce": lambda encoder: OBJECTIVES["autoencoder"](encoder, loss="bce"),
    **{
        name: lambda encoder, name=name: OBJECTIVES[name](encoder, 1)  # type: ignore[misc]
        for name in ("bce", "ranksim", "ordinal_entropy")
    },
    **{name: made for name, made in OBJECTIVES.items() if not getattr(made, "predicts", False)},
}
EXACT_DISTANCES = {"rnc", "two views", "contrastive", "triplet"}
"""Objectives that ask the device whether rows are too close for the quick way."""
ASKING = EXACT_DISTANCES | {"supremix", "ranksim", "ordinal_entropy"}
"""And those that ask which labels differ, or how many lie near one another."""
LABELLED = {"classes", "bce", *(n for n in OBJECTIVES if OBJECTIVES[n].tasks == {"classification"})}
INDICATED = {"mulsupcon"}
"""Those whose targets are 0 or 1."""


class Pictures:
    """Implements the loop's ``Task``: random images under an objective."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        torch.manual_seed(1)
        images = Images(torch.randint(0, 256, (ROWS, 3, 12, 12), dtype=torch.uint8))
        encoder: Any = build_encoder("resnet18", {"width": 4}, images)
        self.module: Any = MADE[name](encoder).to(device)
        # In bfloat16 the numbers would all be 3.
        steps = torch.arange(ROWS, dtype=torch.float64)[:, None]
        self.targets = steps % 3 if name in LABELLED else 3 + steps / 10_000
        if name in INDICATED:
            self.targets = steps % 2
        views = getattr(self.module, "views", 1)
        self.data = Rows(images.to(device), self.targets.to(device), VIEWS, views)
        self.rows = torch.arange(ROWS, device=device)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        return self.data.batches(rows, size)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    def validate(self, at: Round) -> tuple[float | None, Points]:
        return None, {}


def first_round(task: Pictures, precision: Precision, folder: Path) -> float:
    made = recipe(epochs=2, batch=ROWS, optimizer=SGD(lr=1e-3), clip=1.0)
    fabric = fabric_on("cpu", precision)
    trainer = Trainer(task, made, 0, fabric, checkpoint=folder / "c.pt")
    trainer.state.round += 1
    return trainer._round()


@pytest.mark.parametrize("name", MADE)
def test_mixed_precision_is_the_encoders_affair(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, seen = Pictures(name), []
    task.module.encoder.register_forward_hook(lambda *call: seen.append(call[-1]))
    loss = type(task.module).loss

    def watched(module: Any, batch: Batch) -> Tensor:
        value: Tensor = loss(module, batch)
        seen.append(batch.targets.clone())
        seen.append(value)
        return value

    monkeypatch.setattr(type(task.module), "loss", watched)
    mixed = first_round(task, MIXED, tmp_path)
    features, targets, value = seen[0], seen[-2], seen[-1]
    assert (features.dtype, value.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(targets.sort(0).values, task.targets.sort(0).values)
    assert {p.dtype for p in task.module.parameters()} == {torch.float32}
    exact = first_round(Pictures(name), FULL, tmp_path)
    assert mixed == pytest.approx(exact, rel=0.1)
    assert mixed != exact


@pytest.mark.parametrize("name", ["l1", "regression", "two views"])
def test_labels_are_not_rounded_in_the_loss(name: str) -> None:
    task, seen = Pictures(name), []
    batch = next(task.batches(task.rows, ROWS))
    part = task.module.encoder if name == "two views" else task.module.head
    part.register_forward_hook(lambda *call: seen.append(call[-1].float()))
    with torch.autocast("cpu", torch.bfloat16):
        value = task.module.loss(batch)
    if name == "two views":
        expected = RnCLoss()(seen[0].unflatten(0, (2, -1)).transpose(0, 1), batch.targets)
    else:
        expected = (seen[0] - batch.targets.float()).abs().mean()
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_heads_are_trained_in_float32(task: str) -> None:
    images = Images(torch.zeros(1, 3, 12, 12, dtype=torch.uint8))
    predictor = supervised(build_encoder("resnet18", {"width": 4}, images), task)
    with torch.autocast("cpu", torch.bfloat16):
        assert predictor(torch.rand(3, 3, 12, 12)).dtype == torch.float32


@pytest.mark.parametrize("name", sorted(MADE.keys() - ASKING))
def test_a_step_reads_nothing_back_from_the_device(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device ``meta`` there is nothing to be read: whoever tries, fails."""
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    task = Pictures(name, "meta")
    # torch's loop over parameters: its kernels for all of them at once do not know this device.
    optimizer = torch.optim.SGD(task.module.parameters(), lr=0.1, momentum=0.9)
    for batch in task.batches(task.rows, ROWS):
        optimizer.zero_grad()
        task.module.loss(batch).backward()
        nn.utils.clip_grad_norm_(task.groups()[0][0], 1.0, error_if_nonfinite=False)
        optimizer.step()


def test_slurm_on_the_machine_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "srun"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name, value in {"JOB_ID": "7", "JOB_NAME": "mine", "NTASKS": "2", "PROCID": "1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    fabric = fabric_on("cpu")
    assert (fabric.world_size, fabric.global_rank) == (1, 0)
