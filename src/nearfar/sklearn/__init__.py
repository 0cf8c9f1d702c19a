"""Estimators for scikit-learn: representations as transformers, encoders with heads as predictors.

They are trained by the same objectives, encoders and loop as studies. Constructors take keywords
alone and only assign them; all work in ``Pipeline``, ``GridSearchCV`` and ``cross_val_score``, and
``set_output``. Fitted ones have ``save(folder)`` and ``load(folder)`` without pickling.
"""

from nearfar.sklearn.classifier import ContrastiveClassifier
from nearfar.sklearn.from_classes import (
    ClassificationEncoder,
    ContrastivePairs,
    PairLikelihood,
    SupervisedContrastive,
    Triplets,
)
from nearfar.sklearn.from_numbers import RankNContrast, RegressionEncoder
from nearfar.sklearn.heads import SoftmaxClassifier, TunedSVR, WeightedKNNClassifier
from nearfar.sklearn.loading import load
from nearfar.sklearn.molecules import MolecularDescriptors, MorganFingerprints
from nearfar.sklearn.regressor import ContrastiveRegressor
from nearfar.sklearn.without_labels import (
    Autoencoder,
    MomentumContrast,
    SimCLR,
    UntrainedEncoder,
)

__all__ = [
    "Autoencoder",
    "ClassificationEncoder",
    "ContrastiveClassifier",
    "ContrastivePairs",
    "ContrastiveRegressor",
    "MolecularDescriptors",
    "MomentumContrast",
    "MorganFingerprints",
    "PairLikelihood",
    "RankNContrast",
    "RegressionEncoder",
    "SimCLR",
    "SoftmaxClassifier",
    "SupervisedContrastive",
    "Triplets",
    "TunedSVR",
    "UntrainedEncoder",
    "WeightedKNNClassifier",
    "load",
]
