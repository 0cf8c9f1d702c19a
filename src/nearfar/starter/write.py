"""A first study of a user's own data: a commented file that runs unedited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.errors import UserError, printable
from nearfar.records.plain_yaml import parse_yaml
from nearfar.starter.kits import Kit, kit_of
from nearfar.starter.scalars import scalar

if TYPE_CHECKING:
    from nearfar.data.options import SplitOptions
    from nearfar.starter.asked import Asked
    from nearfar.starter.detect import Finding

_WIDTH = 96
_FOREST_ROWS = 20_000
_MANY_TARGETS = 5


@dataclass(frozen=True)
class Budget:
    """What a first study spends: small data need more epochs and smaller batches."""

    epochs: int
    quick: int
    batch: int
    rnc_batch: int

    @classmethod
    def of(cls, rows: int) -> Budget:
        """Return a budget for so many training rows: a stage passes about 100,000 of them."""
        epochs = min(max(100_000 // rows, 20), 200)
        batch = 128 if rows >= 800 else 64 if rows >= 300 else 32
        return cls(epochs, max(epochs // 2, 5), batch, 2 * batch)

    def minutes(self, rows: int, kind: str, seeds: int, epochs: int) -> float:
        """Guess the minutes on two cores: four trainings of an encoder, and the controls."""
        rows_per_second = {"molecule": 2_500, "image": 800}.get(kind, 40_000)
        controls = 20 if rows <= _FOREST_ROWS else 5
        one_seed = 4 * epochs * rows / rows_per_second + controls
        return round(max(seeds * one_seed / 60 / 2, 0.1), 1)


def write_study(
    data: Path,
    targets: Sequence[str] = (),
    out: Path | None = None,
    task: str | None = None,
    asked: Asked | None = None,
) -> tuple[Path, list[str]]:
    """Write a study of a file with a column of SMILES, with columns of numbers, or of images.

    Args:
        data: CSV, parquet, a folder that Hugging Face `datasets` can read, or images.
        targets: the columns to predict; none for images in folders of their classes.
        out: the study file; by default named after the data, in the current folder.
        task: regression, classification or multilabel; None for what the targets look like.
        asked: what else is said of the data, and wins over what is found.

    Returns:
        The file written, and what was found out about the data, a line each.

    Raises:
        UserError: if the file exists, or nothing can be learnt from the data.
    """
    name = _study_name(data)
    path = out if out is not None else Path(f"{name}.yaml")
    if path.exists():
        raise UserError(f"{path} exists already; name another file with --out")
    if path.suffix not in {".yaml", ".yml"}:
        raise UserError(f"{path}: a study file ends in .yaml")
    if not path.parent.is_dir():
        raise UserError(f"no such folder: {path.parent}")
    from nearfar.starter.asked import Asked, told_at_init
    from nearfar.starter.detect import detect
    from nearfar.starter.detect_images import table_with
    from nearfar.starter.feature_facts import unused_fact

    asked = asked or Asked()
    with told_at_init(data):
        data = (table_with(data, targets, asked.form) if data.is_dir() else None) or data
        finding = detect(str(data), list(dict.fromkeys(targets)), Path.cwd(), task, asked)
        finding.facts.extend(unused_fact(finding.dataset))
        text, facts = study_text(name, _data_path(data, path), finding)
        _check(text, path)
    path.write_text(text, encoding="utf-8")
    return path, facts


def study_text(name: str, data_path: str, finding: Finding) -> tuple[str, list[str]]:
    """Return the study file for what was found, and what the user should know."""
    data = {**finding.data.model_dump(exclude_none=True), "path": data_path}
    from nearfar.starter.detect_targets import rare_share

    rare = rare_share(finding.dataset) is not None
    kind, kit = finding.data.kind, kit_of(finding.data.kind, str(finding.data.task), rare=rare)
    method = "Rank-N-Contrast" if kit.arm == "RnC" else kit.arm
    rows = max(int(0.8 * len(finding.dataset)), 1)
    budget, seeds = Budget.of(rows), Seeds.of(finding.split)
    minutes = {
        "full": budget.minutes(rows, kind, seeds.full, budget.epochs),
        "quick": budget.minutes(rows, kind, seeds.quick, budget.quick),
    }
    names = finding.dataset.target_names
    target = _listed(names)
    over = f", mean over the {'labels' if finding.dataset.multilabel else 'targets'}"
    over *= len(names) > 1
    facts = [*finding.facts, *_rare_fact(finding, seeds)]
    lines = [
        f"# A first study of {printable(Path(data_path).name)}, written by `nearfar init`. "
        "It runs as it is:",
        "#   nearfar run THIS_FILE --profile quick    a first look",
        f"#   nearfar run THIS_FILE                    {seeds.name}, the whole budget",
        "# Found in the data:",
        *(line for fact in facts for line in _wrapped(fact)),
        "",
        f"study: {name}",
        f"title: {scalar(f'Predicting {target}')}",
        f"question: {scalar(f'Does {method} pre-training predict {target} better?')}",
        "",
        *_block("data", data),
        *_split_lines(finding),
        f"# The measure that carries the verdicts{over}.",
        kit.metrics,
        "baseline: plain",
        "# Guessed, on two cores.",
        f"minutes: {{full: {minutes['full']}, quick: {minutes['quick']}}}",
        "",
        *_arm_lines(kit, budget, seeds, rows),
    ]
    return "\n".join(lines) + "\n", facts


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MANY_TARGETS:
        return f"{', '.join(names[:_MANY_TARGETS])} and {len(names) - _MANY_TARGETS} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _rare_fact(finding: Finding, seeds: Seeds) -> list[str]:
    """Return a warning where few rows of a class, or with a label, are tested."""
    from nearfar.data.rare_classes import FEW, rare_in_tests
    from nearfar.data.split.splits import split_rows

    dataset, options = finding.dataset, finding.split
    trainings = range(seeds.full if options.varies else 1)
    rare = rare_in_tests(dataset, [split_rows(dataset, options, seed) for seed in trainings])
    if not rare:
        return []
    shown = sorted(rare.items(), key=lambda item: (item[1], item[0]))
    few = ", ".join(f"'{name}' {count}" for name, count in shown[:5])
    more = f", and {len(shown) - 5} more" if len(shown) > 5 else ""
    what = "with the label" if dataset.multilabel else "of the class"
    return [
        f"careful: fewer than {FEW} different rows {what} are tested in all trainings ({few}{more})"
        ": what is measured of them rests on so few rows"
    ]


def _split_lines(finding: Finding) -> list[str]:
    if finding.split.kind == "predefined":
        return [
            "# The parts that the data name; without a validation part, 10% of train becomes it.",
            "split: {kind: predefined, validation: 0.1}",
        ]
    if finding.split.kind == "folds":
        return _fold_lines(finding, finding.split.folds or 0)
    others = "scaffold, group" if finding.data.kind == "molecule" else "group"
    return [
        f"# Training, validation and test part, drawn anew for every seed. Other kinds: {others}.",
        "split: {kind: random, parts: [0.8, 0.1, 0.1], resplit: true}",
    ]


def _fold_lines(finding: Finding, folds: int) -> list[str]:
    group, molecules = finding.data.group, finding.data.kind == "molecule"
    kept = ["Rows of one molecule stay in one fold."] * molecules
    if group is not None:
        kept.append(
            f"by: group: rows with equal values in column {scalar(group)} stay in one fold."
        )
    if molecules:
        kept.append(
            "by: scaffold also keeps molecules with the same ring system together, so that those "
            "tested are unlike those learnt from."
        )
    others = "random, scaffold, group" if molecules else "random, group"
    if molecules:
        others += " ({kind: scaffold, order: deepchem} has the parts of DeepChem's splitter)"
    said = [
        f"Cross-validation: the rows are dealt into {folds} folds, and each training tests another "
        "one, so that every row is tested once. A tenth of the rows that are not tested chooses "
        "epochs (validation), the others are learnt from.",
        " ".join(kept),
        f"{{kind: folds, folds: {folds}, repeats: 3}} does all of it three times. Other kinds: "
        f"{others}; with these, say how many seeds: axes: {{seed: {{role: repeat, values: 10}}}}.",
    ]
    return [
        *(line for text in said for line in _comment(text)),
        f"split: {{kind: folds, folds: {folds}{', by: group' * (group is not None)}}}",
    ]


@dataclass(frozen=True)
class Seeds:
    """How many trainings each profile makes; with ``folds``, ``full`` tests every row once."""

    full: int
    quick: int
    folds: bool

    @classmethod
    def of(cls, split: SplitOptions) -> Seeds:
        """Return what suits a split."""
        return cls(10, 3, False) if split.folds is None else cls(split.folds, 5, True)

    @property
    def name(self) -> str:
        """What the full profile goes through."""
        return f"all {self.full} folds" if self.folds else "ten seeds"

    @property
    def lines(self) -> list[str]:
        """The axes of the study; with folds the split says how many seeds there are."""
        if self.folds:
            return []
        number = f"  seed: {{role: repeat, values: {self.full}}}"
        return ["axes:", f"{number}   # under 3 seeds there is no test of significance", ""]

    def profile_line(self, seeds: int) -> str:
        """Return the line of a profile with fewer seeds."""
        if self.folds:
            return f"    axes: {{seed: {{role: repeat, values: {seeds}}}}}   # the first folds"
        return f"    axes: {{seed: {{values: {seeds}}}}}"


def _arm_lines(kit: Kit, budget: Budget, seeds: Seeds, rows: int) -> list[str]:
    epochs, batch, arm = budget.epochs, budget.batch, kit.arm
    views = f", augment: {kit.views}" if kit.views else ""
    forest = f"{kit.inputs} forest"
    grown = rows <= _FOREST_ROWS

    def fit(encoder: str, train: str, count: int) -> str:
        seen = views if train == "all" else ""
        return f"    fit: {{{encoder}train: {train}, epochs: {count}, batch: {batch}{seen}}}"

    named = f"encoder: {kit.encoder}, "
    return [
        *seeds.lines,
        f"# Pre-training: the encoder learns to put rows {kit.near} near each other.",
        "stages:",
        f"  {kit.stage}:",
        f"    encoder: {kit.encoder}",
        f"    objective: {kit.objective}",
        *([f"    augment: {kit.views}   # other views: docs/study-files.md"] if views else []),
        f"    epochs: {epochs}",
        f"    batch: {budget.rnc_batch}",
        "",
        "# Ways from input to prediction, all on the same splits and seeds.",
        "arms:",
        "  plain:              # end to end, with the epochs of pre-training and fine-tuning",
        fit(named, "all", 2 * epochs),
        f"  {arm + '+freeze:':<20}# a linear head on the pre-trained encoder",
        f"    pretrain: {kit.stage}",
        fit("", "head", epochs),
        f"  {arm + ':':<20}# the same, and the encoder goes on learning",
        f"    pretrain: {kit.stage}",
        fit("", "all", epochs),
        "  # What a study must beat before it means anything.",
        f"  {kit.floor}: {{group: control, fit: {{head: mean}}}}",
        "  untrained encoder:",
        "    group: control",
        fit(named, "head", epochs),
        f"  {kit.inputs} {kit.linear}: {{group: control, "
        f"fit: {{encoder: {kit.fixed}, head: {kit.linear}}}}}",
        *([f"  {forest}: {{group: control, fit: {{encoder: {kit.fixed}, head: forest}}}}"] * grown),
        "",
        *_profile_lines(kit, budget, seeds, forest if grown else ""),
    ]


def _profile_lines(kit: Kit, budget: Budget, seeds: Seeds, forest: str) -> list[str]:
    trained = (f"{kit.arm}+freeze", kit.arm, "untrained encoder")
    few = f"{{encoder: {kit.fixed}, head: {{forest: {{trees: 20}}}}}}"
    return [
        "profiles:",
        "  quick:",
        seeds.profile_line(seeds.quick),
        f"    stages: {{{kit.stage}: {{epochs: {budget.quick}}}}}",
        "    arms:",
        f"      plain: {{fit: {{epochs: {2 * budget.quick}}}}}",
        *(f"      {name}: {{fit: {{epochs: {budget.quick}}}}}" for name in trained),
        "  smoke:",
        seeds.profile_line(2),
        f"    stages: {{{kit.stage}: {{epochs: 2}}}}",
        "    arms:",
        *(f"      {name}: {{fit: {{epochs: 2}}}}" for name in ("plain", *trained)),
        *([f"      {forest}: {{fit: {few}}}"] if forest else []),
    ]


def _block(key: str, values: dict[str, Any]) -> list[str]:
    comments = {
        "name": "shown in the report",
        "on_bad_rows": "error: stop at a row that cannot be used; drop: leave it out",
        "part": "says train, validation or test",
        "size": "all images are resized to size x size",
        "channels": "1: grey, 3: colour, transparency laid on white; 4: transparency is a channel",
        "task": "`nearfar init --task` writes the study of another",
    }
    lines = [f"{key}:"]
    for name, value in values.items():
        if isinstance(value, list | tuple):
            lines += [f"  {name}:", *(f"    - {scalar(item)}" for item in value)]
        else:
            comment = f"   # {comments[name]}" if name in comments else ""
            lines.append(f"  {name}: {scalar(value)}{comment}")
    return lines


def _wrapped(fact: str) -> list[str]:
    import textwrap

    return textwrap.wrap(printable(fact), _WIDTH, initial_indent="# * ", subsequent_indent="#   ")


def _comment(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def _study_name(data: Path) -> str:
    name = re.sub(r"[^a-z0-9_-]+", "-", data.stem.lower()).strip("-_")
    return name or "study"


def _data_path(data: Path, study: Path) -> str:
    """Return the path of the data as the study file should say it."""
    if not data.expanduser().exists():
        return str(data)
    folder, found = study.parent.resolve(), data.expanduser().resolve()
    return str(found.relative_to(folder)) if found.is_relative_to(folder) else str(found)


def _check(text: str, path: Path) -> None:
    """Resolve the study in all profiles, so that no file is written that would be refused."""
    from nearfar.study.load import resolve

    given = parse_yaml(text, str(path))
    for profile in ("full", *given["profiles"]):
        resolve(given, path, profile)
