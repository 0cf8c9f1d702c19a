"""How outputs become numbers: against explicit loops, and what the best constant is."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from nearfar.heads import READOUTS, Readout
from nearfar.heads.readouts import Bins, Ordinal, OwnUnits
from nearfar.losses import binary_cross_entropy, soft_cross_entropy

STD = torch.tensor([10.0, 0.5])


def some_targets(rows: int = 200) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(rows, 2, dtype=torch.float64) * torch.tensor([1.0, 2.0])


def fitted(readout: Readout, targets: Tensor | None = None) -> Readout:
    readout.fit(some_targets() if targets is None else targets, STD)
    return readout


def normal_share(low: float, high: float) -> float:
    """The share of a standard normal distribution between two numbers."""
    return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2


def levels_of(targets: Tensor, k: int, count: int) -> list[float]:
    low, high = float(targets[:, k].min()), float(targets[:, k].max())
    return [low + (high - low) * j / (count - 1) for j in range(count)]


def test_z_units_leave_everything_as_it_is() -> None:
    readout, raw = fitted(READOUTS["z"](2)), torch.randn(5, 2)
    assert readout.outputs == 2
    for same in (readout.read, readout.guess, readout.truth, readout.constant):
        assert torch.equal(same(raw), raw)
    assert not readout.state_dict()


def test_own_units_are_those_of_the_target() -> None:
    readout, z = fitted(OwnUnits(2)), some_targets(7).float()
    own = z * STD
    torch.testing.assert_close(readout.truth(z), own)
    torch.testing.assert_close(readout.read(own), z, rtol=0, atol=1e-5)
    assert torch.equal(readout.guess(own), own)
    torch.testing.assert_close(readout.constant(torch.tensor([0.0, 2])), torch.tensor([0.0, 1]))
    assert not list(readout.parameters())


@pytest.mark.parametrize("count", [2, 3, 20])
@pytest.mark.parametrize("smoothing", [0.0, 0.75, 2.0])
def test_bins_equal_their_twin(count: int, smoothing: float) -> None:
    targets = some_targets()
    readout = fitted(Bins(2, count=count, smoothing=smoothing), targets)
    assert readout.outputs == 2 * count
    few = targets[:20]
    found = readout.truth(few.float())
    raw = torch.randn(20, 2 * count)
    read = readout.read(raw)
    expected_loss = 0.0
    for k in range(2):
        levels = levels_of(targets, k, count)
        width = levels[1] - levels[0]
        for i in range(20):
            y = float(few[i, k])
            nearest = min(range(count), key=lambda j: abs(levels[j] - y))
            exponentials = [math.exp(float(raw[i, k * count + j])) for j in range(count)]
            mean = 0.0
            for j in range(count):
                share = 1.0 if j == nearest else 0.0
                if smoothing:
                    low = -math.inf if j == 0 else (levels[j] - width / 2 - y)
                    high = math.inf if j == count - 1 else (levels[j] + width / 2 - y)
                    share = normal_share(low / smoothing / width, high / smoothing / width)
                assert float(found[i, k, j]) == pytest.approx(share, abs=2e-5)
                p = exponentials[j] / sum(exponentials)
                mean += p * levels[j]
                expected_loss -= share * math.log(p) / 40
            assert float(read[i, k]) == pytest.approx(mean, abs=1e-5)
    loss = soft_cross_entropy(readout.guess(raw), found)
    assert float(loss) == pytest.approx(expected_loss, rel=1e-4)


@pytest.mark.parametrize("count", [2, 3, 20])
@pytest.mark.parametrize("shared", [True, False])
def test_ordinal_equals_its_twin(count: int, shared: bool) -> None:
    targets = some_targets()
    readout = fitted(Ordinal(2, count=count, shared=shared), targets)
    per_target = 1 if shared else count - 1
    assert readout.outputs == 2 * per_target
    few, raw = targets[:20], 3 * torch.randn(20, 2 * per_target)
    bias = readout.get_parameter("bias").detach()
    truth, read = readout.truth(few.float()), readout.read(raw)
    expected_loss = 0.0
    for k in range(2):
        levels = levels_of(targets, k, count)
        for i in range(20):
            above = 0
            for j in range(count - 1):
                threshold = (levels[j] + levels[j + 1]) / 2
                answer = 1.0 if float(few[i, k]) > threshold else 0.0
                assert float(truth[i, k, j]) == answer
                output = raw[i, k * per_target + (0 if shared else j)]
                p = 1 / (1 + math.exp(-float(output + bias[k, j])))
                above += p > 0.5
                expected_loss -= math.log(p if answer else 1 - p) / (40 * (count - 1))
            assert float(read[i, k]) == pytest.approx(levels[above], abs=1e-5)
    loss = binary_cross_entropy(readout.guess(raw), truth).detach()
    assert float(loss) == pytest.approx(expected_loss, rel=1e-4)


def test_shared_answers_are_consistent() -> None:
    readout = fitted(Ordinal(2, count=30))
    logits = readout.guess(torch.randn(50, 2)).detach()
    assert bool((logits[..., 1:] <= logits[..., :-1] + 1e-6).all())


@pytest.mark.parametrize("name", ["bins", "ordinal"])
def test_whole_years_are_levels_of_their_own(name: str) -> None:
    years = torch.tensor([[1.0], [116.0], *[[float(k)] for k in range(5, 80)]])
    z = ((years - 40) / 20).double()
    options = {"smoothing": 0.0} if name == "bins" else {}
    readout = READOUTS[name](1, count=116, **options)
    readout.fit(z, torch.tensor([20.0]))
    truth = readout.truth(z.float())
    number = truth.argmax(-1) if name == "bins" else truth.sum(-1).long()
    assert number.tolist() == (years.long() - 1).tolist()


@pytest.mark.parametrize(
    ("readout", "criterion"),
    [
        (Bins(2, count=6, smoothing=0.0), soft_cross_entropy),
        (Bins(2, count=6), soft_cross_entropy),
        (Ordinal(2, count=6), binary_cross_entropy),
        (Ordinal(2, count=6, shared=False), binary_cross_entropy),
    ],
)
def test_no_constant_does_better_than_the_constant(readout: Readout, criterion: Any) -> None:
    targets = some_targets()
    fitted(readout, targets)
    truth, best = readout.truth(targets.float()), readout.constant(torch.zeros(2))
    loss = float(criterion(best.expand_as(truth), truth))
    torch.manual_seed(1)
    for _ in range(50):
        other = best + 0.3 * torch.randn_like(best)
        assert float(criterion(other.expand_as(truth), truth)) > loss - 1e-3


def test_ordinal_starts_from_the_frequencies() -> None:
    targets = some_targets()
    readout = fitted(Ordinal(2, count=6), targets)
    truth = readout.truth(targets.float())
    answers = readout.guess(torch.zeros(1, 2)).sigmoid()[0].detach()
    torch.testing.assert_close(answers, truth.mean(0), rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", READOUTS)
def test_what_was_fitted_is_kept(name: str) -> None:
    readout = fitted(READOUTS[name](2))
    again = READOUTS[name](2)
    again.load_state_dict(readout.state_dict())
    raw = torch.randn(4, readout.outputs)
    assert torch.equal(again.read(raw), readout.read(raw))


@pytest.mark.parametrize(
    ("name", "criterion"),
    [("bins", soft_cross_entropy), ("ordinal", binary_cross_entropy)],
)
def test_losses_of_rows_average_to_the_loss(name: str, criterion: Any) -> None:
    targets = some_targets(9)
    readout = fitted(READOUTS[name](2, count=4), targets)
    guess = readout.guess(torch.randn(9, readout.outputs)).detach()
    truth = readout.truth(targets.float())
    rows = criterion(guess, truth, reduction="none").flatten(1).mean(1)
    assert rows.shape == (9,)
    alone = [float(criterion(g[None], t[None])) for g, t in zip(guess, truth, strict=True)]
    assert rows.tolist() == pytest.approx(alone, rel=1e-5)
    assert float(rows.mean()) == pytest.approx(float(criterion(guess, truth)), rel=1e-5)


@pytest.mark.parametrize("name", ["bins", "ordinal"])
def test_targets_beyond_the_training_rows_belong_to_the_outer_levels(name: str) -> None:
    readout = fitted(READOUTS[name](2, count=5))
    levels = readout.get_buffer("levels")
    far = torch.tensor([[-100.0, 100.0]])
    best = (readout.truth(far) * 80 - 40).flatten(1)
    raw = best if name == "bins" else torch.tensor([[-99.0, 99.0]])
    read = readout.read(raw)
    torch.testing.assert_close(read[0], torch.stack([levels[0, 0], levels[1, -1]]))
