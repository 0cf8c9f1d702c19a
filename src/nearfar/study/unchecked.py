"""What blocks of a study say before they are checked."""

from typing import Any

from nearfar.heads import EXACT


def is_trained(arm: Any) -> bool:
    """Return whether an arm's fit is trained by gradient."""
    fit = arm.get("fit") if isinstance(arm, dict) else None
    return isinstance(fit, dict) and name_of(fit.get("head", "linear")) not in EXACT


def name_of(choice: Any) -> str:
    """Return the name in a choice; a list joins encoders."""
    if isinstance(choice, list):
        return "joined"
    return str(next(iter(choice), "")) if isinstance(choice, dict) else str(choice)
