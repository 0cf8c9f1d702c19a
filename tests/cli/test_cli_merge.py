"""One seed alone, and merged folders of runs, on the command line."""

import pytest
from command_line import CommandLine

RUN = ("run", "tiny.yaml", "--profile", "smoke", "--jobs", "1", "--arm", "ridge")


def seeds(nearfar: CommandLine, out: str) -> set[str]:
    text = (nearfar.folder / out / "tiny-smoke/results.csv").read_text()
    return {line.split(",")[1] for line in text.splitlines()[1:]}


def test_one_seed_alone_then_another_then_merged(nearfar: CommandLine) -> None:
    assert nearfar(*RUN, "--seed", "7").status == 0
    assert seeds(nearfar, "runs") == {"7"}
    assert nearfar(*RUN, "--seed", "1").status == 0
    assert seeds(nearfar, "runs") == {"1", "7"}
    assert nearfar(*RUN, "--seed", "0", "--out", "other").status == 0
    outcome = nearfar("merge", "runs", "other")
    assert outcome.status == 0, outcome
    assert "1 seed and" in outcome.out
    assert seeds(nearfar, "runs") == {"0", "1", "7"}
    broken = nearfar.folder / "other/stages/0123456789abcdef"
    broken.mkdir()
    (broken / "done").touch()
    outcome = nearfar("merge", "runs", "other")
    assert outcome.status == 1
    assert "0123456789abcdef: skipped, it is damaged" in outcome.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--seeds", "2"), "--seed and --seeds: give one of the two"),
        (("--until", "decided"), "leave out --seed"),
    ],
)
def test_one_seed_goes_with_no_other_number_of_seeds(
    nearfar: CommandLine, more: tuple[str, ...], said: str
) -> None:
    assert nearfar.mistake(*RUN, "--seed", "1", *more).endswith(said)


def test_a_folder_without_runs_is_refused(nearfar: CommandLine) -> None:
    (nearfar.folder / "empty").mkdir()
    assert "no folder of runs" in nearfar.mistake("merge", "runs", "empty")
    assert "no folder of runs" in nearfar.mistake("merge", "runs", "nowhere")


def test_no_runs_are_written_into_a_run(nearfar: CommandLine) -> None:
    assert nearfar(*RUN, "--seed", "0").status == 0
    run = "runs/tiny-smoke"
    before = sorted(nearfar.folder.rglob("*"))
    for command in (("merge", run, "runs"), ("clean", run)):
        assert nearfar.mistake(*command) == f"OUT {run}: is a run; runs lie beside it, in runs"
    assert nearfar.mistake(*RUN, "--out", run).startswith(f"--out {run}: is a run; runs lie")
    assert sorted(nearfar.folder.rglob("*")) == before
