"""Several numbers a row, all the way that a user goes: init, run, verdicts, page, predict."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import prepare
from nearfar.metrics import REGRESSION
from nearfar.records import read_results
from nearfar.report import write_report
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

TARGETS = ["height", "weight"]
ARMS = ["MLP+RnC", "mean", "columns ridge"]
SETTINGS = ("axes.seed.values=3", "stages.rnc.epochs=3", "arms.MLP.fit.epochs=3")


def table(path: Path, rows: int = 120, gap: int | None = None) -> None:
    """Height in cm and weight in kg, told by a column each; ``gap``: the row without a weight."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3))
    height = 170 + 10 * x[:, 0] + random.normal(size=rows)
    weight = 70 + 5 * x[:, 1] + random.normal(size=rows) / 2
    lines = ["a,b,c,height,weight"]
    for i, row in enumerate(x):
        values = ",".join(f"{value:.5f}" for value in row)
        lines.append(f"{values},{height[i]:.4f},{'' if i == gap else f'{weight[i]:.4f}'}")
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("body")
    table(path / "body.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        yield path


@pytest.fixture(scope="module")
def run(folder: Path) -> Prepared:
    study, facts = write_study(Path("body.csv"), TARGETS)
    assert [fact for fact in facts if "target" in fact][1].startswith("target 'weight': numbers")
    return run_whole(
        Request(str(study), "smoke", arms=ARMS, settings=SETTINGS, out=folder / "runs")
    )


@pytest.fixture(scope="module")
def summary(run: Prepared) -> Any:
    return json.loads((run.folder.path / "summary.json").read_text(encoding="utf-8"))


def test_init_names_the_targets_and_takes_none_of_them_as_a_feature(run: Prepared) -> None:
    study = load_study("body.yaml").study
    assert study.data.target_columns == TARGETS
    assert study.data.features == ["a", "b", "c"]
    assert study.title == "Predicting height and weight"


def test_several_texts_are_refused_by_init(folder: Path) -> None:
    (folder / "text.csv").write_text("a,y,z\n1,2,red\n2,3,blue\n3,4,red\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"text\.csv: several targets must be numbers: 'z' holds"):
        write_study(Path("text.csv"), ["y", "z"])


def test_every_target_has_its_records_and_the_mean_over_them_too(run: Prepared) -> None:
    values: dict[tuple[Any, ...], dict[str, float]] = {}
    for r in read_results(run.folder.path / "results.csv"):
        if r.metric not in REGRESSION:
            assert r.target == "all targets"
        elif r.unit in {"", "z"}:
            place = (r.arm, r.seed, r.split, r.metric)
            values.setdefault(place, {})[r.target] = r.value
        else:
            assert r.target in TARGETS
    assert len(values) == 4 * 9 * 5
    constant = [found for (arm, *_, m), found in values.items() if (arm, m) == ("mean", "spearman")]
    assert constant == [dict.fromkeys((*TARGETS, "all targets"), 0.0)] * 9
    for found in values.values():
        assert set(found) == {*TARGETS, "all targets"}
        assert found["all targets"] == pytest.approx((found["height"] + found["weight"]) / 2)


def test_the_mean_over_targets_carries_the_verdicts(summary: Any) -> None:
    assert summary["target"] == "all targets"
    assert summary["targets"] == TARGETS
    assert {arm["target"] for arm in summary["arms"]} == {"all targets"}
    places = [(c["arm"], c["target"]) for c in summary["comparisons"]]
    for arm in ARMS:
        assert [t for a, t in places if a == arm] == ["all targets", "height", "weight"]
    families: dict[str, list[tuple[float, float]]] = {}
    for c in summary["comparisons"]:
        assert c["original"] is None if c["target"] == "all targets" else c["original"]
        families.setdefault(c["family"], []).append((c["p"], c["p_holm"]))
    for pairs in families.values():
        p, adjusted = min(pairs)
        assert adjusted == pytest.approx(min(1, len(pairs) * p))
    assert len(families["each target"]) == 6
    assert "over all targets" in summary["answer"]
    assert any("height, weight, each scaled" in note for note in summary["notes"])


def test_errors_are_in_the_unit_of_each_target(summary: Any) -> None:
    (mean,) = [arm for arm in summary["arms"] if arm["arm"] == "mean"]
    own = {m["target"]: m["mean"] for m in mean["metrics"] if m["unit"] == "target"}
    assert own["height"] > 1.5 * own["weight"], "10 cm and 5 kg of deviation"
    over = next(m for m in mean["metrics"] if m["target"] == "all targets")
    assert (over["split"], over["unit"]) == ("test", "z")
    assert 0.5 < over["mean"] < 1.2


def test_the_page_shows_each_target(run: Prepared) -> None:
    page = write_report(run.folder.path).read_text(encoding="utf-8")
    section = page.split('<section id="targets">')[1].split("</section>")[0]
    assert section.index("<h3>height</h3>") < section.index("<h3>weight</h3>")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [view["target"] for view in data["several"]] == TARGETS
    first, second = (view["truth"] for view in data["several"])
    assert min(first) > 130 > 100 > max(second)
    assert data["rows"]["truth"] == first
    assert "targets height, weight" in page


def test_predictions_have_two_columns_for_each_target(run: Prepared, folder: Path) -> None:
    predict_file(run.folder.path, "columns ridge", folder / "body.csv", folder / "p.csv", None)
    with (folder / "p.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    made = [f"{target}_{what}" for target in TARGETS for what in ("pred", "std", "low", "high")]
    assert list(rows[0])[-11:] == [*made, "unlike", "nearest", "reason"]
    with (folder / "body.csv").open(encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    for target, most in (("height", 1.5), ("weight", 0.8)):
        errors = [
            abs(float(a[f"{target}_pred"]) - float(b[target]))
            for a, b in zip(rows, truth, strict=True)
        ]
        assert np.mean(errors) < most


def test_a_row_that_lacks_one_target_is_used_and_one_without_any_is_not(
    folder: Path, tmp_path: Path
) -> None:
    table(tmp_path / "body.csv", gap=6)
    text = (folder / "body.yaml").read_text(encoding="utf-8")
    (tmp_path / "body.yaml").write_text(text, encoding="utf-8")
    dataset = prepare(Request(str(tmp_path / "body.yaml"), "smoke", out=tmp_path)).dataset
    assert len(dataset) == 120
    assert np.argwhere(np.isnan(dataset.targets)).tolist() == [[6, 1]]
    assert dataset.source["targets"] == {"height": 120, "weight": 119}
    lines = (tmp_path / "body.csv").read_text(encoding="utf-8").splitlines()
    lines[7] = ",".join([*lines[7].split(",")[:3], "", ""])
    (tmp_path / "body.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 7 \(line 8\): targets .* are all miss") as caught:
        prepare(Request(str(tmp_path / "body.yaml"), "smoke", out=tmp_path))
    assert len(str(caught.value).splitlines()) == 1
    dropping = ("data.on_bad_rows=drop",)
    request = Request(str(tmp_path / "body.yaml"), "smoke", settings=dropping, out=tmp_path)
    dataset = prepare(request).dataset
    assert len(dataset) == 119
    assert "7" not in dataset.ids
    assert dataset.source["reasons"] == {"all targets missing": 1}


def test_rows_with_gaps_are_learnt_judged_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "body.csv")
    lines = (tmp_path / "body.csv").read_text(encoding="utf-8").splitlines()
    lines = [line.rsplit(",", 1)[0] + "," if i % 3 == 1 else line for i, line in enumerate(lines)]
    (tmp_path / "body.csv").write_text("\n".join(lines), encoding="utf-8")
    study, facts = write_study(Path("body.csv"), TARGETS)
    assert any("of 120 rows, 'height' in 120, 'weight' in 80" in fact for fact in facts)
    run = run_whole(Request(str(study), "smoke", settings=SETTINGS, out=tmp_path / "runs"))
    assert len(run.dataset) == 120
    summary = json.loads((run.folder.path / "summary.json").read_text(encoding="utf-8"))
    mean = {
        (arm["arm"], m["target"]): m["mean"]
        for arm in summary["arms"]
        for m in arm["metrics"]
        if (m["split"], m["metric"], m["unit"]) == ("test", "mae", "z")
    }
    for target in TARGETS:
        for arm in ("columns ridge", "columns boosting"):
            assert mean[arm, target] < 0.6 * mean["mean", target], (arm, target)
    pairs = [c for c in summary["comparisons"] if c["target"] == "all targets"]
    assert all(c["p"] is not None for c in pairs), "rows have scores"
    ridge = next(c for c in pairs if c["arm"] == "columns ridge")
    assert ridge["parts"]["units"] == 36, "three folds of ten of 120 rows"
    predict_file(run.folder.path, "columns ridge", Path("body.csv"), Path("p.csv"), None)
    assert len(Path("p.csv").read_text(encoding="utf-8").splitlines()) == 121
