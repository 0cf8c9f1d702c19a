"""Studies that between them say all that a study file may say."""

from typing import Any

from small_study import Plain, resolved, small

from nearfar.study.load import load_study

OBJECTIVES_OF_NUMBERS: dict[str, Any] = {
    "ranksim": {"loss": "mse", "weight": 3.0, "interpolation": 9.0},
    "ordinal_entropy": {"loss": "huber", "diversity": 0.5, "tightness": 2.0},
    "supremix": {"temperature": 0.2, "window": 0.5, "beta": [1.0, 3.0]},
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
            "chunk": 32,
            "optimizer": {"adam": {"lr": 0.01, "weight_decay": 0.1}},
            "schedule": {"cosine": {"end": 0.1, "warmup": 0.2}},
            "clip": 0.5,
        },
        "numbers": {
            "encoder": {"mlp": {"layers": 2, "hidden": 4, "dropout": 0.2}},
            "objective": {"regression": {"loss": "huber"}},
            "epochs": 9,
            "optimizer": {"muon": {"lr": 0.01, "weight_decay": 0.1}},
            "schedule": "plateau",
        },
        **{
            name: {"encoder": {"mlp": {"hidden": 4}}, "objective": {name: options}, "epochs": 2}
            for name, options in OBJECTIVES_OF_NUMBERS.items()
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
        "svr": {"fit": {"encoder": "identity", "head": {"svr": {"width": "columns"}}}},
        "trees": {
            "fit": {
                "encoder": ["identity", {"mlp": {"layers": 1, "hidden": 8, "dropout": 0.1}}],
                "head": {
                    "sklearn": {
                        "class": "ensemble.ExtraTreesRegressor",
                        "options": {"min_samples_leaf": 2},
                    }
                },
            }
        },
        "pca": {"fit": {"encoder": "identity", "head": {"pca": {"components": 2}}}},
        **{name: {"pretrain": name, "fit": {"train": "head"}} for name in OBJECTIVES_OF_NUMBERS},
        "mixed": {
            "fit": {
                "encoder": {"mlp": {"hidden": 4}},
                "augment": {"c_mixup": {"alpha": 0.5, "bandwidth": 2.0, "at": "inputs"}},
            }
        },
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
                "layer_decay": 0.5,
                "batch_norm": "eval",
                "chunk": 64,
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
    track=[
        "tensorboard",
        {"wandb": {"entity": "us"}},
        {"mlflow": {"experiment": "ours"}},
        "webhook",
    ],
)
FOLDS = small(split={"kind": "folds", "folds": 5, "by": "rows", "validation": 0.2})
LIMIT = {"train": 40, "validation": 5, "test": 0.9}
PREDEFINED = small(
    data={"source": "table", "path": "small.csv", "target": "y", "part": "part", "limit": LIMIT},
    split={"kind": "predefined", "validation": 0.2},
)
RESNET = {"resnet18": {"width": 2, "stem": "small", "zero_init": False, "crop": 20}}
FAST = {"widths": [4, 8], "depth": 3, "patch": 3, "pool": "mean", "scale": 0.5}
FAST["out"] = 7
FAST |= {"test_time": "flip"}
VIEWS = [
    {"resized_crop": {"scale": [0.5, 1.0], "ratio": [0.5, 2.0], "size": 24}},
    {"crop": {"padding": 2}},
    {"shift": {"padding": 3}},
    {"cutout": {"size": 3}},
    "alternating_flip",
    {"flip": {"p": 0.4}},
    {"rotation": {"degrees": 9}},
    {"jitter": {"brightness": 0.1, "contrast": 0.2, "saturation": 0.3, "hue": 0.1, "p": 0.7}},
    {"greyscale": {"p": 0.3}},
    {"blur": {"sigma": [0.2, 1.0], "p": 0.6}},
]
OBJECTIVES_OF_IMAGES: dict[str, Any] = {
    "cross_entropy": {"label_smoothing": 0.1},
    "moco": {"queue": 32, "symmetric": True, "split_batch_norm": 2, "hidden": [4], "out": 6},
    "nt_xent": {"temperature": 0.3, "hidden": [4], "out": 6},
    "vicreg": {"invariance": 9.0, "variance": 8.0, "covariance": 2.0, "hidden": [4], "out": 6},
    "barlow_twins": {"redundancy": 0.1, "hidden": [4], "out": 6},
    "byol": {"momentum": 0.9, "hidden": [4], "out": 6, "predictor": [3]},
    "simsiam": {"hidden": [4], "out": 6, "predictor": [3]},
    "supcon": {"temperature": 0.3, "hidden": [4], "out": 6},
    "contrastive": {"margin": 0.5, "distance": "mahalanobis", "normalise": True},
    "triplet": {"margin": 0.5, "mining": "all", "normalise": False},
    "pair_likelihood": {"temperature": 0.3, "normalise": False},
    "autoencoder": {"loss": "bce", "frozen_encoder": True},
}
STAGE_OF_IMAGES = {"encoder": {"cnn": {"width": 2, "dropout": 0.3}}, "batch": 8}
STAGE_OF_IMAGES["average"] = {"lookahead": {"every": 2, "decay": 0.8}}
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
        "fast": {
            "fit": {
                "encoder": {"fast_cnn": FAST},
                "schedule": {"triangular": {"warmup": 0.4, "start": 0.1, "end": 0.01}},
                "average": {"lookahead": {"every": 3, "decay": 0.9}},
                "label_smoothing": 0.3,
            }
        },
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
        "own decoder": {"pretrain": "supcon", "fit": {"head": "image_decoder", "train": "head"}},
        "decoder": {"pretrain": "supcon", "fit": {"head": "decoder", "train": "all"}},
    },
}
LABELS = {
    "study": "labels",
    "data": {
        "source": "table",
        "path": "labels.csv",
        "target": "y",
        "task": "multilabel",
        "label_separator": ";",
        "features": ["a"],
    },
    "split": {"kind": "random", "parts": [0.5, 0.25, 0.25]},
    "baseline": "logistic",
    "stages": {
        "bce": {"encoder": "mlp", "objective": "bce", "epochs": 2},
        "mulsupcon": {
            "encoder": "mlp",
            "objective": {"mulsupcon": {"temperature": 0.3, "hidden": [4], "out": 6}},
            "epochs": 2,
        },
    },
    "arms": {
        "logistic": {"fit": {"encoder": "identity", "head": "logistic"}},
        "contrast": {"pretrain": "mulsupcon", "fit": {"train": "head", "epochs": 2}},
        "learnt": {"pretrain": "bce", "fit": {"train": "head", "epochs": 2}},
    },
}
RARE = {
    "study": "rare",
    "data": {
        "source": "table",
        "path": "labels.csv",
        "target": "z",
        "task": "classification",
        "positive": "in",
        "features": ["a"],
    },
    "split": {"kind": "random", "parts": [0.5, 0.25, 0.25]},
    "baseline": "logistic",
    "arms": {
        "logistic": {"fit": {"encoder": "identity", "head": "logistic"}},
        "svc": {"fit": {"encoder": "identity", "head": {"svc": {"width": "columns"}}}},
    },
}


def esol() -> Plain:
    text = load_study("esol").text
    text["axes"]["seed"]["values"] = 1
    return text


STUDIES = {
    "esol": esol(),
    "vectors": resolved(WIDE).text,
    "folds": resolved(FOLDS).text,
    "predefined": resolved(PREDEFINED).text,
    "images": resolved(IMAGES).text,
    "reconstruction": resolved(RECONSTRUCTION).text,
}
OF_CLASSES = {"labels": resolved(LABELS).text, "rare": resolved(RARE).text}
"""Studies whose keys mean something to labels, or to two classes, alone."""
