"""Which column says whose rows belong together, and what is said where none can."""

import pytest

from nearfar.data.read.table import Table
from nearfar.starter.detect_groups import chosen_group, group_column


def table(**columns: list[str]) -> Table:
    rows = len(next(iter(columns.values())))
    return Table("t.csv", dict(columns), rows)


def repeated(prefix: str, values: int, rows: int) -> list[str]:
    return [f"{prefix}{k % values}" for k in range(rows)]


@pytest.mark.parametrize("name", ["Plate", "plate_id", "Slide", "patient", "lesion_id", "batch"])
@pytest.mark.parametrize(("values", "is_group"), [(4, False), (5, True), (12, True)])
def test_few_values_are_groups_and_fewer_are_told(name: str, values: int, is_group: bool) -> None:
    found, facts = chosen_group(table(**{name: repeated("a", values, 48)}), None, set())
    assert found == (name if is_group else None)
    (fact,) = facts
    assert f"--group {'none' if is_group else name}" in fact


def test_of_two_values_no_split_is_promised() -> None:
    found, (fact,) = chosen_group(table(site=repeated("a", 2, 40)), None, set())
    assert found is None
    assert "--group" not in fact
    assert "two cannot be learnt from, choose epochs and be tested" in fact


@pytest.mark.parametrize("plates", [2, 6])
def test_a_well_is_a_place_on_its_plate(plates: int) -> None:
    rows = 24 * plates
    wells = [f"{'ABCD'[k % 24 // 6]}{k % 6 + 1}" for k in range(rows)]
    plate = [f"P{k // 24}" for k in range(rows)]
    found, facts = chosen_group(table(Well=wells, Plate=plate), None, set())
    assert found == ("Plate" if plates == 6 else None)
    assert any("'Plate'" in fact for fact in facts)
    assert group_column(table(Well=wells), set()) == "Well"
