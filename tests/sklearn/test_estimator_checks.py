"""Every estimator passes scikit-learn's own checks, without one that is expected to fail."""

import inspect
import warnings
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from nearfar import sklearn as estimators
from nearfar.heads.solved import svr

FEW: dict[str, dict[str, Any]] = {
    "ContrastiveClassifier": {
        "encoder": estimators.SupervisedContrastive(epochs=1),
        "epochs": 10,
        "batch_size": 32,
    },
    "ContrastiveRegressor": {"encoder": estimators.RankNContrast(epochs=1), "epochs": 10},
    "TunedSVR": {"folds": 2},
}
"""Parameters that make them quick; of others one epoch."""
SAME_CODE = {
    "ClassificationEncoder",
    "ContrastivePairs",
    "MomentumContrast",
    "PairLikelihood",
    "RegressionEncoder",
    "Triplets",
}
"""Their code is that of the transformers that are checked whole; they pass as well, in a minute."""
MOLECULES = {"MolecularDescriptors", "MorganFingerprints"}
NAMES = sorted(set(estimators.__all__) - {"load"} - MOLECULES)


@pytest.fixture(autouse=True)
def one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Support vector machines with one penalty and width in the place of twelve pairs."""
    monkeypatch.setattr(svr, "PENALTIES", (3,))
    monkeypatch.setattr(svr, "GAMMAS", (3e-3,))


def quick(name: str) -> Any:
    """Return an estimator that is soon trained."""
    kind = getattr(estimators, name)
    trained = "epochs" in kind().get_params()
    return kind(**FEW.get(name, {"epochs": 1} if trained else {}))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SAME_CODE])
def test_the_checks_of_scikit_learn_pass(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks themselves give rise to many
        results = check_estimator(quick(name), on_fail=None, on_skip=None)
    assert len(results) > 40
    failed = [f"{f['check_name']}: {f['exception']}" for f in results if f["status"] == "failed"]
    assert not failed, "\n".join(failed)
    others = {found["check_name"] for found in results if found["status"] != "passed"}
    assert others <= {"check_array_api_input"}, "skipped, or expected to fail"


@pytest.mark.parametrize("name", NAMES)
def test_constructors_take_keywords_and_only_assign(name: str) -> None:
    kind = getattr(estimators, name)
    for parameter in inspect.signature(kind).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty
        assert parameter.default is None or isinstance(parameter.default, int | float | str | tuple)
        assert f"{parameter.name}: " in kind.__doc__, f"{parameter.name} is not documented"
    made = kind()
    assert set(vars(made)) == set(made.get_params(deep=False))
    assert vars(clone(made)) == vars(made)
