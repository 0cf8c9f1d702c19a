"""Estimators of other libraries as heads: what they predict, keep, and refuse."""

import io
import sys
import zipfile
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nearfar.errors import UserError
from nearfar.heads import SVC, EachTarget, restored_head, solved_head
from nearfar.heads.estimators.boosters import Booster, CatBoost, LightGBM, XGBoost
from nearfar.heads.estimators.head import Sklearn
from nearfar.heads.estimators.own import Own
from nearfar.heads.estimators.same_bytes import same_bytes
from nearfar.heads.estimators.stored import from_array, to_array

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(60, 4)).astype(np.float32)
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 2]]).astype(np.float64)
NUMBERS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
CLASSES = np.eye(4)[NUMBERS]  # no row has the last
RBF = {"class": "gaussian_process.kernels.RBF"}


def sklearn(name: str, **options: Any) -> Sklearn:
    head: Sklearn = solved_head("sklearn", {"class": name, "options": options})
    return head


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ensemble.HistGradientBoostingRegressor", {"max_iter": 60, "min_samples_leaf": 3}),
        ("linear_model.Ridge", {}),
        ("gaussian_process.GaussianProcessRegressor", {"kernel": RBF}),
        (
            "pipeline.Pipeline",
            {
                "steps": [
                    ["scale", {"class": "preprocessing.StandardScaler"}],
                    ["svr", {"class": "svm.SVR", "options": {"C": "inf"}}],
                ]
            },
        ),
    ],
)
def test_a_regressor_predicts_all_targets_and_is_read_back(name: str, options: Any) -> None:
    head = sklearn(name, **options)
    head.fit(X, Y, 3)
    again = restored_head(Sklearn, head.arrays())
    assert head.predict(X).shape == (60, 2)
    assert np.array_equal(again.predict(X), head.predict(X))
    assert np.abs(head.predict(X) - Y).mean() < np.abs(Y).mean() / 2


BOOSTED = {"class": "ensemble.HistGradientBoostingRegressor", "options": {"max_iter": 3}}
BEST = {"class": "feature_selection.SelectKBest", "options": {"k": 2}}
LOGISTIC = {"class": "linear_model.LogisticRegression"}
SPLINES = {"class": "preprocessing.SplineTransformer"}


@pytest.mark.parametrize(
    ("name", "options", "targets"),
    [
        ("pipeline.Pipeline", {"steps": [["best", BEST], ["last", LOGISTIC]]}, CLASSES),
        ("pipeline.Pipeline", {"steps": [["splines", SPLINES], ["last", BOOSTED]]}, Y[:, :1]),
        (
            "model_selection.TunedThresholdClassifierCV",
            {"estimator": LOGISTIC},
            np.eye(2)[(NUMBERS > 0).astype(int)],
        ),
        ("ensemble.StackingRegressor", {"estimators": [["a", BOOSTED]]}, Y[:, :1]),
        ("multioutput.RegressorChain", {"estimator": BOOSTED}, Y),
    ],
)
def test_what_holds_functions_or_other_estimators_is_read_back(
    name: str, options: Any, targets: Any
) -> None:
    head = sklearn(name, **options)
    head.fit(X, targets, 3)
    again = restored_head(Sklearn, head.arrays())
    assert np.array_equal(again.predict(X), head.predict(X))


@pytest.mark.parametrize(
    "name", ["ensemble.ExtraTreesClassifier", "svm.LinearSVC", "linear_model.RidgeClassifier"]
)
def test_a_classifier_gives_probabilities_of_classes_without_rows_too(name: str) -> None:
    head = sklearn(name)
    head.fit(X, CLASSES, 3)
    found = restored_head(Sklearn, head.arrays()).predict(X)
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found[:, 3] == 0).all()
    assert (found.argmax(axis=1) == NUMBERS).mean() > 0.7


def test_decision_values_of_pairs_are_none_of_classes() -> None:
    """There are three of each, so the one could be taken for the other."""
    by_class, by_pair = (sklearn("svm.SVC", decision_function_shape=way) for way in ("ovr", "ovo"))
    for head in (by_class, by_pair):
        head.fit(X, CLASSES, 0)
    expected = by_class.fitted.predict(X.astype(np.float64))
    assert np.array_equal(by_pair.predict(X).argmax(axis=1), by_class.present[expected])
    options = {"class": "svm.SVC", "options": {"decision_function_shape": "ovo"}}
    (line,) = Sklearn.objections(options, "classification", scores=True, weighted=False)
    assert "neither predict_proba nor decision_function of each class" in line


