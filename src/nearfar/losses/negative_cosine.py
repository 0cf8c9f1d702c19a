"""The negative cosine similarity of predictions and what they predict: SimSiam and BYOL."""

from torch import Tensor

from nearfar.losses.directions import unit
from nearfar.losses.pairs import check_matrix
from nearfar.losses.precision import in_full_precision


@in_full_precision
def negative_cosine_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return minus the mean cosine of two batches of rows, a scalar in [-1, 1].

    SimSiam: Chen and He, CVPR 2021, equation 1. BYOL's loss (Grill et al., NeurIPS 2020, equation
    2) is 2 + 2 times it. Rows of zeros have cosine 0. Gradients reach both sides: detach what is to
    be predicted.

    Args:
        predictions: (n, d).
        targets: (n, d).

    Raises:
        ValueError: shapes that differ or are not (n, d), no rows.
    """
    check_matrix("predictions", predictions)
    if predictions.shape != targets.shape or not len(predictions):
        raise ValueError(
            "predictions and targets must be equal in shape and have rows, not "
            f"{tuple(predictions.shape)}, {tuple(targets.shape)}"
        )
    return -(unit(predictions) * unit(targets)).sum(1).mean()
