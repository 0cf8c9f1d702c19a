"""What a study file says of its source stands under the names that records have."""

from nearfar.records.conditions import joined
from nearfar.study.published import Claim


def test_a_claims_condition_is_written_as_records_write_it() -> None:
    pairs = {"noise": "0.1", "noise2": "3", "noise-kind": "salt"}
    said = "; ".join(f"{axis}={value}" for axis, value in pairs.items())
    claim = Claim(claim="it helps", arms=["A"], expect="better", condition=said)
    assert claim.condition == joined(pairs)
