"""Every corruption: rows stay, each severity is harder than the last, mistakes are told."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from slow_corruptions import natural
from torch import Tensor

from nearfar.data import Images, Inputs, Molecules, Vectors
from nearfar.data.corruptions import CORRUPTIONS, SEVERITIES, check, corrupt
from nearfar.errors import UserError

SMILES = [
    "CCO", "CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "c1ccc2ccccc2c1", "CCCCCCCCCl",
    "OCC1OC(O)C(O)C(O)C1O", "Clc1cc(Cl)c(Cl)cc1Cl", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "N#CCCBr",
    "CCN(CC)CC", "O=C(N)c1cccnc1", "FC(F)(F)c1ccccc1", "CCOP(=S)(OCC)SCSCC", "C1CCCCC1",
]  # fmt: skip


def some_inputs(kind: str) -> Inputs:
    if kind == "image":
        return Images(natural(12))
    if kind == "molecule":
        return Molecules.from_smiles(SMILES * 3)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, 6, generator=generator) * torch.tensor([1, 10, 0.1, 1, 5, 1000.0])
    return Vectors(values + 3, list("abcdef"))


CASES = [(name, kind) for name, it in CORRUPTIONS.items() for kind in sorted(it.accepts)]
every_corruption = pytest.mark.parametrize(("name", "kind"), CASES)


def numbers(inputs: Inputs) -> Tensor:
    """One row of comparable numbers for every row of the inputs."""
    if isinstance(inputs, Images):
        return inputs.pixels.float().flatten(1)
    if isinstance(inputs, Vectors):
        return inputs.values
    assert isinstance(inputs, Molecules)
    count = torch.zeros(len(inputs), 130)
    for row in range(len(inputs)):
        batch = inputs.select(torch.tensor([row]))
        count[row, :119] = torch.bincount(batch.atoms[:, 0], minlength=119)
        count[row, 119] = batch.bonds.shape[1]
    return count


def distance(one: Inputs, other: Inputs) -> float:
    scale = numbers(one).std(0).clamp_min(1e-6) if isinstance(one, Vectors) else 1.0
    return float(((numbers(one) - numbers(other)) / scale).square().sum())


def same(one: Inputs, other: Inputs) -> bool:
    pairs = one.arrays(), other.arrays()
    return all((pairs[0][name] == pairs[1][name]).all() for name in pairs[0])


@every_corruption
def test_each_severity_is_farther_from_the_clean_rows(name: str, kind: str) -> None:
    clean = some_inputs(kind)
    far = [distance(clean, corrupt(clean, name, severity, 0)) for severity in SEVERITIES]
    assert far[0] == 0
    assert all(near < farther for near, farther in pairwise(far)), far


@every_corruption
def test_rows_kind_and_what_was_given_stay(name: str, kind: str) -> None:
    clean, again = some_inputs(kind), some_inputs(kind)
    seen = corrupt(clean, name, 3, 0)
    assert type(seen) is type(clean)
    assert seen.kind == kind
    assert len(seen) == len(clean)
    assert same(clean, again), "the given inputs are changed"
    assert corrupt(clean, name, 0, 0) is clean


@every_corruption
def test_draws_follow_from_the_seed(name: str, kind: str) -> None:
    clean = some_inputs(kind)
    one = corrupt(clean, name, 3, 5)
    torch.rand(3)
    assert same(one, corrupt(clean, name, 3, 5))
    drawn = not {"gaussian_blur", "defocus_blur", "zoom_blur", "brightness", "contrast"} & {name}
    drawn &= name not in {"saturate", "pixelate", "jpeg"}
    assert same(one, corrupt(clean, name, 3, 6)) is not drawn


def test_global_draws_are_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    for name, kind in CASES:
        corrupt(some_inputs(kind), name, 1, 0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_corruptions_draw_differently() -> None:
    vectors = some_inputs("vector")
    hit = [
        (numbers(corrupt(vectors, name, 5, 0)) != numbers(vectors))
        for name in ("outliers", "missing")
    ]
    assert not bool((hit[0] <= hit[1]).all())


@pytest.mark.parametrize(
    ("kind", "name", "severity", "message"),
    [
        ("image", "fogg", 1, "no corruption is called 'fogg'; did you mean 'fog'? allowed: "),
        ("vector", "fog", 1, "corruption fog takes image inputs, not vector; for vector there are: "
         "feature_noise, missing, outliers"),
        ("image", "masked_atoms", 0, "corruption masked_atoms takes molecule inputs, not image"),
        ("image", "fog", 6, "corruption fog: severity is a whole number 0 to 5 (given: 6)"),
        ("image", "fog", -1, "corruption fog: severity is a whole number 0 to 5 (given: -1)"),
        ("image", "fog", 2.5, "corruption fog: severity is a whole number 0 to 5 (given: 2.5)"),
        ("image", "fog", True, "corruption fog: severity is a whole number 0 to 5 (given: True)"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_a_line(kind: str, name: str, severity: Any, message: str) -> None:
    for tell in (check, lambda *given: corrupt(*given, seed=0)):
        with pytest.raises(UserError) as raised:
            tell(some_inputs(kind), name, severity)
        assert str(raised.value).startswith(message)
        assert "\n" not in str(raised.value)


@every_corruption
def test_what_can_be_corrupted_passes_the_check(name: str, kind: str) -> None:
    check(some_inputs(kind), name, 5)


def test_inputs_that_a_corruption_cannot_reach_are_refused() -> None:
    grey = Images(natural(2, 1))
    with pytest.raises(UserError, match=r"saturate: it changes colours, and .* one channel"):
        corrupt(grey, "saturate", 1, 0)
    flat = Vectors(torch.ones(5, 2), ["a", "b"])
    for name in ("feature_noise", "outliers", "missing"):
        with pytest.raises(UserError, match="no column of these rows varies"):
            corrupt(flat, name, 1, 0)
    carbon = Molecules.from_smiles(["CCC", "C1CC1"])
    with pytest.raises(UserError, match="replaced_atoms: these rows have fewer than 2 elements"):
        corrupt(carbon, "replaced_atoms", 1, 0)
    described = Molecules.from_smiles(["CCO"]).with_descriptors(torch.ones(1, 3))
    for name in ("masked_atoms", "replaced_atoms", "deleted_bonds"):
        with pytest.raises(UserError, match=r"descriptors .* would stay those of the clean ones"):
            corrupt(described, name, 1, 0)
