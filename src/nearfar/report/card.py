"""The card of a model: what it is for, how well it does, how sure that is, and its limits.

Its front matter is that of model cards on the Hugging Face hub. All that it says comes from the
study's own summary and from the model; it shows no row and no picture.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from nearfar.errors import printable
from nearfar.metrics import MEASURES, label_of
from nearfar.numbers import count, counted, number
from nearfar.report.load import within
from nearfar.report.markdown import cell, code, plain
from nearfar.report.wording import verdict_name

_PIPELINES = {
    ("vector", "regression"): "tabular-regression",
    ("vector", "classification"): "tabular-classification",
    ("vector", "multilabel"): "tabular-classification",
    ("image", "classification"): "image-classification",
    ("image", "multilabel"): "image-classification",
    ("molecule", "regression"): "graph-ml",
    ("molecule", "classification"): "graph-ml",
    ("molecule", "multilabel"): "graph-ml",
}
_TAGS = {
    "molecule": ["chemistry", "molecules", "smiles"],
    "image": ["images"],
    "vector": ["tabular"],
}
_ROWS = {"molecule": "molecules, as SMILES", "image": "pictures", "vector": "rows of a table"}
_KEPT = ("question", "metric", "answer", "notes", "rows", "resplit", "folds")
_COMPARED = ("arm", "against", "condition", "family", "metric", "verdict", "bound", "reason")
_SHOWN = 30
"""Names that are spelled out at most."""


KEEP_ROWS = frozenset({"knn", "svr", "svc", "tabpfn", "tabicl"})
"""Heads that hold features of training rows."""


@dataclass(frozen=True)
class CardFacts:
    """What a card says that is not in a summary.

    ``weights`` says how the hash of a file begins that the model reads, empty if it reads none.
    ``refit`` is empty, or says how the model was trained once more; ``onnx`` is the part of
    config.json about ``model.onnx``, if there is one.
    """

    arm: str
    condition: str
    study: str
    task: str
    kind: str
    targets: Sequence[str]
    unit: str
    classes: Sequence[str]
    columns: Sequence[str]
    shape: Sequence[int] | None
    encoder: str
    head: str
    seeds: Sequence[int]
    versions: Mapping[str, str]
    folder: str = "FOLDER"
    weights: str = ""
    refit: str = ""
    onnx: Mapping[str, Any] = field(default_factory=dict)


def model_card(facts: CardFacts, summary: Mapping[str, Any]) -> str:
    """Return README.md of a model.

    Args:
        facts: what the model is.
        summary: of its study, as ``summary.json`` has it; empty where there is none.
    """
    parts = [
        f"---\n{_front_matter(facts, summary)}---",
        f"# {plain(f'{facts.arm} · {facts.condition}' if facts.condition else facts.arm)}",
        _purpose(facts, summary),
        _use(facts),
        _training(facts, summary),
        _verdict(facts, summary),
        _limits(facts, summary),
        _versions(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def kept_summary(facts: CardFacts, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a summary a card is made of, for a model that leaves its run."""
    kept = {key: summary[key] for key in _KEPT if key in summary}
    if not kept:
        return {}
    arm = dict(_arm_of(facts, summary))
    arm["metrics"] = [
        {key: value for key, value in entry.items() if key != "values"}
        for entry in _own_metrics(facts, summary)
    ]
    compared = [
        {key: entry.get(key) for key in _COMPARED} for entry in _comparisons(facts, summary)
    ]
    shown = {key: arm[key] for key in ("arm", "also", "condition", "metrics") if key in arm}
    return {**kept, "arms": [shown], "comparisons": compared}


def _front_matter(facts: CardFacts, summary: Mapping[str, Any]) -> str:
    pipeline = _PIPELINES.get((facts.kind, facts.task))
    values = _own_metrics(facts, summary)
    told: dict[str, Any] = {
        "library_name": "nearfar",
        **({"pipeline_tag": pipeline} if pipeline else {}),
        "tags": ["nearfar", facts.task, *_TAGS[facts.kind]],
        "metrics": list(dict.fromkeys(entry["metric"] for entry in values)),
    }
    if values:
        task = {"type": pipeline or facts.task}
        study = printable(facts.study)
        data = {"name": study or "own data", "type": study or "own-data"}
        results = [{"task": task, "dataset": data, "metrics": [_result(entry) for entry in values]}]
        told["model-index"] = [{"name": printable(facts.arm), "results": results}]
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True)
    return "# license: yours to choose, for instance apache-2.0\n" + text


