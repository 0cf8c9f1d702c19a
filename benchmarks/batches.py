"""What it costs to gather a batch: rows by index selection, against one row at a time.

Molecules of the size of ESOL's, in the arrays that nearfar keeps and as a list of graphs that
PyTorch Geometric's DataLoader collates, where it is installed. Images of 32×32 pixels, by index
from one uint8 array, and row by row through torch's DataLoader. Both sides give the same epoch in
the same order, without worker processes. The limit is a copy of the bytes of an epoch.

    python benchmarks/batches.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import measure
from nearfar.data import Images
from nearfar.data.inputs.molecules import ATOM_SIZES, BOND_SIZES, Molecules

MOLECULES, ATOMS = 902, 13.3
"""Rows of a training part of ESOL, and their mean number of atoms."""


def like_esol(rows: int) -> Molecules:
    """Random trees with random atoms and bonds."""
    generator = torch.Generator().manual_seed(0)

    def pick(sizes: tuple[int, ...], count: int) -> Tensor:
        columns = [torch.randint(size, (count,), generator=generator) for size in sizes]
        return torch.stack(columns, 1)

    atoms = 2 + torch.poisson(torch.full((rows,), ATOMS - 2), generator=generator).long()
    trees = []
    for count in atoms.tolist():
        later = torch.arange(1, count)
        earlier = (torch.rand(count - 1, generator=generator) * later).long()
        trees.append(torch.stack([earlier, later, later, earlier]).T.reshape(-1, 2).T)
    bonds = torch.cat(trees, 1)

    def pointers(counts: Tensor) -> Tensor:
        return torch.cat([counts.new_zeros(1), counts.cumsum(0)])

    return Molecules(
        pick(ATOM_SIZES, int(atoms.sum())),
        bonds,
        pick(BOND_SIZES, bonds.shape[1] // 2).repeat_interleave(2, 0),
        pointers(atoms),
        pointers(2 * (atoms - 1)),
        [""] * rows,
    )


class Epoch:
    """The batches of an epoch, in an order drawn once."""

    def __init__(self, inputs: Any, batch: int, device: torch.device) -> None:
        self.inputs, self.device = inputs.to(device), device
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(batch))
        self.rows = order.to(device).split(batch)
        self.lists = [part.tolist() for part in order.split(batch)]

    def gathered(self) -> Iterator[Any]:
        return (self.inputs.select(rows) for rows in self.rows)


class Pictures(Dataset[Tensor]):
    """Images one at a time."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: int) -> Tensor:
        return self.pixels[row].float() / 255


def graphs_of(molecules: Molecules) -> list[Any] | None:
    """Return the molecules as PyTorch Geometric has them, None where it is not installed."""
    try:
        data: Any = import_module("torch_geometric.data")
    except ImportError:
        print("PyTorch Geometric is not installed: molecules are left out")
        return None
    found = []
    for row in range(len(molecules)):
        one = molecules.select(torch.tensor([row]))
        found.append(data.Data(x=one.atoms, edge_index=one.bonds, edge_attr=one.bond_features))
    return found


def collated(graphs: list[Any], epoch: Epoch) -> Iterable[Any]:
    loader: Any = import_module("torch_geometric.loader").DataLoader
    found: Iterable[Any] = loader(graphs, batch_sampler=epoch.lists)
    return found


def check_molecules(epoch: Epoch, graphs: list[Any]) -> None:
    for mine, other in zip(epoch.gathered(), collated(graphs, epoch), strict=True):
        assert torch.equal(mine.atoms.cpu(), other.x)
        assert torch.equal(mine.bonds.cpu(), other.edge_index)
        assert torch.equal(mine.bond_features.cpu(), other.edge_attr)
        assert torch.equal(mine.molecule.cpu(), other.batch)


def exhaust(batches: Iterable[Any], device: torch.device) -> None:
    """Take every batch, to the device if it is not gathered there."""
    for batch in batches:
        if device.type != "cpu":
            batch.to(device)


def compared(
    ours: measure.Side, theirs: measure.Side, copied: float, device: torch.device, budget: float
) -> tuple[float, float, float]:
    """Seconds of an epoch: ours, theirs, and of a copy of its bytes."""
    taken = measure.in_turns({"ours": ours, "theirs": theirs}, device, budget=budget, least=3)
    return taken["ours"].median, taken["theirs"].median, copied / measure.copy_rate(device)


def molecules(batch: int, graphs: list[Any], epoch: Epoch, budget: float) -> tuple[float, ...]:
    check_molecules(epoch, graphs)
    arrays, device = epoch.inputs, epoch.device
    numbers = arrays.atoms.numel() + arrays.bonds.numel() + arrays.bond_features.numel()
    return compared(
        lambda: exhaust(epoch.gathered(), device),
        lambda: exhaust(collated(graphs, epoch), device),
        2 * 8 * (numbers + len(arrays.atoms)),
        device,
        budget,
    )


def images(batch: int, pixels: Tensor, epoch: Epoch, budget: float) -> tuple[float, ...]:
    loader = DataLoader(Pictures(pixels), batch_sampler=epoch.lists)
    for mine, other in zip(epoch.gathered(), loader, strict=True):
        assert torch.equal(mine.cpu(), other)
    return compared(
        lambda: exhaust(epoch.gathered(), epoch.device),
        lambda: exhaust(loader, epoch.device),
        (1 + 4) * pixels.numel(),
        epoch.device,
        budget,
    )


def main() -> None:
    given = measure.options(__doc__, threads=1)
    device: torch.device = given.device
    measure.header(device)
    sizes = [32, 128] if given.quick else [32, 64, 128, 256, 512]
    budget = 0.3 if given.quick else 1.5
    rows, shown = MOLECULES, torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2048, 3, 32, 32), dtype=torch.uint8, generator=shown)
    arrays = like_esol(rows)
    graphs = graphs_of(arrays)
    results: dict[str, dict[int, tuple[float, ...]]] = {}
    for kind, inputs in (("molecules", arrays), ("images", Images(pixels))):
        if kind == "molecules" and graphs is None:
            continue
        print(f"\n{kind}, microseconds a row\n")
        table = measure.Table("batch", "row by row", "by index", "ratio", "by index / copy")
        results[kind] = {}
        for batch in sizes:
            epoch = Epoch(inputs, batch, device)
            if graphs is not None and kind == "molecules":
                seconds = molecules(batch, graphs, epoch, budget)
            else:
                seconds = images(batch, pixels, epoch, budget)
            ours, theirs, copied = (1e6 * value / len(inputs) for value in seconds)
            results[kind][batch] = ours, theirs, copied
            ratios = f"{theirs / ours:.1f}", f"{ours / copied:.1f}"
            table.row(batch, f"{theirs:.2f}", f"{ours:.2f}", *ratios)
    lines = {}
    for kind, mine in zip(results, (measure.OURS, measure.OURS_TOO), strict=False):
        for place, (name, colour) in enumerate(
            (("by index", mine), ("row by row", measure.THEIRS), ("copy", measure.LIMIT))
        ):
            values = {batch: found[place] for batch, found in results[kind].items()}
            lines[f"{kind}, {name}"] = (colour, values)
    dashed = [name for name in lines if name.startswith("images")]
    labels = {"xlabel": "rows in a batch", "ylabel": "microseconds a row"}
    measure.draw_growth(given.plot, lines, dashed=dashed, **labels)


if __name__ == "__main__":
    main()
