"""What a command does that is told to end while compiled code does not return."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from small_study import small, write_table

STUCK = """
import time
from pathlib import Path

from nearfar.encoders import FixedEncoder


class Stuck(FixedEncoder):
    accepts = frozenset({"vector"})

    def __init__(self, inputs):
        self.out_features = 1

    def features(self, inputs):
        Path("begun").touch()
        time.sleep(600)


ENCODERS = {"stuck": Stuck}
"""
COMMAND = """
import signal

import nearfar.execution.here as here
from nearfar.cli import main

here.PATIENCE = 0.1
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_line_and_the_status_of_the_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    write_table(tmp_path / "small.csv")
    (tmp_path / "stuck.py").write_text(STUCK, encoding="utf-8")
    study = small(modules=["stuck"], axes={}, stages={})
    study["arms"] = {"plain": {"fit": {"encoder": "stuck", "head": "ridge"}}}
    study["baseline"] = "plain"
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    command = [sys.executable, "-c", COMMAND, "run", "s.yaml", "--jobs", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 120
        while not (tmp_path / "begun").exists() and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(running.pid, number)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert said == f"nearfar: stopped by {number.name}; the same command goes on from here\n"


@pytest.mark.parametrize("command", ["init", "predict", "export"])
def test_only_a_run_is_said_to_go_on(command: str) -> None:
    """The same command again would write a second study, or begin anew."""
    code = f"""
import sys
from nearfar.cli import ending
def stopped(**_): raise KeyboardInterrupt
ending.app, sys.argv = stopped, ["nearfar", {command!r}, "t.csv"]
ending.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (130, "nearfar: interrupted\n")
