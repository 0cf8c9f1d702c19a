"""A first study of a user's own data: a commented file that runs unedited."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.errors import UserError

if TYPE_CHECKING:
    from nearfar.data.detect import Finding

_WIDTH = 96
_FOREST_ROWS = 20_000


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
        rows_per_second = 2_500 if kind == "molecule" else 40_000
        controls = 20 if rows <= _FOREST_ROWS else 5
        one_seed = 4 * epochs * rows / rows_per_second + controls
        return round(max(seeds * one_seed / 60 / 2, 0.1), 1)


def write_study(data: Path, target: str, out: Path | None = None) -> tuple[Path, list[str]]:
    """Write a study of a file with a column of SMILES, or with columns of numbers.

    Args:
        data: CSV, parquet, or a folder that Hugging Face `datasets` can read.
        target: the column to predict.
        out: the study file; by default named after the data, in the current folder.

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
    from nearfar.data.detect import detect

    finding = detect(str(data), target, Path.cwd())
    text = study_text(name, _data_path(data, path), finding)
    _check(text, path)
    path.write_text(text, encoding="utf-8")
    return path, finding.facts


def study_text(name: str, data_path: str, finding: Finding) -> str:
    """Return the study file for what was found."""
    data = {**finding.data.model_dump(exclude_none=True), "path": data_path}
    kind = finding.data.kind
    rows = max(int(0.8 * len(finding.dataset)), 1)
    budget = Budget.of(rows)
    minutes = {
        "full": budget.minutes(rows, kind, 10, budget.epochs),
        "quick": budget.minutes(rows, kind, 3, budget.quick),
    }
    target = finding.data.target_columns[0]
    lines = [
        f"# A first study of {Path(data_path).name}, written by `nearfar init`. It runs as it is:",
        "#   nearfar run THIS_FILE --profile quick    a first look",
        "#   nearfar run THIS_FILE                    ten seeds, the whole budget",
        "# Found in the data:",
        *(line for fact in finding.facts for line in _wrapped(fact)),
        "",
        f"study: {name}",
        f"title: {scalar(f'Predicting {target}')}",
        f"question: {scalar(f'Does Rank-N-Contrast pre-training predict {target} better?')}",
        "",
        *_block("data", data),
        *_split_lines(finding),
        "# The measure that carries the verdicts: mae, rmse, mse, r2 or spearman.",
        "metric: mae",
        "baseline: plain",
        "# Guessed, on two cores.",
        f"minutes: {{full: {minutes['full']}, quick: {minutes['quick']}}}",
        "",
        *_arm_lines(kind, budget, rows),
    ]
    return "\n".join(lines) + "\n"


def _split_lines(finding: Finding) -> list[str]:
    if finding.split.kind == "predefined":
        return [
            "# The parts that the data name; without a validation part, 10% of train becomes it.",
            "split: {kind: predefined, validation: 0.1}",
        ]
    others = "group" if finding.data.kind == "vector" else "scaffold, group"
    return [
        f"# Training, validation and test part, drawn anew for every seed. Other kinds: {others}.",
        "split: {kind: random, parts: [0.8, 0.1, 0.1], resplit: true}",
    ]


def _arm_lines(kind: str, budget: Budget, rows: int) -> list[str]:
    encoder, fixed = ("gin", "morgan") if kind == "molecule" else ("mlp", "identity")
    inputs = "fingerprint" if kind == "molecule" else "columns"
    forest = f"  {inputs} forest: {{group: control, fit: {{encoder: {fixed}, head: forest}}}}"
    few = "{encoder: " + fixed + ", head: {forest: {trees: 20}}}"
    smoke = [f"      {inputs} forest: {{fit: {few}}}"] if rows <= _FOREST_ROWS else []
    return [
        "axes:",
        "  seed: {role: repeat, values: 10}   # under 3 seeds there is no test of significance",
        "",
        "# Pre-training: the encoder learns to put rows with near targets near each other.",
        "stages:",
        "  rnc:",
        f"    encoder: {encoder}",
        "    objective: rnc",
        f"    epochs: {budget.epochs}",
        f"    batch: {budget.rnc_batch}",
        "",
        "# Ways from input to prediction, all on the same splits and seeds.",
        "arms:",
        "  plain:              # end to end, with the epochs of pre-training and fine-tuning",
        f"    fit: {{encoder: {encoder}, train: all, loss: l1, epochs: {2 * budget.epochs}, "
        f"batch: {budget.batch}}}",
        "  RnC+freeze:         # a linear head on the pre-trained encoder",
        "    pretrain: rnc",
        f"    fit: {{train: head, loss: l1, epochs: {budget.epochs}, batch: {budget.batch}}}",
        "  RnC:                # the same, and the encoder goes on learning",
        "    pretrain: rnc",
        f"    fit: {{train: all, loss: l1, epochs: {budget.epochs}, batch: {budget.batch}}}",
        "  # What a study must beat before it means anything.",
        "  mean: {group: control, fit: {head: mean}}",
        "  untrained encoder:",
        "    group: control",
        f"    fit: {{encoder: {encoder}, train: head, loss: l1, epochs: {budget.epochs}, "
        f"batch: {budget.batch}}}",
        f"  {inputs} ridge: {{group: control, fit: {{encoder: {fixed}, head: ridge}}}}",
        *([forest] if rows <= _FOREST_ROWS else []),
        "",
        "profiles:",
        "  quick:",
        "    axes: {seed: {values: 3}}",
        f"    stages: {{rnc: {{epochs: {budget.quick}}}}}",
        "    arms:",
        f"      plain: {{fit: {{epochs: {2 * budget.quick}}}}}",
        *(f"      {arm}: {{fit: {{epochs: {budget.quick}}}}}" for arm in _TRAINED),
        "  smoke:",
        "    axes: {seed: {values: 2}}",
        "    stages: {rnc: {epochs: 2}}",
        "    arms:",
        *(f"      {arm}: {{fit: {{epochs: 2}}}}" for arm in ("plain", *_TRAINED)),
        *smoke,
    ]


_TRAINED = ("RnC+freeze", "RnC", "untrained encoder")


def _block(key: str, values: dict[str, Any]) -> list[str]:
    comments = {
        "name": "shown in the report",
        "on_bad_rows": "error: stop at a row that cannot be used; drop: leave it out",
        "part": "says train, validation or test",
    }
    lines = [f"{key}:"]
    for name, value in values.items():
        if isinstance(value, list):
            lines += [f"  {name}:", *(f"    - {scalar(item)}" for item in value)]
        else:
            comment = f"   # {comments[name]}" if name in comments else ""
            lines.append(f"  {name}: {scalar(value)}{comment}")
    return lines


def scalar(text: str) -> str:
    """Return a text as YAML reads it back: quoted, unless it is plainly a name or path."""
    import yaml

    plain = re.fullmatch(r"[A-Za-z/.][\w/.() -]*[\w)]", text, flags=re.ASCII)
    if plain and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


def _wrapped(fact: str) -> list[str]:
    import textwrap

    return textwrap.wrap(fact, _WIDTH, initial_indent="# * ", subsequent_indent="#   ")


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
    import yaml

    from nearfar.study.load import resolve
    from nearfar.study.profiles import PROFILES

    for profile in PROFILES:
        resolve(yaml.safe_load(text), path, profile)
