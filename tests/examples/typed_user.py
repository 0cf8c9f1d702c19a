"""What a user writes, held by mypy as strictly as the package: types, and one mistake."""

from typing import Any, assert_type

from sklearn.linear_model import Ridge

import nearfar


def best(path: str) -> str | None:
    """Use every public name."""
    result: nearfar.Result = nearfar.load_run(path)
    found = nearfar.run("mine.yaml", seeds=3, overrides={"margin": 0.1}, arms=["a"])
    other = nearfar.compare([[1.0], [2.0]], [1.0, 2.0], arms={"line": Ridge()}, repeats=2)
    assert_type(other.answer, str)
    assert_type(found.failures, dict[str, str])
    model: nearfar.Estimator = other.model("line", seed=1)
    assert_type(model.predict_interval([[1.0]]).shape, tuple[Any, ...])
    assert nearfar.load("winner").predict([[1.0]]).ndim == 1
    try:
        return result.winner
    except nearfar.UserError:
        return None


def mistaken() -> None:
    """Be told of an argument that does not exist; were it not told, the remark would be unused."""
    nearfar.run("mine.yaml", seed=3)  # type: ignore[call-arg]
