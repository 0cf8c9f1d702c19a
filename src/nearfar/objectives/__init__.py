"""What a stage minimises: views and an encoder under a loss. All have ``loss(batch)``."""

from nearfar.objectives.predictor import Predictor, in_chunks
from nearfar.objectives.rnc import RankNContrast
from nearfar.objectives.rows import Batch, Rows

OBJECTIVES: dict[str, type[RankNContrast]] = {"rnc": RankNContrast}

__all__ = ["OBJECTIVES", "Batch", "Predictor", "RankNContrast", "Rows", "in_chunks"]
