"""Parts of whole scaffolds: those that most work on molecules tests on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset
from nearfar.data.options import SplitOptions
from nearfar.data.split.groups import scaffold_groups
from nearfar.data.split.place import PARTS, SMALLEST
from nearfar.errors import UserError

Ints = npt.NDArray[np.int64]


def order_of(options: SplitOptions) -> str:
    """Return a remark on which of the usual scaffold splits a fixed one is, "" for other splits."""
    if options.kind != "scaffold" or options.resplit:
        return ""
    if options.order == "deepchem":
        return "scaffolds in the order of DeepChem's ScaffoldSplitter"
    return (
        "scaffolds from the largest to the smallest, equal ones as they come in the data: not the "
        "parts of DeepChem's ScaffoldSplitter, which 'order: deepchem' gives"
    )


def scaffold_parts(
    dataset: Dataset, wished: tuple[int, int, int], rng: np.random.Generator | None
) -> Ints:
    """Return the part (0, 1, 2) of every row: each scaffold goes to the first part with room.

    Args:
        dataset: molecules.
        wished: rows of each part.
        rng: draws the order of scaffolds, large ones first; None: from the largest to the smallest.
    """
    groups = scaffold_groups(dataset)
    counts = np.bincount(groups)
    if rng is None:
        order = np.argsort(-counts, kind="stable")
    else:
        shuffled = rng.permutation(len(counts))
        big = counts[shuffled] > min(wished[1:]) / 2
        order = np.concatenate([shuffled[big], shuffled[~big]])
    place = np.zeros(len(counts), dtype=np.int64)
    room = list(wished)
    for group in order:
        fits = [k for k in range(3) if room[k] >= counts[group]]
        place[group] = fits[0] if fits else int(np.argmax(room))
        room[place[group]] -= int(counts[group])
    return np.asarray(place[groups])


def deepchem_parts(dataset: Dataset, parts: tuple[float, float, float]) -> Ints:
    """Return the part (0, 1, 2) of every row as DeepChem's ``ScaffoldSplitter`` places it.

    Scaffolds from the largest to the smallest, of equal ones the last in the data before the
    others, fill the training part as long as they fit into its fraction, then the validation part;
    all others are tested. Rows of one group stay together, which DeepChem does not look at: it is
    the same where groups are those of copies alone.

    B. Ramsundar et al., Deep Learning for the Life Sciences (2019); deepchem.splits.

    Raises:
        UserError: a part has fewer than 2 rows.
    """
    groups = scaffold_groups(dataset)
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    ends = parts[0] * len(groups), (parts[0] + parts[1]) * len(groups)
    place, sizes = np.zeros(len(counts), dtype=np.int64), [0, 0, 0]
    for group in np.lexsort((first, counts))[::-1]:
        size = int(counts[group])
        if sizes[0] + size <= ends[0]:
            chosen = 0
        else:
            chosen = 1 if sizes[0] + sizes[1] + size <= ends[1] else 2
        place[group] = chosen
        sizes[chosen] += size
    if min(sizes) < SMALLEST:
        k = int(np.argmin(sizes))
        raise UserError(
            f"split 'scaffold' in DeepChem's order: {PARTS[k]} would have {sizes[k]} rows, at "
            f"least {SMALLEST} needed; choose other split parts, or leave out 'order'"
        )
    return np.asarray(place[groups])
