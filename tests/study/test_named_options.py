"""A list of named choices, as ``augment`` takes views: checked from constructors, told by place."""

from typing import Any

import pytest
from pydantic import ValidationError

from nearfar.data.augment import VIEWS, build_views
from nearfar.study.mistakes import explain
from nearfar.study.named_options import choices_among
from nearfar.train.recipe import Options

Views: Any = choices_among("view", VIEWS)


class Block(Options):
    augment: Views = []  # noqa: RUF012


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("flip", ["flip"]),
        ({"crop": {"padding": 2}}, ["crop"]),
        (["crop", "flip", {"jitter": {"hue": 0.2}}], ["crop", "flip", "jitter"]),
        ([{"blur": None}, "flip", "flip"], ["blur", "flip", "flip"]),
        ([], []),
    ],
)
def test_a_name_or_a_list_of_them(given: Any, names: list[str]) -> None:
    block = Block(augment=given)
    steps = [(choice.name, choice.options.model_dump()) for choice in block.augment]
    assert [name for name, _ in steps] == names
    assert len(build_views(steps).views) == len(names)
    assert Block(**block.model_dump()) == block


def test_options_and_defaults_arrive() -> None:
    (choice,) = Block(augment={"jitter": {"hue": 0.2}}).augment
    (view,) = build_views([(choice.name, choice.options.model_dump())]).views
    assert (view.hue, view.contrast, view.p) == (0.2, 0.4, 0.8)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["flip", "crap"], "augment.1: unknown key 'crap'; did you mean 'crop'? allowed: altern"),
        ({"crop": {"pad": 1}}, "augment.0.crop: unknown key 'pad'; did you mean 'padding'?"),
        (["flip", {"jitter": {"hue": 2}}], "augment.1.jitter.hue: has to be at most"),
        ({"blur": {"sigma": [2, 1]}}, "augment.0.blur.sigma: a range goes from low to high"),
        (["flip", 3], "augment.1: needs a name or a name with options, not 3"),
        ([{"flip": {}, "crop": {}}], "augment.0: needs exactly one name, not ['crop', 'flip']"),
    ],
)
def test_mistakes_are_told_with_their_place(given: Any, line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Block(augment=given)
    lines = explain(caught.value, Block, {"augment": given})
    assert len(lines) == 1
    assert lines[0].startswith(line)
