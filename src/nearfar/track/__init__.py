"""Trackers: who is told how a study goes. ``TRACKERS`` names all that a study file may ask for.

A tracker reads what stages left when they are done; nothing of it is in the training loop, so it
changes no number.
"""

from nearfar.track.background import Background
from nearfar.track.base import Notice, NotSent, Run, Stage, Tracker, run_name
from nearfar.track.tensorboard import TensorBoard
from nearfar.track.wandb import WeightsAndBiases
from nearfar.track.webhook import Webhook

__all__ = ["TRACKERS", "Background", "NotSent", "Notice", "Run", "Stage", "Tracker", "run_name"]

TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "webhook": Webhook,
}
