"""``nearfar.compare`` on data in memory: the same call twice trains nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from image_examples import picture, pixels_of, write_images
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

import nearfar
from nearfar.library import run
from nearfar.library.fingerprint import fingerprint
from nearfar.library.inputs import Rows, rows_of, task_of_type
from nearfar.models.given import rows_of as rows_for_model
from nearfar.models.schema import InputSchema
from nearfar.starter.asked import checked
from nearfar.starter.detect import detect

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = 2 * X[:, 0] + RNG.normal(size=60) / 10
LINE = {"fit": {"encoder": "identity", "head": "ridge"}}


def network(shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(shape[0], 4), nn.ReLU())


def compared(out: Path, *given: Any, **options: Any) -> nearfar.Result:
    return nearfar.compare(*given, out=out, profile="smoke", quiet=True, **options)


def test_devices_are_those_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(nearfar.UserError, match="devices=2: network lives in this process alone"):
        compared(tmp_path, X, Y, arms={"network": network, "line": LINE}, devices=2)
    asked: list[Any] = []

    def carried_out(request: Any, *, quiet: bool) -> nearfar.Result:
        asked.append(request)
        return nearfar.Result(tmp_path)

    monkeypatch.setattr(run, "carried_out", carried_out)
    compared(tmp_path, X, Y, arms={"line": LINE}, devices=2)
    assert [request.where.devices for request in asked] == [2]


def finished(out: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in (out / "stages").glob("*/done")}


def test_estimators_functions_and_presets_side_by_side(tmp_path: Path) -> None:
    arms = {
        "pipeline": make_pipeline(StandardScaler(), Ridge()),
        "network": network,
        "line": LINE,
        "untrained": "untrained encoder",
    }
    result = compared(tmp_path, X, Y, arms=arms)
    assert result.failures == {}
    assert list(result.table.arm) == [*arms, "mean"]
    assert result.arm("pipeline")["mean"] < 0.3 < result.arm("mean")["mean"]
    assert result.arm("network")["epochs"] > 0, "a network of one's own is trained"
    before = finished(tmp_path)
    renamed = {"first": make_pipeline(StandardScaler(), Ridge()), "net": network}
    again = compared(tmp_path, X.copy(), Y.tolist(), arms=renamed)
    assert finished(tmp_path) == before
    assert again.arm("first")["mean"] == result.arm("pipeline")["mean"]
    assert again.arm("net")["mean"] == result.arm("network")["mean"]
    other = {"first": make_pipeline(StandardScaler(), Ridge(alpha=100.0))}
    compared(tmp_path, X, Y, arms=other)
    assert len(finished(tmp_path)) == len(before) + 2


def test_frames_of_classes_with_groups(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["site"] = np.arange(60) // 3
    frame["kind"] = np.where(Y > 0, "high", "low")
    forest = RandomForestClassifier(5)
    result = compared(tmp_path, frame, "kind", arms={"forest": forest}, groups="site", repeats=2)
    assert result.failures == {}
    assert result.summary["classes"] == ["high", "low"]
    tested = result.splits[result.splits.part == "test"].groupby("seed").id
    sites = tested.apply(lambda ids: {(int(i) - 1) // 3 for i in ids})
    for seed, found in sites.items():
        assert len(found) * 3 == (tested.get_group(seed)).size


def test_numbers_of_any_type_are_one_file(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    first = rows_of(X, y[:, 0], {}, tmp_path)
    for kind in (np.longdouble, ">f8"):
        assert rows_of(X.astype(kind), y[:, 0].astype(kind), {}, tmp_path).path == first.path
    objects = X.astype(np.longdouble).astype(object)
    assert rows_of(objects, y[:, 0], {}, tmp_path).path == first.path
    for kind in (complex, np.clongdouble):
        with pytest.raises(nearfar.UserError, match=r"^X: complex"):
            rows_of(X.astype(kind), y[:, 0], {}, tmp_path)
        with pytest.raises(nearfar.UserError, match=r"^y: Could not convert .* complex"):
            rows_of(X, y[:, 0].astype(kind), {}, tmp_path)


def test_a_target_that_does_not_vary_is_told_whatever_its_type(tmp_path: Path) -> None:
    X, told = np.random.default_rng(0).normal(size=(60, 3)), "target 'y' is 1 in every row: nothing"
    for y in (np.ones(60), np.ones(60, dtype=int)):
        with pytest.raises(nearfar.UserError, match=told):
            nearfar.compare(X, y, arms={"ridge": "columns ridge"}, quiet=True, out=tmp_path)


def test_the_same_rows_of_any_library_are_one_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=range(100, 160))
    named = pd.Series(Y, name="t")
    first = rows_of(frame, named, {}, tmp_path)
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    assert rows_of(table, named, {}, tmp_path).path == first.path
    assert first.targets == ["t"]
    assert len(list((tmp_path / "data").iterdir())) == 1
    clash = rows_of(frame.rename(columns={"a": "t"}), named, {}, tmp_path)
    assert clash.targets == ["t_"]


def test_molecules_and_pictures(tmp_path: Path) -> None:
    smiles = ["C" * n for n in range(1, 21)] + ["C" * n + "O" for n in range(1, 21)]
    lengths = [float(len(text)) for text in smiles]
    arms = {"line": Ridge(), "mean": "mean"}
    result = compared(tmp_path, smiles, lengths, arms=arms, repeats=1)
    assert (result.failures, result.summary["kind"]) == ({}, "molecule")
    pictures = RNG.integers(0, 255, size=(40, 6, 6), dtype=np.uint8)
    labels = np.arange(40) % 2
    pictures[labels == 1] //= 4
    pixels = {"pixels": {"fit": {"encoder": "identity", "head": "logistic"}}}
    for groups in (None, np.arange(40) // 2):
        result = compared(tmp_path, pictures, labels, arms=pixels, groups=groups, repeats=1)
        assert (result.failures, result.summary["kind"]) == ({}, "image")


def test_of_a_frame_with_masks_the_images_are_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path, [f"masks/{k}.png" for k in range(40)], seed=1)
    write_images(tmp_path, [f"photos/{k}.png" for k in range(40)], seed=2)
    paths = {name: [f"{name}/{k}.png" for k in range(40)] for name in ("masks", "photos")}
    frame = pd.DataFrame({"mask": paths["masks"], "image": paths["photos"]})
    arms = {"pixels": {"fit": {"encoder": "identity", "head": "logistic"}}}
    result = compared(tmp_path, frame, np.arange(40) % 2, arms=arms, repeats=1)
    assert result.failures == {}
    assert any("the images are those of column 'image'" in note for note in result.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": Y[:5]}, "y: has 5 rows, X has 60"),
        ({"y": None}, "y: needs what to predict"),
        ({"arms": {"a": "MLPS"}}, "arms: a: no preset is called 'MLPS'; did you mean 'MLP'"),
        ({"arms": {"a": 3}}, "arms: a: int is no arm"),
        ({"arms": {"a\nb": Ridge()}}, r"arms: 'a\\nb': a name is one line of text"),
        ({"arms": {5: Ridge()}}, "arms: 5: a name is a text"),
        ({"arms": {"a": Ridge}}, r"Ridge is a class: give Ridge\(\)"),
        ({"arms": {"a": nn.Linear(3, 2)}}, "one module, which all seeds would go on training"),
        ({"arms": {"a": StandardScaler()}}, "neither a classifier nor a regressor"),
        ({"arms": {"a": lambda: 1}}, "makes int, not a torch.nn.Module"),
        ({"arms": {"a": lambda: 1 / 0}}, "the function raised ZeroDivisionError"),
        ({"arms": {"a": {"fitt": {}}}}, "arms.a: unknown key 'fitt'; did you mean 'fit'"),
        ({"metric": "maee"}, "^metric: unknown value 'maee'; did you mean 'mae'"),
        ({"task": "regresion"}, "task='regresion': did you mean 'regression'"),
        ({"repeats": 0}, "repeats: needs a whole number from 1 on"),
        ({"groups": [1, 2]}, "groups: has 2 rows, X has 60"),
        ({"X": np.zeros((60, 4, 4))}, r"uint8, 0 to 255, not float64: .* 0 to 1 \(255 \* X\)"),
        ({"X": np.full((60, 4, 4), 9, np.int16)}, r"fit, so give X.astype\('uint8'\)"),
        ({"X": np.ones((60, 4, 4), bool)}, r"give X.astype\('uint8'\) \* 255"),
        (
            {"X": np.eye(4, dtype=np.uint16)[None] * 999},
            r"numpy.interp\(X, \(0, 999\), \(0, 255\)\)",
        ),
        ({"X": [np.zeros((4, k), np.uint8) for k in (4, 5)]}, "X holds arrays of several sizes"),
        ({"X": pd.DataFrame(X, columns=list("aba"))}, "X: column 'a' stands 2 times"),
        ({"y": pd.DataFrame(X, columns=list("aba"))}, "y: column 'a' stands 2 times"),
        ({"y": [2**70] * 60}, "y: Python int too large"),
        ({"X": pd.DataFrame({"a": [2**70] * 60})}, "X: a column is of mixed or unknown type"),
        ({"y": [[1.0], [1.0, 2.0]] * 30}, "y: its rows have different lengths"),
        ({"X": {1, 2}}, "X: set is none of: a data frame"),
        ({"X": [[1, 2], [3]]}, "X: list of rows that are not alike is none of: a data frame"),
        ({"X": "nowhere"}, "X: nowhere: no such file or folder"),
        ({"X": ["C", 3]}, "X: entry 1 is 3, not a text"),
        ({"y": set(Y)}, r"y: needs values \(rows,\) or \(rows, targets\), not set"),
        ({"baseline": "q"}, "baseline: no arm is called 'q'"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    given = {"X": X, "y": Y, **changes}
    with pytest.raises(nearfar.UserError, match=message):
        compared(tmp_path, given.pop("X"), given.pop("y"), **given)
    assert not (tmp_path / "stages").exists()


PICTURES = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_label_of_a_picture_that_is_missing_is_no_class(tmp_path: Path, missing: Any) -> None:
    for labels in (["cat", "dog"], [True, False], [0, 1], [0.5, 1.5]):
        given = [missing, *labels, *labels, labels[0]]
        with np.load(rows_of(PICTURES, given, {}, tmp_path).path) as file:
            found = file["labels"].tolist()
        nothing = found[0] == "" if isinstance(labels[0], str | bool) else found[0] != found[0]
        assert nothing
        assert found[1:] == [str(one) if isinstance(one, bool) else one for one in given[1:]]


@pytest.mark.parametrize("gap", [None, pd.NA, pd.NaT, float("nan")])
def test_what_pandas_has_for_nothing_is_missing_in_targets(tmp_path: Path, gap: Any) -> None:
    for cells in ([1, 2], ["a", "b"], [True, False]):
        given = [gap, *cells] * 20
        for y in (given, pd.Series(given, dtype=object)):
            assert stored(rows_of(X, y, {}, tmp_path))["y"].isna().tolist() == (
                [True, False, False] * 20
            )
    whole = pd.Series([None, 1, 2] * 20, dtype="Int64")
    assert stored(rows_of(X, whole, {}, tmp_path))["y"].isna().sum() == 20


LISTS: Any = [["a"], ["a", "b"], [], ["b"], ["a"], ["b", "a"]]


@pytest.mark.parametrize("given", [LISTS, pd.Series(LISTS), [np.array(c, str) for c in LISTS]])
def test_lists_of_labels_are_several_labels_a_row(tmp_path: Path, given: Any) -> None:
    """Also where all are of one length, and beside pictures."""
    for rows in (X[:6], PICTURES):
        column = stored(rows_of(rows, given, {}, tmp_path))["y"]
        assert [list(cell) for cell in column] == LISTS
    one = [["a"], ["b"], ["a"]] * 2
    assert stored(rows_of(X[:6], one, {}, tmp_path))["y"].tolist() == [*"aba"] * 2
    two = [["a", "b"], ["b", "c"]] * 3
    assert stored(rows_of(X[:6], two, {}, tmp_path))["y"].map(list).tolist() == two


def test_what_is_masked_is_missing(tmp_path: Path) -> None:
    hidden = np.ma.masked_array(X, X > 1)
    targets = np.ma.masked_array(np.arange(60), np.arange(60) < 5)
    frame = pd.read_parquet(rows_of(hidden, targets, {}, tmp_path).path)
    np.testing.assert_array_equal(frame[["x0", "x1", "x2"]], np.where(X > 1, np.nan, X))
    assert frame["y"].isna().tolist() == [k < 5 for k in range(60)]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_missing_groups_are_missing(tmp_path: Path, missing: Any) -> None:
    groups = [missing, *(f"g{k % 10}" for k in range(59))]
    for given in (groups, pd.Series(groups, dtype=object)):
        frame = pd.read_parquet(rows_of(X, Y, {"group": given}, tmp_path).path)
        assert frame["group"].isna().tolist() == [True] + [False] * 59


def test_categories_are_classes_whatever_they_are_called(tmp_path: Path) -> None:
    kinds = pd.Series(pd.Categorical([5, 3, 1] * 20))
    frame = pd.DataFrame(X, columns=list("abc")).assign(kind=kinds)
    assert task_of_type(X, kinds) == task_of_type(frame, "kind") == "classification"
    assert task_of_type(frame, "a") is task_of_type(X, Y) is None
    mean = {"mean": {"fit": {"head": "mean"}}}
    result = compared(tmp_path, frame, "kind", arms=mean, repeats=1, jobs=1)
    assert "balanced accuracy" in result.answer


def test_categories_of_intervals_are_refused_in_one_line(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": pd.cut(X[:, 0], 4), "b": X[:, 1]})
    with pytest.raises(
        nearfar.UserError, match=r"column 'a' has categories of a type that"
    ) as told:
        rows_of(frame, Y, {}, tmp_path)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "data").exists()


def test_what_is_equal_has_one_fingerprint_and_nothing_else_has() -> None:
    def scaled(by: float) -> Any:
        return lambda: nn.Linear(3, int(by))

    different = [
        Ridge(),
        Ridge(alpha=2.0),
        LinearRegression(),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(with_mean=False), Ridge()),
        make_pipeline(FunctionTransformer(np.log1p), Ridge()),
        make_pipeline(FunctionTransformer(np.sqrt), Ridge()),
        make_pipeline(FunctionTransformer(lambda x: x * 2), Ridge()),
        make_pipeline(FunctionTransformer(lambda x: x * 3), Ridge()),
        network,
        scaled(2),
        scaled(3),
        np.arange(3),
        np.arange(4),
    ]
    digests = [fingerprint(one) for one in different]
    assert len(set(digests)) == len(different)
    assert fingerprint(make_pipeline(StandardScaler(), Ridge())) == digests[3]
    assert fingerprint(scaled(2)) == digests[10]


SCRIPT = """
import sys
print("imported", __name__)
import nearfar
result = nearfar.run("small.yaml", profile="smoke", jobs=2, quiet=True)
print(result.failures, len(result.table), result.winner is not None)
"""


def test_a_script_needs_no_guard_and_workers_do_not_import_it(tmp_path: Path) -> None:
    from small_study import write_small

    arms = {
        "mean": {"fit": {"head": "mean"}},
        "ridge": LINE,
        "knn": {"fit": {"encoder": "identity", "head": {"forest": {"trees": 3}}}},
    }
    write_small(tmp_path, arms=arms, stages={}, baseline="mean")
    (tmp_path / "mine.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["imported __main__", "{} 3 True"]
    assert done.stderr == ""


@pytest.mark.parametrize("library", ["pandas", "polars", "lists"])
def test_groups_that_are_a_column_are_that_column_and_told(
    tmp_path: Path, library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame: Any = pd.DataFrame(X, columns=list("abc")).assign(place=np.arange(60) % 6)
    groups: Any = frame["place"]
    if library == "polars":
        frame = pl.from_pandas(frame)
        groups = frame["place"]
    elif library == "lists":
        groups = [float(group) for group in groups]
    arms = {"mean": {"fit": {"head": "mean"}}, "line": LINE}
    options: Any = {"arms": arms, "groups": groups, "repeats": 1, "jobs": 1}
    result = nearfar.compare(frame, Y, out=tmp_path, profile="smoke", **options)
    told = capsys.readouterr().err
    assert "groups are column 'place' of X, which is therefore no feature" in told
    assert list(result.model("line").feature_names_in_) == ["a", "b", "c"]
    assert "X: 60 rows, 3 feature columns" in told


def test_groups_of_one_row_each_or_of_molecules_leave_all_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abc")).assign(smiles=["C", "CC", "CCC"] * 20)
    for groups in (frame["a"], frame["smiles"]):
        rows = rows_of(frame, Y, {"group": groups}, tmp_path)
        assert (rows.options, rows.notes) == ({"group": "group"}, [])


def test_categories_of_polars_are_classes_and_texts(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": X[:, 0], "kind": ["5", "3", "1"] * 20}).with_columns(
        pl.col("kind").cast(pl.Categorical)
    )
    assert task_of_type(frame, "kind") == task_of_type(X, frame["kind"]) == "classification"
    for given in (frame, frame.lazy()):
        stored = pd.read_parquet(rows_of(given, Y, {}, tmp_path).path)
        assert stored["kind"].tolist() == ["5", "3", "1"] * 20


NAMED = pd.DataFrame(X, columns=["cat", "dog", "x"])


def stored(rows: Rows) -> pd.DataFrame:
    return pd.read_parquet(rows.path)


@pytest.mark.parametrize("of", [list, tuple])
def test_labels_called_like_columns_are_labels(tmp_path: Path, of: Any) -> None:
    for labels in (of("cat" if y > 0 else "dog" for y in Y), of(["cat"] * 60)):
        rows = rows_of(NAMED, labels, {}, tmp_path)
        assert rows.targets == ["y"]
        assert stored(rows)["y"].tolist() == list(labels)
    assert rows_of(NAMED, of(["cat", "x"]), {}, tmp_path).targets == ["cat", "x"]


def test_names_of_columns_are_distinct_known_and_no_labels(tmp_path: Path) -> None:
    NAMED.to_csv(tmp_path / "t.csv")
    for frame, y, told in [
        (NAMED, ["cat", "cat"], "names column 'cat' 2 times: name each once"),
        (tmp_path / "t.csv", ["x", "x"], "names column 'x' 2 times: name each once"),
        (NAMED, ["cat", "dogs"], "X has no column 'dogs'; did you mean 'dog'"),
        (NAMED[:2], ["cat", "dog"], r".*labels of the 2 rows of X or names .*numpy.array\(y\)"),
    ]:
        with pytest.raises(nearfar.UserError, match=f"^y: {told}"):
            rows_of(frame, y, {}, tmp_path)
    labels = np.array(["cat", "dog"])
    assert rows_of(NAMED[:2], labels, {}, tmp_path).targets == ["y"]


def test_indexes_that_differ_are_not_paired_by_position(tmp_path: Path) -> None:
    y = pd.Series(Y, name="t")
    mixed = y.sample(frac=1, random_state=0)
    lettered = NAMED.set_axis([f"r{k}" for k in range(60)])
    for given, told in [
        ((NAMED, mixed, {}), r"y: .* labels of X in another order .* give y.loc\[X.index\]"),
        ((NAMED.iloc[10:], y.iloc[:50], {}), r"y: .* other labels than X \(row 0: 0, not 10\)"),
        ((lettered, y.set_axis(range(7, 67)).rename(str), {}), r"y: .* y.to_numpy\(\)"),
        ((X, y, {"group": mixed}), "groups: .* labels of y in another order"),
        ((NAMED, Y, {"name": mixed}), "names: .* labels of X in another order"),
    ]:
        with pytest.raises(nearfar.UserError, match=f"^{told}") as caught:
            rows_of(*given, out=tmp_path)
        assert "\n" not in str(caught.value)
    for frame, target in [
        (NAMED.loc[mixed.index], mixed),
        (lettered, y),
        (NAMED[:30], mixed[:30]),
        (NAMED, y.set_axis(lettered.index)),
        (pl.from_pandas(NAMED), mixed),
    ]:
        kept = stored(rows_of(frame, target, {}, tmp_path))["t"]
        assert kept.tolist() == target.tolist()


def test_sparse_frames_and_tensors_are_their_numbers(tmp_path: Path) -> None:
    sparse = NAMED.astype(pd.SparseDtype("float"))
    plain = rows_of(NAMED, pd.Series(Y), {}, tmp_path)
    y = pd.Series(Y, dtype=pd.SparseDtype("float"))
    assert rows_of(sparse, y, {}, tmp_path).path == plain.path
    plain = rows_of(X, Y, {}, tmp_path)
    tensor, targets = torch.tensor(X, requires_grad=True), torch.tensor(Y, requires_grad=True)
    for given in ((tensor, targets), (list(tensor), list(targets))):
        assert rows_of(*given, {}, tmp_path).path == plain.path
    halves = torch.tensor([0.5, 2.0] * 30, dtype=torch.bfloat16)
    kept = stored(rows_of(tensor.bfloat16(), halves, {"group": halves}, tmp_path))
    assert kept["y"].tolist() == [0.5, 2.0] * 30
    assert kept["group"].tolist() == ["0.5", "2.0"] * 30


def test_lists_of_pictures_and_columns_of_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{k}.png" for k in range(40)]
    pixels = write_images(tmp_path, names, side=8)
    labels = ["a", "b"] * 20
    monkeypatch.chdir(tmp_path)
    images = [picture(one) for one in pixels]
    arrays = list(pixels.transpose(0, 2, 3, 1))
    whole = rows_of(np.stack(arrays), labels, {}, tmp_path / "out")
    for given in (arrays, [torch.tensor(one) for one in arrays]):
        assert rows_of(given, labels, {}, tmp_path / "out").path == whole.path
    images[3] = images[3].resize((9, 9)).convert("L")
    paths = pd.DataFrame({"file": names})
    mean = {"mean": {"fit": {"head": "mean"}}}
    for X, out in ((images, "out"), (paths, "out/paths")):
        result = compared(Path(out), X, labels, arms=mean, repeats=1, jobs=1)
        assert (result.failures, result.summary["kind"]) == ({}, "image")
        assert not any("left out" in note for note in result.notes)
    paths.loc[5, "file"] = "gone.png"
    result = compared(Path(out), paths, labels, arms=mean, repeats=1, jobs=1)
    (told,) = [note for note in result.notes if "left out" in note]
    assert told.startswith("1 of 40 rows cannot be used and is left out: 1 × not readable")
    assert (
        f"the first is row 6: the image cannot be read: No such file or directory: {tmp_path}"
        in told
    )


def test_rows_that_are_lost_are_in_the_notes(tmp_path: Path) -> None:
    y = Y.copy()
    y[[3, 9]], y[7] = np.nan, np.inf
    result = compared(tmp_path, X, y, arms={"mean": "mean"}, repeats=1, jobs=1)
    assert (
        "3 of 60 rows cannot be used and are left out: 2 × target missing, 1 × target not finite; "
        "the first is row 4: target 'y' is missing."
    ) in result.notes


FRAME = pd.DataFrame(X, columns=list("abc")).assign(price=Y)
ARMS = {"line": Ridge(), "forest": LinearRegression()}


@pytest.mark.parametrize(
    ("given", "y"),
    [
        (FRAME, FRAME["price"]),
        (FRAME, FRAME["price"].to_numpy()),
        (FRAME, FRAME[["price"]]),
        (pl.DataFrame(FRAME), pl.Series("p", Y)),
        (pa.Table.from_pandas(FRAME), Y.tolist()),
        (FRAME.to_numpy(), Y),
        (
            FRAME.assign(price=FRAME["price"].mask(FRAME["a"] > 1)),
            Y * np.where(X[:, 0] > 1, np.nan, 1),
        ),
    ],
)
def test_values_that_x_holds_as_well_are_no_feature(tmp_path: Path, given: Any, y: Any) -> None:
    rows = rows_of(given, y, {}, tmp_path)
    own = "x3" if isinstance(given, np.ndarray) else "price"
    assert rows.targets == [own]
    assert rows.notes == [f"y is column {own!r} of X, which is therefore no feature"]


def test_a_target_left_in_x_is_told_in_the_notes_and_not_learnt_from(tmp_path: Path) -> None:
    result = compared(tmp_path, FRAME, FRAME["price"], arms=ARMS, repeats=1)
    assert result.notes[0] == "y is column 'price' of X, which is therefore no feature"
    assert list(result.model("line").feature_names_in_) == ["a", "b", "c"]


@pytest.mark.parametrize("library", ["numpy", "lists", "torch"])
def test_a_model_of_an_array_takes_arrays_like_it(tmp_path: Path, library: str) -> None:
    given = np.column_stack([np.zeros(60), X, Y, np.arange(60)])
    kinds: dict[str, Any] = {"numpy": np.asarray, "lists": np.ndarray.tolist, "torch": torch.tensor}
    rows = kinds[library](given)
    result = compared(tmp_path, rows, Y, arms={"line": LINE}, repeats=1)
    model = result.model("line")
    model.save(tmp_path / "kept")
    for found in (model, nearfar.load(tmp_path / "kept")):
        assert found.n_features_in_ == 6
        assert list(found.feature_names_in_) == ["x0", "x1", "x2", "x3", "x4", "x5"]
        expected = found.predict(rows)
        np.testing.assert_allclose(expected, Y, atol=0.5)
        for like in (given[:, 1:4], pd.DataFrame(given, columns=found.feature_names_in_)):
            np.testing.assert_array_equal(found.predict(like), expected)
    importances = permutation_importance(model, given, Y, n_repeats=1, random_state=0)
    assert list(np.nonzero(importances.importances_mean)[0]) == [1, 2, 3]
    with pytest.raises(
        nearfar.UserError, match="takes the 6 columns of its training, or of them 3"
    ):
        model.predict(given[:, :5])
    with pytest.raises(nearfar.UserError, match=r"one row: give \[X\]"):
        model.predict(given[0])


def test_what_was_made_of_the_data_is_in_the_notes_where_it_could_be_otherwise(
    tmp_path: Path,
) -> None:
    frame = pd.DataFrame({"x": X[:, 0], "id": range(1000, 1000 + 3 * len(X), 3)})
    labels = ["a;b" if row % 3 else "b" if row % 2 else "a" for row in range(len(X))]
    notes = compared(tmp_path, frame, labels, arms=["frequencies"], repeats=1).notes
    assert "left out: column 'id' names the rows" in notes
    assert any(note.startswith("target 'y': several labels a row, ';'") for note in notes)


def test_a_column_that_is_almost_the_target_is_told_once(tmp_path: Path) -> None:
    leaky = FRAME.drop(columns="price").assign(Double=2 * Y)
    notes = compared(tmp_path, leaky, Y, arms=ARMS, repeats=1).notes
    assert notes[0].startswith("Column 'Double' is almost the target itself (correlation 1.0000).")
    assert sum("almost the target" in note for note in notes) == 1


def test_a_column_called_as_y_with_other_values_is_warned_of(tmp_path: Path) -> None:
    logs = pd.Series(np.exp(Y), name="price")
    rows = rows_of(FRAME, logs, {}, tmp_path)
    assert rows.targets == ["price_"]
    assert rows.notes[0].startswith("careful: X has a column 'price' as well")


def test_whole_numbers_are_classes_where_all_arms_are_classifiers(tmp_path: Path) -> None:
    y = np.where(X[:, 0] > 0, 1, -1)
    trees = RandomForestClassifier(5)
    result = compared(tmp_path, X, y, arms={"forest": trees}, repeats=1)
    assert result.table["metric"].iloc[0] == "balanced_accuracy"
    with pytest.raises(nearfar.UserError, match="is no regressor"):
        compared(tmp_path, X, y, arms={"forest": trees}, repeats=1, task="regression")


@pytest.mark.parametrize(
    "mode", ["HSV", "RGBa", "La", "CMYK", "YCbCr", "P", "PA", "1", "I", "I;16"]
)
def test_pillow_images_of_any_mode_are_read(tmp_path: Path, mode: str) -> None:
    images = [Image.new(mode, (12, 12)) for _ in range(20)]
    assert rows_of(images, ["a", "b"] * 10, {}, tmp_path).options == {"image": "image"}


MANY: dict[str, tuple[int, ...]] = {
    "grey": (6, 8),
    "two": (6, 8, 2),
    "four": (6, 8, 4),
    "four first": (4, 6, 8),
    "seven": (9, 8, 7),
    "colour first": (3, 6, 8),
}


@pytest.mark.parametrize("shape", MANY.values(), ids=MANY)
@pytest.mark.parametrize("beside", ["groups", "names", "lists"])
def test_arrays_keep_their_channels_whatever_stands_beside(
    tmp_path: Path, shape: tuple[int, ...], beside: str
) -> None:
    images = RNG.integers(0, 256, (12, *shape)).astype(np.uint8)
    others: dict[str, Any] = {"groups": {"group": np.arange(12) // 2}}.get(beside, {})
    others |= {"name": [f"s{k}" for k in range(12)]} if beside == "names" else {}
    labels = [["a"], ["a", "b"]] * 6 if beside == "lists" else ["a", "b"] * 6
    rows, plain = (
        rows_of(images, labels, others, tmp_path),
        rows_of(images, ["a", "b"] * 6, {}, tmp_path),
    )
    one, other = (
        detect(str(r.path), r.targets, tmp_path, None, checked(r.options)) for r in (rows, plain)
    )
    assert np.array_equal(pixels_of(one.dataset), pixels_of(other.dataset))
    model = InputSchema.of(one.data, one.dataset.inputs)
    new: Any = rows_for_model(model, images).inputs
    assert np.array_equal(new.pixels, pixels_of(one.dataset))


def test_arrays_that_do_not_tell_their_channels(tmp_path: Path) -> None:
    images = np.zeros((12, 4, 8, 4), np.uint8)
    with pytest.raises(nearfar.UserError, match=r"X: images \(12, 4, 8, 4\) do not tell their ch"):
        rows_of(images, ["a", "b"] * 6, {"group": np.arange(12) // 2}, tmp_path)


@pytest.mark.parametrize("spelt", ["p{}.PNG", "in/p{}.png", "/of/another/disk/in/p{}.PNG"])
def test_a_frame_names_pictures_as_its_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelt: str
) -> None:
    (tmp_path / "in").mkdir()
    for k in range(4):
        Image.new("L", (12, 12), 60 * k).save(tmp_path / "in" / f"p{k}.PNG")
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"photo": [spelt.format(k) for k in range(4)], "y": list("abab")})
    found = pd.read_parquet(rows_of(frame, "y", {}, tmp_path / "out").path)
    assert found["photo"].tolist() == [str(tmp_path / "in" / f"p{k}.PNG") for k in range(4)]


def test_what_cannot_be_a_picture_or_a_folder_is_told_in_a_line(tmp_path: Path) -> None:
    lab = [Image.new("LAB", (12, 12))] * 20
    with pytest.raises(nearfar.UserError, match="X: entry 0: a pillow image of mode LAB"):
        rows_of(lab, ["a", "b"] * 10, {}, tmp_path)
    with pytest.raises(nearfar.UserError, match="X: entry 1 is None, not an image like"):
        rows_of([Image.new("L", (12, 12)), None], ["a", "b"], {}, tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(nearfar.UserError, match=r"out .*file: is not a folder"):
        compared(file, X, Y, arms=ARMS)
    with pytest.raises(nearfar.UserError, match=r"file is a file, so no folder can be made"):
        compared(file / "below", X, Y, arms=ARMS)
    (tmp_path / "pictures").mkdir()
    for given in ({"y": ["a", "b", "a"]}, {"y": np.zeros(3)}, {"groups": ["a"]}):
        with pytest.raises(nearfar.UserError, match="X is a folder, whose rows have no order"):
            compared(tmp_path, tmp_path / "pictures", **given)
