"""The specification and hash of every stage of every shipped study, as they were once written down.

``python tests/plan/golden.py`` writes the file anew. Whoever does so on purpose says in
CHANGELOG.md why: stages in the folders of users are found again by these hashes.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nearfar.plan.chain import Step
from nearfar.plan.environment import Environment
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.specs import Data
from nearfar.study.files import shipped_studies
from nearfar.study.load import load_study
from nearfar.study.schema import Pretrain

GOLDEN = Path(__file__).with_name("golden.jsonl.gz")
PROFILES = ("full", "quick", "smoke")
ENVIRONMENT = Environment(torch="2.13.0", device="cpu", nearfar="0.1.0")
DIGEST = "0" * 64


class OtherRun:
    """Stands for a finished run of another study: its plan tells what it would have trained."""

    def __init__(self, profile: str) -> None:
        self.profile = profile

    def __call__(self, start: Pretrain, seed: int, data: Data) -> Step:
        assert start.run is not None
        plan = planned(start.run, self.profile)
        (cell,) = (c for c in plan.cells if (c.arm, c.seed) == (start.arm, seed))
        fit = plan.steps[cell.chain[-1]]
        trained = cell.chain[0] if getattr(fit.spec, "train", "") == "head" else fit.hash
        step = plan.steps[trained]
        return Step(f"pretrain:{start.run}/{start.arm}", step.spec, step.hash)


def planned(study: str, profile: str) -> Plan:
    """Plan a shipped study with the first point of every search in the place of the chosen one."""
    given = (load_study(study, profile), DIGEST, ENVIRONMENT)
    return make_plan(*given, external=OtherRun(profile), guess=True)


def stages() -> Iterator[dict[str, Any]]:
    """Yield every stage of every shipped study in every profile."""
    for study in shipped_studies():
        for profile in PROFILES:
            for step in planned(study, profile).steps.values():
                yield {
                    "study": f"{study}/{profile}",
                    "name": step.name,
                    "hash": step.hash,
                    "needs": step.needs,
                    "spec": step.spec.to_plain(),
                }


def read() -> list[dict[str, Any]]:
    """Return the stages that were written down."""
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    text = "".join(f"{json.dumps(stage, sort_keys=True)}\n" for stage in stages())
    GOLDEN.write_bytes(gzip.compress(text.encode(), mtime=0))
