"""Fixtures: the command line beside a small study, fresh or after a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, make_command_line


@pytest.fixture(autouse=True, scope="session")
def timings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder for all tests: what stages take is measured once, and not kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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
