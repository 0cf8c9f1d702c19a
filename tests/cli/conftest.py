"""Fixtures: the command line beside a small study, fresh or after a run."""

from pathlib import Path

import pytest
from command_line import CommandLine, make_command_line


@pytest.fixture
def nearfar(tmp_path: Path) -> CommandLine:
    """The command line beside ``tiny.csv`` and ``tiny.yaml``."""
    return make_command_line(tmp_path)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The same after ``nearfar run tiny.yaml --profile smoke``; not to be changed by a test."""
    command = make_command_line(tmp_path_factory.mktemp("ran"))
    outcome = command("run", "tiny.yaml", "--profile", "smoke", "--jobs", "1")
    assert outcome.status == 0, outcome
    return command
