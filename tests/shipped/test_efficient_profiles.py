"""The efficient profiles: all data, the published question, other recipes."""

import pytest

from nearfar.commands import list_studies
from nearfar.study.files import shipped_texts
from nearfar.study.load import load_study
from nearfar.study.profile_names import PROFILES

STUDIES = [name for name, text in shipped_texts().items() if "efficient" in text["profiles"]]
PUBLISHED_SHAPES = {"emnist_cnn"}


def test_studies_of_images_that_train_networks_have_one() -> None:
    assert STUDIES == [
        "agedb",
        "cifar10-classes",
        "cifar10-contrastive",
        "cifar10-moco",
        "cifar10-self-supervised",
        "emnist-autoencoder",
        "emnist-pretrained",
        "utkface",
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_it_has_all_data_and_the_question_of_the_full_profile(name: str) -> None:
    full, efficient = load_study(name).study, load_study(name, "efficient").study
    assert efficient.data.limit == full.data.limit is None
    for key in ("metric", "baseline", "question", "targets"):
        assert getattr(efficient, key) == getattr(full, key), key
    # Fewer rows may be held back for validation; those of the test stay.
    assert efficient.split.validation <= full.split.validation
    assert efficient.split.model_copy(update={"validation": full.split.validation}) == full.split
    left_out = set(efficient.left_out or ())
    assert set(efficient.arms) == set(full.arms) - left_out
    assert all(full.arms[arm].group == "own" for arm in left_out)
    assert efficient.published == full.published
    assert set(efficient.minutes) == set(PROFILES)
    assert efficient.minutes["efficient"] < full.minutes["full"] * 4


@pytest.mark.parametrize("name", STUDIES)
def test_networks_are_fast_or_of_the_published_shape(name: str) -> None:
    study = load_study(name, "efficient").study
    holders = [*study.stages.values(), *(arm.fit for arm in study.arms.values())]
    encoders = {each.encoder.name for each in holders if each.encoder is not None}
    assert "fast_cnn" in encoders
    assert encoders <= {"fast_cnn", "identity", "pixels"} | PUBLISHED_SHAPES


def test_the_list_says_what_profiles_are_for_and_which_arms_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    list_studies()
    told = capsys.readouterr().out
    assert f"efficient: {PROFILES['efficient']}" in told
    assert (
        "cifar10-contrastive, efficient, leaves out: margin, learned distance, triplet, learned "
        "distance"
    ) in told
