"""Kill -9 in the middle, the same command again: the same numbers, and nothing left behind."""

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.execution.prepared import Request


def start(study: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "nearfar", "run", str(study), "--out", str(out), "--jobs", "2"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def done(out: Path) -> int:
    return len(list((out / "stages").glob("*/done")))


def done_or_ended(out: Path, stages: int, run: "subprocess.Popen[bytes]") -> bool:
    return done(out) > stages or run.poll() is not None


def no_member(session: int) -> bool:
    """Whether no process of the session lives."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too slow"
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_killed_at_two_moments_and_run_again_gives_the_same_results(tmp_path: Path) -> None:
    raw = small(axes={"seed": {"role": "repeat", "values": 2}})
    raw["arms"]["plain"]["fit"]["epochs"] = raw["stages"]["rnc"]["epochs"] = 60
    study = write_small(tmp_path, **raw)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_whole(Request(str(study), out=whole))
    for stages in (0, 5):
        run = start(study, broken)
        wait_until(functools.partial(done_or_ended, broken, stages, run))
        assert run.poll() is None, "it came to its end before it was killed"
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        wait_until(functools.partial(no_member, run.pid))
        assert not (broken / "small-full" / "report.html").exists()
    before = done(broken)
    run_whole(Request(str(study), out=broken))
    assert done(broken) == done(whole) > before >= 6
    results = Path("small-full") / "results.csv"
    assert (broken / results).read_bytes() == (whole / results).read_bytes()
    assert not list((broken / "stages").glob("*.partial"))
