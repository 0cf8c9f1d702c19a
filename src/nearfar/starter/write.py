"""A first study of a user's own data: a commented file that runs unedited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.data.spelling import composed
from nearfar.errors import UserError, printable
from nearfar.plain_yaml import parse_yaml
from nearfar.records.files import write_atomically
from nearfar.records.outputs import refuse_within_own
from nearfar.records.places import expanded, file_to_write
from nearfar.starter.arms import Arm, Arms, Budget, arms_of
from nearfar.starter.kits import Kit, kit_of
from nearfar.starter.scalars import scalar, value_list

if TYPE_CHECKING:
    from nearfar.data.options import SplitOptions
    from nearfar.starter.asked import Asked
    from nearfar.starter.detect import Finding

_WIDTH = 96
_MANY_TARGETS = 5
_SHARE = 0.1
"""Rows that choose epochs where a split does not say."""


def write_study(
    data: Path,
    targets: Sequence[str] = (),
    out: Path | None = None,
    task: str | None = None,
    asked: Asked | None = None,
    embeddings: Path | None = None,
) -> tuple[Path, list[str]]:
    """Write a study of a file with a column of SMILES, with columns of numbers, or of images.

    Args:
        data: CSV, parquet, a folder that Hugging Face `datasets` can read, or images.
        targets: the columns to predict; none for images in folders of their classes.
        out: the study file; by default named after the data, in the current folder.
        task: regression, classification or multilabel; None for what the targets look like.
        asked: what else is said of the data, and wins over what is found.
        embeddings: a file of them, which become arms.

    Returns:
        The file written, and what was found out about the data, a line each.

    Raises:
        UserError: if the file exists, or nothing can be learnt from the data.
    """
    name = _study_name(data)
    path = expanded(out if out is not None else Path(f"{name}.yaml"))
    if path.exists():
        raise UserError(f"{path} exists already; name another file with --out")
    if path.suffix not in {".yaml", ".yml"}:
        raise UserError(f"{path}: a study file ends in .yaml")
    file_to_write(path, "--out")
    refuse_within_own(path, "--out")
    from nearfar.data.read.tables import each_file_once
    from nearfar.starter.asked import Asked, told_at_init
    from nearfar.starter.candidates import table_instead
    from nearfar.starter.detect import detect
    from nearfar.starter.detect_images import table_with
    from nearfar.starter.embeddings import with_embeddings_beside
    from nearfar.starter.feature_facts import unused_fact
    from nearfar.starter.places import path_in_study, with_paths_of

    asked = (asked or Asked()).composed()
    targets = [*map(composed, targets)]
    with told_at_init(data), each_file_once():
        data = (table_with(data, targets, asked.form) if data.is_dir() else None) or data
        try:
            finding = detect(str(data), list(dict.fromkeys(targets)), Path.cwd(), task, asked)
        except UserError as error:
            told = "in it list images" in str(error) or not data.is_dir()
            instead = "" if told else table_instead(data, asked.form)
            raise UserError(f"{error}{instead}") from error
        finding.facts.extend(unused_fact(finding.dataset))
        beside = "" if embeddings is None else path_in_study(embeddings, path)
        if embeddings is not None:
            finding = with_embeddings_beside(finding, data, embeddings)
        finding = replace(finding, data=with_paths_of(path, finding.data))
        text, facts = study_text(name, path_in_study(data, path), finding, beside)
        _check(text, path)
    write_atomically(path, text)
    return path, facts


def study_text(
    name: str, data_path: str, finding: Finding, embeddings: str = ""
) -> tuple[str, list[str]]:
    """Return the study file for what was found, and what the user should know."""
    data = {**finding.data.model_dump(exclude_none=True), "path": data_path}
    kind, seeds = str(finding.data.kind), Seeds.of(finding.split)
    kit = _kit(finding, seeds.full)
    rows = max(int(0.8 * len(finding.dataset)), 1)
    budget = Budget.of(rows, kind)
    names = finding.dataset.target_names
    from nearfar.data import Images

    inputs = finding.dataset.inputs
    side = max(inputs.shape[1:]) if isinstance(inputs, Images) else 0
    classes = len(finding.dataset.classes)
    arms = arms_of(kit, budget, rows, side, len(names), embeddings, classes=classes)
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
        f"study: {scalar(name)}",
        f"title: {scalar(printable(f'Predicting {target}'))}",
        f"question: {scalar(_question(target, finding))}",
        "",
        *_block("data", data),
        *_split_lines(finding),
        f"# The measure that carries the verdicts{over}.",
        kit.metrics,
        "# The strongest of the plain arms, found on data of other people.",
        f"baseline: {scalar(arms.baseline)}",
        "",
        *_arm_lines(arms, kit, budget, seeds),
    ]
    return "\n".join(lines) + "\n", facts


def _kit(finding: Finding, trainings: int) -> Kit:
    """Return what suits the data; grey images may be writing, which no mirror leaves as it is.

    What is measured of a rare class asks for tested rows of it in each of so many trainings.
    """
    from nearfar.data import Images
    from nearfar.starter.detect_targets import rare_share
    from nearfar.starter.first_split import tests_every_class

    dataset, split = finding.dataset, finding.split
    tested = partial(tests_every_class, dataset, split, trainings if split.varies else 1)
    rare = rare_share(dataset) is not None and tested()
    inputs, task = dataset.inputs, str(finding.data.task)
    if not isinstance(inputs, Images):
        return kit_of(inputs.kind, task, rare=rare)
    channels, *sides = inputs.shape
    return kit_of("image", task, rare=rare, mirrored=channels > 1, side=min(sides))


def _question(target: str, finding: Finding) -> str:
    rows = {"molecule": "molecules", "image": "images"}.get(str(finding.data.kind), "rows")
    return f"Which model predicts {target} best from these {len(finding.dataset):,} {rows}?"


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MANY_TARGETS:
        return f"{', '.join(names[:_MANY_TARGETS])} and {len(names) - _MANY_TARGETS} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _rare_fact(finding: Finding, seeds: Seeds) -> list[str]:
    """Return a warning where few rows of a class, or with a label, are tested."""
    from nearfar.data.rare_classes import FEW, classes_not_tested, rare_in_tests
    from nearfar.data.split.splits import split_rows

    dataset, options = finding.dataset, finding.split
    trainings = range(seeds.full if options.varies else 1)
    splits = [split_rows(dataset, options, seed) for seed in trainings]
    rare = rare_in_tests(dataset, splits)
    if not rare:
        return []
    shown = sorted(rare.items(), key=lambda item: (item[1], item[0]))
    few = ", ".join(f"'{name}' {count}" for name, count in shown[:5])
    more = f", and {len(shown) - 5} more" if len(shown) > 5 else ""
    what = "with the label" if dataset.multilabel else "of the class"
    lacking = "".join(
        f"; class '{name}' is not tested in {len(without)} of {len(splits)} trainings"
        for name, without in list(classes_not_tested(dataset, dict(enumerate(splits))).items())[:5]
    )
    return [
        f"careful: fewer than {FEW} different rows {what} are tested in all trainings ({few}{more})"
        f": what is measured of them rests on so few rows{lacking}"
    ]


def _split_lines(finding: Finding) -> list[str]:
    if "by_time" in finding.dataset.source:
        return [
            *_comment(
                "The parts by time: about the latest fifth of the rows is tested, and the tenth "
                "before it chooses epochs, or any tenth where no time divides these so."
            ),
            "split: {kind: predefined, validation: 0.1}",
        ]
    if finding.split.kind == "predefined":
        return [
            *_comment(
                "The parts that the data name. Without a test part the validation part is tested, "
                "and 10% of train chooses epochs, as it does without a validation part."
            ),
            "split: {kind: predefined, validation: 0.1}",
        ]
    if finding.split.kind == "folds":
        return _fold_lines(finding, finding.split.folds or 0, finding.split.validation or _SHARE)
    others = "scaffold, group" if finding.data.kind == "molecule" else "group"
    return [
        f"# Training, validation and test part, drawn anew for every seed. Other kinds: {others}.",
        "split: {kind: random, parts: [0.8, 0.1, 0.1], resplit: true}",
    ]


def _fold_lines(finding: Finding, folds: int, share: float) -> list[str]:
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
    said_share = "A tenth" if share == _SHARE else f"{share:.0%}"
    if molecules:
        others += " ({kind: scaffold, order: deepchem} has the parts of DeepChem's splitter)"
    said = [
        f"Cross-validation: the rows are dealt into {folds} folds, and each training tests another "
        f"one, so that every row is tested once. {said_share} of the rows that are not tested "
        "chooses epochs (validation), the others are learnt from.",
        " ".join(kept),
        f"{{kind: folds, folds: {folds}, repeats: 3}} does all of it three times. Other kinds: "
        f"{others}; with these, say how many seeds: axes: {{seed: {{role: repeat, values: 10}}}}.",
    ]
    return [
        *(line for text in said for line in _comment(text)),
        f"split: {{kind: folds, folds: {folds}{', by: group' * (group is not None)}"
        + f", validation: {share:g}" * (share != _SHARE)
        + "}",
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
        return (
            cls(10, 3, False)
            if split.folds is None
            else cls(split.folds, min(split.folds, 5), True)
        )

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


def _arm_lines(arms: Arms, kit: Kit, budget: Budget, seeds: Seeds) -> list[str]:
    lines = [
        *seeds.lines,
        f"# Pre-training: the encoder learns to put rows {kit.near} near each other.",
        "stages:",
        f"  {arms.stage}: {{{arms.recipe}, objective: {arms.objective}, "
        f"epochs: {max(budget.epochs // 2, 1)}, batch: {budget.contrast_batch}"
        f"{', augment: ' + arms.views if arms.views else ''}}}",
        "",
        "# Ways from input to prediction, all on the same splits and seeds.",
        "arms:",
    ]
    for arm in (arm for arm in arms.arms if not arm.control):
        lines += _one_arm(arm, arms.stage, budget)
    lines.append("  # What a study must beat before it means anything.")
    for arm in (arm for arm in arms.arms if arm.control):
        lines += _one_arm(arm, arms.stage, budget)
    lines += [f"  # {note}" for note in arms.notes]
    return [*lines, "", *_profile_lines(arms, budget, seeds)]


def _one_arm(arm: Arm, stage: str, budget: Budget) -> list[str]:
    fit = arm.fit.replace("EPOCHS", str(_epochs(arm, budget.epochs)))
    head = f"  {arm.name}:"
    return [
        f"{head:<26} # {arm.comment}" if arm.comment else head,
        *["    group: control"] * arm.control,
        *[f"    pretrain: {stage}"] * arm.pretrained,
        f"    fit: {{{fit}}}",
    ]


def _epochs(arm: Arm, whole: int) -> int:
    """Return how many of the epochs that a study spends on a network an arm takes."""
    return max(int(arm.share * whole), 1)


def _profile_lines(arms: Arms, budget: Budget, seeds: Seeds) -> list[str]:
    small = arms.quick_encoder
    encoder = f"encoder: {small}, " if small else ""
    lines = ["profiles:"]
    for profile, epochs, count in (("quick", budget.quick, seeds.quick), ("smoke", 2, 2)):
        lines += [f"  {profile}:", seeds.profile_line(count)]
        lines += [f"    {arms.quick_data}"] if arms.quick_data else []
        half = max(epochs // 2, 1)
        lines += [f"    stages: {{{arms.stage}: {{{encoder}epochs: {half}}}}}", "    arms:"]
        for arm in arms.arms:
            if arm.share:
                own = encoder if not arm.pretrained else ""
                lines.append(f"      {arm.name}: {{fit: {{{own}epochs: {_epochs(arm, epochs)}}}}}")
            elif said := arm.quick if profile == "quick" else arm.smoke:
                lines.append(f"      {arm.name}: {{fit: {said}}}")
    return lines


def _block(key: str, values: dict[str, Any]) -> list[str]:
    comments = {
        "name": "shown in the report",
        "id": "by which rows are found in the file of embeddings",
        "on_bad_rows": "error: stop at a row that cannot be used; drop: leave it out",
        "part": "says train, validation or test, or when the row was",
        "size": "all images are resized to size x size",
        "channels": "1: grey, 3: colour, transparency laid on white; 4: transparency is a channel",
        "task": "`nearfar init --task` writes the study of another",
    }
    lines = [f"{key}:"]
    for name, value in values.items():
        if isinstance(value, list | tuple):
            lines += value_list(name, value, "  ")
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
    from nearfar.data.read.packed import PACKED, TABLES

    inner = Path(data.stem)
    packed = data.suffix.lower() in PACKED and inner.suffix.lower() in TABLES
    stem = inner.stem if packed else data.stem
    name = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")
    return name or "study"


def _check(text: str, path: Path) -> None:
    """Resolve the study in all profiles, so that no file is written that would be refused."""
    from nearfar.study.load import resolve

    given = parse_yaml(text, str(path))
    for profile in ("full", *given["profiles"]):
        resolve(given, path, profile)
