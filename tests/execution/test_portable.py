"""Paths of a run's study, seen from another run folder."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from image_examples import write_images

from nearfar.errors import UserError
from nearfar.execution.portable import moved
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare


def test_files_of_a_run_are_seen_from_another_folder(tmp_path: Path) -> None:
    old, new = tmp_path / "b/runs/small-full", tmp_path / "all/of/them/runs/small-full"
    for folder in (old, new):
        folder.mkdir(parents=True)
    for name in ("data.csv", "emb.npy", "w.pt", "v.pt", "own.py"):
        (tmp_path / "b" / name).touch()
    there, here = "../..", "../../../../../b"
    joined = {"parts": [{"file": {"path": f"{there}/emb.npy"}}, {"mlp": {}}]}
    study: dict[str, Any] = {
        "study": "small",
        "data": {"source": "table", "path": f"{there}/data.csv", "target": "y"},
        "modules": [f"{there}/own.py", "installed.module"],
        "stages": {"one": {"encoder": {"timm": {"checkpoint": "$start"}}}},
        "arms": {
            "joined": {"fit": {"encoder": {"joined": joined}}},
            "gone": {"fit": {"encoder": {"file": {"path": f"{there}/not-here.npy"}}}},
        },
        "axes": {
            "start": {"role": "compare", "values": {"w": f"{there}/w.pt", "v": f"{there}/v.pt"}},
            "other": {"role": "compare", "values": ["w.pt", "v"]},
        },
    }
    found = moved(study, old, new)
    assert found["data"]["path"] == f"{here}/data.csv"
    assert found["modules"] == [f"{here}/own.py", "installed.module"]
    parts = found["arms"]["joined"]["fit"]["encoder"]["joined"]["parts"]
    assert parts == [{"file": {"path": f"{here}/emb.npy"}}, {"mlp": {}}]
    assert found["axes"]["start"]["values"] == {"w": f"{here}/w.pt", "v": f"{here}/v.pt"}
    for block, name in (("arms", "gone"), ("axes", "other")):
        assert found[block][name] == study[block][name]


def study_of_images(folder: Path, **data: Any) -> Path:
    """Write a table of images, these in a folder beside it, and a study of them."""
    names = [f"{number}.png" for number in range(40)]
    write_images(folder / "pictures", names)
    rows = [f"{name},{'ab'[row % 2]}" for row, name in enumerate(names)]
    (folder / "small.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    block = {"source": "images", "path": "small.csv", "target": "label", "image": "file", "size": 8}
    study = {
        "study": "small",
        "data": {**block, "root": "pictures", **data},
        "split": {"kind": "random"},
        "metric": "accuracy",
        "baseline": "one",
        "arms": {"one": {"fit": {"encoder": "pixels", "head": "logistic"}}},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder / "study.yaml"


def test_the_root_of_images_lies_beside_the_study(tmp_path: Path) -> None:
    study = study_of_images(tmp_path)
    prepared = prepare(Request(str(study), out=tmp_path / "runs"))
    assert prepared.resolved.text["data"]["root"] == "../../pictures"
    assert len(prepared.dataset) == 40


@pytest.mark.parametrize("key", ["path", "mapping", "root"])
def test_a_file_that_is_missing_was_looked_for_beside_the_study(key: str, tmp_path: Path) -> None:
    study = study_of_images(tmp_path, **{key: "gone"})
    with pytest.raises(UserError) as caught:
        prepare(Request(str(study), out=tmp_path / "runs"))
    assert str(caught.value).startswith(f"no such data file: gone; looked in {tmp_path}, ")
