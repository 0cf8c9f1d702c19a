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


@pytest.mark.parametrize(
    "name",
    [
        *("id", "ID", "Id", "uid", "idcode", "ID No.", "schoolid", "schoolNR", "childID"),
        *("distid", "USUBJID", "Patid", "unit_id", "trip_id", "firm", "litter"),
    ],
)
def test_what_panels_and_repeated_measurements_are_told_apart_by_is_a_group(name: str) -> None:
    ids = [str(k // 3 + 1) for k in range(60)]
    assert group_column(table(y=[str(k) for k in range(60)], **{name: ids}), {"y"}) == name


@pytest.mark.parametrize("name", ["NO", "acid", "humid", "paid", "statecode", "species_id", "num"])
def test_amounts_and_kinds_are_no_groups(name: str) -> None:
    assert group_column(table(**{name: [str(k % 20) for k in range(60)]}), set()) is None


def test_an_id_of_which_few_occur_twice_tells_rows_apart() -> None:
    rows = 60
    few = [str(k % 55) for k in range(rows)]
    assert group_column(table(id=few), set()) is None
    assert group_column(table(patient=few), set()) == "patient"


def test_the_size_of_a_family_is_no_group() -> None:
    sizes = table(family=[str(k % 8 + 1) for k in range(800)])
    assert group_column(sizes, set()) is None
    numbers = table(family=[str(k // 3 + 1) for k in range(60)])
    assert group_column(numbers, set()) == "family"


def test_what_says_the_same_as_the_target_is_no_group() -> None:
    ids = [str(k % 12) for k in range(60)]
    kinds = [f"kind {k % 12}" for k in range(60)]
    assert group_column(table(kind=kinds, id=ids), {"kind"}) is None
    mixed = [f"kind {k % 24}" for k in range(60)]
    assert group_column(table(kind=mixed, id=ids), {"kind"}) == "id"
    ages = [f"{20 + k % 12}.5" for k in range(60)]
    assert group_column(table(age=ages, id=ids), {"age"}) == "id"


def test_zeros_and_ones_called_after_a_subject_are_not_warned_of() -> None:
    assert chosen_group(table(re_subj=[str(k % 2) for k in range(40)]), None, set()) == (None, [])
