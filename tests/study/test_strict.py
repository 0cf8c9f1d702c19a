"""Values of another kind, and numbers that no machine bears, are refused where they stand."""

from pathlib import Path

import pytest

from nearfar.errors import UserError
from nearfar.study.files import read_study
from nearfar.study.load import load_study

WRONG = {
    "arms.L1.fit.epochs=true": "arms.L1.fit.epochs: needs a number, not True",
    "arms.L1.fit.epochs='5'": "arms.L1.fit.epochs: needs a number, not '5'",
    "arms.L1.fit.drop_last=1": "arms.L1.fit.drop_last: needs true or false, not 1",
    "arms.L1.fit.drop_last=yes": "arms.L1.fit.drop_last: needs true or false, not 'yes'",
    "split.parts=['0.8', 0.1, 0.1]": "split.parts: needs a number, not '0.8'",
    "threads=100000": "threads: at most 256",
    "arms.L1.fit.encoder={gin: {layers: 10000000}}": "gin.layers: at most 1,000",
    "arms.fingerprint forest.fit.head={forest: {trees: 1e23}}": "forest.trees",
    "axes.seed.values=1000000": "at most 10,000 seeds",
    "axes.seed.values=[4294967296]": "at most 2,147,483,647",
    f"axes.lr={{role: compare, values: {list(range(501))}}}": "at most 500 combinations",
    "axes=0": "axes: needs names",
    "defaults=0": "defaults: takes the keys",
    "arms={}": "lays nothing over arms",
    "profile=smoke": "give --profile NAME",
    "arms.L1.pretrain={stage: [a]}": "arms.L1.pretrain",
}


@pytest.mark.parametrize(("setting", "line"), WRONG.items(), ids=WRONG)
def test_refused(setting: str, line: str) -> None:
    with pytest.raises(UserError) as caught:
        load_study("esol", None, (setting,))
    assert line in str(caught.value)
    assert all(len(told) < 500 for told in str(caught.value).split("\n"))


@pytest.mark.parametrize("profile", ["full", "quick", "smoke"])
@pytest.mark.parametrize("value", ["0", "[]", "false", "''"])
def test_axes_that_are_none_are_refused_in_every_profile(profile: str, value: str) -> None:
    """With folds or rounds too, which add an axis to those that are there."""
    for settings in [(f"axes={value}",), (f"axes={value}", "rounds=2")]:
        with pytest.raises(UserError, match="axes: needs names"):
            load_study("esol", profile, settings)


def test_whole_numbers_may_have_an_exponent() -> None:
    study = load_study("esol", None, ("arms.L1.fit.epochs=1e2",)).study
    assert study.arms["L1"].fit.epochs == 100  # type: ignore[union-attr]


def test_what_is_not_a_file_of_text_is_refused(tmp_path: Path) -> None:
    import os

    pipe, large = tmp_path / "pipe.yaml", tmp_path / "large.yaml"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * 5_000_000)
    for path, why in [
        (pipe, "is not a file"),
        (tmp_path, "is a folder"),
        (large, "5 MB"),
    ]:
        with pytest.raises(UserError, match=why):
            read_study(path)
