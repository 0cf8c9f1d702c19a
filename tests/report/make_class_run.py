"""Make a run folder of a classification study on images, with invented numbers and pictures."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from make_comparisons import BLANK
from PIL import Image

from nearfar.records import StageRow, write_stages
from nearfar.records.run import RunFolder

TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
VEHICLES = ("airplane", "automobile", "ship", "truck")
METRIC = "balanced_accuracy"


@dataclass(frozen=True)
class FakeArm:
    """``pretrain`` names a stage; ``two`` tells vehicles from the rest, without the deer."""

    name: str
    recall: float
    pretrain: str = ""
    two: bool = False
    group: str = "own"
    against: str = ""


ARMS = (
    FakeArm("supervised", 0.8),
    FakeArm("supcon, linear", 0.85, "supcon", against="supervised"),
    FakeArm("decoded", 0.4, "autoencoder", against="supervised"),
    FakeArm("majority", 0.1, group="control", against="supervised"),
    FakeArm("two classes", 0.95, "supcon", two=True),
    FakeArm("two classes, scratch", 0.9, two=True, against="two classes"),
)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


class ClassRunMaker:
    """Writes ``runs/pictures-quick`` and ``runs/stages``; only half of the rows are shown."""

    def __init__(self, root: Path, classes: tuple[str, ...], each: int, seeds: int) -> None:
        self.stages, self.folder = root / "stages", RunFolder(root / "pictures-quick")
        self.classes, self.seeds = classes, list(range(seeds))
        self.truth = np.tile(np.arange(len(classes)), each)
        self.ids = [str(row + 1) for row in range(len(self.truth))]
        third = len(self.truth) // 3
        self.parts = ["train"] * (len(self.truth) - 2 * third) + ["test"] * third
        self.parts += ["validation"] * third
        self.random = np.random.default_rng(0)
        self.shown = np.sort(self.random.permutation(len(self.truth))[::2])
        self.rows: list[StageRow] = []
        self.recalls: dict[str, list[float]] = {}

    def make(self) -> Path:
        chains = {arm.name: self._chains(arm) for arm in ARMS}
        self.folder.path.mkdir(parents=True)
        write_stages(self.folder.path / "stages.csv", self.rows)
        self.folder.write_samples(self._samples())
        self.folder.write_json("summary.json", self._summary(chains))
        return self.folder.path

    def _samples(self) -> dict[str, list[Any]]:
        shown = set(self.shown.tolist())
        pictures = [
            png(self._picture(row)) if row in shown else None for row in range(len(self.ids))
        ]
        return {
            "id": self.ids,
            "name": [""] * len(self.ids),
            "shown": [row in shown for row in range(len(self.ids))],
            "class": self.truth.tolist(),
            "thumbnail": pictures,
        }

    def _picture(self, row: int) -> np.ndarray:
        pixels = np.random.default_rng(int(self.truth[row])).integers(0, 255, size=(8, 8, 3))
        return (pixels * (0.5 + 0.5 * self.random.random())).astype(np.uint8)

    def _chains(self, arm: FakeArm) -> dict[str, list[dict[str, str]]]:
        found = {}
        for seed in self.seeds:
            chain = []
            if arm.pretrain:
                digest = f"{arm.pretrain}{seed}"
                chain.append({"stage": f"pretrain:{arm.pretrain}", "hash": digest})
                if not (self.stages / digest).exists():
                    self._pretrain(self.stages / digest, arm.pretrain)
                self._row(arm, seed, chain[-1])
            chain.append({"stage": "fit", "hash": f"{arm.name.replace(' ', '-')}{seed}"})
            self._fit(arm, self.stages / chain[-1]["hash"])
            self._row(arm, seed, chain[-1])
            found[str(seed)] = chain
        return found

    def _row(self, arm: FakeArm, seed: int, link: dict[str, str]) -> None:
        place = (arm.name, seed, "", link["stage"], link["hash"])
        self.rows.append(StageRow(*place, "done", "", 20, 200, 30.0, 12_000, "cpu"))

    def _features(self, folder: Path, name: str, quality: float) -> None:
        centres = np.random.default_rng(1).normal(size=(len(self.classes), 16)) * 8 * quality
        noise = self.random.normal(size=(len(self.shown), 16))
        np.save(folder / name, (centres[self.truth[self.shown]] + noise).astype(np.float32))
        np.save(folder / "rows.npy", self.shown.astype(np.int32))

    def _pretrain(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True)
        recipe = {"iterations": 1800} if name == "supcon" else {"epochs": 20}
        text = yaml.safe_dump({"spec": {"recipe": recipe}, "outcome": {"status": "done"}})
        (folder / "stage.yaml").write_text(text)
        self._features(folder, "features.npy", 1)
        if name == "supcon":
            for place, quality in ((10, 0.1), (300, 0.5), (1800, 1)):
                self._features(folder, f"features-{place}.npy", quality)
        else:
            strip = self.random.integers(0, 255, size=(18, 158, 4)).astype(np.uint8)
            (folder / "reconstructions.png").write_bytes(png(strip))
        self._curves(folder, ("loss", "pick_accuracy" if name == "supcon" else "sse"))

    def _curves(self, folder: Path, metrics: tuple[str, ...]) -> None:
        lines = [["epoch", "split", "metric", "value"]]
        for metric in metrics:
            for split, gap in (("train", 0), ("validation", 0.1)):
                for epoch in np.linspace(0.5, 20, 40):
                    falling = np.exp(-epoch / 6) + gap
                    value = falling if metric in ("loss", "sse") else 1 - falling / 1.2
                    lines.append([f"{epoch:g}", split, metric, f"{value:.5g}"])
        self._write(folder / "curves.csv", lines)

    def _write(self, path: Path, lines: list[list[str]]) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)

    def _names(self, arm: FakeArm) -> list[str]:
        return ["vehicle", "rest"] if arm.two else list(self.classes)

    def _fit(self, arm: FakeArm, folder: Path) -> None:
        folder.mkdir(parents=True)
        names = self._names(arm)
        truth = [names[0] if c in VEHICLES else names[1] for c in self.classes]
        of = truth if arm.two else list(self.classes)
        lines = [["id", "split", "target", "truth", "prediction"]]
        for row, number in enumerate(self.truth):
            if arm.two and self.classes[number] == "deer":
                continue
            right = of[number]
            other = names[(names.index(right) + 1) % len(names)]
            guess = right if self.random.random() < arm.recall else other
            if arm.group == "control":
                guess = names[0]
            target = "two" if arm.two else "label"
            lines.append([self.ids[row], self.parts[row], target, right, guess])
        self._write(folder / "predictions.csv", lines)
        tested = [line for line in lines if line[1] == "test"]
        recall = [
            np.mean([line[4] == name for line in tested if line[3] == name])
            for name in names
            if any(line[3] == name for line in tested)
        ]
        self.recalls.setdefault(arm.name, []).append(float(np.mean(recall)))
        if arm.group != "control":
            self._features(folder, "features.npy", arm.recall)
            self._curves(folder, (METRIC, "loss", "accuracy"))

    def _summary(self, chains: dict[str, Any]) -> dict[str, Any]:
        arms = [self._arm(order, arm, chains[arm.name]) for order, arm in enumerate(ARMS)]
        comparisons = [
            BLANK | {
                "arm": arm.name, "against": arm.against, "metric": METRIC, "unit": "",
                "n": len(self.seeds), "difference": 0.05, "margin": 0.01, "verdict": "undecided",
                "reason": "2 seeds: a test needs at least 3",
                "target": "two" if arm.two else "label",
            }
            for arm in ARMS
            if arm.against
        ]  # fmt: skip
        return {
            "study": "pictures", "title": "Pictures", "question": "Which classes are told apart?",
            "profile": "quick", "kind": "image", "metric": METRIC, "unit": "", "target": "label",
            "classes": list(self.classes), "baseline": "supervised", "seeds": self.seeds,
            "resplit": False, "margin": {"size": 0.01, "why": "the study's own"}, "folds": 0,
            "twins": {}, "recommended": None, "reference": "", "answer": "It depends.", "notes": [],
            "rows": {part: self.parts.count(part) for part in ("train", "validation", "test")},
            "arms": arms, "comparisons": comparisons, "published": [], "claims": [],
            "choices": CHOICES,
        }  # fmt: skip

    def _arm(self, order: int, arm: FakeArm, chains: dict[str, Any]) -> dict[str, Any]:
        values = self.recalls[arm.name]
        metrics = [
            {
                "split": split, "target": "two" if arm.two else "label", "metric": METRIC,
                "unit": "", "mean": float(np.mean(values)), "std": 0.01, "n": len(values),
                "low": None, "high": None, "values": dict(zip(chains, values, strict=True)),
            }
            for split in ("test", "validation")
        ]  # fmt: skip
        return {
            "arm": arm.name, "also": [], "condition": "", "group": arm.group, "order": order,
            "runs": len(self.seeds), "done": len(self.seeds), "diverged": 0, "failed": 0,
            "status": "done", "metrics": metrics, "stages": chains,
            "target": "two" if arm.two else "label", "classes": self._names(arm),
            "budget": {"epochs": 20, "steps": 200, "seconds": 30.0 + order, "parameters": 12_000},
        }  # fmt: skip


def _points(axes: dict[str, list[str]], values: list[float | None]) -> list[dict[str, Any]]:
    names = list(axes)
    labels = [{}]
    for name in names:
        labels = [{**old, name: label} for old in labels for label in axes[name]]
    return [
        {
            "labels": place,
            "values": {} if value is None else {METRIC: value, "nll": 2 - value},
            "status": "diverged" if value is None else "done",
            "epochs": 10,
        }
        for place, value in zip(labels, values, strict=True)
    ]


def _choice(arm: str, axes: dict[str, list[str]], values: list[Any], **more: Any) -> dict[str, Any]:
    points = _points(axes, values)
    known = [point for point in points if point["status"] == "done"]
    best = max(known, key=lambda point: point["values"][METRIC])
    return {
        "arm": arm, "condition": "", "seeds": [0, 1], "metric": METRIC, "axes": axes,
        "points": points, "chosen": best["labels"], "fallback": False, "reason": "", **more,
    }  # fmt: skip


SIZES, OPTIMIZERS = ["32", "64"], ["adam 1e-3", "sgd 0.1", "sgd 0.01"]
CHOICES = [
    _choice(
        "supervised",
        {"hidden": SIZES, "optimizer": OPTIMIZERS},
        [0.71, 0.7, None, 0.81, 0.75, 0.1],
    ),
    _choice(
        "decoded",
        {"optimizer": OPTIMIZERS},
        [0.3, 0.28, 0.25],
        fallback=True,
        reason="sgd 0.1 had 0.35, and diverged with the final budget",
    ),
    _choice(
        "supcon, linear",
        {"hidden": SIZES, "lr": ["0.1", "0.01"], "decay": ["0", "1e-4"]},
        [0.5, 0.6, 0.7, 0.8, 0.55, 0.65, 0.75, 0.85],
    ),
]


def make_class_run(
    root: Path, classes: tuple[str, ...] = TEN, each: int = 24, seeds: int = 2
) -> Path:
    """Write the run below ``root`` and return its folder."""
    return ClassRunMaker(root, classes, each, seeds).make()


def change_summary(run: Path, **changes: Any) -> None:
    """Replace keys of a run's ``summary.json``."""
    path = run / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
