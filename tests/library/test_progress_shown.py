"""The bar of a notebook."""

from typing import Any

from small_study import planned, small

from nearfar.execution.events import Finished, Planned
from nearfar.library.progress import NotebookBar


def test_a_bar_is_kept_in_place_and_tells_failures_escaped() -> None:
    shown: list[tuple[str, Any]] = []

    def show(html: str, handle: Any) -> str:
        shown.append((html, handle))
        return "place"

    plan = planned(small(axes={"seed": {"role": "repeat", "values": 1}}))
    bar = NotebookBar(60, show)
    bar(Planned(plan, plan.steps))
    hashes = list(plan.steps)
    for stage_hash in hashes[:-1]:
        bar(Finished(stage_hash))
    bar(Finished(hashes[-1], "broke <b>"))
    assert [handle for _, handle in shown][:1] == [None]
    assert {handle for _, handle in shown[1:]} == {"place"}
    last = shown[-1][0]
    assert f"{len(hashes)} of {len(hashes)} stages" in last
    assert 'value="1.000"' in last
    assert "broke &lt;b&gt;" in last
