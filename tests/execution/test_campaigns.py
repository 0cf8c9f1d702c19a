"""A short part of each campaign of ``scripts/``, carried out as there; docs/results tells more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzed_readers import READERS, fuzz

ROOT = Path(__file__).parents[2]
MOUNT = ["unshare", *(["--user", "--map-root-user"] if os.getuid() else []), "--mount"]


def carried_out(*command: str) -> str:
    """What a campaign says that found nothing wrong."""
    folders = os.pathsep.join(str(ROOT / name) for name in ("src", "tests/examples"))
    variables = {**os.environ, "PYTHONPATH": folders, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


SHORT = {
    "paired_runs": (1, 0),
    "odd_environments": (1, 14),
    "killed_runs": (1, 14),
    "damaged_runs": (4, 0),
}
"""How many tries of a campaign, and the first of them: a few seconds each."""


@pytest.mark.skipif(sys.platform != "linux", reason="forks what has imported all")
def test_a_few_tries_of_each_campaign_find_nothing() -> None:
    tries = "".join(
        f"one({name!r}, {count}, {first}) or " for name, (count, first) in SHORT.items()
    )
    code = f"import sys; from campaign import carry_out_named as one; sys.exit({tries}0)"
    said = carried_out(sys.executable, "-c", code).splitlines()
    tried = [int(line.split(" tried", 1)[0]) for line in said]
    assert all(many >= least for many, (least, _) in zip(tried, SHORT.values(), strict=True)), said


def can_mount() -> bool:
    try:
        return subprocess.run([*MOUNT, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_mount(), reason="mounts small disks")
def test_a_full_disk_is_told_and_the_run_goes_on_with_room() -> None:
    command = [*MOUNT, "--propagation", "private", sys.executable, "-m", "campaign"]
    assert "went on" in carried_out(*command, "full_disks", "1", "5")


@pytest.mark.parametrize("name", READERS)
def test_what_is_made_of_a_whole_file_is_read_or_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert fuzz(name, tmp_path / "data", 5, None, None) >= 5
