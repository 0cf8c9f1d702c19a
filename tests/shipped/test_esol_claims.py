"""The shipped studies of what is claimed for Rank-N-Contrast, whole, in their smoke profile."""

from pathlib import Path

import pytest
from reading import page_data
from whole_runs import run_whole

from nearfar.execution.prepared import Prepared, Request
from nearfar.records import read_results
from nearfar.report import write_report

CONDITIONS = {
    "esol-data-efficiency": {"labels=1.0", "labels=0.25"},
    "esol-label-noise": {"label_noise=0.0", "label_noise=0.4"},
    "esol-corruption": {
        f"corruption={name};severity={severity}"
        for name in ("masked_atoms", "replaced_atoms", "deleted_bonds")
        for severity in (0, 3)
    },
    "esol-unseen-targets": {
        f"rows={rows};unseen={unseen}"
        for rows in ("all", "seen", "unseen")
        for unseen in ("soluble", "insoluble")
    },
    "esol-shift": {"split=random", "split=scaffold"},
    "esol-transfer": {""},
}


def run(name: str, out: Path) -> Prepared:
    return run_whole(Request(name, profile="smoke", out=out))


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_claim_is_put_to_the_test(name: str, tmp_path: Path) -> None:
    if name == "esol-transfer":
        run("esol-transfer-source", tmp_path)
    prepared = run(name, tmp_path)
    folder = prepared.folder.path
    summary = prepared.folder.read_json("summary.json")
    records = [r for r in read_results(folder / "results.csv") if r.split == "test"]
    assert {r.condition for r in records} == CONDITIONS[name]
    arms = {(r.arm, r.seed, r.condition) for r in records if r.metric == "mae"}
    assert len(arms) == len(prepared.plan.arms) * 2 * len(CONDITIONS[name])
    assert [claim["verdict"] for claim in summary["claims"]] == ["undecided"] * len(
        prepared.resolved.study.claims
    )
    if name == "esol-corruption":
        assert_shown(prepared)


def assert_shown(prepared: Prepared) -> None:
    """Find conditions and claims on the run's page."""
    page = write_report(prepared.folder.path).read_text(encoding="utf-8")
    assert 'id="conditions"' in page
    charts = page_data(page)["panels"]["conditions"]
    assert [chart["title"].split()[0] for chart in charts] == ["corruption"] * 3
    for claim in prepared.resolved.study.claims:
        assert claim.claim in page
