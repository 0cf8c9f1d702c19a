"""Two and three processes that train one model compute what one process computes."""

import pytest
import torch
from rank_checks import (
    CASES,
    IN_CHUNKS,
    NORMED_IN_CHUNKS,
    TRAININGS,
    Found,
    Rows,
    by_all_ranks,
    everything,
)

from nearfar.ranks.share import ALONE, Rank
from nearfar.train.ranks import RankedTask

NAMES = [*map(str, (*CASES, *IN_CHUNKS, *NORMED_IN_CHUNKS)), *(name for name, _ in TRAININGS)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Found]:
    return everything(ALONE)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Found]]]:
    return by_all_ranks(tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_ranks_compute_what_one_process_does(
    name: str,
    count: int,
    alone: dict[str, Found],
    together: dict[int, list[dict[str, Found]]],
) -> None:
    single = name.startswith(("autoencoder", "bce", "cross_entropy"))
    close = 1e-5 if single else 1e-6  # these compare in float32
    for found in together[count]:
        assert found[name].keys() == alone[name].keys()
        for key, value in alone[name].items():
            torch.testing.assert_close(found[name][key], value, rtol=close, atol=close, msg=key)


def drawn(number: int, round_of: int = 1) -> list[float]:
    """What a rank of three draws first for each batch of a round: 16, 16 and 3 of 35 rows."""
    ranked = RankedTask(Rows(), Rank(number, 3), 0)
    ranked.begin(round_of)
    return [float(torch.rand(1)) for _ in ranked.batches(torch.arange(35), 16)]


def test_ranks_draw_apart_for_their_shares_and_alike_for_what_all_have() -> None:
    first, second = drawn(0), drawn(1)
    assert first[2] == second[2]
    assert not {*first[:2]} & {*second[:2]}
    assert drawn(0) == first
    assert not {*drawn(0, 2)} & {*first, *second}
