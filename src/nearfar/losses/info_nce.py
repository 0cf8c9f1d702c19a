"""InfoNCE: pick the key of a query among the keys of a queue."""

from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.pairs import check_matrix, check_positive
from nearfar.losses.precision import in_full_precision


@in_full_precision
def info_nce_loss(
    queries: Tensor, keys: Tensor, queue: Tensor, temperature: float = 0.07
) -> tuple[Tensor, Tensor]:
    """Return loss and positive-pick accuracy, two scalars (MoCo: He et al. 2020, equation 1).

    The loss is the mean over queries of the cross entropy of picking the query's own key among
    that key and the ``queue``, by dot product / ``temperature``. The accuracy is the fraction of
    queries that are nearer to their key than to every row of the queue; a tie is no pick, so an
    encoder that maps everything to one point scores 0. It has no gradient.

    Args:
        queries: (n, d), at length 1 if the similarity is to be the cosine; keys and queue too.
        keys: (n, d), row i the key of query i.
        queue: (K, d), the negatives; K = 0 gives loss 0 and accuracy 1.
        temperature: positive.

    Raises:
        ValueError: shapes that do not fit, a temperature that is not positive and finite.
    """
    check_positive("temperature", temperature)
    check_matrix("queries", queries)
    if keys.shape != queries.shape or queue.dim() != 2 or queue.shape[1:] != queries.shape[1:]:
        raise ValueError(
            "keys must be shaped like queries and the queue as wide, not "
            f"{tuple(queries.shape)}, {tuple(keys.shape)}, {tuple(queue.shape)}"
        )
    scaled = queries / temperature
    positive, negatives = (scaled * keys).sum(1), scaled @ queue.T
    loss = -F.logsigmoid(positive - negatives.logsumexp(1)).mean()
    picked = (positive.detach()[:, None] > negatives.detach()).all(1)
    return loss, picked.to(loss.dtype).mean()
