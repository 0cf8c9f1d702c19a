"""Finished models: what an arm left, ready to predict, without the run and its data beside it."""

from nearfar.models.finished import FinishedModel, Predictions, load
from nearfar.models.member import Member
from nearfar.models.schema import ColumnSchema, InputSchema

__all__ = ["ColumnSchema", "FinishedModel", "InputSchema", "Member", "Predictions", "load"]
