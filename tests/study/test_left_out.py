"""Arms that a profile leaves out, and a profile that a study need not have."""

from pathlib import Path
from typing import Any

import pytest
from small_study import resolved, small

from nearfar.errors import UserError
from nearfar.study.load import load_study, resolve

TEXT: dict[str, Any] = small(
    stages={
        name: {"encoder": "mlp", "objective": "rnc", "epochs": 2, "batch": size}
        for name, size in (("one", "$size"), ("other", 8))
    },
    arms={
        "plain": {"fit": {"encoder": "mlp", "epochs": 2}},
        "one": {"pretrain": "one", "fit": {}},
        "other": {"pretrain": "other", "fit": {}},
    },
    baseline="plain",
    axes={"seed": {"role": "repeat", "values": 1}, "size": {"role": "compare", "values": [8, 16]}},
    published=[
        {"arm": arm, "provenance": "one run", "test": {"mae": 1.0}}
        for arm in ("plain", "one [size=8]", "other")
    ],
    claims=[
        {"claim": "better", "arms": ["one [size=16]", "other"], "expect": "better"},
        {"claim": "same", "arms": ["other"], "expect": "same"},
        {"claim": "worse", "arms": ["other"], "against": "one [size=8]", "expect": "worse"},
    ],
)
WITHOUT = {"arms": {"one": None}, "stages": {"one": None}, "axes": {"size": None}}


def with_profile(profile: str, patch: dict[str, Any]) -> dict[str, Any]:
    return {**TEXT, "profiles": {profile: patch}}


def test_arms_that_are_null_are_left_out_with_what_is_said_of_them() -> None:
    text = with_profile("efficient", WITHOUT)
    study = resolve(text, Path("small.yaml"), "efficient")
    assert list(study.study.arms) == ["plain", "other"]
    assert study.study.left_out == ("one",)
    assert [entry.arm for entry in study.study.published] == ["plain", "other"]
    assert [claim.claim for claim in study.study.claims] == ["same"]
    again = resolve(study.text, Path("small.yaml"))
    assert again.text == study.text
    whole = resolve(text, Path("small.yaml"))
    assert whole.study.left_out is None
    assert "left_out" not in whole.text
    assert len(whole.study.claims) == 3


def test_an_arm_that_is_called_longer_stays() -> None:
    longer = "one [again]"
    text = {**TEXT, "arms": {**TEXT["arms"], longer: {"fit": {"encoder": "mlp", "epochs": 3}}}}
    said = {"arm": longer, "provenance": "one run", "test": {"mae": 1.0}}
    text = {**text, "published": [*TEXT["published"], said], "profiles": {"efficient": WITHOUT}}
    study = resolve(text, Path("small.yaml"), "efficient").study
    assert [entry.arm for entry in study.published] == ["plain", "other", longer]


def test_two_arms_of_one_name_are_refused() -> None:
    text = {**TEXT, "arms": {**TEXT["arms"], "one [size=8]": {"fit": {"encoder": "mlp"}}}}
    why = r"arms\.one \[size=8\]: 'one' is called so as well, by the values of its axes"
    with pytest.raises(UserError, match=why):
        resolve(text, Path("small.yaml"))


def test_what_is_left_behind_is_a_mistake() -> None:
    kept_axis = {**WITHOUT, "axes": {}}
    with pytest.raises(UserError, match=r"axes\.size: is not used"):
        resolve(with_profile("quick", kept_axis), Path("small.yaml"), "quick")
    kept_stage = {**WITHOUT, "stages": {"one": {"batch": 8}}}
    with pytest.raises(UserError, match=r"stages\.one: no arm uses it"):
        resolve(with_profile("quick", kept_stage), Path("small.yaml"), "quick")
    with pytest.raises(UserError, match=r"no arm is called 'ones'; did you mean 'one'"):
        resolve(with_profile("quick", {"arms": {"ones": None}}), Path("small.yaml"), "quick")
    with pytest.raises(UserError, match=r"arms\.one"):
        resolved({**TEXT, "arms": {**TEXT["arms"], "one": None}})


def test_a_study_without_the_efficient_profile_says_so() -> None:
    with pytest.raises(UserError, match="has no profile 'efficient'; studies of images have one"):
        load_study("esol", "efficient")
    with pytest.raises(
        UserError, match="no profile is called 'eficient'; did you mean 'efficient'"
    ):
        load_study("esol", "eficient")
