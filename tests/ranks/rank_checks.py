"""What every rank computes, and one process for comparison: losses, gradients, whole trainings."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nearfar.execution import processes
from nearfar.heads.networks import Linear
from nearfar.losses import ELEMENTWISE_LOSSES
from nearfar.losses.classification import cross_entropy
from nearfar.objectives import OBJECTIVES, Batch, Predictor, loss_on_ranks
from nearfar.ranks.exchange import average_gradients
from nearfar.ranks.share import Rank, Share, sharing
from nearfar.train.chunks import chunked
from nearfar.train.device import fabric_on
from nearfar.train.loop import Trainer
from nearfar.train.recipe import SGD, Cosine, Lookahead, Plateau, Recipe

Found = dict[str, Tensor]
COLUMNS, WIDTH, CLASSES = 5, 6, 3


class Encoder(nn.Module):
    """Columns → features, with batch norms between, of three and two dimensions, or none."""

    out_features = WIDTH
    in_shape = (COLUMNS,)

    def __init__(self, *, normed: bool = True) -> None:
        super().__init__()
        norms = (nn.BatchNorm1d(3), nn.BatchNorm1d(7)) if normed else (nn.Tanh(), nn.Tanh())
        self.map = nn.Sequential(
            *(nn.Unflatten(1, (1, COLUMNS)), nn.Conv1d(1, 3, 2), norms[0], nn.Tanh()),
            *(nn.Flatten(), nn.Linear(3 * 4, 7), norms[1], nn.Tanh()),
            nn.Linear(7, WIDTH),
        )
        self.unused = nn.Linear(2, 2)

    def layer_groups(self) -> list[nn.Module]:
        return [self.map]

    def forward(self, rows: Tensor) -> Tensor:
        result: Tensor = self.map(rows)
        return result


@dataclass(frozen=True)
class Case:
    """An objective on a batch of ``rows`` rows with targets of a kind."""

    name: str
    targets: str
    options: dict[str, Any] = field(default_factory=dict)
    rows: int = 13
    label: str = ""
    normed: bool = True
    chunk: int | None = None
    """Rows that go through the encoder at a time, of one process; of ranks their share of these."""

    def __str__(self) -> str:
        return f"{self.name}{self.label}-{self.rows}"

    def objective(self) -> nn.Module:
        torch.manual_seed(5)
        encoder = Encoder(normed=self.normed)
        if self.name.startswith("fit"):
            return self._predictor(encoder).double()
        kind = OBJECTIVES[self.name]
        outputs = ({"classes": CLASSES, "labels": 4}.get(self.targets, 2),)
        given = outputs if getattr(kind, "predicts", False) else ()
        made: nn.Module = kind(encoder, *given, **self.options)
        return made.double()

    def _predictor(self, encoder: nn.Module) -> Predictor:
        classifies = self.targets == "classes"
        loss: Any = cross_entropy if classifies else nn.functional.l1_loss
        made = Predictor(
            encoder,
            Linear(WIDTH, CLASSES if classifies else 2),
            loss,
            classifies=classifies,
            elementwise=None if classifies else ELEMENTWISE_LOSSES["l1"],
        )
        made.gaps, made.weighted = self.targets == "gaps", bool(self.options)
        return made

    def batch(self, views: int) -> Batch:
        draw = torch.Generator().manual_seed(11)
        rows = torch.randn(self.rows, COLUMNS, generator=draw, dtype=torch.float64)
        shown = [
            rows + torch.randn(rows.shape, generator=draw, dtype=torch.float64) / 5
            for _ in range(views)
        ]
        numbers = torch.randn(self.rows, 2, generator=draw, dtype=torch.float64)
        classes = torch.arange(self.rows)[:, None] % CLASSES
        targets = {
            "numbers": numbers,
            "gaps": numbers.where(numbers < 0.8, torch.nan),
            "classes": classes.double(),
            "labels": (numbers.repeat(1, 2) > torch.tensor([0, 0, 0.5, -0.5])).double(),
        }[self.targets]
        weights = torch.rand(self.rows, generator=draw, dtype=torch.float64)
        return Batch(tuple(shown), targets, weights if self.options.get("weights") else None)


CASES = [
    *(
        case
        for rows in (12, 13)
        for case in (
            Case("rnc", "numbers", {"views": 2}, rows),
            Case("nt_xent", "classes", {}, rows),
            Case("supcon", "classes", {}, rows),
            Case("moco", "classes", {"queue": 20, "split_batch_norm": 6}, rows),
        )
    ),
    Case("moco", "classes", {"queue": 20, "split_batch_norm": 1, "symmetric": True}, label="-one"),
    *(
        Case("moco", "classes", {"queue": 20, "split_batch_norm": 6}, rows, "-tiny")
        for rows in (3, 5)
    ),
    Case("rnc", "gaps", {"feature_sim": "cosine"}, label="-gaps"),
    Case("rnc", "numbers", {"feature_sim": "l1", "label_diff": "l2"}, label="-l1"),
    Case("contrastive", "classes", {"distance": "mahalanobis"}),
    Case("triplet", "classes", {"mining": "all", "distance": "mahalanobis"}),
    Case("triplet", "classes", {"mining": "semi_hard"}, label="-semi"),
    Case("pair_likelihood", "classes"),
    Case("mulsupcon", "labels", {"views": 2}),
    Case("supremix", "gaps", {"views": 2}),
    Case("ranksim", "numbers", {"weight": 1.0}),
    Case("ordinal_entropy", "numbers"),
    Case("vicreg", "numbers", {"hidden": (8,), "out": 8}),
    Case("barlow_twins", "numbers", {"hidden": (8,), "out": 8}),
    Case("byol", "numbers", {"hidden": (8,), "out": 8, "momentum": 0.9}),
    Case("simsiam", "numbers", {"hidden": (8,), "out": 8}),
    Case("autoencoder", "numbers"),
    Case("cross_entropy", "classes"),
    Case("bce", "labels"),
    Case("regression", "gaps"),
    Case("fit", "classes", label="-classes"),
    Case("fit", "gaps", label="-gaps"),
    Case("fit", "numbers", {"weights": True}, label="-weights"),
]
NO_NORMS = [
    Case("rnc", "numbers", {"views": 2}),
    Case("rnc", "gaps", {"feature_sim": "cosine"}, label="-gaps"),
    Case("supcon", "classes"),
    Case("nt_xent", "classes"),
    Case("moco", "classes", {"queue": 20, "split_batch_norm": 6}),
    Case("moco", "classes", {"queue": 20, "split_batch_norm": 1, "symmetric": True}, label="-one"),
    Case("triplet", "classes", {"mining": "all"}),
    Case("supremix", "gaps", {"views": 2}),
    Case("vicreg", "numbers", {"hidden": (8,), "out": 8}),
    Case("byol", "numbers", {"hidden": (8,), "out": 8, "momentum": 0.9}),
    Case("simsiam", "numbers", {"hidden": (8,), "out": 8}),
    Case("cross_entropy", "classes"),
    Case("fit", "classes", label="-classes"),
    Case("fit", "gaps", label="-gaps"),
    Case("fit", "numbers", {"weights": True}, label="-weights"),
]
"""Where chunks of the encoder's rows change nothing: what comes after it sees the whole batch."""
IN_CHUNKS = [replace(case, normed=False, chunk=4, label=f"{case.label}-plain") for case in NO_NORMS]
NORMED_IN_CHUNKS = [
    Case(name, targets, options, 12, "-normed", chunk=6)
    for name, targets, options in (
        ("rnc", "numbers", {"views": 2}),
        ("nt_xent", "classes", {}),
        ("byol", "numbers", {"hidden": (8,), "out": 8}),
        ("triplet", "classes", {"mining": "all"}),
        ("autoencoder", "numbers", {}),
        ("fit", "classes", {}),
    )
]
"""Where chunks of all ranks together hold the rows of a chunk of one process."""
STEPS = 2


