"""A real browser for the tests of the page: started, asked what it fetched, pointed at things."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Open = Callable[..., Any]
OWN_PAGES = ("data:", "chrome://", "chrome-untrusted://")
"""What a browser opens by itself."""


def start(profile: Path) -> Any:
    """Start a browser with this folder as its own; skip the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(120)
    driver.get("about:blank")
    return driver


def requests(browser: Any) -> set[str]:
    """The addresses that pages fetched since this was last asked."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    fetched = (
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    )
    return {url for url in fetched if not url.startswith(OWN_PAGES)}


def move_to(browser: Any, element: Any, right: int = 0, down: int = 0) -> None:
    """Move the mouse onto an element, or so many pixels from its middle."""
    from selenium.webdriver.common.action_chains import ActionChains

    centre = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
    browser.execute_script(centre, element)
    ActionChains(browser).move_to_element_with_offset(element, right, down).perform()


def tip_at(browser: Any, element: Any, right: int = 0, down: int = 0) -> Any:
    """The tip that comes when the mouse moves there.

    A busy machine may still be drawing when it arrives, so it goes away and comes again.
    """

    def shown_there(_: Any) -> Any:
        move_to(browser, element, right, down)
        shown = wait_for(browser, shown_tip, seconds=2, at_end=None)
        if shown is None:
            move_to(browser, browser.find_element("tag name", "h1"))
        return shown

    return wait_for(browser, shown_there)


def tip_of(browser: Any, figure: str, row: int) -> Any:
    """The tip of a row's point in the first panel of a section."""
    panel = browser.find_element("css selector", f"{figure} .figure")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", panel)
    panel.send_keys("")
    for _ in range(row + 1):
        panel.send_keys("\ue014")
    ring = browser.execute_script(
        "const r = arguments[0].querySelector('.ring').getBoundingClientRect(),"
        " f = arguments[0].getBoundingClientRect();"
        "return [r.x + r.width / 2 - f.x - f.width / 2, r.y + r.height / 2 - f.y - f.height / 2]",
        panel,
    )
    browser.execute_script("arguments[0].blur()", panel)
    assert shown_tip(browser) is None
    return tip_at(browser, panel, *map(round, ring))


def shown_tip(browser: Any) -> Any:
    """The tip beside the mouse, None where none is shown."""
    tip = browser.find_element("id", "tip")
    return tip if tip.is_displayed() else None


_FAIL = object()


def wait_for(
    browser: Any, found: Callable[[Any], Any], seconds: float = 30, at_end: Any = _FAIL
) -> Any:
    """Return what ``found`` finds, once it does; ``at_end``, or fail, if not in these seconds."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.wait import WebDriverWait

    try:
        return WebDriverWait(browser, seconds).until(found)
    except TimeoutException:
        if at_end is _FAIL:
            raise
        return at_end
