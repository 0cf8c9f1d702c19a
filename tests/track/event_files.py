"""Reading what the trackers wrote, and runs to send."""

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nearfar.track import TrackedRun, TrackedStage

BLOCK = 32 * 1024
KEY = "0123456789abcdef" * 2 + "01234567"


def a_run(arm: str = "RnC(L1)", seed: int = 3, condition: str = "labels=0.1") -> TrackedRun:
    """A pre-training stage and a fit, as a study leaves them."""
    pretrain = TrackedStage(
        "pretrain:rnc",
        {"kind": "pretrain", "recipe": {"epochs": 2, "optimizer": {"sgd": {"lr": 0.5}}}},
        {"status": "done", "epochs": 2, "steps": 8, "seconds": 1.5, "parameters": 7},
        "iteration",
        [(4, "train", "loss", 3.0), (8, "train", "loss", 2.5)],
    )
    metrics = [("mae", "z", 0.25), ("mae", "mm", 0.5), ("r2", "", 0.75)]
    fit = TrackedStage(
        "fit",
        {"kind": "fit", "train": "head", "standardise": True, "clip": None, "betas": [0.9, 0.99]},
        {
            "status": "done",
            "epochs": 3,
            "steps": 6,
            "seconds": 0.5,
            "parameters": 4,
            "metrics": [
                {"split": "test", "target": "y", "metric": name, "unit": unit, "value": value}
                for name, unit, value in metrics
            ],
        },
        "epoch",
        [(1, "train", "loss", 1.0), (1, "validation", "mae", 0.9), (2, "train", "loss", 0.5)],
    )
    return TrackedRun("toy", "quick", "own", arm, seed, condition, "mm", [pretrain, fit])


def wandb_records(path: Path) -> list[Any]:
    """The records of a ``.wandb`` file, once W&B's own process has written it to the end."""
    for _ in range(400):
        found = _records(path)
        if any(record.HasField("exit") for record in found):
            return found
        time.sleep(0.05)
    raise TimeoutError(path)


def _records(path: Path) -> list[Any]:
    """A log in blocks of 32 KiB, each piece with a header."""
    from wandb.proto import wandb_internal_pb2

    found = []
    for message in _messages(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(message)
        found.append(record)
    return found


def _messages(content: bytes) -> Iterator[bytes]:
    whole, message, at = 1, b"", 7
    first, last = 2, 4
    while at + 7 <= len(content):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        piece = content[at + 7 : at + 7 + length]
        message = piece if kind in (whole, first) else message + piece
        if kind in (whole, last):
            yield message
        at += 7 + length
