"""Pictures of searches: what of a run's choices is drawn, and that nothing in it becomes markup."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from browsing import Open
from test_report_page import HOSTILE

from nearfar.report import write_report
from nearfar.report.load import read_run
from nearfar.report.page.sections.choices import choices_section
from nearfar.report.page.sections.searches import importance_of, picture_of, searched

LR = {"role": "choose", "from": 1e-4, "to": 0.1, "log": True, "trials": 30}


def choice(seed: int, values: list[float | None], **changes: Any) -> dict[str, Any]:
    """A search along a range and values; where a value is None, training diverged."""
    points = [
        {
            "labels": {"lr": str(round(0.001 * (k + 1), 4)), "kind": "ab"[k % 2]},
            "values": {} if value is None else {"mae": value},
            "status": "diverged" if value is None else "done",
            "epochs": 3,
            "seconds": 1.0,
        }
        for k, value in enumerate(values)
    ]
    return {
        "arm": "L1",
        "condition": "",
        "seeds": [seed],
        "metric": "mae",
        "axes": {"lr": [], "kind": ["a", "b"]},
        "points": points,
        "chosen": points[0]["labels"],
        "space": {"lr": LR, "kind": {"role": "choose", "values": ["a", "b"], "trials": 30}},
        "importance": {"lr": 0.75, "kind": 0.25},
        "epochs": 9,
        "seconds": 3.0,
        **changes,
    }


def with_choices(finished_run: Path, folder: Path, choices: list[dict[str, Any]]) -> Path:
    shutil.copytree(finished_run.parent, folder / "runs", dirs_exist_ok=True)
    run = folder / "runs" / finished_run.name
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "choices": choices}))
    return run


def test_points_stand_on_their_axes_ranked_within_their_own_search() -> None:
    choices = [choice(0, [0.2, None, 0.4, 0.3]), choice(1, [5.0, 6.0])]
    picture = picture_of("L1", choices)
    assert [p[0] for p in picture["points"]] == ["0", "0", "0", "1", "1"]
    assert [p[2:] for p in picture["points"]] == [
        [0.2, 0.0, "chosen"],
        [0.4, 1.0, "done"],
        [0.3, 0.5, "done"],
        [5.0, 0.0, "chosen"],
        [6.0, 1.0, "done"],
    ]
    assert picture["points"][1][1] == [0.003, "a"]
    assert picture["axes"][0] == {"name": "lr", "range": [1e-4, 0.1], "log": True}
    assert picture["axes"][1] == {"name": "kind", "labels": ["a", "b"]}


def test_shares_of_axes_are_means_over_searches_largest_first() -> None:
    second = choice(1, [1.0], importance={"lr": 0.05, "kind": 0.95})
    found = importance_of([choice(0, [1.0]), second, choice(2, [1.0], importance={})])
    assert [(one["axis"], one["each"]) for one in found] == [
        ("kind", [0.25, 0.95]),
        ("lr", [0.75, 0.05]),
    ]
    assert found[0]["mean"] == pytest.approx(0.6)


def test_a_grid_and_a_search_of_which_nothing_ended_have_no_picture() -> None:
    assert searched([choice(0, [1.0])])
    assert not searched([choice(0, [1.0], space={})])
    assert not searched([choice(0, [None])])


def test_the_page_says_what_giving_points_up_saved(finished_run: Path, tmp_path: Path) -> None:
    trainings = {"seeds": 6, "prune": 0.1, "done": 13, "saved": 5}
    one = choice(0, [0.2, 0.4, 0.3], trainings=trainings)
    one["points"][1]["status"] = "pruned"
    page = choices_section(read_run(with_choices(finished_run, tmp_path, [one])))
    assert "Each point is the mean of 6 trainings within its split" in page
    assert "1 of 3 points were given up early" in page
    assert "(p &lt; 0.1): 5 of 18 trainings were saved." in page
    assert "Dashed ones were given up early." in page
    one["trainings"] = {**trainings, "prune": 0.0}
    one["points"][1]["status"] = "done"
    page = choices_section(read_run(with_choices(finished_run, tmp_path, [one])))
    assert "6 trainings" in page
    assert "were given up early, worse" not in page


def test_a_point_without_a_value_says_so_and_other_metrics_are_not_drawn_together(
    finished_run: Path, tmp_path: Path
) -> None:
    one, other = choice(0, [0.2, None, 0.3]), choice(1, [5.0], metric="rmse")
    one["points"][1].update(status="done", values={"rmse": 0.4})
    other["points"][0]["values"] = {"rmse": 5.0}
    assert [p[2] for p in picture_of("L1", [one, other])["points"]] == [0.2, 0.3]
    page = choices_section(read_run(with_choices(finished_run, tmp_path, [one])))
    assert '<td class="n">no value<small>' in page


def hostile() -> dict[str, Any]:
    names = {"lr": HOSTILE[0], "kind": HOSTILE[1]}
    one = choice(0, [0.2, 0.4, 0.3], arm=HOSTILE[2])
    one["space"] = {names[axis]: given for axis, given in one["space"].items()}
    one["importance"] = {names[axis]: given for axis, given in one["importance"].items()}
    for point in one["points"]:
        point["labels"] = {names[axis]: label for axis, label in point["labels"].items()}
    one["chosen"] = one["points"][0]["labels"]
    return one


def test_pictures_are_drawn_and_names_stay_text(
    load: Open, finished_run: Path, tmp_path: Path
) -> None:
    choices = [choice(0, [0.2, None, 0.4, 0.3]), choice(1, [0.5, 0.6]), hostile()]
    page = write_report(with_choices(finished_run, tmp_path, choices))
    browser = load(page, width=390)

    def count(css: str) -> int:
        return len(browser.find_elements("css selector", css))

    assert count("#chosen-search-0 path.stroke") == 5
    assert count("#chosen-search-0 path.stroke.k1") == 2
    assert count("#chosen-search-0 path.ink") == 2
    assert count("#chosen-search-0 circle") == 4
    assert count("#chosen-search-1 path.stroke") == 3
    assert count("#chosen img, #chosen script, #chosen b") == 0
    words = browser.find_elements("css selector", "#chosen-search-0 svg text")
    edge = browser.execute_script("return document.documentElement.clientWidth")
    assert all(w.rect["x"] >= 0 and w.rect["x"] + w.rect["width"] <= edge for w in words)
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
