"""C-Mixup: partners by nearness of targets, shares from a Beta distribution, exact mixtures."""

import math

import pytest
import torch
from torch import Tensor

from nearfar.data.augment import CMixup, Mixture
from nearfar.data.inputs.joined import JoinedBatch

NAN = float("nan")


def by_loop(targets: list[list[float]], bandwidth: float) -> Tensor:
    """Probabilities of partners as they are defined."""
    rows, width = len(targets), len(targets[0])
    table = []
    for i in range(rows):
        weights = []
        for j in range(rows):
            both = [
                (a, b)
                for a, b in zip(targets[i], targets[j], strict=True)
                if not math.isnan(a) and not math.isnan(b)
            ]
            has = sum(not math.isnan(a) for a in targets[i])
            squares = sum((a - b) ** 2 for a, b in both) * width / max(1, len(both))
            kept = len(both) == has
            weights.append(math.exp(-squares / (2 * bandwidth**2)) if kept else 0.0)
        table.append([weight / sum(weights) for weight in weights])
    return torch.tensor(table, dtype=torch.float64)


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 5.0])
@pytest.mark.parametrize(
    "targets",
    [
        [[0.0], [1.0], [1.0], [-2.0]],
        [[0.0, 1.0], [1.0, 1.0], [2.0, -1.0]],
        [[0.0, NAN], [1.0, 1.0], [NAN, 2.0], [NAN, NAN], [0.5, 0.5]],
    ],
)
def test_probabilities_are_those_of_the_definition(
    targets: list[list[float]], bandwidth: float
) -> None:
    found = CMixup(bandwidth=bandwidth).probabilities(torch.tensor(targets, dtype=torch.float64))
    torch.testing.assert_close(found, by_loop(targets, bandwidth))


def test_partners_and_shares_are_drawn_as_often_as_they_should() -> None:
    torch.manual_seed(0)
    targets = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    mixing = CMixup(alpha=3.0)
    counts, shares = torch.zeros(3, 3), []
    for _ in range(3000):
        mixture = mixing.draw(targets)
        counts[torch.arange(3), mixture.partner] += 1
        shares.append(mixture.share)
    torch.testing.assert_close(
        counts / 3000, mixing.probabilities(targets).float(), rtol=0, atol=0.03
    )
    drawn = torch.cat(shares)
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(drawn.var()) == pytest.approx(1 / 28, abs=0.002), "of Beta(3, 3)"
    assert bool(((drawn >= 0) & (drawn <= 1)).all())


def test_the_same_seed_draws_the_same() -> None:
    targets = torch.randn(20, 1, dtype=torch.float64)

    def drawn(seed: int) -> tuple[list[int], list[float]]:
        torch.manual_seed(seed)
        mixture = CMixup().draw(targets)
        return mixture.partner.tolist(), mixture.share.tolist()

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 5, 5)])
def test_rows_of_any_shape_are_mixed(shape: tuple[int, ...]) -> None:
    values = torch.randn(*shape)
    mixture = Mixture(torch.tensor([1, 1, 0, 2]), torch.tensor([0.25, 0.5, 1.0, 0.0]))
    mixed = mixture.blend(values)
    for row, (partner, share) in enumerate(((1, 0.25), (1, 0.5), (0, 1.0), (2, 0.0))):
        torch.testing.assert_close(mixed[row], share * values[row] + (1 - share) * values[partner])
    assert mixed.dtype == values.dtype


def test_columns_beside_images_are_mixed_with_them() -> None:
    mixture = Mixture(torch.tensor([1, 0]), torch.tensor([0.5, 0.25]))
    images, columns = torch.rand(2, 1, 3, 3), torch.randn(2, 2)
    mixed = mixture.blend(JoinedBatch(images, columns))
    torch.testing.assert_close(mixed.batch, mixture.blend(images))
    torch.testing.assert_close(mixed.columns, mixture.blend(columns))


def test_what_a_row_does_not_know_stays_unknown_and_what_it_knows_known() -> None:
    targets = torch.tensor([[0.0, NAN], [1.0, 1.0], [NAN, 2.0], [0.5, 0.5]], dtype=torch.float64)
    for seed in range(20):
        torch.manual_seed(seed)
        mixed = CMixup(bandwidth=3.0).draw(targets).blend(targets)
        assert torch.equal(mixed.isnan(), targets.isnan())
