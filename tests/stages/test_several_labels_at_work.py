"""Several labels a row, all the way: init, run, numbers, row scores, page, predict."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from whole_runs import run_whole

from nearfar.analysis.row_scores import KeptScores
from nearfar.data import load_dataset
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import prepare
from nearfar.records import read_results
from nearfar.records.run_plan import RunPlan
from nearfar.report import write_report
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

LABELS = ["warm", "wet"]
SMILES = ["CCO", "CCN", "CCC", "CCCl", "CCBr", "c1ccccc1", "CC(=O)O", "CCOC", "CCCO", "CCCN"]


def columns(path: Path, rows: int = 120, gaps: int = 30) -> None:
    """Two labels that columns tell; ``gaps`` rows lack the second one."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 3))
    warm, wet = x[:, 0] + draw.normal(size=rows) / 3 > 0.8, x[:, 1] > 0
    unknown = set(draw.choice(rows, gaps, replace=False).tolist())
    lines = ["a,b,c,warm,wet"]
    for i, row in enumerate(x):
        second = "" if i in unknown else int(wet[i])
        lines.append(f"{','.join(f'{v:.4f}' for v in row)},{int(warm[i])},{second}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weather")
    columns(path / "weather.csv")
    return path


@pytest.fixture(scope="module")
def run(folder: Path) -> Prepared:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study, facts = write_study(Path("weather.csv"), LABELS)
        assert any("several labels a row; --task regression" in fact for fact in facts)
        assert any("'wet' in" in fact and "of 90 known" in fact for fact in facts)
        settings = ("axes.seed.values=3", "stages.rnc.epochs=2", "arms.MLP.fit.epochs=3")
        return run_whole(Request(str(study), "smoke", settings=settings, out=folder / "runs"))


def told(run: Prepared, arm: str, seed: int) -> dict[str, list[dict[str, str]]]:
    """The rows of predictions.csv of an arm under a seed that were tested, by label."""
    plan = RunPlan.from_plain(json.loads((run.folder.path / "plan.json").read_text()))
    (cell,) = [c for c in plan.cells if (c.arm, c.seed) == (arm, seed)]
    path = run.folder.store.folder(cell.chain[-1].hash) / "predictions.csv"
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    return {name: [row for row in rows if row["target"] == name] for name in LABELS}


def test_every_row_and_every_known_label_is_used(run: Prepared) -> None:
    dataset = run.dataset
    assert len(dataset) == 120
    assert dataset.multilabel
    assert dataset.target_names == LABELS
    assert np.isnan(dataset.targets).sum(axis=0).tolist() == [0, 30]
    tested = [told(run, "MLP", seed) for seed in range(3)]
    assert sum(len(rows["warm"]) - len(rows["wet"]) for rows in tested) > 0
    for rows in tested:
        assert len(rows["warm"]) >= len(rows["wet"]) > 0
        for row in rows["wet"]:
            assert row["decision"] == str(int(float(row["prediction"]) > 0.5))


@pytest.mark.parametrize("arm", ["MLP", "columns logistic", "columns boosting", "frequencies"])
def test_recorded_numbers_are_those_of_scikit_learn(run: Prepared, arm: str) -> None:
    records = {
        (r.target, r.metric): r.value
        for r in read_results(run.folder.path / "results.csv")
        if (r.arm, r.seed, r.split) == (arm, 0, "test")
    }
    for metric, of in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
        each = []
        for name, rows in told(run, arm, 0).items():
            truth = [int(row["truth"]) for row in rows]
            each.append(of(truth, [float(row["log_odds"]) for row in rows]))
            assert records[name, metric] == pytest.approx(each[-1]), (name, metric)
        assert records["all targets", metric] == pytest.approx(np.mean(each))


