"""Two and three processes that train one model compute what one process computes."""

import pytest
import torch
from rank_checks import (
    CASES,
    IN_CHUNKS,
    NORMED_IN_CHUNKS,
    TRAININGS,
    Found,
    by_all_ranks,
    everything,
)

from nearfar.ranks.share import ALONE

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
