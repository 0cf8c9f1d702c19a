"""What is said while a run goes on."""

import io

from rich.console import Console
from small_study import DIGEST, HERE, resolved, small

from nearfar.study.execute import Finished, Planned, Started
from nearfar.study.plan import make_plan
from nearfar.study.progress import Display


def test_names_and_reasons_with_brackets_are_told_whole() -> None:
    raw = small(axes={"width": {"role": "compare", "values": [1, 2]}})
    raw["arms"] |= {"wide": {"fit": {"encoder": {"mlp": {"hidden": "$width"}}}}}
    plan = make_plan(resolved(raw), DIGEST, HERE)
    told = io.StringIO()
    with Display(Console(file=told, width=200)) as display:
        display(Planned(plan, plan.steps))
        for address in plan.steps:
            display(Started(address))
            display(Finished(address))
        display(Started(address))
        display(Finished(address, "IndexError: [/3] of [1, 2]"))
    lines = told.getvalue().splitlines()
    assert any("wide [width=1] · seed 0" in line for line in lines)
    assert any("wide [width=2] · seed 0" in line for line in lines)
    assert "IndexError: [/3] of [1, 2]" in lines[-1]
