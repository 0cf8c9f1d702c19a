from pathlib import Path

import pytest
from make_class_run import make_class_run
from make_run import make_run
from some_molecules import ESOL, Molecules, read_molecules

from nearfar.report import write_report


@pytest.fixture(scope="session")
def molecules() -> Molecules:
    return read_molecules(ESOL, rows=120)


@pytest.fixture(scope="session")
def finished_run(molecules: Molecules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten arms, three seeds, one arm diverged in one seed. Not to be changed."""
    return make_run(tmp_path_factory.mktemp("runs"), molecules)


@pytest.fixture(scope="session")
def page(finished_run: Path) -> str:
    return write_report(finished_run).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def class_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten classes of images, two targets, two seeds, checkpoints, choices. Not to be changed."""
    return make_class_run(tmp_path_factory.mktemp("class_runs"))


@pytest.fixture(scope="session")
def class_page(class_run: Path) -> str:
    return write_report(class_run).read_text(encoding="utf-8")
