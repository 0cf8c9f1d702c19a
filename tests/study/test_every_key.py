"""No key of a study file is ignored: each one, changed, changes the run, or is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_key import OF_CLASSES, STUDIES
from schema_walk import block_name, blocks, schema_keys
from small_study import HERE, Plain, at, changed, leaves, planned, resolved, write_table

from nearfar.data import load_dataset
from nearfar.errors import UserError
from nearfar.plan.plan import make_plan
from nearfar.study.load import Resolved
from nearfar.study.schema import Study

SHOWN = {"study", "title", "question", "profile", "margin", "baseline", "minutes"} | {
    "published",
    "claims",
    "track",
}
SHOWN_IN_ARM = {"group", "against"}
SHOWN_IN_DATA = {"name", "unit", "on_bad_rows"}
"""Keys that change what is said, not what is computed: no stage may depend on them."""

OTHER: dict[str, list[Any]] = {
    "source": ["diabetes"],
    "path": ["other.csv"],
    "target": ["z"],
    "group": ["h"],
    "name": ["label"],
    "part": ["a"],
    "separator": [";"],
    "kind": ["scaffold", "random"],
    "metric": ["rmse", "mae"],
    "baseline": ["mean"],
    "profile": ["quick", "full"],
    "label_diff": ["l2", "l1"],
    "feature_sim": ["cosine", "l2"],
    "train": ["head", "all"],
    "loss": ["huber", "l1"],
    "weights": ["inverse", "sqrt_inverse"],
    "batch_norm": ["eval", "train"],
    "select": ["last", "best"],
    "role": ["condition", "compare"],
    "unit": ["own", "z"],
    "validation_beside": ["test", "validation"],
    "expect": ["worse", "better"],
    "on_bad_rows": ["drop"],
    "study": ["other"],
    "against": ["mean", "ridge"],
    "arm": ["mean"],
    "arms": ["mean"],
    "condition": ["size=wide"],
    "features": ["z"],
    "smiles": ["structure"],
    "task": ["classification", "regression"],
    "stem": ["large", "small"],
    "distance": ["l2", "mahalanobis"],
    "mining": ["batch_hard", "all"],
    "frozen_views": ["cached:3"],
    "mode": ["offline", "online"],
    "url_from": ["ANOTHER_VARIABLE"],
    "rows": ["few", "many"],
    "half": ["second"],
    "by": ["group"],
    "pool": ["max", "mean"],
    "test_time": ["plain", "flip", "shift"],
    "corruption": ["outliers"],
    "class": ["ensemble.RandomForestRegressor"],
    "width": [None],
}
LISTS: dict[str, list[Any]] = {
    "published": [{"arm": "mean", "provenance": "one split", "test": {"mae": 1.0}}],
    "claims": [{"claim": "worse", "arms": ["mean"], "expect": "worse"}],
    "keep": [1],
    "augment": ["flip"],
}
REFUSED = {
    ("data", "source"),
    ("data", "path"),
    ("data", "separator"),
    ("data", "smiles"),
    ("data", "part"),
    ("data", "task"),
    ("data", "limit"),
    ("data", "half"),
    ("split", "kind"),
    ("split", "parts"),
    ("split", "resplit"),
    ("stages", "keep"),
    ("stages", "encoder", "mlp", "hidden"),
    ("pretrain", "stage"),
    ("pretrain", "epoch"),
    ("pretrain", "run"),
    ("pretrain", "arm"),
    ("test", "corruption"),
    ("test", "severity"),
    ("unseen",),
    ("fit", "train"),
    ("fit", "encoder_lr"),
    ("fit", "batch_norm"),
    ("axes", "role"),
    ("axes", "values"),
    ("claims", "arms"),
    ("published", "condition"),
    ("claims", "condition"),
    ("stages", "augment"),
    ("stages", "objective", "rnc", "views"),
    ("stages", "objective", "supremix", "views"),
    ("fit", "augment"),
    ("fit", "frozen_views"),
    ("fit", "loss"),
}
"""Where another value, valid by itself, does not go with the rest of these studies."""

OF_IMAGES = ("images", "reconstruction")
REFUSED_OF_IMAGES = {
    *(("fit", key) for key in ("loss", "target", "weights")),
    ("metric",),
    ("test", "rows"),
}


def other(path: tuple[Any, ...], value: Any) -> Any:
    """A value unlike ``value``, of its kind."""
    key = next(key for key in reversed(path) if isinstance(key, str))
    if value == []:
        return LISTS[key]
    if isinstance(value, bool):
        return not value
    if key == "channels":
        return 4 - value
    if key == "patch":
        return 5 - value
    if isinstance(value, int):
        return value - 1 if "epochs" in key else value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.25
    if value == "bce":
        return "mse"
    if value is None or value.startswith("$"):
        given = {"clip": 0.7, "against": "mean", "condition": "size=wide", "frozen_views": "fresh"}
        given |= {"weights": "inverse", "label_smoothing": 0.2}
        given["average"] = "lookahead"
        return given.get(key, 7)
    if path[0] == "arms" and key == "group":
        return "published" if value != "published" else "own"
    if key in OTHER:
        return next(candidate for candidate in OTHER[key] if candidate != value)
    return f"{value} more"


def distinct_leaves(text: Plain) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Leaves; of arms and stages that say the same thing, the first."""
    seen = set()
    for path, value in leaves(text):
        place = outline(path) if path[0] in {"arms", "stages"} else path
        if value != {} and (place, repr(value)) not in seen:
            seen.add((place, repr(value)))
            yield path, value