@pytest.mark.parametrize("metric", ["average_precision", "auroc", "f1_micro", "brier", "nll"])
def test_rows_have_scores_whose_mean_is_the_metric(run: Prepared, metric: str) -> None:
    records = read_results(run.folder.path / "results.csv")
    kept = KeptScores(run.folder.store.root, records, metric, run.dataset.ids)
    found = kept.tested("columns logistic", "", "all targets")
    assert found is not None
    expected = {
        r.seed: r.value
        for r in records
        if (r.arm, r.split, r.metric, r.target)
        == ("columns logistic", "test", metric, "all targets")
    }
    assert {seed: tested.mean for seed, tested in found.items()} == pytest.approx(expected)


def test_what_is_learnt_beats_the_frequencies(run: Prepared) -> None:
    summary = json.loads((run.folder.path / "summary.json").read_text())
    mean = {
        arm["arm"]: entry["mean"]
        for arm in summary["arms"]
        for entry in arm["metrics"]
        if (entry["split"], entry["target"], entry["metric"])
        == ("test", "all targets", "average_precision")
    }
    assert summary["metric"] == "average_precision"
    assert mean["columns logistic"] > mean["frequencies"] + 0.2
    assert any("90" not in note and "Some rows lack" in note for note in summary["notes"])


def test_the_page_has_each_label(run: Prepared) -> None:
    page = write_report(run.folder.path).read_text(encoding="utf-8")
    section = page.split('<section id="targets">')[1].split("</section>")[0]
    assert section.index("<h3>warm</h3>") < section.index("<h3>wet</h3>")
    assert "Some rows lack some of the targets" in page


@pytest.mark.parametrize("arm", ["MLP+RnC", "columns logistic", "columns boosting"])
def test_predictions_have_decision_and_probability(run: Prepared, folder: Path, arm: str) -> None:
    predict_file(run.folder.path, arm, folder / "weather.csv", folder / "p.csv", None, force=True)
    with (folder / "p.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    decided = ["warm_pred", "warm_set", "wet_pred", "wet_set", "p:warm", "p:wet"]
    assert list(rows[0])[-9:] == [*decided, "unlike", "nearest", "reason"]
    assert len(rows) == 120
    for row in rows:
        assert row["wet_pred"] == str(int(float(row["p:wet"]) > 0.5))
        assert 0 <= float(row["p:warm"]) <= 1
    again = told(run, arm, 0)["warm"]
    predict_file(run.folder.path, arm, folder / "weather.csv", folder / "q.csv", 0, force=True)
    with (folder / "q.csv").open(encoding="utf-8") as file:
        chance = {row["id"]: float(row["p:warm"]) for row in csv.DictReader(file)}
    for row in again:
        assert chance[row["id"]] == pytest.approx(float(row["prediction"]), abs=1e-5)


def pictures(path: Path, cells: list[str]) -> None:
    """Write images whose path stands beside a cell, ``several.csv``."""
    draw = np.random.default_rng(0)
    lines = ["path,labels"]
    for i, cell in enumerate(cells):
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path / f"{i}.png")
        lines.append(f'{i}.png,"{cell}"')
    (path / "several.csv").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("sign", [";", "|", ","])
