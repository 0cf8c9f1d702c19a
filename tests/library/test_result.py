"""What a run found, as data frames and documents."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from small_study import write_small
from whole_runs import run_whole

import nearfar
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.library.result import Result
from nearfar.report.documents import _latex

HOSTILE = "a<b>&_|$%*"
ARMS = {
    "mean": {"group": "control", "fit": {"head": "mean"}},
    HOSTILE: {"fit": {"encoder": "identity", "head": "ridge"}},
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("result")
    axes = {"seed": {"role": "repeat", "values": 3}}
    split = {"kind": "random", "resplit": True}
    study = write_small(folder, arms=ARMS, stages={}, baseline="mean", axes=axes, split=split)
    run_whole(Request(str(study), out=folder / "runs"))
    return nearfar.load_run(folder / "runs" / "small-full")


def test_the_table_has_the_numbers_of_the_summary(result: Result) -> None:
    assert list(result.table["arm"]) == ["mean", HOSTILE]
    row = result.arm(HOSTILE)
    comparison = result.summary["comparisons"][0]
    assert row["difference"] == comparison["difference"]
    assert (row["verdict"], row["against"]) == (comparison["verdict"], "mean")
    assert row["low"] < row["mean"] < row["high"]
    assert result.winner == HOSTILE
    assert result.answer == result.summary["answer"]
    with pytest.raises(nearfar.UserError, match="did you mean 'mean'"):
        result.arm("meen")


def test_single_numbers_average_to_the_table(result: Result) -> None:
    rows = result.results
    mine = rows[(rows.arm == HOSTILE) & (rows.split == "test") & (rows.metric == "mae")]
    scaled = mine[mine.unit == "z"].value
    assert len(scaled) == 3
    assert result.arm(HOSTILE)["mean"] == pytest.approx(scaled.mean())


def test_splits_hold_every_row_once_a_training(result: Result) -> None:
    splits = result.splits
    assert len(splits) == 3 * 60
    assert set(splits.part) == {"train", "validation", "test"}
    assert not splits.duplicated(["id", "seed"]).any()
    tested = splits[splits.part == "test"].groupby("seed").id.apply(frozenset)
    assert len(set(tested)) == 3


def test_comparisons_are_a_frame(result: Result) -> None:
    assert list(result.comparisons.arm) == [HOSTILE]
    assert {"difference", "p_holm", "verdict", "reason"} <= set(result.comparisons)


def test_documents_escape_what_came_from_a_study(result: Result) -> None:
    markdown, latex, html = result.to_markdown(), result.to_latex(), result._repr_html_()
    assert r"a\<b\>\&\_\|\$%\*" in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
    assert r"a\ensuremath{<}b\ensuremath{>}\&\_\ensuremath{|}\$\%*" in latex
    assert latex.count(r"\\") == 3
    assert "a&lt;b&gt;&amp;_" in html
    assert "<b>&_" not in html
    assert not re.search(r"src=|href=|<script", html)


NAMES = [
    r"a & b % c _ d # e ~ f ^ g \ h $ i { j } k",
    "Grüße, naïve, Δλ ≥ 5 µm, λ=0.1, Ω ± 3 × 10²",
    "[bracket] first",
    "* star",
    'quoted "text" — 漢字',
]
PLAIN = re.compile(r"(?:\\(?:[&%$#_{}]|[a-zA-Z]+(?:\{\}|(?=[^a-zA-Z]))|char34)|[^\\&%$#_^~<>|\"])*")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_latex_that_compiles(name: str) -> None:
    written = _latex(name)
    assert PLAIN.fullmatch(re.sub(r"\\ensuremath\{[^{}]*\}", "", written)), written
    bare = re.sub(r"\\[{}]", "", written)
    depths = [bare[:k].count("{") - bare[:k].count("}") for k in range(len(bare) + 1)]
    assert min(depths) == depths[-1] == 0, "braces are balanced"
    assert not written.startswith(("[", "*")), "the end of a row would take it as its option"
    assert not re.search(r"[\u0370-\u03ff±×≥²µ]", written)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(nearfar.UserError, match="not a run folder"):
        nearfar.load_run(tmp_path)


def test_the_command_line_writes_the_same(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nearfar import commands

    commands.write_document(result.path, "md", Path("-"), force=False)
    assert capsys.readouterr().out == result.to_markdown()
    file = tmp_path / "table.tex"
    commands.write_document(result.path, "latex", file, force=False)
    assert file.read_text(encoding="utf-8") == result.to_latex()
    with pytest.raises(nearfar.UserError, match="--force"):
        commands.write_document(result.path, "latex", file, force=False)
    with pytest.raises(nearfar.UserError, match="did you mean 'latex'"):
        commands.write_document(result.path, "latx", file, force=True)
    kept = (result.path / "summary.json").read_bytes()
    with pytest.raises(nearfar.UserError, match="is read for this"):
        commands.write_document(result.path, "md", result.path / "summary.json", force=True)
    assert (result.path / "summary.json").read_bytes() == kept
    assert "180 rows" in commands.write_splits(result.path, tmp_path / "s.csv", force=False)
    assert (tmp_path / "s.csv").read_text().startswith("id,seed,part\n1,0,")


def test_a_study_runs_from_python(tmp_path: Path) -> None:
    study = write_small(tmp_path, arms=ARMS, stages={}, baseline="mean")
    given = {"out": tmp_path / "runs", "jobs": 1, "quiet": True}
    found = nearfar.run(
        study, seeds=1, arms=[HOSTILE], overrides={"margin": 0.5, "data.unit": "mm: x"}, **given
    )
    text = yaml.safe_load((found.path / "study.yaml").read_text())
    assert (text["margin"], text["data"]["unit"]) == (0.5, "mm: x")
    assert found.failures == {}
    for wrong in ({"overrides": {"a": object()}}, {"overrides": "a=1"}, {"seeds": 0}, {"jobs": -1}):
        with pytest.raises(nearfar.UserError):
            nearfar.run(study, **{**given, **wrong})
    with pytest.raises(nearfar.UserError, match="devices: needs a whole number from 1 on, not 0"):
        nearfar.run(study, **given, devices=0)
    with pytest.raises(nearfar.UserError, match=r"^devices=2: .* leave out jobs=3"):
        nearfar.run(study, **{**given, "jobs": 3}, devices=2, device="cpu")


def test_the_winner_predicts_without_leaving_python(result: Result, tmp_path: Path) -> None:
    model = result.model()
    rows = pd.DataFrame({"x": [0.0, 1.0], "w": [2.0, 0.5], "unused": ["a", "b"]})[["w", "x"]]
    asked = rows.reindex(columns=model.feature_names_in_, fill_value=1.0)
    (tmp_path / "new.csv").write_text(asked.to_csv(index=False))
    predict_file(result.path, None, tmp_path / "new.csv", tmp_path / "out.csv")
    written = pd.read_csv(tmp_path / "out.csv")[f"{model.targets[0]}_pred"]
    np.testing.assert_allclose(model.predict(asked), written, rtol=1e-8)
    model.save(tmp_path / "kept")
    np.testing.assert_array_equal(
        nearfar.load(tmp_path / "kept").predict(asked), model.predict(asked)
    )
    mean = result.model("mean", seed=1)
    assert len(set(mean.predict(asked))) == 1
    for wrong, message in (({"arm": "meen"}, "did you mean 'mean'"), ({"seed": 9}, "no seed 9")):
        with pytest.raises(nearfar.UserError, match=message):
            result.model(**wrong)


def test_a_model_and_a_run_say_which_of_them_they_are(result: Result, tmp_path: Path) -> None:
    with pytest.raises(nearfar.UserError, match=r"is a run: nearfar\.load_run\(.*\.model\(\)"):
        nearfar.load(result.path)
    result.model().save(tmp_path / "kept")
    with pytest.raises(nearfar.UserError, match=r"no run: nearfar\.load\("):
        nearfar.load_run(tmp_path / "kept")
    for call in (result.model, lambda device: nearfar.load(tmp_path / "kept", device=device)):
        with pytest.raises(nearfar.UserError, match=r"^device: unknown value 'tpu'"):
            call(device="tpu")
