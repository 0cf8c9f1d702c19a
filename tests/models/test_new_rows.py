"""Rows to use a model for whose images lie in another folder than the table that names them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_models import fit_spec, image_schema, made_model
from PIL import Image

from nearfar.commands.models import embed_file
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.models.estimator import Estimator


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