def steps_of(case: Case, rank: Rank) -> Found:
    """Two steps of gradient descent: losses, gradients, and what the objective then holds."""
    objective = case.objective()
    objective.train()
    whole = case.batch(int(getattr(objective, "views", 1)))
    share, found = Share(rank, case.rows), {}
    own = Batch(
        tuple(map(share.of, whole.views)),
        share.of(whole.targets),
        None if whole.weights is None else share.of(whole.weights),
    )
    # As in the training loop: for shares every rank draws for itself; keys are put in one order.
    torch.manual_seed(3 + rank.number * (case.name == "moco" and share.is_split))
    chunk = None if case.chunk is None else case.chunk // rank.count
    for step in range(STEPS):
        with chunked(objective, chunk):
            with sharing(share):
                loss = loss_on_ranks(objective, own)
            loss.backward()
        value = loss.detach()
        if rank.count > 1:
            value = average_gradients(objective.parameters(), value, rank)
        found[f"loss {step}"] = value.double()
        for name, weight in objective.named_parameters():
            if weight.grad is not None:
                found[f"{name} {step}"] = weight.grad.clone()
                weight.data -= 0.1 * weight.grad
                weight.grad = None
    state = objective.state_dict()
    monitor: Any = getattr(objective, "monitor", dict)
    return found | state | {f"seen {key}": torch.tensor(v) for key, v in monitor().items()}