def test_the_seed_decides_what_is_drawn_and_the_study_may_say_it() -> None:
    def drawn(seed: int, **options: Any) -> Any:
        head = sklearn("ensemble.ExtraTreesRegressor", n_estimators=2, **options)
        head.fit(X, Y, seed)
        return head.predict(X[::-1] + 0.1)

    assert np.array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))
    assert np.array_equal(drawn(1, random_state=5), drawn(2, random_state=5))


def test_labels_have_a_classifier_each_and_one_without_variety_is_constant() -> None:
    labels = np.column_stack([X[:, 0] > 0, np.ones(60)]).astype(np.float64)
    head = EachTarget(lambda: sklearn("linear_model.LogisticRegression"), labels=True)
    head.fit(X, labels, 0)
    found = restored_head(Sklearn, head.arrays()).predict(X)
    assert (found[:, 1] == 1).all()
    assert ((found[:, 0] > 0.5) == (labels[:, 0] == 1)).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("ensemble.ExtraTreeRegressor", None, "did you mean 'ensemble.ExtraTreesRegressor'?"),
        ("os.system", None, "unknown class 'os.system'"),
        ("svm._base.LibSVM", None, "unknown class"),
        ("", None, "needs {class: MODULE.CLASS}"),
        ("svm.SVR", {"CC": 1}, "has no option 'CC'; did you mean 'C'?"),
        ("svm.SVR", {"C": -1}, "The 'C' parameter of SVR must be a float"),
        ("svm.SVC", None, "is no regressor"),
        ("ensemble.BaggingRegressor", {"estimator": {"class": "svm.SVRR"}}, "mean 'svm.SVR'"),
        ("pipeline.Pipeline", {"steps": [], "memory": "here"}, "memory: fitted parts are not"),
    ],
)
def test_what_a_class_refuses_is_told_in_one_line(name: str, options: Any, told: str) -> None:
    given = {"class": name, "options": options}
    (line,) = Sklearn.objections(given, "regression", scores=False, weighted=False)
    assert told in line
    assert "\n" not in line


def test_probabilities_and_weights_are_refused_where_there_are_none() -> None:
    hard = {
        "class": "ensemble.VotingClassifier",
        "options": {"estimators": [["a", {"class": "svm.LinearSVC"}]]},
    }
    (line,) = Sklearn.objections(hard, "classification", scores=True, weighted=False)
    assert "neither predict_proba nor decision_function" in line
    assert Sklearn.objections(hard, "classification", scores=False, weighted=False) == []
    near = {"class": "neighbors.KNeighborsClassifier", "options": None}
    (line,) = Sklearn.objections(near, "classification", scores=True, weighted=True)
    assert "takes no weights" in line


def test_rows_that_an_estimator_refuses_are_one_line() -> None:
    head = sklearn("neighbors.KNeighborsRegressor", n_neighbors=100)
    head.fit(X, Y, 0)
    with pytest.raises(UserError, match=r"neighbors\.KNeighborsRegressor of scikit-learn cannot"):
        head.predict(X)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linear_model.Lasso", {"alpha": 0.1}),
        ("ensemble.ExtraTreesRegressor", {"n_estimators": 3}),
        ("gaussian_process.GaussianProcessRegressor", {"kernel": RBF}),
        ("ensemble.HistGradientBoostingRegressor", {"max_iter": 3}),
    ],
)
def test_equal_fits_are_kept_as_equal_bytes(name: str, options: Any) -> None:
    first, second = sklearn(name, **options), sklearn(name, **options)
    first.fit(X, Y[:, :1], 3)
    kept = first.arrays()
    between = [object() for _ in range(1000)]
    second.fit(X, Y[:, :1], 3)
    assert between
    assert {k: a.tobytes() for k, a in second.arrays().items()} == {
        k: a.tobytes() for k, a in kept.items()
    }
    with zipfile.ZipFile(io.BytesIO(kept["skops"].tobytes())) as archive:
        assert {place.date_time[0] for place in archive.infolist()} == {1980}


