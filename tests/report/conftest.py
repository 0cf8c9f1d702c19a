from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Open, requests, start, wait_for
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def load(browser: Any) -> Iterator[Open]:
    """Open a page; when the test ends, nothing was complained of and nothing fetched."""
    opened: list[Path] = []

    def load(path: Path, width: int = 1280, height: int = 900, scheme: str = "light") -> Any:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get_log("browser")
        browser.get_log("performance")
        browser.get(path.as_uri())
        opened.append(path)
        ready = "return document.documentElement.dataset.ready === 'true'"
        wait_for(browser, lambda it: it.execute_script(ready))
        return browser

    yield load
    assert browser.get_log("browser") == []
    assert requests(browser) <= {path.as_uri() for path in opened}


@pytest.fixture
def report(finished_run: Path, page: str) -> Path:
    assert page
    return finished_run / "report.html"