def shown_alone(path: tuple[Any, ...]) -> bool:
    in_arm = path[0] == "arms" and len(path) == 3 and path[2] in SHOWN_IN_ARM
    return path[0] in SHOWN or in_arm or (path[0] == "data" and path[1] in SHOWN_IN_DATA)


def outline(path: tuple[Any, ...]) -> tuple[str, ...]:
    """The path without the names that people chose and without numbers."""
    named = [key for key in path if isinstance(key, str)]
    if path[0] == "arms":
        return tuple(named[2:4])
    return tuple([named[0], *named[2:]] if path[0] in {"stages", "axes"} else named[:2])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of vectors and of molecules under the names that the studies use."""
    folder = tmp_path_factory.mktemp("tables")
    write_table(folder / "small.csv")
    write_table(folder / "other.csv", seed=1)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, size=(40, 28, 28), dtype=np.uint8)
    np.savez(folder / "pictures.npz", x=pixels, y=np.arange(40) % 4)
    lines = [f"{'C' * n},{n}.5,{-n}.5,n{n},m{n}" for n in range(1, 13)]
    header = "smiles,log_solubility,z,name,label"
    (folder / "esol.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    return folder


def hashes(study: Resolved, tables: Path) -> set[str]:
    digest = load_dataset(study.study.data, tables).digest
    return set(make_plan(study, digest, HERE, guess=True).steps)


@pytest.mark.parametrize("name", STUDIES)
def test_a_changed_key_changes_the_run_or_is_refused(name: str, tables: Path) -> None:
    text = STUDIES[name]
    before = hashes(resolved(text), tables)
    same_data = load_dataset(resolved(text).study.data, tables).digest
    wrong = []
    for path, value in distinct_leaves(text):
        new = other(path, value)
        try:
            study = resolved(changed(text, path, new))
            if path[0] == "data":
                after = hashes(study, tables)
            else:
                after = set(make_plan(study, same_data, HERE, guess=True).steps)
        except UserError as error:
            if outline(path) not in (REFUSED | REFUSED_OF_IMAGES if name in OF_IMAGES else REFUSED):
                wrong.append(f"{path} = {new!r} is refused: {error}")
            continue
        taken_back = isinstance(new, list) or new is None  # what is None is not written out
        if not taken_back and at(study.text, path) != new:
            wrong.append(f"{path}: {new!r} became {at(study.text, path)!r}")
        if (after == before) != shown_alone(path):
            verb = "changes nothing" if after == before else "changes a stage"
            wrong.append(f"{path} = {new!r} {verb}")
    assert not wrong, "\n".join(wrong)


CHOICES = {
    ("arms", "L1", "fit", "encoder"): "mpnn",
    ("arms", "L1", "fit", "head"): "mlp",
    ("arms", "L1", "fit", "readout"): "own",
    ("arms", "L1", "fit", "optimizer"): "adam",
    ("arms", "L1", "fit", "schedule"): "constant",
    ("stages", "rnc", "encoder"): "mpnn",
    ("stages", "rnc", "optimizer"): "muon",
    ("stages", "rnc", "schedule"): "one_cycle",
    ("arms", "fingerprint ridge", "fit", "encoder"): "descriptors",
    ("arms", "fingerprint ridge", "fit", "head"): "forest",
}


@pytest.mark.parametrize("path", CHOICES, ids=".".join)
def test_another_choice_changes_the_run(path: tuple[str, ...]) -> None:
    text = STUDIES["esol"]
    before = set(planned(text).steps)
    assert set(planned(changed(text, path, CHOICES[path])).steps) != before


@pytest.mark.parametrize("name", [name for name in STUDIES if "rnc" in STUDIES[name]["stages"]])
def test_a_name_that_people_chose_changes_no_stage(name: str) -> None:
    """But stages and arms may not lose their names: others refer to them."""
    text = STUDIES[name]
    renamed = (
        str(text).replace("'rnc'", "'another'").replace("{'another': {'temp", "{'rnc': {'temp")
    )
    study = resolved(eval(renamed))
    assert "another" in study.text["stages"]
    assert set(planned(study).steps) == set(planned(text).steps)


def test_these_studies_say_all_that_a_study_file_may_say() -> None:
    said = {
        (block_name(model), key)
        for text in (*STUDIES.values(), *OF_CLASSES.values())
        for _, model, value in blocks(Study, text)
        for key in value
    }
    allowed = set(schema_keys(Study))
    of_images = {"subset", "image", "transposed", "mapping"}
    of_images |= {"root", "channel_axis", "range", "pages", "pictures"}
    never = {("DataOptions", key) for key in {"hub", *of_images}}
    of_files = {"decimal", "encoding", "sheet", "missing"}  # seen in the content: tests/data
    never |= {("DataOptions", key) for key in of_files}
    never |= {("Pretrain", "run"), ("Pretrain", "arm"), ("Study", "modules")}
    never |= {("DataOptions", "standardise")}  # tests/data/test_odd_molecules.py
    never |= {("SplitOptions", "order")}  # tests/data/test_scaffold_splits.py
    never |= {("Study", "left_out")}  # written by nearfar: tests/study/test_left_out.py
    never |= {("SplitOptions", "repeats")}  # the axis of seeds says it
    never |= {("head", name) for name in ("lightgbm", "xgboost", "catboost")}  # tests/heads
    never |= {("head", name) for name in ("tabpfn", "tabicl")}  # tests/heads/test_in_context.py
    never |= {("Study", "rounds")}  # decides which seeds are trained: tests/execution
    of_ranges = ("from", "to", "log", "step", "trials")
    never |= {("Axis", key) for key in of_ranges}  # tests/study/test_ranges.py, tests/plan
    never |= {("Search", key) for key in ("seeds", "prune")}  # with ranges: tests/plan
    elsewhere = {"file": "FileFeatures", "minimol": "MiniMol", "skfp": "SkfpSet"}  # tests/encoders
    elsewhere["hf"] = "HF"
    never |= {("encoder", name) for name in elsewhere} | {("DataOptions", "id")}
    never |= {key for key in allowed if key[0] in elsewhere.values()}
    on = ("features", "layers", "hidden", "dropout")
    weights = ("checkpoint", "mean", "std", "size", "pooling")
    never |= {("Timm", key) for key in weights}  # tests/encoders/test_timm_library.py
    never |= {("encoder", "mlp_on")} | {("MLPOn", key) for key in on}  # tests/shipped
    assert said <= allowed
    assert allowed - said == never
