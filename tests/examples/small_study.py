"""A small data set of vectors, a small study on it, and what a test does with them."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nearfar.data import Conditions, SplitOptions
from nearfar.plan.chain import Step
from nearfar.plan.environment import Environment
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.specs import Data, Named, PretrainSpec
from nearfar.study.load import Resolved, resolve
from nearfar.study.schema import Pretrain
from nearfar.train.recipe import Adam, Constant, Recipe

Plain = dict[str, Any]
HERE = Environment("2.13.0", "cpu")
DIGEST = "0" * 64

SMALL = """\
study: small
data: {source: table, path: small.csv, target: y, features: [a, b, c]}
split: {kind: random, parts: [0.7, 0.15, 0.15]}
baseline: plain
stages:
  rnc: {encoder: {mlp: {layers: 2, hidden: 8, dropout: 0.2}}, objective: rnc, epochs: 3, batch: 16}
arms:
  mean: {group: control, fit: {head: mean}}
  ridge: {group: control, fit: {encoder: identity, head: ridge}}
  forest: {group: control, fit: {encoder: identity, head: {forest: {trees: 5}}}}
  plain: {fit: {encoder: {mlp: {layers: 2, hidden: 8, dropout: 0.2}}, epochs: 3, batch: 16}}
  frozen: {pretrain: rnc, fit: {train: head, epochs: 2}}
  tuned: {pretrain: rnc, fit: {train: all, epochs: 2, batch: 20, encoder_lr: 0.1}}
  last: {pretrain: rnc, fit: {train: 'last:1', epochs: 2, select: last}}
axes: {seed: {role: repeat, values: 2}}
profiles: {smoke: {axes: {seed: {values: 1}}}}
"""


def small(**changes: Any) -> Plain:
    """The small study as plain values, top-level keys replaced."""
    return {**yaml.safe_load(SMALL), **changes}


def with_arms(**arms: Any) -> Plain:
    """The small study with more arms, or others of the same names."""
    raw = small()
    return {**raw, "arms": {**raw["arms"], **arms}}


def write_table(path: Path, rows: int = 60, seed: int = 0) -> None:
    """Write columns a, b, c, y, z, and for splits and names g, h, part, name, label."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)) * [1.0, 10.0, 0.1]
    y = np.tanh(x[:, 0]) + x[:, 1] / 10 + rng.normal(size=rows) / 10
    z = x[:, 2] * 10 - y + rng.normal(size=rows) / 10
    parts = ["train"] * 7 + ["validation", "test", "train"]
    lines = ["a,b,c,y,z,g,h,part,name,label"]
    for i, (a, b, c) in enumerate(x):
        values = ",".join(f"{value:.6f}" for value in (a, b, c, y[i], z[i]))
        lines.append(f"{values},{i // 2},{i // 3},{parts[i % 10]},row {i},no. {i}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_small(folder: Path, **changes: Any) -> Path:
    """Write ``small.csv`` and ``small.yaml``; return the study file."""
    write_table(folder / "small.csv")
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(small(**changes), sort_keys=False), encoding="utf-8")
    return path


def resolved(raw: Plain, profile: str | None = None) -> Resolved:
    return resolve(copy.deepcopy(raw), Path("small.yaml"), profile)


def planned(raw: Plain | Resolved, environment: Environment = HERE) -> Plan:
    study = raw if isinstance(raw, Resolved) else resolved(raw)
    return make_plan(study, DIGEST, environment, external=another)


def another(start: Pretrain, seed: int, data: Data) -> Step:
    """Stands in for the encoder of another run."""
    spec = pretrain_spec(Named("mlp", {}), seed)
    return Step(f"pretrain:{start.run}/{start.arm}", spec, f"{seed:016d}")


def pretrain_spec(encoder: Named, seed: int = 0) -> PretrainSpec:
    """Some pre-training of this encoder."""
    return PretrainSpec(
        data=Data(DIGEST, SplitOptions(), seed, Conditions()),
        seed=seed,
        environment=HERE,
        threads=1,
        encoder=encoder,
        objective=Named("rnc", {}),
        recipe=Recipe(
            epochs=1,
            batch=16,
            drop_last=False,
            optimizer=Adam(),
            schedule=Constant(),
            clip=None,
            select="last",
        ),
    )


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value that is no container, and empty containers, with the keys that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        if isinstance(item, dict | list) and item:
            yield from leaves(item, (*path, key))
        else:
            yield (*path, key), item


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A deep copy of ``value`` with ``new`` at ``path``."""
    made = copy.deepcopy(value)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return made


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