def test_a_separator_is_found_in_cells_of_images(
    sign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["cat", "dog", "fox", "owl"]
    pictures(tmp_path, [sign.join(names[: 1 + i % 4]) for i in range(40)])
    study, facts = write_study(Path("several.csv"), ["labels"])
    assert any(f"{sign!r} between them" in fact for fact in facts)
    assert any("label 'cat' is the same in every row" in fact for fact in facts)
    options = load_study(str(study), "smoke").study.data
    assert (options.task, options.label_separator) == ("multilabel", sign)
    dataset = load_dataset(options, tmp_path)
    assert dataset.target_names == names
    assert dataset.targets.sum(axis=0).tolist() == [40, 30, 20, 10]
    only = ["CNN+RnC", "small pixels logistic", "frequencies"]
    run = run_whole(Request(str(study), "smoke", arms=only, out=tmp_path / "runs"))
    predict_file(run.folder.path, "CNN+RnC", tmp_path / "several.csv", tmp_path / "p.csv", None)
    header = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()[0]
    decided = ",".join(f"{name}_pred,{name}_set" for name in names)
    chances = ",".join(f"p:{name}" for name in names)
    assert header == f"id,path,labels,{decided},{chances},unlike,nearest,reason"


def test_molecules_with_gaps_run_and_predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["smiles,NR-AR,SR-p53"]
    for i in range(60):
        second = "" if i % 5 == 0 else i % 2
        lines.append(f"{'C' * (i // 10)}{SMILES[i % 10]},{int(i % 4 == 0)},{second}")
    Path("tox.csv").write_text("\n".join(lines), encoding="utf-8")
    study, _ = write_study(Path("tox.csv"), ["NR-AR", "SR-p53"])
    only = ["MPNN+RnC", "descriptors logistic", "fingerprint forest", "frequencies"]
    run = run_whole(Request(str(study), "smoke", arms=only, out=tmp_path / "runs"))
    assert len(run.dataset) == 60
    predict_file(run.folder.path, "MPNN+RnC", Path("tox.csv"), Path("p.csv"), None)
    assert len(Path("p.csv").read_text(encoding="utf-8").splitlines()) == 61


@pytest.mark.parametrize("labels", [None, 0.05], ids=["predefined", "a fraction of labels"])
def test_a_label_that_no_training_row_knows_is_refused(
    tmp_path: Path, labels: float | None
) -> None:
    lines = ["a,wet,part,warm"]
    for i in range(80):
        part = ("train", "train", "test", "validation")[i % 4]
        known = part != "train" or (labels is not None and i == 77)
        lines.append(f"{i}.5,{i // 7 % 2},{part},{i // 5 % 2 if known else ''}")
    (tmp_path / "weather.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    raw: dict[str, Any] = {
        "study": "w",
        "data": {
            "source": "table",
            "path": "weather.csv",
            "target": LABELS,
            "task": "multilabel",
            "features": ["a"],
            "part": "part",
        },
        "split": {"kind": "predefined"},
        "arms": {"frequencies": {"fit": {"head": "mean"}}},
        "baseline": "frequencies",
        "axes": {"seed": {"values": 2}},
    }
    if labels is not None:
        raw["axes"]["labels"] = {"role": "condition", "values": [labels, 1]}
    (tmp_path / "w.yaml").write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        prepare(Request(str(tmp_path / "w.yaml"), out=tmp_path / "runs"))
    rows = 2 if labels else 40
    assert str(caught.value) == (
        f"target 'warm' is missing in all {rows} rows of the training part: give it values there, "
        "larger parts or a larger fraction of labels, or leave the target out"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "mae"}, r"metric: 'mae' is not for multilabel"),
        ({"objective": "triplet"}, r"'triplet' is not for multilabel; .*rnc"),
        ({"loss": "l1"}, r"loss: 'l1' is not for multilabel; .*bce"),
        ({"head": "ridge"}, r"head: 'ridge' is not for multilabel"),
    ],
)
def test_what_cannot_is_refused_with_what_can(
    folder: Path, change: dict[str, str], message: str
) -> None:
    head: dict[str, Any] = {"head": change.get("head", "linear")}
    if "loss" in change:
        head["loss"] = change["loss"]
    raw = {
        "study": "w",
        "data": {
            "source": "table",
            "path": "weather.csv",
            "target": LABELS,
            "task": "multilabel",
            "features": ["a", "b"],
        },
        "split": {"kind": "random"},
        "metric": change.get("metric", "auroc"),
        "baseline": "one",
        "stages": {
            "s": {"encoder": "mlp", "objective": change.get("objective", "bce"), "epochs": 1}
        },
        "arms": {
            "one": {"pretrain": "s", "fit": {"epochs": 1, "train": "head"}},
            "two": {"fit": {"encoder": "mlp" if "loss" in change else "identity", **head}},
        },
    }
    import yaml

    path = folder / "odd.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load_study(str(path))
