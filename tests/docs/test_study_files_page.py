"""docs/study-files.md names every key of a study file, with the default that the code has."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nearfar.data.augment import MIXTURES, VIEWS
from nearfar.data.catalogue import SOURCES
from nearfar.data.options import DataOptions, SplitOptions
from nearfar.encoders import ENCODERS
from nearfar.heads import EXACT, NETWORKS, READOUTS
from nearfar.losses import CLASSIFICATION_LOSSES, DISTRIBUTION_LOSSES, REGRESSION_LOSSES
from nearfar.metrics import METRICS
from nearfar.objectives import OBJECTIVES
from nearfar.study.axis import Axis
from nearfar.study.named_options import NamedChoice, options_of
from nearfar.study.published import Claim, Published
from nearfar.study.schema import Arm, ExactFit, Pretrain, Stage, Study, TrainedFit
from nearfar.study.schema import Test as OnTestRows
from nearfar.track import TRACKERS
from nearfar.train.recipe import AVERAGES, OPTIMIZERS, SCHEDULES, Options

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "study-files.md").read_text(encoding="utf-8")

BLOCKS: dict[str, type[BaseModel]] = {
    "The study": Study,
    "Data": DataOptions,
    "Split": SplitOptions,
    "Stages": Stage,
    "Arms": Arm,
    "Pretrain": Pretrain,
    "A fit that is trained": TrainedFit,
    "A fit that is solved": ExactFit,
    "Test": OnTestRows,
    "Axes": Axis,
    "Published": Published,
    "Claims": Claim,
}
CHOICES: dict[str, dict[str, type[Any]]] = {
    "Encoders": dict(ENCODERS),
    "Objectives": dict(OBJECTIVES),
    "Views": dict(VIEWS),
    "Rows mixed with rows": dict(MIXTURES),
    "Heads": {**NETWORKS, **EXACT},
    "Readouts": dict(READOUTS),
    "Optimisers": dict(OPTIMIZERS),
    "Schedules": dict(SCHEDULES),
    "Averages": dict(AVERAGES),
    "Trackers": dict(TRACKERS),
}


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Name → (second cell, third cell) of the table under a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^\| `(\w+)` \|(.*?)\|(.*)\|$", section, flags=re.MULTILINE)
    return {name: (second.strip(), third.strip()) for name, second, third in found}


def written(value: Any) -> str:
    """A default as the page writes it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, NamedChoice):
        return value.name
    if isinstance(value, BaseModel):
        return str(value.model_dump(exclude_defaults=True))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(list(value)) if isinstance(value, tuple) else str(value)


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return written(field.get_default(call_default_factory=True))


@pytest.mark.parametrize("heading", BLOCKS)
def test_a_block_has_its_keys_and_defaults(heading: str) -> None:
    fields = {field.alias or name: field for name, field in BLOCKS[heading].model_fields.items()}
    page = rows(heading)
    assert set(page) == set(fields)
    for key, (said, meaning) in page.items():
        settled_elsewhere = fields[key].is_required() or fields[key].default is None
        assert said == default(fields[key]) or (said == "depends" and settled_elsewhere), key
        assert len(meaning) > 5, f"{key} is not explained"


@pytest.mark.parametrize("heading", CHOICES)
def test_a_choice_has_its_names_and_options(heading: str) -> None:
    page = rows(heading)
    assert set(page) == set(CHOICES[heading])
    for name, kind in CHOICES[heading].items():
        model = kind if issubclass(kind, Options) else options_of(kind)
        expected = {key: default(field) for key, field in model.model_fields.items()}
        said = dict(re.findall(r"`(\w+)` (.+?)(?=, `|$)", page[name][0]))
        assert said == expected, name


def test_values_are_named_where_they_are_chosen() -> None:
    for values, heading, key in (
        (SOURCES, "Data", "source"),
        (METRICS, "The study", "metric"),
        (
            {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES, **DISTRIBUTION_LOSSES},
            "A fit that is trained",
            "loss",
        ),
    ):
        named = set(re.findall(r"`(\w+)`", rows(heading)[key][1]))
        assert set(values) <= named, f"{key}: {set(values) - named}"


def test_the_first_example_is_a_study(tmp_path: Path) -> None:
    from nearfar.study.load import load_study

    example = PAGE.split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "example.yaml"
    path.write_text(example, encoding="utf-8")
    assert load_study(str(path)).seeds == list(range(10))
    assert load_study(str(path), "quick").seeds == [0, 1, 2]


def test_the_example_of_the_readme_is_a_study(tmp_path: Path) -> None:
    from nearfar.study.load import load_study

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    path = tmp_path / "example.yaml"
    path.write_text(readme.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert len(load_study(str(path)).study.arms) == 3


def test_links_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
    missing = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)", text):
            if "://" not in target and not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        anchors = set(re.findall(r"\]\(#([^)]+)\)", text))
        missing += [f"{page.name}: #{anchor}" for anchor in anchors - headings]
    assert not missing, "\n".join(missing)
