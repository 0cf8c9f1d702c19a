"""What ``augment`` may list: views of images, and what mixes rows with each other."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from nearfar.data.augment import AUGMENTATIONS, MIXTURES, VIEWS
from nearfar.study.named_options import NamedChoice, choices_among


def views_in(augment: Sequence[NamedChoice]) -> list[NamedChoice]:
    """Return those of ``augment`` that make views of images."""
    return [choice for choice in augment if choice.name in VIEWS]


def mixing_in(augment: Sequence[NamedChoice]) -> NamedChoice | None:
    """Return the one of ``augment`` that mixes rows with each other, None where there is none."""
    return next((choice for choice in augment if choice.name in MIXTURES), None)


def mixed_at(choice: NamedChoice) -> str | None:
    """Return where the study says that rows are mixed: ``inputs``, ``features``, or nothing."""
    at: str | None = choice.options.at  # type: ignore[attr-defined]
    return at


def frozen_mistake(
    augment: Sequence[NamedChoice], frozen_views: str | None, *, frozen: bool
) -> str:
    """Return what is wrong with ``frozen_views`` of a fit, empty if nothing."""
    mixing = mixing_in(augment)
    at_inputs = mixing is not None and mixed_at(mixing) == "inputs"
    if (frozen and (bool(views_in(augment)) or at_inputs)) != (frozen_views is not None):
        return "frozen_views (cached:k or fresh) goes with train: head and augment, and only there"
    if at_inputs and frozen_views not in (None, "fresh"):
        return (
            f"frozen_views: {frozen_views} keeps features, and {mixing.name if mixing else ''} at"
            " inputs mixes anew what they are made of: frozen_views: fresh, or at: features"
        )
    return ""


def _mixed_once(augment: list[NamedChoice]) -> list[NamedChoice]:
    mixed = [choice.name for choice in augment if choice.name in MIXTURES]
    if len(mixed) > 1:
        raise ValueError(f"rows are mixed once, not by each of {mixed}")
    return augment


Augmentations: Any = Annotated[
    choices_among("augmentation", AUGMENTATIONS), AfterValidator(_mixed_once)
]
