"""What a study file may say under ``data`` and ``split``."""

from typing import Any

import pytest
from pydantic import ValidationError

from nearfar.data import SOURCES, DataOptions, SplitOptions

MOLECULES = {"source": "molecules", "path": "a.csv", "target": "y"}
TABLE = {"source": "table", "path": "a.csv", "target": "y"}


def complaint(model: type[DataOptions] | type[SplitOptions], given: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    (error,) = caught.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": "molecule"}, "unknown data source 'molecule'; did you mean 'molecules'?"),
        ({"path": "a.csv", "target": "y"}, "source: Field required"),
        ({**MOLECULES, "targets": "y"}, "targets: Extra inputs are not permitted"),
        (
            {**MOLECULES, "root": "x"},
            "no option 'root'; allowed: decimal,",
        ),
        ({**TABLE, "target": ["y", "all targets"]}, "'all targets' is what a mean over several is"),
        ({**TABLE, "target": "all targets"}, "'all targets' is what a mean over several is called"),
        (
            {**TABLE, "unit": "z"},
            "unit: Value error, the unit 'z' is what results call targets sc",
        ),
        ({**TABLE, "smiles": "s"}, "data source 'table' has no option 'smiles'"),
        ({"source": "diabetes", "path": "a.csv"}, "'diabetes' has no option 'path'"),
        ({"source": "diabetes", "on_bad_rows": "drop"}, "has no option 'on_bad_rows'"),
        ({"source": "molecules", "target": "y"}, "needs either 'path' or 'hub'"),
        ({**MOLECULES, "hub": "a/b"}, "needs either 'path' or 'hub'"),
        ({**MOLECULES, "subset": "s"}, "'subset' goes with 'hub'"),
        ({"source": "table", "path": "a.csv"}, "needs 'target', the column to predict"),
        ({**TABLE, "target": []}, "'target' names no column"),
        ({**TABLE, "features": []}, "features: List should have at least 1 item"),
        ({**TABLE, "features": ["x", "y"]}, "'y' is named twice in data: under 'features' and 't"),
        ({**TABLE, "features": ["x", "x"]}, "'x' is named twice in data: under 'features'"),
        ({**TABLE, "target": ["y", "y"]}, "'y' is named twice in data: under 'target'"),
        ({**MOLECULES, "smiles": "y"}, "'y' is named twice in data: under 'smiles' and 'target'"),
        ({**MOLECULES, "group": "g", "part": "g"}, "under 'group' and 'part'"),
        ({**MOLECULES, "on_bad_rows": "skip"}, "on_bad_rows: Input should be 'error' or 'drop'"),
        ({**MOLECULES, "separator": "::"}, "separator: String should have at most 1 character"),
        ({**MOLECULES, "path": ""}, "path: String should have at least 1 character"),
    ],
)
def test_mistakes_in_data(given: dict[str, Any], words: str) -> None:
    assert words in complaint(DataOptions, given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"kind": "randon"},
            "kind: Input should be 'random', 'scaffold', 'predefined', 'group'",
        ),
        ({"part": [0.8, 0.1, 0.1]}, "part: Extra inputs are not permitted"),
        ({"parts": [0.8, 0.1, 0.2]}, "must add up to 1, given [0.8, 0.1, 0.2] = 1.1"),
        ({"parts": [0.9, 0.1, 0.0]}, "must all be above 0"),
        ({"parts": [1.2, -0.1, -0.1]}, "must all be above 0"),
        ({"parts": [0.8, 0.2]}, "parts.2: Field required"),
        ({"validation": 0.1}, "'validation' goes with 'predefined' or 'folds', not 'random'"),
        ({"split_seed": 3}, "'split_seed' is not used: resplit draws from each seed"),
        ({"kind": "scaffold", "resplit": False, "split_seed": 3}, "'split_seed' is not used"),
        ({"resplit": False, "split_seed": -1}, "split_seed: Input should be greater than"),
        ({"kind": "predefined", "parts": [0.8, 0.1, 0.1]}, "takes its parts from the data"),
        ({"kind": "predefined", "resplit": True}, "is the same for every seed"),
        ({"kind": "predefined", "validation": 1}, "validation: Input should be less than 1"),
        ({"folds": 5}, "'folds' goes with kind 'folds', not 'random': leave it out"),
        ({"kind": "group", "repeats": 2}, "'repeats' goes with kind 'folds', not 'group'"),
        ({"kind": "predefined", "by": "rows"}, "'by' goes with kind 'folds', not 'predefined'"),
        ({"kind": "folds", "parts": [0.8, 0.1, 0.1]}, "leave out 'parts'"),
        ({"kind": "folds", "resplit": True}, "another for every seed: leave out 'resplit'"),
        ({"kind": "folds", "resplit": False}, "another for every seed: leave out 'resplit'"),
        ({"kind": "folds", "split_seed": 0}, "'split_seed' is not used: folds are drawn anew"),
        ({"kind": "folds", "folds": 1}, "folds: Input should be greater than or equal to 2"),
        ({"kind": "folds", "folds": "5"}, "folds: Input should be a valid integer"),
        ({"kind": "folds", "repeats": 0}, "repeats: Input should be greater than or equal to 1"),
        ({"kind": "folds", "by": "person"}, "by: Input should be 'rows', 'group' or 'scaffold'"),
    ],
)
def test_mistakes_in_split(given: dict[str, Any], words: str) -> None:
    assert words in complaint(SplitOptions, given)


