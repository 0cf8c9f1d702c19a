"""Every encoder and head in onnxruntime: the same predictions, at several batch sizes."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from made_models import (
    fit_spec,
    image_schema,
    made_model,
    molecule_schema,
    outcome_of,
    solve_spec,
    table_schema,
)
from torch import Tensor

from nearfar.encoders import BUILT_IN, Encoder
from nearfar.errors import UserError
from nearfar.models import FinishedModel
from nearfar.models.export import onnx_of
from nearfar.models.onnx.check import LARGEST, checked, difference, wanted
from nearfar.models.onnx.graph import Chain, Graph
from nearfar.models.onnx.rows import made_rows

SMALL: dict[str, dict[str, Any]] = {
    "cnn": {"width": 4},
    "fast_cnn": {"widths": (8, 8), "test_time": "flip_shift"},
    "gin": {"hidden": 8, "layers": 2},
    "joined": {"parts": [{"morgan": {"bits": 32}}, {"descriptors": {}}]},
    "mlp": {"hidden": 8},
    "mlp_on": {"hidden": 8},
    "morgan": {"bits": 32},
    "mpnn": {"hidden": 8, "layers": 1},
    "pixels": {"side": 8},
    "resnet18": {"width": 2},
    "timm": {"name": "test_resnet"},
}
ELSEWHERE = {"file", "hf", "minimol", "skfp"}
"""What makes their features stands in no graph: embeddings of a file, and other packages.
A model of transformers is read from a folder: tests/encoders."""
GRAPHS, FIXED = ("gin", "mpnn", "mlp_on"), ("morgan", "descriptors", "joined")


def schema_of(name: str) -> Any:
    if name in (*GRAPHS, *FIXED):
        return molecule_schema()
    if name in ("mlp", "identity"):
        return table_schema()
    return image_schema((1, 28, 28) if name == "emnist_cnn" else (3, 16, 16))


def compared(model: FinishedModel, data: bytes) -> float:
    """The largest difference over batches of other sizes than those it was checked with."""
    graph, session = Graph(model), onnxruntime.InferenceSession(data)
    worst = 0.0
    for count in (1, 5):
        rows = made_rows(model, count)
        found = session.run(None, wanted(session, graph.feed(rows)))
        assert len(found[0]) == count
        worst = max(worst, difference(found, graph, rows))
    return worst


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - ELSEWHERE))
def test_an_encoder_is_the_same_in_onnxruntime(name: str) -> None:
    if name == "timm" and find_spec("timm") is None:
        pytest.skip("the extra timm is not installed")
    readout = {"gin": "own", "mlp": "bins", "mpnn": "ordinal"}.get(name, "z")
    seeds = (0, 1) if name in ("mlp", "gin") else (0,)
    spec = fit_spec(readout=readout)
    model = made_model(schema_of(name), {name: SMALL.get(name, {})}, spec, seeds=seeds)
    data, told = onnx_of(model)
    assert told["checked"]["largest_difference"] <= LARGEST
    assert compared(model, data) <= LARGEST
    if name in GRAPHS:
        names = [one["name"] for one in told["inputs"]]
        assert names[:5] == ["atoms", "bonds", "bond_features", "molecule", "size"]
    if name in FIXED:
        (features,) = told["inputs"]
        assert len(features["names"]) == features["shape"][1]


def test_shapes_have_names_no_path_is_told_and_another_model_is_noticed() -> None:
    form: dict[str, Any] = {"task": "classification", "outputs": 3}
    model = made_model(table_schema(), {"mlp": {"hidden": 8}}, fit_spec(), **form, seeds=(0,))
    other = made_model(table_schema(), {"mlp": {"hidden": 8}}, fit_spec(), **form, seeds=(1,))
    data, told = onnx_of(model)
    session = onnxruntime.InferenceSession(data)
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("columns", ["batch", 4])]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [
        ("probabilities", ["batch", 3])
    ]
    assert told["inputs"][0]["names"] == ["x0", "x1", "x2", "x3"]
    assert str(Path(__file__).parents[3]).encode() not in data
    with pytest.raises(UserError, match="its ONNX file differs from the model"):
        checked(data, Graph(other))
    assert session.get_modelmeta().custom_metadata_map["nearfar.classes"] == "k0, k1, k2"


def test_what_is_no_number_is_a_difference() -> None:
    model = made_model(table_schema(), {"mlp": {"hidden": 8}}, fit_spec(), seeds=(0, 1))
    graph, rows = Graph(model), made_rows(model, 3)
    truth = model.predict(rows)
    assert truth.deviation is not None
    assert difference([truth.mean, truth.deviation], graph, rows) == 0
    assert np.isnan(difference([truth.mean, truth.deviation * np.nan], graph, rows))


HEADS: list[tuple[str, str, dict[str, Any]]] = [
    ("ridge", "regression", {}),
    ("forest", "regression", {"trees": 5}),
    ("svr", "regression", {"folds": 2}),
    ("pca", "regression", {"components": 3}),
    ("mean", "regression", {}),
    ("logistic", "classification", {}),
    ("knn", "classification", {"neighbours": 7}),
    ("forest", "classification", {"trees": 5}),
    ("svc", "classification", {"folds": 2}),
    ("sklearn", "regression", {"class_": "ensemble.HistGradientBoostingRegressor"}),
    ("sklearn", "classification", {"class_": "ensemble.HistGradientBoostingClassifier"}),
    ("knn", "multilabel", {"neighbours": 7}),
    ("logistic", "multilabel", {}),
]


@pytest.mark.parametrize(("name", "task", "options"), HEADS)
def test_a_solved_head_is_the_same_as_a_module(
    name: str, task: str, options: dict[str, Any]
) -> None:
    import torch

    from nearfar.heads import EXACT, EachTarget

    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 4)).astype(np.float32)
    scores = x[:, :2] + draw.normal(size=(60, 2)) / 4
    targets = scores
    head: Any = EXACT[name](**options)
    if task == "classification":
        targets = np.eye(2)[scores.argmax(axis=1)]
    elif task == "multilabel":
        targets = (scores > 0).astype(np.float64)
        if name == "logistic":
            head = EachTarget(lambda: EXACT[name](**options), labels=True)
    head.fit(x, targets, 0)
    model = made_model(
        table_schema(), {"identity": {}}, solve_spec(name), task=task, outputs=2, heads=[head] * 2
    )
    fitted = model.members[0].fitted
    assert fitted.outcome == outcome_of(task, 2)
    rows = made_rows(model, 30)
    with torch.no_grad():
        found = Chain(fitted, task, "").forward(rows.values).numpy()
    near = 1e-6 if name == "pca" else 1e-9  # its products are of float32
    np.testing.assert_allclose(found, model.predict(rows).values[0], rtol=1e-6, atol=near)


@pytest.mark.parametrize("name", ["forest", "svr", "knn"])
def test_a_solved_head_runs_in_onnxruntime(name: str) -> None:
    from nearfar.heads import EXACT

    task = "classification" if name == "knn" else "regression"
    head: Any = EXACT[name]()
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 4)).astype(np.float32)
    head.fit(x, np.eye(2)[(x[:, 0] > 0).astype(int)] if name == "knn" else x[:, :2] * 1.0, 0)
    schema, spec = table_schema(), solve_spec(name)
    form: dict[str, Any] = {"task": task, "outputs": 2, "heads": [head], "seeds": (0,)}
    model = made_model(schema, {"identity": {}}, spec, **form)
    data, _ = onnx_of(model)
    assert compared(model, data) <= LARGEST


@pytest.mark.parametrize(
    ("class_", "outputs"),
    [
        ("ensemble.ExtraTreesRegressor", 1),
        ("neighbors.KNeighborsRegressor", 2),
        ("linear_model.BayesianRidge", 2),
        ("ensemble.GradientBoostingClassifier", 3),
        ("ensemble.HistGradientBoostingClassifier", 3),
    ],
)
def test_an_estimator_of_scikit_learn_runs_in_onnxruntime(class_: str, outputs: int) -> None:
    pytest.importorskip("skl2onnx")
    from nearfar.heads import Sklearn

    task = "classification" if class_.endswith("Classifier") else "regression"
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 4)).astype(np.float32)
    values = x[:, :outputs] * 1.0
    heads = []
    for seed in range(2):
        head = Sklearn(class_=class_)
        # One of four classes is met by no training row.
        met = np.insert(np.eye(3)[values.argmax(axis=1)], 1, 0, axis=1) if outputs == 3 else values
        head.fit(x, met, seed)
        heads.append(head)
    count = 4 if outputs == 3 else outputs
    form: dict[str, Any] = {"task": task, "outputs": count, "heads": heads, "seeds": (0, 1)}
    model = made_model(table_schema(), {"identity": {}}, solve_spec("sklearn"), **form)
    data, _ = onnx_of(model)
    assert compared(model, data) <= LARGEST


def test_a_seed_that_met_one_class_alone_stands_beside_others() -> None:
    pytest.importorskip("skl2onnx")
    from nearfar.heads import Sklearn

    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    heads = []
    for seed, classes in enumerate((np.full(60, 2), (x[:, 0] > 0).astype(int))):
        head = Sklearn(class_="linear_model.LogisticRegression")
        head.fit(x, np.eye(3)[classes], seed)
        heads.append(head)
    form: dict[str, Any] = {"task": "classification", "outputs": 3, "heads": heads}
    model = made_model(table_schema(), {"identity": {}}, solve_spec("sklearn"), **form)
    data, _ = onnx_of(model)
    assert compared(model, data) <= LARGEST


@pytest.mark.parametrize(
    ("class_", "options", "told"),
    [
        ("svm.SVC", {}, "head svm.SVC has no form in ONNX; export without --to"),
        (
            "pipeline.Pipeline",
            {
                "steps": [
                    ["s", {"class": "preprocessing.StandardScaler"}],
                    ["b", {"class": "ensemble.HistGradientBoostingClassifier"}],
                ]
            },
            "head pipeline.Pipeline has no form in ONNX, by skl2onnx: .*; export without --to$",
        ),
        (
            "discriminant_analysis.LinearDiscriminantAnalysis",
            {},
            r"\(encoder identity, head discriminant_analysis\.Linear.*differs from the model by",
        ),
    ],
)
def test_an_estimator_that_does_not_convert_is_refused_by_name(
    class_: str, options: dict[str, Any], told: str
) -> None:
    pytest.importorskip("skl2onnx")
    from nearfar.heads import Sklearn

    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    head = Sklearn(class_=class_, options=options)
    head.fit(x, np.eye(2)[(x[:, 0] > 0).astype(int)], 0)
    form: dict[str, Any] = {"task": "classification", "outputs": 2, "heads": [head], "seeds": (0,)}
    model = made_model(table_schema(), {"identity": {}}, solve_spec("sklearn"), **form)
    with pytest.raises(UserError, match=told) as caught:
        onnx_of(model)
    assert "\n" not in str(caught.value)


def test_boosted_trees_send_missing_values_where_training_did() -> None:
    import torch

    from nearfar.heads import Sklearn
    from nearfar.models.onnx.solved import module_of

    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 3))
    y = x[:, 0] + 3 * (x[:, 1] > 1)
    x[x[:, 1] > 1, 0] = np.nan
    head = Sklearn(class_="ensemble.HistGradientBoostingRegressor")
    head.fit(x, y[:, None], 0)
    module = module_of(head)
    assert module is not None
    np.testing.assert_allclose(module(torch.from_numpy(x)), head.predict(x), rtol=1e-12)


def test_support_vectors_of_many_classes_are_the_same_as_a_module() -> None:
    import torch

    from nearfar.heads import SVC
    from nearfar.models.onnx.solved import module_of

    draw = np.random.default_rng(0)
    x = draw.normal(size=(120, 3)).astype(np.float32)
    classes = np.array([0, 2, 3, 4])[(x[:, 0] > 0) * 1 + (x[:, 1] > 0) * 2]
    head = SVC(folds=2)
    head.fit(x, np.eye(5)[classes], 0)
    module = module_of(head)
    assert module is not None
    rows = draw.normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_allclose(module(torch.from_numpy(rows)), head.predict(rows), rtol=1e-7)


class Stubborn(Encoder):
    """Does what no graph can: it asks a tensor for its numbers."""

    accepts = frozenset({"vector"})

    def __init__(self, inputs: Any) -> None:
        super().__init__()
        self.out_features = 4

    def forward(self, batch: Tensor) -> Tensor:
        return batch * len(str(batch.tolist()))

    def layer_groups(self) -> list[Any]:
        return []


def test_what_does_not_export_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from nearfar.encoders import ENCODERS

    monkeypatch.setattr(ENCODERS, "built_in", {**ENCODERS.built_in, "stubborn": Stubborn})
    model = made_model(table_schema(), {"stubborn": {}}, fit_spec())
    with pytest.raises(
        UserError, match=r"\(encoder stubborn, head linear\) does not export to ONNX"
    ) as caught:
        onnx_of(model)
    assert "\n" not in str(caught.value)
