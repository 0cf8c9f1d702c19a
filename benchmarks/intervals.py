"""How often intervals and sets of `nearfar predict` hold the truth, on rows held out of the run.

Each of ten splits keeps a fifth of the rows from the run altogether. The other four fifths are a
study of their own, in five folds or five re-splits; the held-out rows are predicted as a user
would, and the share of them whose truth lies within is counted.

    python benchmarks/intervals.py [--quick] [--splits N] [--level L] [--only NAME …]
"""

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.datasets import load_diabetes, load_digits

import measure
from nearfar.data.read.locate import samples
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare

NAMES = ("ESOL", "diabetes", "digits")
ESOL = samples() / "esol.csv"
SPLITS: dict[str, dict[str, Any]] = {
    "5 folds": {"kind": "folds", "folds": 5},
    "5 re-splits": {"kind": "random", "parts": [0.8, 0.1, 0.1]},
}


@dataclass(frozen=True)
class Case:
    """A data set as a table, and the arm that predicts it."""

    data: dict[str, Any]
    head: list[str]
    rows: list[list[Any]]
    encoder: Any
    arm: str

    @property
    def target(self) -> str:
        """The column that is predicted."""
        return str(self.data["target"])


def cases() -> dict[str, Case]:
    """Return the data sets with cheap arms."""
    with ESOL.open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    solubility = next(name for name in head if "measured" in name or "solub" in name.lower())
    molecules = {"source": "molecules", "target": solubility}
    diabetes, digits = load_diabetes(scaled=False), load_digits()
    names = [str(name) for name in diabetes.feature_names]
    patients = [
        [*map(float, x), float(y)] for x, y in zip(diabetes.data, diabetes.target, strict=True)
    ]
    pixels = [f"p{k}" for k in range(64)]
    drawn = [
        [*map(float, x), f"digit {y}"] for x, y in zip(digits.data, digits.target, strict=True)
    ]
    table, classes = {"source": "table"}, {"source": "table", "task": "classification"}
    return {
        "ESOL": Case(molecules, head, rows, "descriptors", "svr"),
        "diabetes": Case({**table, "target": "y"}, [*names, "y"], patients, "identity", "ridge"),
        "digits": Case({**classes, "target": "y"}, [*pixels, "y"], drawn, "identity", "logistic"),
    }


def write(path: Path, head: list[str], rows: list[list[Any]]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def held(case: Case, split: dict[str, Any], seed: int, level: float) -> dict[str, float]:
    """Return the share of held-out rows whose truth is held, and how wide that is."""
    order = np.random.default_rng(seed).permutation(len(case.rows))
    kept, left = np.sort(order[len(order) // 5 :]), np.sort(order[: len(order) // 5])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "rows.csv", case.head, [case.rows[k] for k in kept])
        write(folder / "new.csv", case.head, [case.rows[k] for k in left])
        study = {
            "study": "intervals",
            "data": {**case.data, "path": "rows.csv", "on_bad_rows": "drop"},
            "split": split,
            "baseline": case.arm,
            "arms": {
                "mean": {"group": "control", "fit": {"head": "mean"}},
                case.arm: {"fit": {"encoder": case.encoder, "head": case.arm}},
            },
            "axes": {"seed": {"role": "repeat", "values": 5}},
        }
        (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
        prepared = prepare(Request(str(folder / "study.yaml"), out=folder / "runs"))
        carry_out(prepared, 1, lambda event: None)
        output = folder / "predicted.csv"
        predict_file(prepared.folder.path, case.arm, folder / "new.csv", output, None, level)
        with output.open(encoding="utf-8", newline="") as file:
            return measured(list(csv.DictReader(file)), case.target)


def measured(rows: list[dict[str, str]], target: str) -> dict[str, float]:
    """Return the share of rows whose truth is held, the mean width or size, and what is unlike."""
    rows = [row for row in rows if not row["reason"]]
    unlike = float(np.mean([row["unlike"] == "1" for row in rows]))
    if f"{target}_set" in rows[0]:
        sets = [row[f"{target}_set"].split(" | ") for row in rows]
        right = [row[target] in names for row, names in zip(rows, sets, strict=True)]
        return {
            "held": float(np.mean(right)),
            "size": float(np.mean([*map(len, sets)])),
            "unlike": unlike,
        }
    truth, low, high = (
        np.array([float(row[name]) for row in rows])
        for name in (target, f"{target}_low", f"{target}_high")
    )
    inside = (low <= truth) & (truth <= high)
    return {"held": float(inside.mean()), "size": float((high - low).mean()), "unlike": unlike}


def main() -> None:
    """Print a line for each data set and kind of split."""
    more = {
        "--splits": {"type": int, "default": 10},
        "--level": {"type": float, "default": 0.9},
        "--only": {"nargs": "+", "choices": list(NAMES), "default": list(NAMES)},
    }
    asked = measure.options(__doc__, cuda=False, threads=1, more=more)
    splits = 2 if asked.quick else asked.splits
    print("| data set | arm | run in | held | lowest and highest | width or classes | unlike |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, case in cases().items():
        if name not in asked.only:
            continue
        for kind, split in SPLITS.items():
            found = [held(case, split, seed, asked.level) for seed in range(splits)]
            share = [one["held"] for one in found]
            size, unlike = (
                float(np.mean([one[key] for one in found])) for key in ("size", "unlike")
            )
            print(
                f"| {name} | {case.arm} | {kind} | {np.mean(share):.1%} | "
                f"{min(share):.1%}, {max(share):.1%} | {size:.3g} | {unlike:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
