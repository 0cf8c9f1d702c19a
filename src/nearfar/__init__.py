"""nearfar compares ways of learning a representation, honestly, on your own data."""

from typing import TYPE_CHECKING, Any

from nearfar.references import referred
from nearfar.version import __version__

if TYPE_CHECKING:
    from nearfar.analysis.scores import ScoreComparison, compare_scores
    from nearfar.errors import UserError
    from nearfar.library.compare import compare
    from nearfar.library.result import Result, load_run
    from nearfar.library.run import run
    from nearfar.models.estimator import Estimator, load

_PUBLIC = {
    "Estimator": "nearfar.models.estimator:Estimator",
    "Result": "nearfar.library.result:Result",
    "ScoreComparison": "nearfar.analysis.scores:ScoreComparison",
    "UserError": "nearfar.errors:UserError",
    "compare": "nearfar.library.compare:compare",
    "compare_scores": "nearfar.analysis.scores:compare_scores",
    "load": "nearfar.models.estimator:load",
    "load_run": "nearfar.library.result:load_run",
    "run": "nearfar.library.run:run",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nearfar' has no attribute {name!r}")
    return referred(_PUBLIC[name])


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])


__all__ = [
    "Estimator",
    "Result",
    "ScoreComparison",
    "UserError",
    "__version__",
    "compare",
    "compare_scores",
    "load",
    "load_run",
    "run",
]
