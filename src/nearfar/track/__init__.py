"""Trackers: where the progress of a study is sent. ``TRACKERS`` names those of study files.

A tracker reads the files of finished stages; nothing of it is in the training loop, so it changes
no number.
"""

from nearfar.track.background import Background
from nearfar.track.base import Notice, NotSent, TrackedRun, TrackedStage, Tracker, run_name
from nearfar.track.mlflow import MLflow
from nearfar.track.tensorboard import TensorBoard
from nearfar.track.wandb import WeightsAndBiases
from nearfar.track.webhook import Webhook

__all__ = [
    "TRACKERS",
    "Background",
    "NotSent",
    "Notice",
    "TrackedRun",
    "TrackedStage",
    "Tracker",
    "run_name",
]

TRACKERS: dict[str, type[Tracker]] = {
    "mlflow": MLflow,
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "webhook": Webhook,
}
