"""A study that is wrong in any way is refused in lines of text, or means something sound.

``scripts/mutate-studies`` tries as many files as it is told.
"""

import random
from pathlib import Path

import pytest
from mutated_studies import changed, is_readable, outcome, written

from nearfar.errors import UserError
from nearfar.study.files import shipped_texts
from nearfar.study.load import resolve

STUDIES = ("diabetes", "esol", "cifar10-moco", "esol-trials")


def judged(name: str, seed: int) -> str:
    """What becomes of a mutation: ``sound``, or ``refused``."""
    draw = random.Random(f"{name} {seed}")
    text = changed(shipped_texts()[name], draw)
    profile = draw.choice(["full", "quick", "smoke"])
    said = None
    try:
        resolve(text, Path(f"{name}.yaml"), profile)
    except UserError as error:
        said = str(error)
    assert said is None or is_readable(said), repr(said)
    return "sound" if said is None else "refused"


@pytest.mark.parametrize("name", STUDIES)
def test_mutations_are_refused_or_sound(name: str) -> None:
    outcomes = [judged(name, seed) for seed in range(20)]
    assert set(outcomes) == {"refused", "sound"}


@pytest.mark.parametrize("first", [0, 20, 40])
def test_files_with_mistakes_are_ready_to_run_or_told(first: int, tmp_path: Path) -> None:
    found = {number: outcome(number, tmp_path) for number in range(first, first + 20)}
    assert {came for came, _ in found.values()} <= {"ready", "told"}, found
    assert "told" in {came for came, _ in found.values()}


def test_a_mutation_is_the_same_for_the_same_number() -> None:
    assert written(7) == written(7)
    assert len({written(number) for number in range(50)}) > 45
