"""Kill -9 in the middle, the same command again: the same numbers, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_runs import members
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.execution.prepared import Request


def start(study: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "nearfar", "run", str(study), "--out", str(out), "--jobs", "2"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def done(out: Path) -> int:
    return len(list((out / "stages").glob("*/done")))


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too slow"
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_killed_in_the_middle_and_run_again_gives_the_same_results(tmp_path: Path) -> None:
    raw = small(axes={"seed": {"role": "repeat", "values": 2}})
    raw["arms"]["plain"]["fit"]["epochs"] = raw["stages"]["rnc"]["epochs"] = 60
    study = write_small(tmp_path, **raw)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_whole(Request(str(study), out=whole))
    run = start(study, broken)
    wait_until(lambda: done(broken) > 2 or run.poll() is not None)
    assert run.poll() is None, "it came to its end before it was killed"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    wait_until(lambda: not members(run.pid))
    assert not (broken / "small-full" / "report.html").exists()
    before = done(broken)
    run_whole(Request(str(study), out=broken))
    assert done(broken) == done(whole) > before >= 3
    results = Path("small-full") / "results.csv"
    assert (broken / results).read_bytes() == (whole / results).read_bytes()
    assert not list((broken / "stages").glob("*.partial"))