def _result(entry: Mapping[str, Any]) -> dict[str, Any]:
    interval = {
        key: entry[key] for key in ("low", "high") if isinstance(entry.get(key), int | float)
    }
    of = "" if entry["target"] in ("", None) else f" of {entry['target']}"
    unit = f", {_unit(entry['unit'])}" if entry["unit"] else ""
    return {
        "type": entry["metric"],
        "name": printable(f"test {label_of(entry['metric'])}{of}{unit}"),
        "value": entry["mean"],
        "args": {"trainings": entry["n"], **({"interval_95": interval} if interval else {})},
    }


def _arm_of(facts: CardFacts, summary: Mapping[str, Any]) -> Mapping[str, Any]:
    for arm in summary.get("arms", ()):
        names = {arm.get("arm"), *arm.get("also", ())}
        if facts.arm in names and (arm.get("condition") or "") == facts.condition:
            return dict(arm)
    return {}


def _own_metrics(facts: CardFacts, summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what was measured on test rows, the study's metric first.

    Of three classes or fewer the right one is among the first three in any case.
    """
    arm = _arm_of(facts, summary)
    certain = {"top3_accuracy"} if 0 < len(facts.classes) <= 3 else set()
    found = [
        within(entry)
        for entry in arm.get("metrics", ())
        if entry["split"] == "test"
        and entry["metric"] not in {*MEASURES, *certain}
        and isinstance(entry.get("mean"), int | float)
    ]
    first = summary.get("metric")
    return sorted(found, key=lambda entry: entry["metric"] != first)


def _unit(unit: str) -> str:
    return {"z": "z-scored", "target": "own unit"}.get(unit, unit)


def _purpose(facts: CardFacts, summary: Mapping[str, Any]) -> str:
    unit = f" in {plain(facts.unit)}" if facts.unit else ""
    what = f"Predicts {_listed(facts.targets)}{unit} of {_ROWS[facts.kind]}."
    if facts.task == "reconstruction":
        what = f"Gives {_ROWS[facts.kind]} back from few numbers."
    lines = [what]
    if facts.classes:
        lines.append(f"Its classes are {_listed(facts.classes)}.")
    if facts.kind == "vector" and facts.columns:
        lines.append(f"It takes {counted(len(facts.columns), 'column')}: {_listed(facts.columns)}.")
    if facts.kind == "image" and facts.shape:
        channels, height, width = facts.shape
        pixels = f"{height}×{width} pixels"
        lines.append(f"Pictures become {pixels} with {counted(channels, 'channel')}.")
    head = f" and head {code(facts.head)}" if facts.head else ""
    lines.append(f"It is encoder {code(facts.encoder or 'none')}{head}.")
    question = summary.get("question") or ""
    asked = f"\n\nThe study that chose it asked: {plain(question)}" if question else ""
    return "## What it is for\n\n" + " ".join(lines) + asked


def _use(facts: CardFacts) -> str:
    example = {
        "vector": 'pandas.read_csv("new.csv")',
        "molecule": '["CCO", "c1ccccc1"]',
        "image": '["one.png", "two.png"]',
    }[facts.kind]
    imported = "import pandas\n" if facts.kind == "vector" else ""
    call = "transform" if facts.task == "reconstruction" else "predict"
    folder = printable(json.dumps(facts.folder, ensure_ascii=False))
    text = (
        "## How to use it\n\n```python\n"
        f"import nearfar\n{imported}\nmodel = nearfar.load({folder})\n"
        f"model.{call}({example})\n```"
    )
    if not facts.onnx:
        return text
    inputs = ", ".join(code(one["name"]) for one in facts.onnx["inputs"])
    outputs = ", ".join(code(name) for name in facts.onnx["outputs"])
    checked = facts.onnx["checked"]
    return (
        f"{text}\n\n`model.onnx` is the same for other runtimes: it takes {inputs} and gives "
        f"{outputs}; config.json describes them. In onnxruntime {checked['onnxruntime']}, batches "
        f"of {', '.join(map(str, checked['batches']))} rows differed from the model by at most "
        f"{checked['largest_difference']:.1g} of the largest value."
    )


def _training(facts: CardFacts, summary: Mapping[str, Any]) -> str:
    rows, seeds = summary.get("rows") or {}, len(facts.seeds)
    models = f"{seeds} models, whose mean it gives (seeds" if seeds > 1 else "one model (seed"
    lines = [f"It is {models} {', '.join(map(str, facts.seeds))})."]
    if facts.refit:
        lines.append(facts.refit)
    if rows:
        told = ", ".join(f"{count(rows[part])} {plain(part)}" for part in rows)
        own = (
            "another split" if summary.get("resplit") or summary.get("folds") else "the same split"
        )
        lines.append(f"In the study every training saw {own} of the rows: {told}.")
    return "## What it was trained on\n\n" + " ".join(lines)


def _verdict(facts: CardFacts, summary: Mapping[str, Any]) -> str:
    if not summary:
        return ""
    lines = ["## How good it is, and how sure that is", plain(str(summary.get("answer") or ""))]
    values = _own_metrics(facts, summary)
    if values:
        lines.append(_table(values))
    lines.append("\n".join(_compared(entry) for entry in _comparisons(facts, summary)))
    return "\n\n".join(line for line in lines if line)


def _table(values: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| measured on test rows | target | unit | mean | 95% interval | trainings |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for entry in values:
        low, high = entry.get("low"), entry.get("high")
        known = isinstance(low, int | float) and isinstance(high, int | float)
        why = "none: too few trainings, or all gave the same"
        interval = f"{number(low)} to {number(high)}" if known else why
        cells = (
            label_of(entry["metric"]),
            str(entry["target"] or ""),
            _unit(entry["unit"] or ""),
            number(entry["mean"]),
            interval,
            str(entry["n"]),
        )
        lines.append("| " + " | ".join(map(cell, cells)) + " |")
    return "\n".join(lines)


def _comparisons(facts: CardFacts, summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        entry
        for entry in summary.get("comparisons", ())
        if facts.arm in (entry["arm"], entry["against"])
        and (entry.get("condition") or "") == facts.condition
        and entry["family"] in ("question", "controls")
    ]


def _compared(entry: Mapping[str, Any]) -> str:
    bound = f", {plain(entry['bound'])}" if entry.get("bound") else ""
    reason = f": {plain(entry['reason'])}" if entry.get("reason") else ""
    return (
        f"* **{plain(entry['arm'])}** against {plain(entry['against'])}, "
        f"{plain(label_of(entry['metric']))}: "
        f"{verdict_name(entry['verdict'])}{bound}{reason}"
    )


def _limits(facts: CardFacts, summary: Mapping[str, Any]) -> str:
    lines = [f"* {plain(note)}" for note in summary.get("notes", ())]
    lines.append(
        "* The numbers above are of rows like those of the study. For others, a new material or "
        "another camera, they say nothing: measure again."
    )
    if facts.head in KEEP_ROWS:
        lines.append(
            f"* Its head, {code(facts.head)}, holds features of the training rows: where the "
            "encoder is `identity` they are the rows themselves."
        )
    if facts.weights:
        lines.append(
            f"* It reads a file of weights that is not part of it (SHA-256 begins with "
            f"{code(facts.weights)}): put it into this folder. Its licence is its makers'."
        )
    if len(facts.seeds) > 1:
        lines.append(
            "* The deviation over its models says how far these differ, not how far they are from "
            "the truth."
        )
    if facts.refit:
        lines.append(
            "* The numbers above were measured in the study, by models that saw fewer rows. The "
            "model in this folder saw all rows: none is left to measure it on. Its intervals stand "
            "on the errors of those models."
        )
    return "## Limits\n\n" + "\n".join(lines)


def _versions(facts: CardFacts) -> str:
    told = ", ".join(plain(f"{name} {version}") for name, version in facts.versions.items())
    return f"Made with {told}." if told else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(code(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
