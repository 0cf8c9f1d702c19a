"""Minutes that a quick run of what `nearfar init` writes takes, of as many rows as people bring.

    python benchmarks/own_data/minutes.py OUT [--only NAME …]

2,000 pictures of 200 px in folders and in a table of ages, 5,000 molecules, 20,000 rows of a table.
Pictures are real ones made larger, molecules those of ESOL with atoms added; only their number and
their size matter here. Nothing else should run on the machine. Goal: ten minutes on two cores.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image
from rdkit import Chem, RDLogger
from rdkit.Chem import Crippen

from nearfar.data.read.locate import data_home, samples

GOAL = 10
SIDE = 200


def _pictures(file: str, column: str, rows: int) -> pd.DataFrame:
    return (
        pq.read_table(data_home() / file)
        .slice(0, rows)
        .to_pandas()
        .rename(columns={column: "image"})
    )


def _write(picture: dict[str, bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(BytesIO(picture["bytes"])).resize((SIDE, SIDE)).save(path, quality=90)


def folders(out: Path) -> list[str]:
    """2,000 pictures of ten kinds, a folder each."""
    found = _pictures("cifar10/train-00000-of-00001.parquet", "img", 2_000)
    for number, row in found.iterrows():
        _write(row["image"], out / "folders" / f"kind {row['label']}" / f"{number}.jpg")
    return [str(out / "folders")]


def faces(out: Path) -> list[str]:
    """2,000 faces and their ages in a table."""
    found = _pictures("utkface/train-00000-of-00001.parquet", "image", 2_000)
    for number, row in found.iterrows():
        _write(row["image"], out / "faces" / f"{number}.jpg")
    table = pd.DataFrame({"file": [f"{n}.jpg" for n in found.index], "age": found["age"]})
    table.to_csv(out / "faces" / "ages.csv", index=False)
    return [str(out / "faces" / "ages.csv"), "--target", "age"]


def molecules(out: Path) -> list[str]:
    """5,000 molecules: those of ESOL, and the same with an atom more."""
    RDLogger.DisableLog("rdApp.*")
    draw, known = np.random.default_rng(0), list(pd.read_csv(samples() / "esol.csv")["smiles"])
    found = dict.fromkeys(Chem.CanonSmiles(one) for one in known)
    while len(found) < 5_000:
        grown = Chem.RWMol(Chem.MolFromSmiles(str(draw.choice(known))))
        free = [atom.GetIdx() for atom in grown.GetAtoms() if atom.GetNumImplicitHs()]
        if free:
            new = grown.AddAtom(Chem.Atom(int(draw.choice([6, 7, 8, 9, 17]))))
            grown.AddBond(int(draw.choice(free)), new, Chem.BondType.SINGLE)
            Chem.SanitizeMol(grown)
            found.setdefault(Chem.MolToSmiles(grown))
    logp = [Crippen.MolLogP(Chem.MolFromSmiles(one)) for one in found]
    noise = draw.normal(0, 0.3, len(logp))
    pd.DataFrame({"smiles": list(found), "y": logp + noise}).to_csv(out / "m.csv", index=False)
    return [str(out / "m.csv"), "--target", "y"]


def table(out: Path) -> list[str]:
    """20,000 rows of ten numbers, gaps in one of them, and two columns of words."""
    draw, rows = np.random.default_rng(0), 20_000
    x = draw.normal(size=(rows, 10))
    words = draw.integers(0, 8, size=(rows, 2))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * words[:, 0] + draw.normal(0, 0.5, rows)
    x[draw.random(rows) < 0.1, 3] = np.nan
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(10)])
    frame["colour"] = [f"c{w}" for w in words[:, 0]]
    frame["shape"] = [f"s{w}" for w in words[:, 1]]
    frame.assign(y=y).to_csv(out / "t.csv", index=False)
    return [str(out / "t.csv"), "--target", "y"]


MAKERS: dict[str, Callable[[Path], list[str]]] = {
    made.__name__: made for made in (folders, faces, molecules, table)
}


def _nearfar(*words: str, quiet: bool = False) -> None:
    command = [sys.executable, "-m", "nearfar", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL if quiet else None)


def main() -> None:
    """Write the data and the studies, run them, and print the minutes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", action="append", choices=list(MAKERS))
    given = parser.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in given.only or MAKERS:
        file = out / f"{name}.yaml"
        if not file.exists():
            _nearfar("init", *MAKERS[name](out), "--out", str(file))
        _nearfar("run", str(file), "--profile", "quick", "--out", str(out / "runs"), "--dry-run")
        begin = time.monotonic()
        _nearfar("run", str(file), "--profile", "quick", "--out", str(out / "runs"), quiet=True)
        minutes = (time.monotonic() - begin) / 60
        print(f"{name}: {minutes:.1f} minutes, goal {GOAL}: {minutes <= GOAL}", flush=True)


if __name__ == "__main__":
    main()
