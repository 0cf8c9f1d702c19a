"""The page on ``nearfar init`` has every option, and no other."""

import re
from inspect import signature
from pathlib import Path

from nearfar.cli import init
from nearfar.starter.asked import option

PAGE = Path(__file__).parents[2] / "docs" / "init.md"


def test_every_option_has_a_line_with_an_example() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    named = {re.findall(r"`(--[a-z-]+)`", line)[0] for line in lines}
    options = {option(key) for key in signature(init).parameters if key != "data"}
    assert named == (options - {"--pictures"}) | {"--no-pictures"}
    for line in lines:
        name, example = re.findall(r"`(--[a-z-]+)`", line)[0], line.split(" | ")[-1]
        short = {"--out": "-o"}.get(name, name)
        assert example.startswith("`init ")
        assert short in example
