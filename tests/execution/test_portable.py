"""Paths of a run's study, seen from another run folder."""

from pathlib import Path
from typing import Any

from nearfar.execution.portable import moved


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
