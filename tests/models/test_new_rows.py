"""Rows to use a model for whose images lie elsewhere than the table that names them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_models import fit_spec, image_schema, made_model
from PIL import Image

from nearfar.commands.models import embed_file
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.models.estimator import Estimator
from nearfar.models.given import rows_of
from nearfar.models.schema import InputSchema


@pytest.fixture
def model(tmp_path: Path) -> Path:
    Estimator(made_model(image_schema(), {"fast_cnn": {"widths": [8, 8, 8]}}, fit_spec())).save(
        tmp_path / "m"
    )
    return tmp_path / "m"


def laid(folder: Path) -> tuple[Path, Path]:
    """Write a table and, in another folder, the images that it names."""
    table, root = folder / "tables" / "t.csv", folder / "photos"
    table.parent.mkdir()
    root.mkdir()
    for k in range(3):
        Image.new("RGB", (8, 8), (60 * k, 0, 0)).save(root / f"{k}.png")
    pd.DataFrame({"photo": ["0.png", "1.png", "2.png", "elsewhere.png"]}).to_csv(table, index=False)
    return table, root


def test_names_of_images_begin_at_the_folder_that_is_given(model: Path, tmp_path: Path) -> None:
    (table, root), output = laid(tmp_path), tmp_path / "p.csv"
    with pytest.raises(UserError, match=r"no such image: .*0\.png \(--root FOLDER: where"):
        predict_file(model, None, table, output)
    predict_file(model, None, table, output, root=root)
    found = pd.read_csv(output)
    assert found.filter(like="_pred").iloc[:, 0].notna().tolist() == [True, True, True, False]
    assert "elsewhere.png (--root FOLDER" in found.reason[3]
    embed_file(model, table, tmp_path / "e.npz", None, "cpu", root=root)
    with np.load(tmp_path / "e.npz") as made:
        assert made["features"].shape[0] == 3


def test_a_folder_of_images_that_nothing_is_read_from_is_refused(
    model: Path, tmp_path: Path
) -> None:
    (table, root), output = laid(tmp_path), tmp_path / "p.csv"
    with pytest.raises(UserError, match=r"--root .*elsewhere: no such folder"):
        predict_file(model, None, table, output, root=tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is no table that names images: leave it out"):
        predict_file(model, None, root, output, root=root)


SPELT = {
    "cell_{}": "no path or ending",
    "cell_{}.PNG": "no path",
    "pictures/cell_{}.png": "small letters",
    "..\\here\\pictures\\cell_{}.PNG": "of Windows",
    "/of/another/disk/pictures/cell_{}.PNG": "of another disk",
}


@pytest.mark.parametrize("spelt", SPELT, ids=SPELT.get)
@pytest.mark.parametrize("kind", [pd.DataFrame, dict, pa.table])
def test_a_frame_names_images_as_its_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelt: str, kind: Any
) -> None:
    place = tmp_path / "here"
    (place / "pictures").mkdir(parents=True)
    for k in range(3):
        Image.new("L", (8, 8), 60 * k).save(place / "pictures" / f"cell_{k}.PNG")
    monkeypatch.chdir(place)
    columns = {"cell": [spelt.format(k) for k in range(3)]}
    schema = InputSchema("image", {"source": "images", "image": "cell"}, shape=(1, 8, 8))
    pd.DataFrame(columns).to_csv("t.csv", index=False)
    for given in ("t.csv", kind(columns)):
        inputs: Any = rows_of(schema, given).inputs
        assert inputs.pixels[:, 0, 0, 0].tolist() == [0, 60, 120]
    with pytest.raises(UserError, match=r"^X\[0\]: .*other\.png"):
        rows_of(schema, {"cell": ["other.png"]})