def test_defaults_are_filled_in_where_they_apply() -> None:
    molecules = DataOptions.model_validate(MOLECULES)
    assert (molecules.smiles, molecules.on_bad_rows) == ("smiles", "error")
    assert (molecules.kind, molecules.target_columns) == ("molecule", ["y"])
    table = DataOptions.model_validate({**TABLE, "target": ["y", "z"]})
    assert (table.smiles, table.kind, table.target_columns) == (None, "vector", ["y", "z"])
    random = SplitOptions()
    assert (random.parts, random.resplit, random.split_seed) == ((0.8, 0.1, 0.1), True, None)
    fixed = SplitOptions(resplit=False)
    assert (fixed.resplit, fixed.split_seed) == (False, 0)
    predefined = SplitOptions(kind="predefined")
    assert (predefined.parts, predefined.resplit, predefined.validation) == (None, False, 0.1)
    folds = SplitOptions(kind="folds")
    assert (folds.folds, folds.by, folds.validation, folds.resplit) == (10, "rows", 0.1, None)


def test_a_split_varies_where_seeds_draw_it() -> None:
    assert SplitOptions().varies
    assert SplitOptions(kind="folds").varies
    assert not SplitOptions(resplit=False).varies
    assert not SplitOptions(kind="predefined").varies


@pytest.mark.parametrize(
    "options",
    [
        DataOptions.model_validate(MOLECULES),
        DataOptions.model_validate({**TABLE, "features": ["a", "b"], "group": "g"}),
        DataOptions(source="diabetes"),
        SplitOptions(),
        SplitOptions(kind="group", resplit=False, split_seed=7, parts=(0.5, 0.25, 0.25)),
        SplitOptions(kind="scaffold", resplit=False),
        SplitOptions(kind="predefined", validation=0.2),
        SplitOptions(kind="folds", folds=4, by="scaffold"),
    ],
    ids=str,
)
def test_resolved_options_read_back_the_same(options: DataOptions | SplitOptions) -> None:
    """A run's study.yaml holds every default; running it again must mean the same."""
    plain = options.model_dump(mode="json")
    assert type(options).model_validate(plain) == options
    given = {key: value for key, value in plain.items() if value is not None}
    assert type(options).model_validate(given) == options


def test_every_option_belongs_to_a_source() -> None:
    taken = set().union(*(source.takes for source in SOURCES.values()))
    assert taken == set(DataOptions.model_fields) - {"source"}
