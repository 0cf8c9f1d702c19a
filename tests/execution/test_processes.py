"""What worker processes start with, whatever was there before them."""

import os
import signal
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from nearfar.execution import processes

SECONDS = 60


def answer(pipe: Connection) -> None:
    """Say where one is and what is set; then echo until the pipe is closed."""
    pipe.send((os.getpid(), str(Path.cwd()), os.environ.get("NEARFAR_TOLD")))
    while True:
        try:
            pipe.send(pipe.recv())
        except EOFError:
            return


def test_each_has_the_variables_and_the_folder_of_its_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.import_ahead()
    for told in ("first", "second"):
        folder = tmp_path / told
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("NEARFAR_TOLD", told)
        here, there = Pipe()
        process = processes.start(answer, there)
        there.close()
        assert here.poll(SECONDS)
        assert here.recv() == (process.pid, str(folder), told)
        here.close()
        process.join(SECONDS)
        assert process.exitcode == 0


def test_it_is_deaf_to_ctrl_c_and_heeds_terminate() -> None:
    here, there = Pipe()
    process = processes.start(answer, there)
    there.close()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert here.poll(SECONDS)
    here.recv()
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.1)
    here.send("still there?")
    assert here.poll(SECONDS)
    assert here.recv() == "still there?"
    process.terminate()
    process.join(SECONDS)
    assert process.exitcode == -signal.SIGTERM


def test_who_starts_processes_hears_ctrl_c_again() -> None:
    here, there = Pipe()
    process = processes.start(answer, there)
    there.close()
    assert here.poll(SECONDS)
    here.close()
    process.join(SECONDS)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_cores_are_those_that_may_be_used() -> None:
    assert 1 <= processes.cores() <= (os.cpu_count() or 1)
