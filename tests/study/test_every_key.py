"""No key of a study file is ignored: each one, changed, changes the run, or is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from schema_walk import block_name, blocks, schema_keys
from small_study import HERE, Plain, at, changed, leaves, planned, resolved, small, write_table

from nearfar.data import load_dataset
from nearfar.errors import UserError
from nearfar.study.load import Resolved, load_study
from nearfar.study.plan import make_plan
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
    "unit": ["z", "own"],
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
    "corruption": ["outliers"],
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

WIDE = small(
    title="a title",
    question="a question?",
    threads=2,
    margin=0.1,
    max_epochs=50,
    minutes={"full": 2.0, "quick": 1.0},
    data={
        "source": "table",
        "path": "small.csv",
        "separator": ",",
        "target": ["y"],
        "features": ["a", "b"],
        "group": "g",
        "name": "name",
        "unit": "mm",
        "on_bad_rows": "error",
        "limit": {"rows": 50},
        "half": "first",
    },
    split={"kind": "group", "parts": [0.6, 0.2, 0.2], "resplit": False, "split_seed": 3},
    unseen=[0.5, 1.5],
    test={"rows": "seen", "corruption": "feature_noise", "severity": 2},
    stages={
        "rnc": {
            "encoder": {"mlp": {"layers": 2, "hidden": "$size", "dropout": 0.2}},
            "objective": {"rnc": {"temperature": 1.5, "label_diff": "l2", "feature_sim": "l1"}},
            "epochs": 9,
            "keep": [2, 4],
            "optimizer": {"adam": {"lr": 0.01, "weight_decay": 0.1}},
            "schedule": {"cosine": {"end": 0.1, "warmup": 0.2}},
            "clip": 0.5,
        },
        "numbers": {
            "encoder": {"mlp": {"layers": 2, "hidden": 4, "dropout": 0.2}},
            "objective": {"regression": {"loss": "huber"}},
            "epochs": 9,
            "schedule": "plateau",
        },
    },
    arms={
        "mean": {"group": "control", "fit": {"head": "mean"}},
        "ridge": {
            "fit": {
                "encoder": "identity",
                "head": {"ridge": {"penalties": 9}},
                "weights": "sqrt_inverse",
            }
        },
        "numbers": {"pretrain": "numbers", "fit": {"train": "head", "weights": "inverse"}},
        "svr": {"fit": {"encoder": "identity", "head": "svr"}},
        "pca": {"fit": {"encoder": "identity", "head": {"pca": {"components": 2}}}},
        "forest": {
            "against": "mean",
            "fit": {
                "encoder": "identity",
                "head": {"forest": {"trees": 5, "features_per_split": 0.5}},
            },
        },
        "early": {
            "pretrain": {"stage": "rnc", "epoch": 4},
            "fit": {
                "train": "last:1",
                "head": {"mlp": {"hidden": [4, 3], "dropout": 0.3}},
                "encoder_lr": 0.3,
                "batch_norm": "eval",
                "optimizer": {"adamw": {"lr": 0.01, "weight_decay": 0.2}},
                "schedule": {"one_cycle": {"warmup": 0.4}},
            },
        },
        "plain": {
            "fit": {
                "encoder": {"mlp": {"layers": 1, "hidden": 8, "dropout": 0.1}},
                "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1}},
                "schedule": "constant",
                "readout": "own",
            }
        },
        "binned": {
            "fit": {
                "encoder": {"mlp": {"layers": 1, "hidden": 8, "dropout": 0.1}},
                "readout": {"bins": {"count": 9, "smoothing": 0.5}},
            }
        },
        "ordinal": {
            "fit": {
                "encoder": {"mlp": {"layers": 1, "hidden": 8, "dropout": 0.1}},
                "readout": {"ordinal": {"count": 9, "shared": False}},
            }
        },
        "stepwise": {
            "fit": {
                "encoder": {"mlp": {"layers": 1, "hidden": 8, "dropout": 0.1}},
                "iterations": 40,
                "schedule": {"plateau": {"factor": 0.3, "patience": 2}},
            }
        },
    },
    axes={
        "seed": {"role": "repeat", "values": [0, 5]},
        "size": {"role": "condition", "values": {"narrow": 4, "wide": 8}},
    },
    published=[
        {
            "arm": "plain",
            "provenance": "one split",
            "unit": "z",
            "train": {"mae": 0.1},
            "validation": {"mae": 0.2},
            "test": {"rmse": 0.3},
            "validation_beside": "test",
            "condition": "size=narrow",
            "target": "y",
            "note": "a note",
        }
    ],
    claims=[
        {
            "claim": "better",
            "arms": ["early"],
            "expect": "better",
            "against": "plain",
            "condition": "size=narrow",
        }
    ],
    track=["tensorboard", {"wandb": {"entity": "us"}}, "webhook"],
)
LIMIT = {"train": 40, "validation": 5, "test": 0.9}
PREDEFINED = small(
    data={"source": "table", "path": "small.csv", "target": "y", "part": "part", "limit": LIMIT},
    split={"kind": "predefined", "validation": 0.2},
)
RESNET = {"resnet18": {"width": 2, "stem": "small", "zero_init": False, "crop": 20}}
VIEWS = [
    {"resized_crop": {"scale": [0.5, 1.0], "ratio": [0.5, 2.0], "size": 24}},
    {"crop": {"padding": 2}},
    {"flip": {"p": 0.4}},
    {"rotation": {"degrees": 9}},
    {"jitter": {"brightness": 0.1, "contrast": 0.2, "saturation": 0.3, "hue": 0.1, "p": 0.7}},
    {"greyscale": {"p": 0.3}},
    {"blur": {"sigma": [0.2, 1.0], "p": 0.6}},
]
OBJECTIVES_OF_IMAGES: dict[str, Any] = {
    "cross_entropy": {},
    "moco": {"queue": 32, "symmetric": True, "split_batch_norm": 2, "hidden": [4], "out": 6},
    "nt_xent": {"temperature": 0.3, "hidden": [4], "out": 6},
    "supcon": {"temperature": 0.3, "hidden": [4], "out": 6},
    "contrastive": {"margin": 0.5, "distance": "mahalanobis", "normalise": True},
    "triplet": {"margin": 0.5, "mining": "all", "normalise": False},
    "pair_likelihood": {"temperature": 0.3, "normalise": False},
    "autoencoder": {"loss": "bce", "frozen_encoder": True},
}
STAGE_OF_IMAGES = {"encoder": {"cnn": {"width": 2, "dropout": 0.3}}, "batch": 8}
IMAGES = {
    "study": "pictures",
    "data": {"source": "images", "path": "pictures.npz", "size": 28, "channels": 1},
    "split": {"kind": "random", "parts": [0.5, 0.25, 0.25]},
    "baseline": "resnet",
    "metric": "balanced_accuracy",
    "search": {"epochs": 2},
    "targets": {"half": ["0+1", "2+3"]},
    "axes": {"penalty": {"role": "choose", "values": [0.1, 0.2]}},
    "stages": {
        name: {
            **STAGE_OF_IMAGES,
            "objective": {name: options},
            "augment": VIEWS if name == "moco" else ["standard", "moco", "simclr"],
            **({"iterations": 9, "keep": [4, 8]} if name == "moco" else {"epochs": 2}),
        }
        for name, options in OBJECTIVES_OF_IMAGES.items()
    },
    "arms": {
        "resnet": {"fit": {"encoder": RESNET, "loss": "cross_entropy", "augment": ["flip"]}},
        "emnist": {"fit": {"encoder": "emnist_cnn"}},
        "timm": {"fit": {"encoder": {"timm": {"name": "resnet10t", "pretrained": True}}}},
        **{name: {"pretrain": name, "fit": {"head": "knn"}} for name in OBJECTIVES_OF_IMAGES},
        "cached": {
            "pretrain": "moco",
            "fit": {"train": "head", "augment": ["flip"], "frozen_views": "cached:2"},
        },
        "mean": {"fit": {"head": "mean"}},
        "pixels": {"fit": {"encoder": "identity", "head": {"logistic": {"penalty": "$penalty"}}}},
        "halves": {"fit": {"encoder": "identity", "head": "knn", "target": "half"}},
        "lr": {"fit": {"encoder": "emnist_cnn", "optimizer": {"sgd": {"lr": "$penalty"}}}},
        "votes": {"fit": {"encoder": "identity", "head": {"knn": {"neighbours": 3}}}},
        "reduced": {"fit": {"encoder": {"pixels": {"side": 8}}, "head": "knn"}},
    },
}
RECONSTRUCTION = {
    "study": "given-back",
    "data": {"source": "images", "path": "pictures.npz", "task": "reconstruction"},
    "split": {"kind": "random", "parts": [0.5, 0.25, 0.25]},
    "baseline": "decoder",
    "stages": {
        "supcon": {**STAGE_OF_IMAGES, "epochs": 2, "objective": "supcon", "augment": "flip"}
    },
    "arms": {
        "mean": {"fit": {"head": "mean"}},
        "decoder": {"pretrain": "supcon", "fit": {"head": "decoder", "train": "all"}},
    },
}


def esol() -> Plain:
    text = load_study("esol").text
    text["axes"]["seed"]["values"] = 1
    return text


STUDIES = {
    "esol": esol(),
    "vectors": resolved(WIDE).text,
    "predefined": resolved(PREDEFINED).text,
    "images": resolved(IMAGES).text,
    "reconstruction": resolved(RECONSTRUCTION).text,
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
    if isinstance(value, int):
        return value - 1 if "epochs" in key else value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.25
    if value == "bce":
        return "mse"
    if value is None or value.startswith("$"):
        given = {"clip": 0.7, "against": "mean", "condition": "size=wide", "frozen_views": "fresh"}
        given["weights"] = "inverse"
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
        if not isinstance(new, list) and at(study.text, path) != new:
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
    ("stages", "rnc", "optimizer"): "adamw",
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
        for text in STUDIES.values()
        for _, model, value in blocks(Study, text)
        for key in value
    }
    allowed = set(schema_keys(Study))
    of_images = {"subset", "image", "transposed", "mapping"}
    never = {("DataOptions", key) for key in {"hub", *of_images}}
    never |= {("Pretrain", "run"), ("Pretrain", "arm")}
    assert said <= allowed
    assert allowed - said == never
