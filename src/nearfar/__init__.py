"""nearfar compares ways of learning a representation, honestly, on your own data."""

from typing import TYPE_CHECKING, Any

from nearfar.references import referred
from nearfar.version import __version__

if TYPE_CHECKING:
    from nearfar.analysis.scores import compare_scores
    from nearfar.models.estimator import Estimator, load

_PUBLIC = {
    "Estimator": "nearfar.models.estimator:Estimator",
    "compare_scores": "nearfar.analysis.scores:compare_scores",
    "load": "nearfar.models.estimator:load",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nearfar' has no attribute {name!r}")
    return referred(_PUBLIC[name])


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])


__all__ = ["Estimator", "__version__", "compare_scores", "load"]