def test_what_is_one_object_stays_one_and_memory_between_fields_is_not_kept() -> None:
    from skops.io import dumps, loads

    record = np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8]})
    stored = []
    for rest in (0, 255):
        bare = np.full(32, rest, dtype=np.uint8).view(record)
        bare["a"], bare["b"] = 1, 2.0
        shared = [1.5, 1000]
        mapping = {"__id__": shared, "file": shared, "__loader__": bytes(3), "records": bare}
        stored.append(same_bytes(dumps(mapping)))
    assert stored[0] == stored[1]
    again = loads(stored[0])
    assert again["__id__"] is again["file"]
    assert again["__id__"] == shared
    assert again["__loader__"] == bytes(3)
    assert (again["records"] == bare).all()
    assert again["records"].dtype == record


def test_a_stored_model_of_anything_else_is_not_loaded() -> None:
    from skops.io import dumps

    other = Sklearn(class_="svm.SVR")
    with pytest.raises(UserError, match="no class of scikit-learn"):
        from_array(np.frombuffer(dumps(other), dtype=np.uint8))
    with pytest.raises(UserError, match="nothing of scikit-learn's that is read back"):
        to_array(other)


def test_svc_is_calibrated_and_read_back() -> None:
    head = SVC(folds=3, width="columns")
    head.fit(X, CLASSES, 0)
    found = SVC.from_arrays(head.arrays()).predict(X)
    assert np.array_equal(found, head.predict(X))
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found.argmax(axis=1) == NUMBERS).mean() > 0.8


def stand_in() -> ModuleType:
    """A module in the place of xgboost, whose trees are one mean."""

    class Regressor:
        def __init__(self, **options: Any) -> None:
            self.options = {**dict.fromkeys(("max_depth", "n_estimators")), **options}

        def get_params(self) -> dict[str, Any]:
            return self.options

        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> "Regressor":
            if isinstance(self.options["max_depth"], str):
                raise ValueError("expect int")
            self.mean = float(np.average(y, weights=sample_weight))
            return self

        def get_booster(self) -> "Regressor":
            return self

        def save_raw(self, form: str) -> bytes:
            return f"{form} {self.mean}".encode()

    class Model:
        def __init__(self, options: Any) -> None: ...

        def load_model(self, data: bytearray) -> None:
            self.mean = float(data.decode().removeprefix("ubj "))

        def predict(self, x: Any) -> Any:
            return np.full(len(x), self.mean)

    module: Any = ModuleType("xgboost")
    module.XGBRegressor = module.XGBClassifier = Regressor
    module.Booster, module.DMatrix = Model, lambda x: x
    return module  # type: ignore[no-any-return]


def test_a_booster_is_fitted_kept_and_checked_by_its_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", stand_in())

    def told(**options: Any) -> list[str]:
        return XGBoost.objections(options, "regression", scores=False, weighted=False)

    head = XGBoost(max_depth=3)
    head.fit(X, Y, 0)
    found = restored_head(XGBoost, head.arrays()).predict(X)
    assert found == pytest.approx(np.tile(Y.mean(axis=0), (60, 1)))
    assert told(max_depth=3) == []
    assert told(max_dept=3) == ["XGBoost has no option 'max_dept'; did you mean 'max_depth'?"]
    assert "expect int" in told(max_depth="three")[0]
    assert told(n_jobs=4) == ["option 'n_jobs' is not the study's to say; leave it out"]


def test_a_library_that_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    told = LightGBM.objections({}, "regression", scores=False, weighted=False)
    assert len(told) == 1
    assert "pip install 'nearfar[lightgbm]'" in told[0]


@pytest.mark.parametrize("kind", [LightGBM, XGBoost, CatBoost])
def test_the_library_itself(kind: type[Booster]) -> None:
    pytest.importorskip(kind.library, reason=f"extra {kind.library} is not installed")
    for targets in (Y, CLASSES):
        head = kind(**{kind.rounds: 20})
        head.fit(X, targets, 0)
        found = restored_head(kind, head.arrays()).predict(X)
        assert np.array_equal(found, head.predict(X))
        assert found.shape == targets.shape
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("key", [0, "0"])
def test_class_weights_of_a_study_file_name_classes_by_their_values(key: Any) -> None:
    """A specification keeps names of options as texts."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    numbers = (x[:, 0] > 0.8).astype(int)
    other = type(key)(1)
    head = sklearn("linear_model.LogisticRegression", class_weight={key: 1, other: 30})
    head.own = Own(classes=np.array([1, 0]))
    head.fit(x, np.eye(2)[1 - numbers], 0)
    expected = LogisticRegression(class_weight={0: 1, 1: 30}).fit(x, numbers).predict_proba(x)
    again = Sklearn.from_arrays(head.arrays())
    assert np.allclose(again.predict(x), expected[:, ::-1])
