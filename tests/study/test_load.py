"""From a file to a resolved study: defaults, profiles, caps, and back from study.yaml."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from axis_examples import AXES
from small_study import Plain, planned, resolved, small, with_arms

from nearfar.data.options import Limit
from nearfar.errors import UserError
from nearfar.plain_yaml import from_yaml, parse_yaml, to_yaml
from nearfar.study.budgets import searching
from nearfar.study.files import read_study, shipped_studies, shipped_texts
from nearfar.study.load import Resolved, load_study, resolve
from nearfar.study.overlay import merge
from nearfar.study.profile_names import PROFILES


def again(study: Resolved) -> Resolved:
    """The study read back from what study.yaml holds, by the reader of study files."""
    text = to_yaml(study.text)
    assert parse_yaml(text, "study.yaml") == study.text == from_yaml(text)
    return resolve(parse_yaml(text, "study.yaml"), Path("small.yaml"))


@pytest.mark.parametrize("case", AXES)
def test_the_resolved_study_gives_the_same_run(case: str) -> None:
    study = resolved(AXES[case])
    back = again(study)
    assert back.text == study.text
    assert planned(back) == planned(study)


WITH_PROFILES = [
    (name, profile)
    for name, text in shipped_texts().items()
    for profile in PROFILES
    if profile in {"full", *text["profiles"]}
]


@pytest.mark.parametrize(("name", "profile"), WITH_PROFILES)
def test_a_shipped_study_resolved_gives_the_same_run(name: str, profile: str) -> None:
    study = load_study(name, profile, ("axes.seed.values=1",))
    back = resolve(parse_yaml(to_yaml(study.text), "study.yaml"), study.folder / "study.yaml")
    assert back.text == study.text
    assert planned(back) == planned(study)


def test_defaults_differ_between_the_values_of_an_axis() -> None:
    study = resolved(AXES["encoders trained and fixed"])
    fits = {point.labels["e"]: point.study.arms["new"].fit for point in study.points}
    assert (fits["mlp"].train, fits["identity"].train) == ("all", "head")
    assert (fits["mlp"].standardise, fits["identity"].standardise) == (False, True)
    back = {point.labels["e"]: point.study.arms["new"].fit for point in again(study).points}
    assert back == fits


@pytest.mark.parametrize(
    ("arm", "train", "standardise"),
    [
        ({"fit": {"encoder": "mlp"}}, "all", False),
        ({"fit": {"encoder": "mlp", "train": "head"}}, "head", True),
        ({"fit": {"encoder": "mlp", "train": "head", "standardise": False}}, "head", False),
        ({"fit": {"encoder": "identity"}}, "head", True),
        ({"pretrain": "rnc", "fit": {}}, "all", True),
        ({"pretrain": None, "fit": {"encoder": "mlp"}}, "all", False),
        ({"pretrain": "rnc", "fit": {"train": "last:1", "standardise": False}}, "last:1", False),
    ],
)
def test_defaults_that_depend(arm: Plain, train: str, standardise: bool) -> None:
    fit = resolved(with_arms(new=arm)).study.arms["new"].fit
    assert (fit.train, fit.standardise) == (train, standardise)


def test_every_default_is_spelled_out() -> None:
    text = resolved(with_arms(new={"fit": {"encoder": "mlp"}})).text
    assert text["arms"]["new"] == {
        "group": "own",
        "fit": {
            "epochs": 100,
            "batch": 128,
            "drop_last": False,
            "optimizer": {"adamw": {"lr": 0.001, "weight_decay": 0.01}},
            "schedule": {"one_cycle": {"warmup": 0.3}},
            "clip": 1.0,
            "augment": [],
            "encoder": {"mlp": {"layers": 2, "hidden": 128, "dropout": 0.0}},
            "head": {"linear": {}},
            "train": "all",
            "loss": "l1",
            "readout": {"z": {}},
            "standardise": False,
            "encoder_lr": 1.0,
            "batch_norm": "train",
            "select": "best",
        },
    }
    assert text["split"]["resplit"] is True
    assert text["data"]["on_bad_rows"] == "error"
    assert text["profile"] == "full"


def test_clip_null_is_kept_and_is_not_the_default() -> None:
    text = resolved(with_arms(new={"fit": {"encoder": "mlp", "clip": None}})).text
    assert text["arms"]["new"]["fit"]["clip"] is None
    assert again(resolved(text)).study.arms["new"].fit.clip is None


def test_defaults_are_laid_under_stages_and_trained_fits() -> None:
    raw = small(
        defaults={
            "stage": {"batch": 7, "epochs": 9},
            "fit": {"loss": "mse", "optimizer": {"sgd": {"lr": 0.5}}},
        }
    )
    raw["arms"]["plain"]["fit"]["loss"] = "huber"
    raw["arms"]["tuned"]["fit"]["optimizer"] = {"sgd": {"momentum": 0.1}}
    raw["arms"]["last"]["fit"]["optimizer"] = "adam"
    study = resolved(raw).study
    assert study.stages["rnc"].batch == 16
    assert study.stages["rnc"].epochs == 3
    fits = {name: arm.fit for name, arm in study.arms.items()}
    assert (fits["plain"].loss, fits["tuned"].loss) == ("huber", "mse")
    assert fits["plain"].optimizer.options.lr == 0.5
    merged = fits["tuned"].optimizer.options
    assert (merged.lr, merged.momentum) == (0.5, 0.1)
    assert fits["last"].optimizer.name == "adam"
    assert "defaults" not in resolved(raw).text


@pytest.mark.parametrize(
    ("defaults", "stages", "arms", "phrase"),
    [
        ({"stage": {"epochs": 3}}, {}, {"mean": {"fit": {"head": "mean"}}}, "defaults.stage"),
        ({"fit": {"epochs": 3}}, {}, {"mean": {"fit": {"head": "mean"}}}, "defaults.fit"),
        ({"fit": 3}, {}, {"mean": {"fit": {"head": "mean"}}}, "defaults.fit: needs keys"),
        (3, {}, {"mean": {"fit": {"head": "mean"}}}, "defaults: takes"),
    ],
)
def test_defaults_that_would_be_ignored_are_refused(
    defaults: Any, stages: Plain, arms: Plain, phrase: str
) -> None:
    with pytest.raises(UserError, match=phrase):
        resolved(small(defaults=defaults, stages=stages, arms=arms, baseline="mean"))


MERGED: list[tuple[Any, Any, Any]] = [
    ({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ({"a": {"b": 1}}, {"a": None}, {"a": None}),
]
CHOSEN: list[tuple[Any, Any, Any]] = [
    ("gin", {"gin": {"layers": 3}}, {"gin": {"layers": 3}}),
    ({"gin": {"layers": 3, "eps": 1}}, {"gin": {"layers": 4}}, {"gin": {"layers": 4, "eps": 1}}),
    ({"gin": {"layers": 3}}, "mlp", {"mlp": {}}),
    ({"gin": {"layers": 3}}, "gin", {"gin": {"layers": 3}}),
    ({"gin": None}, {"gin": {"layers": 3}}, {"gin": {"layers": 3}}),
    ("gin", "$e", "$e"),
]


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [*MERGED, *(tuple({"encoder": value} for value in case) for case in CHOSEN)],
)
def test_one_mapping_is_laid_over_another(below: Plain, above: Plain, merged: Plain) -> None:
    kept = copy.deepcopy((below, above))
    assert merge(below, above) == merged
    assert (below, above) == kept


def test_a_profile_changes_what_it_names() -> None:
    raw = small(
        profiles={
            "quick": {
                "title": "quickly",
                "threads": 2,
                "data": {"limit": {"rows": 30}},
                "stages": {"rnc": {"epochs": 2}},
                "arms": {"plain": {"fit": {"encoder": {"mlp": {"hidden": 4}}}}},
                "defaults": {"fit": {"loss": "mse"}},
                "axes": {"seed": {"values": 1}},
            }
        }
    )
    full, quick = resolved(raw), resolved(raw, "quick")
    assert (full.study.profile, quick.study.profile) == ("full", "quick")
    assert (full.seeds, quick.seeds) == ([0, 1], [0])
    assert quick.study.threads == 2
    assert (full.study.data.limit, quick.study.data.limit) == (None, Limit(rows=30))
    assert quick.study.stages["rnc"].epochs == 2
    assert quick.study.arms["plain"].fit.encoder.options.hidden == 4
    assert quick.study.arms["plain"].fit.encoder.options.dropout == 0.2
    assert quick.study.arms["last"].fit.loss == "mse"
    assert list(quick.study.arms) == list(full.study.arms)
    assert "profiles" not in quick.text


@pytest.mark.parametrize(
    "patch",
    [
        {"study": "other"},
        {"data": {"path": "x.csv"}},
        {"data": {"limit": {"rows": 9}, "target": "z"}},
        {"data": None},
        {"metric": "rmse"},
        {"baseline": "mean"},
        {"published": []},
        {"claims": []},
        {"arms": {"new": {"fit": {"head": "mean"}}}},
        {"profiles": {}},
    ],
)
@pytest.mark.parametrize("asked", ["quick", None])
def test_a_profile_may_not_change_what_is_compared(patch: Plain, asked: str | None) -> None:
    with pytest.raises(UserError, match=r"profiles\.quick"):
        resolved(small(profiles={"quick": patch}), asked)


def test_a_resolved_study_keeps_its_profile() -> None:
    text = resolved(small(), "smoke").text
    assert resolved(text).text == text
    assert resolved(text, "smoke").text == text
    with pytest.raises(UserError, match="resolved with profile 'smoke', asked for 'full'"):
        resolved(text, "full")
    with pytest.raises(UserError, match="did you mean 'quick'"):
        resolved(small(), "quik")


@pytest.mark.parametrize(("below", "above"), [("epochs", "iterations"), ("iterations", "epochs")])
def test_the_upper_of_two_lengths_counts(below: str, above: str) -> None:
    """Whether it comes from an arm over the defaults, a profile over the file, or --set."""
    raw = small(defaults={"stage": {below: 5}, "fit": {below: 5}})
    raw["stages"]["rnc"].pop("epochs")
    raw["stages"]["rnc"][above] = 7
    raw["arms"]["tuned"]["fit"].pop("epochs")
    raw["arms"]["plain"]["fit"] = {"encoder": "mlp", above: 6}
    raw["profiles"]["quick"] = {"arms": {"plain": {"fit": {below: 3}}}}
    study = resolved(raw)
    assert lengths(study.study.stages["rnc"]) == {above: 7}
    assert lengths(study.study.arms["plain"].fit) == {above: 6}
    assert lengths(study.study.arms["tuned"].fit) == {below: 5}
    assert planned(again(study)) == planned(study)
    assert lengths(resolved(raw, "quick").study.arms["plain"].fit) == {below: 3}
    told = resolve(raw, Path("x.yaml"), "quick", (f"arms.plain.fit.{above}=4",))
    assert lengths(told.study.arms["plain"].fit) == {above: 4}


def lengths(block: Any) -> Plain:
    given = {key: getattr(block, key) for key in ("epochs", "iterations")}
    return {key: value for key, value in given.items() if value is not None}


def test_a_search_leaves_iterations_alone() -> None:
    raw = {"stages": {"a": {"iterations": 50, "keep": [40]}, "b": {"epochs": 50, "keep": [40]}}}
    raw["arms"] = {
        name: {"pretrain": {"stage": name, "epoch": 40}, "fit": {"iterations": 30}} for name in "ab"
    }
    capped = searching(raw, {"a", "b"}, 5)
    assert capped["stages"] == {"a": raw["stages"]["a"], "b": {"epochs": 5, "keep": [5]}}
    assert [arm["pretrain"]["epoch"] for arm in capped["arms"].values()] == [40, 5]
    assert all(arm["fit"] == {"iterations": 30} for arm in capped["arms"].values())


def test_max_epochs_leaves_iterations_alone() -> None:
    raw = with_arms(
        early={"pretrain": {"stage": "rnc", "epoch": 40}, "fit": {"train": "head", "epochs": 9}},
        steps={"fit": {"encoder": "mlp", "iterations": 30}},
    )
    raw["stages"]["rnc"] = {"encoder": "mlp", "objective": "rnc", "iterations": 50, "keep": [40]}
    capped = resolved({**raw, "max_epochs": 2})
    assert lengths(capped.study.stages["rnc"]) == {"iterations": 50}
    assert capped.study.stages["rnc"].keep == (40,)
    early = capped.study.arms["early"]
    assert early.pretrain is not None
    assert early.pretrain.epoch == 40
    assert lengths(early.fit) == {"epochs": 2}
    assert lengths(capped.study.arms["steps"].fit) == {"iterations": 30}
    assert planned(again(capped)) == planned(capped)


@pytest.mark.parametrize("most", [1, 2, 3, 1000])
def test_max_epochs_caps_and_never_lengthens(most: int) -> None:
    raw = with_arms(
        default={"fit": {"encoder": "mlp"}},
        axis={"fit": {"encoder": "mlp", "epochs": "$n"}},
        early={"pretrain": {"stage": "rnc", "epoch": 2}, "fit": {"train": "head"}},
    )
    raw["stages"]["rnc"]["keep"] = [1, 2, 3]
    raw["axes"]["n"] = {"role": "compare", "values": [2, 500]}
    free, capped = resolved(raw), resolved({**raw, "max_epochs": most})
    for before, after in zip(free.points, capped.points, strict=True):
        stage = after.study.stages["rnc"]
        assert stage.epochs == min(3, most)
        assert stage.keep == tuple(range(1, min(3, most) + 1))
        for name, arm in after.study.arms.items():
            epochs = getattr(before.study.arms[name].fit, "epochs", None)
            assert epochs is None or arm.fit.epochs == min(epochs, most)
        early = after.study.arms["early"].pretrain
        assert early is not None
        assert early.epoch == min(2, most)
    assert planned(again(capped)) == planned(capped)


def test_settings_are_laid_over_the_profile() -> None:
    raw = small(profiles={"quick": {"stages": {"rnc": {"epochs": 2}}}})
    settings = ("stages.rnc.epochs=8", "arms.plain.fit.optimizer={sgd: {lr: 1e-1}}")
    study = resolve(raw, Path("x.yaml"), "quick", settings).study
    assert study.stages["rnc"].epochs == 8
    assert study.arms["plain"].fit.optimizer.options.lr == 0.1


def test_shipped_studies_are_listed_as_they_are_read() -> None:
    assert shipped_texts() == {name: read_study(path) for name, path in shipped_studies().items()}


def test_reading_changes_nothing_in_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(small()), encoding="utf-8")
    raw = read_study(path)
    resolve(raw, path, "smoke", ("threads=2",))
    assert raw == read_study(path)