class Rows:
    """A task of 35 rows under NT-Xent's objective: its validation loss selects."""

    def __init__(self) -> None:
        self.module = Case("rnc", "numbers").objective()
        self.data = Case("rnc", "numbers", rows=35).batch(1)
        self.rows, self.asked, self.begun = torch.arange(35), 0, 0

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        for part in torch.split(rows, size):
            yield Batch((self.data.inputs[part],), self.data.targets[part])

    def begin(self, number: int) -> None:
        self.begun = number

    def loss(self, batch: Batch) -> Tensor:
        return loss_on_ranks(self.module, batch)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    @torch.no_grad()
    def validate(self, at: Any) -> tuple[float | None, dict[tuple[str, str], float]]:
        self.asked += 1
        self.module.eval()
        loss = float(self.module.loss(self.data))  # type: ignore[operator]
        return loss, {("validation", "loss"): loss}


def training(name: str, batch: int, rank: Rank) -> Found:
    """A whole training, whose last batch of an epoch is smaller: curves and weights."""
    recipe = Recipe(
        epochs=4,
        batch=batch,
        drop_last=False,
        optimizer=SGD(lr=0.05),
        schedule=Plateau(patience=0) if name == "plateau" else Cosine(),
        clip=1.0,
        select="best",
        average=Lookahead(every=2) if name == "lookahead" else None,
    )
    task = Rows()
    with TemporaryDirectory() as folder:
        trainer = Trainer(
            task, recipe, 3, fabric_on("cpu"), checkpoint=Path(folder) / "c.pt", rank=rank
        )
        outcome = trainer.run()
    curves = [c.value for c in outcome.curves if c.split == "train"]
    assert task.asked == (4 if rank.leads else 0)
    assert task.begun == 4
    selected = torch.tensor(outcome.selected_epoch)
    return {"curves": torch.tensor(curves), "selected": selected, **task.module.state_dict()}


TRAININGS = [("cosine", 16), ("plateau", 9), ("lookahead", 16)]
"""Of 35 rows: 16, 16, 3, of which three ranks cannot have two each; 9, 9, 9, 8."""


def everything(rank: Rank) -> dict[str, Found]:
    torch.set_num_threads(1)
    cases = (*CASES, *IN_CHUNKS, *NORMED_IN_CHUNKS)
    found = {str(case): steps_of(case, rank) for case in cases}
    return found | {name: training(name, batch, rank) for name, batch in TRAININGS}


def take_part(folder: str, number: int, pipe: Connection) -> None:
    """Be a rank of three, and then, but for the last, of two; send what was found."""
    for count in (3, 2):
        if number < count:
            store = f"file://{folder}/meeting-{count}"
            dist.init_process_group("gloo", init_method=store, rank=number, world_size=count)
            found = everything(Rank(number, count))
            # As arrays: shared memory would be gone with the process.
            pipe.send({name: {k: v.numpy() for k, v in of.items()} for name, of in found.items()})
            dist.destroy_process_group()


def _received(pipe: Connection) -> dict[str, Found]:
    found = pipe.recv()
    return {name: {k: torch.from_numpy(v) for k, v in of.items()} for name, of in found.items()}


def by_all_ranks(folder: Path) -> dict[int, list[dict[str, Found]]]:
    """What each of two, and of three ranks found, by their number."""
    pipes, started = [], []
    for number in range(3):
        here, there = Pipe()
        started.append(processes.start(take_part, str(folder), number, there))
        there.close()
        pipes.append(here)
    try:
        return {count: [_received(pipe) for pipe in pipes[:count]] for count in (3, 2)}
    finally:
        for process in started:
            process.kill()
            process.join()
