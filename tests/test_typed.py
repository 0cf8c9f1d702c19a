"""The public names hold their types under ``mypy --strict`` in a user's own file."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOOD = """
from pathlib import Path
from typing import assert_type

import nearfar
import torch
from nearfar.losses import RnCLoss
from nearfar.sklearn import ContrastiveClassifier, ContrastiveRegressor, RankNContrast

rows = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]
transformer = RankNContrast(temperature=1.0, random_state=0).fit(rows, [1.0, 2.0, 3.0])
assert_type(transformer, RankNContrast)
width: int = transformer.transform(rows).shape[1]
transformer.save(Path("model"))
assert_type(RankNContrast.load("model"), RankNContrast)
regressor = ContrastiveRegressor(encoder=transformer, head="mlp")
classes = ContrastiveClassifier().fit(rows, ["a", "b", "a"]).predict(rows)
version: str = nearfar.__version__
loss: torch.Tensor = RnCLoss(temperature=2)(torch.zeros(3, 2), torch.zeros(3))
"""
BAD = """
from nearfar.sklearn import RankNContrast

RankNContrast(temprature=1.0)
RankNContrast(temperature="warm")
"""


def test_a_users_file_is_checked_by_what_the_package_says(tmp_path: Path) -> None:
    """With the cache of ``make lint``, where there is one."""
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(GOOD)
    bad.write_text(BAD)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(good), str(bad)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line.split(": error: ")[0].rpartition("/")[2] for line in lines] == [
        "bad.py:4",
        "bad.py:5",
    ], done.stdout + done.stderr
    assert 'Unexpected keyword argument "temprature"' in lines[0]
    assert 'incompatible type "str"; expected "float"' in lines[1]
