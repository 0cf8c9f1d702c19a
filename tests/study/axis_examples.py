"""Small studies with axes of every kind."""

from small_study import Plain, small, with_arms

AXES: dict[str, Plain] = {
    "no axis": small(axes={}),
    "encoders fixed and trained": {
        **with_arms(new={"fit": {"encoder": "$e"}}),
        "axes": {"e": {"role": "compare", "values": ["identity", "mlp"]}},
    },
    "encoders trained and fixed": {
        **with_arms(new={"fit": {"encoder": "$e"}}),
        "axes": {"e": {"role": "compare", "values": ["mlp", "identity"]}},
    },
    "heads trained and solved": {
        **with_arms(new={"fit": {"encoder": "identity", "head": "$h"}}),
        "axes": {"h": {"role": "condition", "values": ["linear", "ridge", "forest"]}},
    },
    "heads solved and trained": {
        **with_arms(new={"pretrain": "rnc", "fit": {"head": "$h"}}),
        "axes": {"h": {"role": "compare", "values": ["ridge", "linear"]}},
    },
    "options": {
        **with_arms(new={"fit": {"encoder": {"mlp": {"hidden": "$n"}}, "epochs": "$n"}}),
        "axes": {"n": {"role": "compare", "values": {"few": 3, "many": 30}}},
    },
    "with and without pre-training": {
        **with_arms(new={"pretrain": "$p", "fit": {"encoder": "$e", "epochs": 1}}),
        "axes": {
            "p": {"role": "compare", "values": {"none": None}},
            "e": {"role": "compare", "values": ["mlp"]},
        },
    },
    "stages": {
        **with_arms(new={"pretrain": "$p", "fit": {"epochs": 1}}),
        "stages": {**small()["stages"], "other": {"encoder": "mlp", "objective": "rnc"}},
        "axes": {"p": {"role": "compare", "values": ["rnc", "other"]}},
    },
    "checkpoints": {
        **with_arms(new={"pretrain": {"stage": "rnc", "epoch": "$c"}, "fit": {"train": "head"}}),
        "stages": {"rnc": {**small()["stages"]["rnc"], "keep": [1, 2]}},
        "axes": {"c": {"role": "condition", "values": [1, 2]}},
    },
    "in a list": {
        **with_arms(new={"fit": {"encoder": "mlp", "head": {"mlp": {"hidden": ["$w", 3]}}}}),
        "axes": {"w": {"role": "compare", "values": [5, 6]}},
    },
    "a whole fit": {
        **with_arms(new={"pretrain": "rnc", "fit": "$f"}),
        "axes": {
            "f": {
                "role": "compare",
                "values": {"a": {"train": "head"}, "b": {"train": "all", "epochs": 7}},
            }
        },
    },
    "capped": {**small(), "max_epochs": 1},
    "capped axis": {
        **with_arms(new={"fit": {"encoder": "mlp", "epochs": "$n"}}),
        "axes": {"n": {"role": "compare", "values": [1, 4, 40]}},
        "max_epochs": 3,
    },
    "two axes": {
        **with_arms(new={"fit": {"encoder": {"mlp": {"hidden": "$a"}}, "batch": "$b"}}),
        "axes": {
            "a": {"role": "compare", "values": [2, 3]},
            "b": {"role": "condition", "values": [8, 9]},
            "seed": {"role": "repeat", "values": [3, 1]},
        },
    },
    "names": {
        **with_arms(**{name: {"fit": {"head": "mean"}} for name in ("1e3", "on", "null", "a: b")}),
        "title": "1e-3",
        "question": "yes",
    },
}
