"""What is wrong in a study file is told: where, what, what is allowed, and all of it together."""

import contextlib
import copy
import re
from pathlib import Path
from typing import Any

import pytest
from schema_walk import blocks
from small_study import Plain, at, changed, leaves, resolved, small

from nearfar.errors import UserError
from nearfar.plain_yaml import parse_yaml
from nearfar.study.files import find_study, read_study
from nearfar.study.load import load_study
from nearfar.study.named_options import NamedChoice
from nearfar.study.overlay import assignment
from nearfar.study.schema import Study


def said(raw: Plain, profile: str | None = None) -> list[str]:
    """The lines that refuse a study."""
    with pytest.raises(UserError) as caught:
        resolved(raw, profile)
    lines = str(caught.value).split("\n")
    assert all(line.startswith("small.yaml: ") for line in lines), lines
    return [line.removeprefix("small.yaml: ") for line in lines]


NO_NAME = ": a name is one line of text, not empty, without control characters"
TEXT = resolved(small()).text
BLOCKS = [(path, model) for path, model, _ in blocks(Study, TEXT)]


def with_key(path: tuple[Any, ...], key: Any, value: Any) -> Plain:
    raw = copy.deepcopy(TEXT)
    place = at(raw, path)
    place[key] = value
    return raw


@pytest.mark.parametrize(
    ("path", "model"),
    [(path, model) for path, model in BLOCKS if not issubclass(model, NamedChoice)],
    ids=[".".join(map(str, p)) or "study" for p, m in BLOCKS if not issubclass(m, NamedChoice)],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(path: tuple[Any, ...], model: Any) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    names = [name for name in names if path or name not in {"profile", "left_out"}]
    fields = sorted(names, key=lambda name: (-len(name), name))
    misspelt = f"{fields[0][:-1]}{fields[0][-1]}z" if fields else "anything"
    lines = said(with_key(path, misspelt, 1))
    where = ".".join(map(str, path)) or "the study"
    matching = [line for line in lines if repr(misspelt) in line]
    assert len(matching) == 1, lines
    assert matching[0].startswith(f"{where}: unknown key {misspelt!r}; ")
    assert fields == [] or f"did you mean '{fields[0]}'?" in matching[0]
    for field in fields:
        assert field in matching[0]


@pytest.mark.parametrize(
    ("path", "model"),
    [(path, model) for path, model in BLOCKS if issubclass(model, NamedChoice)][:8],
    ids=[".".join(map(str, p)) for p, m in BLOCKS if issubclass(m, NamedChoice)][:8],
)
def test_an_unknown_choice_is_refused_with_the_nearest_name(
    path: tuple[Any, ...], model: Any
) -> None:
    name = next(iter(model.model_fields))
    for given in (f"{name}z", {f"{name}z": {}}):
        (line,) = [line for line in said(changed(TEXT, path, given)) if f"{name}z" in line]
        assert line.startswith(".".join(map(str, path)))
        assert f"did you mean '{name}'?" in line
    for given in ({}, {name: {}, f"{name}z": {}}):
        assert any("exactly one name" in line for line in said(changed(TEXT, path, given)))


JARGON = re.compile(
    r"Input|should|constrained|valid |unable to|permitted|Extra|function-|"
    r"(tuple|list|dict|literal)\[|\.(int|float|str|bool)\b|(String|List|Tuple|Dictionary) "
)
"""What pydantic says of Python's types, which nobody who writes a study has to know."""
WRONG: list[Any] = [None, -1, 2.5, "wrong", [], [3], {}, {"wrong": [[]]}]


def places(value: Any) -> list[tuple[Any, ...]]:
    """Where anything stands in a study: containers and values."""
    found = {path[:depth] for path, _ in leaves(value) for depth in range(1, len(path) + 1)}
    return sorted(found, key=lambda path: (len(path), str(path)))


RAW = small(
    defaults={"fit": {"batch": 8}, "stage": {"clip": 2.0}},
    published=[{"arm": "plain", "provenance": "x", "test": {"mae": 0.2}}],
    claims=[{"claim": "x", "arms": ["forest"], "expect": "better"}],
    minutes={"full": 1},
    max_epochs=9,
)
for name in ("ridge", "tuned"):
    del RAW["arms"][name]
RAW["stages"]["rnc"]["epochs"] = "$length"
RAW["stages"]["rnc"]["keep"] = [1]
RAW["axes"]["length"] = {"role": "compare", "values": [3]}


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_wrong_type_anywhere_is_a_persons_mistake(wrong: Any) -> None:
    resolved(RAW)
    broken = set()
    for path in places(RAW):
        raw = changed(RAW, path, wrong)
        for profile in (None, "smoke") if path[0] == "profiles" else (None,):
            with contextlib.suppress(UserError):
                try:
                    resolved(raw, profile)
                except UserError as error:
                    broken |= {line for line in str(error).split("\n") if JARGON.search(line)}
                except (
                    TypeError,
                    ValueError,
                    LookupError,
                    AttributeError,
                    AssertionError,
                ) as error:
                    broken.add(f"{'.'.join(map(str, path))}: {type(error).__name__}: {error}")
    assert not broken, "\n".join(sorted(broken))


REQUIRED = [
    ("study",),
    ("data",),
    ("split",),
    ("baseline",),
    ("arms",),
    ("data", "source"),
    ("stages", "rnc", "encoder"),
    ("stages", "rnc", "objective"),
    ("arms", "mean", "fit"),
    ("axes", "seed", "values"),
]


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_a_missing_key_is_named(path: tuple[str, ...]) -> None:
    raw = small()
    del at(raw, path[:-1])[path[-1]]
    assert f"{'.'.join(path)}: is missing" in said(raw)


@pytest.mark.parametrize(
    ("key", "meant"), [("profils", "profiles"), ("profil", "profiles"), ("default", "defaults")]
)
def test_the_blocks_that_a_person_writes_are_proposed(key: str, meant: str) -> None:
    (line,) = said(small(**{key: {"smoke": {}}}))
    assert line.startswith(f"the study: unknown key '{key}'; did you mean '{meant}'? allowed: arms")
    allowed = line.partition("allowed: ")[2].split(", ")
    assert {"profiles", "defaults", "metric"} <= set(allowed)
    assert not {"profile", "left_out"} & set(allowed)


NUMBER = "and this is read as a number: put it in quotes"
TRUTH = "and this is read as a truth value: put it in quotes"
SHARE = "needs at least 2 rows, or a fraction between 0 and 1"
ONE_LINE: list[tuple[tuple[Any, ...], Any, str]] = [
    (("data", "limit"), {"rows": 0}, f"data.limit.rows: {SHARE} (given: 0)"),
    (("data", "limit"), {"test": 1.5}, f"data.limit.test: {SHARE} (given: 1.5)"),
    (("data", "target"), 5, "data.target: needs a list, such as [a, b], or a text, " + NUMBER),
    (("data", "target"), [True], "data.target.0: needs a text, " + TRUTH),
    (("data", "standardise"), 7, "data.standardise: needs true or false, or a list, such as"),
    (("data", "separator"), "::", "data.separator: takes one character at most (given: '::')"),
    (("data", "features"), [], "data.features: needs one at least (given: [])"),
    (("unseen",), [], "unseen: needs [lowest, highest], or a list of classes (given: [])"),
    (("unseen",), 5, "unseen: needs [lowest, highest], or a list of classes (given: 5)"),
    (("split",), {"parts": [0.5]}, "split.parts: needs 2 more (given: [0.5])"),
    (("split",), {"parts": [0.5] * 4}, "split.parts: takes 3 at most (given: [0.5, 0.5, 0.5, 0"),
    (
        ("split",),
        {"kind": "folds", "folds": 1e6},
        "split.folds: needs a whole number, written without a point or an exponent (given: 1000",
    ),
    (("threads",), 0, "threads: has to be at least 1 (given: 0)"),
    (("threads",), "x", "threads: needs a whole number (given: 'x')"),
    (("margin",), 0, "margin: has to be above 0 (given: 0)"),
    (("margin",), "x", "margin: needs a number (given: 'x')"),
    (("minutes",), {"fulll": 1}, "minutes: unknown value 'fulll'; did you mean 'full'? allowed:"),
    (("targets",), {"x": [["red"]]}, "targets.x: needs names of classes, in quotes where they"),
    (("arms", True), {"fit": {"head": "mean"}}, "arms: a name is a text, " + TRUTH),
    (("arms", 1), {"fit": {"head": "mean"}}, "arms: a name is a text, " + NUMBER),
]


@pytest.mark.parametrize(("path", "value", "line"), ONE_LINE)
def test_a_value_that_cannot_be_is_told_in_one_plain_line(
    path: tuple[Any, ...], value: Any, line: str
) -> None:
    raw = small()
    at(raw, path[:-1])[path[-1]] = value
    (told,) = said(raw)
    assert told.startswith(line)


def test_mistakes_are_collected_over_the_whole_file() -> None:
    raw = small(
        metric="maee",
        threads=0,
        tilte="x",
        baseline="plane",
        published=[{"arm": "plain", "provenance": "x", "test": {"maee": 0.2}}],
        defaults={"fits": {}},
    )
    raw["arms"]["plain"]["fit"]["epochs"] = "many"
    raw["arms"]["frozen"]["fit"]["train"] = "heads"
    raw["stages"]["rnc"]["objective"] = "rncc"
    raw["axes"]["width"] = {"role": "compare", "values": [1, 2]}
    raw["axes"]["seed"]["values"] = [1, 1]
    raw["profiles"]["quick"] = {"data": {"path": "other.csv"}}
    lines = said(raw)
    for phrase in (
        "metric: unknown value 'maee'; did you mean 'mae'?",
        "threads: ",
        "unknown key 'tilte'; did you mean 'title'?",
        "published.0.test: unknown metric 'maee'; did you mean 'mae'?",
        "defaults: unknown key 'fits'; did you mean 'fit'?",
        "arms.plain.fit.epochs: ",
        "arms.frozen.fit.train: ",
        "stages.rnc.objective: unknown key 'rncc'; did you mean 'rnc'?",
        "axes.width: is not used",
        "axes.seed: seeds are different",
        "profiles.quick: a profile may not change 'data.path'",
    ):
        assert sum(phrase in line for line in lines) == 1, (phrase, lines)


def test_mistakes_between_blocks_are_collected() -> None:
    raw = small(
        baseline="plane",
        claims=[{"claim": "x", "arms": ["tunde"], "expect": "better"}],
    )
    raw["arms"]["frozen"]["pretrain"] = "rcn"
    raw["arms"]["tuned"]["against"] = "men"
    raw["arms"]["plain"]["fit"]["encoder"] = "gin"
    lines = said(raw)
    assert lines == [
        "baseline: no arm is called 'plane'; did you mean 'plain'? "
        "allowed: forest, frozen, last, mean, plain, ridge, tuned",
        "arms.frozen.pretrain: no stage is called 'rcn'; did you mean 'rnc'? allowed: rnc",
        "arms.tuned.against: no other arm is called 'men'; did you mean 'mean'? "
        "allowed: forest, frozen, last, mean, plain, ridge",
        "arms.plain.fit.encoder: gin does not take vector inputs; "
        "allowed: file, identity, joined, mlp",
        "claims.0.arms: no arm is called 'tunde'; did you mean 'tuned'? "
        "allowed: forest, frozen, last, mean, plain, ridge, tuned",
    ]


def test_a_claim_that_compares_the_baseline_with_itself_is_refused() -> None:
    claim = {"claim": "x", "arms": ["tuned", "plain"], "expect": "same"}
    assert said(small(claims=[claim])) == [
        "claims.0.arms: 'plain' is the baseline, which would be compared with itself; name the arm "
        "that it is set against as 'against'"
    ]
    assert resolved(small(claims=[{**claim, "arms": ["plain"], "against": "mean"}]))


IMPOSSIBLE: dict[str, tuple[Plain, str]] = {
    "a pre-trained encoder and another": ({"pretrain": "rnc", "fit": {"encoder": "mlp"}}, "leave"),
    "no encoder": ({"fit": {"head": "linear"}}, "needs an encoder"),
    "no encoder for a solved head": ({"fit": {"head": "ridge"}}, "needs an encoder"),
    "a mean that looks": ({"fit": {"head": "mean", "encoder": "mlp"}}, "looks at no features"),
    "a mean after pre-training": ({"pretrain": "rnc", "fit": {"head": "mean"}}, "no features"),
    "epochs of a solved head": (
        {"fit": {"encoder": "identity", "head": "ridge", "epochs": 3}},
        "unknown key 'epochs'",
    ),
    "training a fixed encoder": ({"fit": {"encoder": "identity", "train": "all"}}, "'head'"),
    "layers of a fixed encoder": ({"fit": {"encoder": "identity", "train": "last:1"}}, "'head'"),
    "no layers": ({"pretrain": "rnc", "fit": {"train": "last:0"}}, "last:0"),
    "a rate for a frozen encoder": (
        {"pretrain": "rnc", "fit": {"train": "head", "encoder_lr": 0.1}},
        "encoder_lr has no meaning",
    ),
    "batch norm of a frozen encoder": (
        {"pretrain": "rnc", "fit": {"train": "head", "batch_norm": "eval"}},
        "batch_norm has no meaning",
    ),
    "a checkpoint that is not kept": (
        {"pretrain": {"stage": "rnc", "epoch": 2}, "fit": {"train": "head"}},
        "keep",
    ),
    "nesterov without momentum": (
        {"pretrain": "rnc", "fit": {"optimizer": {"sgd": {"momentum": 0, "nesterov": True}}}},
        "nesterov needs a momentum",
    ),
    "two lengths": (
        {"pretrain": "rnc", "fit": {"epochs": 3, "iterations": 9}},
        "either epochs or iterations",
    ),
    "a batch of one row": (
        {"fit": {"encoder": "mlp", "batch": 1}},
        "fit.batch: has to be at least 2 (given: 1)",
    ),
    "itself as the other": ({"against": "new", "fit": {"head": "mean"}}, "no other arm"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_arm_is_refused(case: str) -> None:
    arm, phrase = IMPOSSIBLE[case]
    raw = small()
    raw["arms"]["new"] = arm
    (line,) = said(raw)
    assert line.startswith("arms.new")
    assert phrase in line


STAGES: dict[str, tuple[Plain, str]] = {
    "a fixed encoder": ({"encoder": "identity"}, "nothing to pre-train"),
    "a checkpoint beyond the end": ({"keep": [4]}, "beyond the 3 epochs"),
    "pairs in a batch of one": ({"batch": 1}, "at least 2"),
    "two lengths": ({"iterations": 9}, "either epochs or iterations"),
    "a schedule that follows what selects": ({"schedule": "plateau"}, "selects nothing"),
    "no temperature": ({"objective": {"rnc": {"temperature": 0}}}, "temperature"),
}


@pytest.mark.parametrize("case", STAGES)
def test_an_impossible_stage_is_refused(case: str) -> None:
    change, phrase = STAGES[case]
    raw = small()
    raw["stages"]["rnc"] |= change
    (line,) = said(raw)
    assert line.startswith("stages.rnc")
    assert phrase in line


def test_a_stage_that_no_arm_uses_is_refused() -> None:
    raw = small()
    raw["stages"]["other"] = raw["stages"]["rnc"]
    assert said(raw) == ["stages.other: no arm uses it"]


@pytest.mark.parametrize("name", ["trained", "exact", "fit", "1e3", "a.b", "$", "on"])
def test_an_arm_may_have_any_name_and_its_mistakes_are_told_under_it(name: str) -> None:
    raw = small()
    raw["arms"][name] = {"fit": {"encoder": "mlp", "epoch": 3}}
    (line,) = said(raw)
    assert line.startswith(f"arms.{name}.fit: unknown key 'epoch'; did you mean 'epochs'?")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m", "a\u2028b", "\u202eab", "\x7f"])
def test_a_name_is_a_line_that_can_be_shown(name: str) -> None:
    raw = small()
    raw["arms"][name] = {"fit": {"encoder": "mlp"}}
    assert any(line.endswith(NO_NAME) for line in said(raw))
    raw = small()
    raw["stages"][name] = raw["stages"]["rnc"]
    raw["arms"]["another"] = {"pretrain": name, "fit": {}}
    assert any(line.endswith(NO_NAME) for line in said(raw))


@pytest.mark.parametrize("name", ["a b", "größer", "🙂", "ا\u200cب", "<b>", "a/b", "../x", "=1"])
def test_a_name_may_have_any_signs_that_can_be_shown(name: str) -> None:
    raw = small()
    raw["arms"][name] = {"fit": {"encoder": "mlp"}}
    assert name in resolved(raw).text["arms"]


def test_a_map_of_classes_is_not_called_as_a_mean() -> None:
    data = {"source": "table", "path": "t.csv", "target": "colour", "task": "classification"}
    arms = {"one": {"fit": {"encoder": "identity", "head": "logistic", "target": "all targets"}}}
    raw = small(data=data, targets={"all targets": ["red"]}, arms=arms, baseline="one", stages={})
    line = "targets: 'all targets' is what a mean over targets is called"
    assert said({**raw, "metric": "accuracy"}) == [line]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("größer  arm", "'größer arm' and 'größer  arm'"),
        (" größer arm", "'größer arm' and ' größer arm'"),
        ("größer\u00a0arm", "'größer arm' and 'größer\\xa0arm'"),
        ("größer arm\u200b", "'größer arm' and 'größer arm\\u200b'"),
        ("gro\u0308ßer arm", "'gr\\xf6\\xdfer arm' and 'gro\\u0308\\xdfer arm'"),
    ],
)
@pytest.mark.parametrize("block", ["arms", "stages", "labels"])
def test_names_that_look_the_same_are_refused(block: str, name: str, told: str) -> None:
    raw, names = small(), ("größer arm", name)
    where = block
    for number, one in enumerate(names):
        if block == "arms":
            raw["arms"][one] = {"fit": {"encoder": "mlp"}}
        elif block == "stages":
            raw["stages"][one] = raw["stages"]["rnc"]
            raw["arms"][f"from {number}"] = {"pretrain": one, "fit": {"train": "all"}}
        else:
            where = "axes.size"
            axis = raw["axes"].setdefault("size", {"role": "compare", "values": {}})
            axis["values"][one] = number + 3
            raw["arms"]["sized"] = {"fit": {"encoder": {"mlp": {"hidden": "$size"}}}}
    assert f"{where}: {told} look the same: give one of them another name" in said(raw)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("a: {b: 1, b: 2}", "'b' stands twice"),
        ("a: 1\nc: 2\na: 3", "'a' stands twice in the block at line 1"),
        ("a: [1, 2", "not valid YAML"),
        ("a: *nowhere", "not valid YAML"),
        ("? [1, 2]\n: 3", "cannot be a key"),
        ("? {a: 1}\n: 3", "cannot be a key"),
        ("a: !!python/object:os.system 1", "not valid YAML"),
    ],
)
def test_what_is_not_sound_yaml_is_told_with_its_place(text: str, phrase: str) -> None:
    with pytest.raises(UserError, match=r"^here") as caught:
        parse_yaml(text, "here")
    assert phrase in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("-2e-10", -2e-10),
        ("1.5e3", 1500.0),
        ("+1e2", 100.0),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1e3x", "1e3x"),
        ("'1e-3'", "1e-3"),
        ("12", 12),
        ("0.5", 0.5),
        ("a", "a"),
    ],
)
def test_numbers_are_numbers(text: str, value: Any) -> None:
    parsed = parse_yaml(text, "here")
    assert parsed == value
    assert type(parsed) is type(value)


