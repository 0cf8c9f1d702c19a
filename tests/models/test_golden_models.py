"""Runs of earlier releases predict what they predicted then; their data file is gone."""

import csv
import zipfile
from pathlib import Path

import pytest

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.zip"))
INPUTS = {"table": "table.csv", "molecules": "molecules.csv", "pictures": "pictures"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("packed", GOLDEN, ids=lambda path: path.stem)
def test_a_run_of_an_earlier_release_predicts_as_it_did(packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    (run,) = (tmp_path / "runs").glob("*-full")
    data = tmp_path / INPUTS[packed.stem.rpartition("-")[2]]
    made = sorted(tmp_path.glob(f"{packed.stem.rpartition('-')[2]}-*.csv"))
    assert len(made) == 2
    for expected in made:
        arm, output = expected.stem.rpartition("-")[2], tmp_path / "now.csv"
        predict_file(run, arm, data, output, force=True)
        before, now = rows_of(expected), rows_of(output)
        assert len(before) == len(now) > 30
        for old, new in zip(before, now, strict=True):
            for name, cell in old.items():
                if name.endswith(("_pred", "_std")) or name.startswith("p:"):
                    try:
                        close = pytest.approx(float(cell), rel=1e-4, abs=1e-5)
                        assert float(new[name]) == close, (arm, name)
                    except ValueError:
                        assert new[name] == cell
                else:
                    assert new[name] == cell


def test_an_earlier_run_that_does_not_say_its_inputs_is_refused_with_a_remedy(
    tmp_path: Path,
) -> None:
    (packed,) = (path for path in GOLDEN if path.stem.endswith("pictures"))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    (run,) = (tmp_path / "runs").glob("*-full")
    (run / "provenance.json").unlink()
    with pytest.raises(UserError, match=r"earlier nearfar .* 'nearfar run' of its study adds that"):
        predict_file(run, "cnn", tmp_path / "pictures", tmp_path / "now.csv")