def test_anchors_and_merges_lay_explicit_keys_over_merged_ones() -> None:
    text = "base: &b {x: 1, y: {z: 2}}\nmore: {<<: *b, x: 5}\nlist: {<<: [*b, {x: 9, w: 3}]}"
    assert parse_yaml(text, "here") == {
        "base": {"x": 1, "y": {"z": 2}},
        "more": {"x": 5, "y": {"z": 2}},
        "list": {"x": 1, "y": {"z": 2}, "w": 3},
    }


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (None, "No such file"),
        (b"", "keys and values"),
        (b"- a\n", "keys and values"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_a_study(content: bytes | None, phrase: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=phrase):
        read_study(path)


def test_a_run_or_data_in_the_place_of_a_study_are_told_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"is a folder, no study; .* nearfar init {tmp_path}$"):
        read_study(tmp_path)
    table = tmp_path / "my data.csv"
    table.write_text("smiles,y\nC,1\n")
    with pytest.raises(UserError, match=r"keys and values.* nearfar init '.*/my data\.csv'$"):
        read_study(table)
    (tmp_path / "study.yaml").write_text("study: own\n")
    with pytest.raises(UserError, match=rf"a study is a file: {tmp_path}/study\.yaml$"):
        read_study(tmp_path)


@pytest.mark.parametrize("text", ["a", "=1", "a.=1", ".a=1", "a..b=1", "a=[1"])
def test_a_setting_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UserError, match="--set"):
        assignment(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1e-3", {"a": 0.001}),
        ("a.b=[1, x]", {"a": {"b": [1, "x"]}}),
        ("a.b=", {"a": {"b": None}}),
        ("a={b: c}", {"a": {"b": "c"}}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_a_setting(text: str, value: Any) -> None:
    assert assignment(text) == value


def test_a_study_is_found_by_name_or_path_or_named_nearest() -> None:
    assert find_study("esol").name == "esol.yaml"
    assert find_study("somewhere/x.yaml") == Path("somewhere/x.yaml")
    with pytest.raises(UserError, match=r"'esl'.*did you mean 'esol'\?"):
        load_study("esl")
