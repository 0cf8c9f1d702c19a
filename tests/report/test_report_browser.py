"""The page in a real browser: what a reader sees, points at and switches off."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import Open, tip_at, tip_of
from make_class_run import TEN
from make_run import ARMS, make_run
from some_molecules import Molecules
from test_report_page import HOSTILE
from two_targets import with_second_target

from nearfar.report import write_report

MEASURED = "#representations-plots path.ink, #representations-plots path.hollow"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pointing_at_an_embedded_molecule_shows_it(
    load: Open, report: Path, molecules: Molecules, scheme: str
) -> None:
    browser = load(report, scheme=scheme)
    tip = tip_of(browser, "#embedding-plots", 5)
    drawing = tip.find_element("css selector", "svg.molecule")
    assert drawing.is_displayed()
    assert drawing.find_elements("css selector", "path")
    name = tip.find_element("css selector", ".name").text
    assert name in molecules.names
    cells = [cell.text for cell in tip.find_elements("css selector", "td")]
    assert cells[::2] == ["true", "predicted", "error"]
    truth = molecules.truth[molecules.names.index(name)]
    assert float(cells[1].removesuffix(" log mol/L").replace("−", "-")) == pytest.approx(truth)
    rings = browser.execute_script(
        "return [...document.querySelectorAll('#embedding-plots .ring')]"
        ".map((ring) => ring.getAttribute('visibility'))"
    )
    assert rings == ["visible"] * 8
    ink = drawing.find_element("css selector", "path").value_of_css_property("stroke")
    ground = tip.value_of_css_property("background-color")
    assert abs(_luminance(ink) - _luminance(ground)) > 0.3


def _luminance(colour: str) -> float:
    numbers = colour[colour.index("(") + 1 : colour.index(")")].split(",")
    red, green, blue = (float(number) / 255 for number in numbers[:3])
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


def test_an_arm_is_switched_off_everywhere_and_on_again(load: Open, report: Path) -> None:
    browser = load(report)

    def shown() -> dict[str, int]:
        counts = {
            "curves": "#curves-plot path.band",
            "predictions": "#predictions-plots .panel",
            "embedding": "#embedding-plots .panel",
            "seeds": "#seeds-plots .plot:first-child text.strong",
            "measured": MEASURED,
            "faded": "tr.off",
        }
        return {k: len(browser.find_elements("css selector", css)) for k, css in counts.items()}

    before = shown()
    assert before == {
        "curves": 8, "predictions": 10, "embedding": 8, "seeds": 10, "measured": 23, "faded": 0
    }  # fmt: skip
    chip = browser.find_elements("css selector", "#chips .chip")[0]
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    after = shown()
    assert after == {
        "curves": 7, "predictions": 9, "embedding": 7, "seeds": 9, "measured": 20, "faded": 4
    }  # fmt: skip
    browser.find_element("id", "arms-none").click()
    assert not browser.find_elements("css selector", ".grid .panel:not([hidden])")
    browser.find_element("id", "arms-all").click()
    assert shown() == before


def test_a_diverged_curve_does_not_set_the_scale(load: Open, report: Path) -> None:
    browser = load(report)
    scale = browser.find_elements("css selector", "#curves-controls [aria-label=scale] button")
    for button in scale:
        button.click()
        labels = browser.execute_script(
            "return [...document.querySelectorAll("
            "'#curves-plot .figure > text[text-anchor=end]')].map((text) => text.textContent)"
        )
        assert max(float(label) for label in labels if label != "epoch") < 2
    titles = browser.execute_script(
        "return [...document.querySelectorAll('#curves-plot title')].map((t) => t.textContent)"
    )
    assert titles == ["RnC(L2): seed 1 diverged"]


def test_the_error_is_drawn_against_each_measure(load: Open, report: Path) -> None:
    browser = load(report)
    select = browser.find_element("css selector", "#representations-controls select")
    options = select.find_elements("css selector", "option")
    assert len(options) == 5
    drawings = set()
    for option in options:
        option.click()
        marks = browser.find_elements("css selector", MEASURED)
        assert len(marks) == 23
        drawings.add(tuple(mark.get_attribute("transform") for mark in marks))
        titles = browser.find_elements("css selector", "#representations-plots text.title")
        assert titles[0].text == "test MAE, z-scored"
        assert titles[1].text.split(" (")[0] == option.text
    assert len(drawings) == 5
    tip = tip_at(browser, marks[0])
    cells = [cell.text for cell in tip.find_elements("css selector", "td")]
    assert cells[::2] == ["seed", options[-1].text, "test MAE"]


def test_every_control_redraws_without_complaint(load: Open, report: Path) -> None:
    browser = load(report)
    browser.execute_script(
        "document.querySelectorAll('.segment button').forEach((button) => button.click());"
        "document.querySelectorAll('select').forEach((select) => {"
        "  [...select.options].forEach((option) => {"
        "    select.value = option.value; select.dispatchEvent(new Event('change')); }); });"
    )
    assert len(browser.find_elements("css selector", "#worst-cards .card")) > 3
    assert browser.find_elements("css selector", "#curves-plot .figure")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_one_way_only(load: Open, report: Path, scheme: str) -> None:
    browser = load(report, 390, 844, scheme)
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width == 390
    table = browser.find_element("css selector", "#results .scroll")
    inner, outer = browser.execute_script(
        "return [arguments[0].scrollWidth, arguments[0].clientWidth]", table
    )
    assert inner > outer


def test_it_prints_with_all_details_open(load: Open, report: Path) -> None:
    browser = load(report)
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    assert len(pdf) > 50_000
    assert not browser.find_elements("css selector", "details[open]")


def test_hostile_names_stay_text(load: Open, molecules: Molecules, tmp_path: Path) -> None:
    few = Molecules(molecules.smiles[:40], HOSTILE * 10, molecules.truth[:40])
    arms = tuple(replace(ARMS[i], name=name) for i, name in enumerate(HOSTILE[:3]))
    run = make_run(tmp_path, few, arms, seeds=3)
    browser = load(write_report(run))
    assert "nearfar" in browser.title
    tip = tip_of(browser, "#embedding-plots", 2)
    shown = tip.find_element("css selector", ".name").text
    assert " ".join(shown.split()) in [" ".join(name.split()) for name in HOSTILE]
    assert not browser.find_elements("css selector", "img")


@pytest.mark.parametrize("section", ["#embedding-plots", "#training-stages"])
def test_pointing_at_an_embedded_image_shows_it(
    load: Open, class_run: Path, class_page: str, section: str
) -> None:
    assert class_page
    browser = load(class_run / "report.html")
    tip = tip_of(browser, section, 5)
    image = tip.find_element("css selector", "img.pixels")
    assert image.size == {"width": 72, "height": 72}
    assert browser.execute_script("return arguments[0].naturalWidth", image) == 8
    assert image.value_of_css_property("image-rendering") == "pixelated"
    cells = [cell.text for cell in tip.find_elements("css selector", "td")]
    assert cells[1] in TEN
    assert cells[::2] == (["true", "predicted"] if section == "#embedding-plots" else ["true"])


def test_maps_take_the_colours_of_each_label_map(
    load: Open, class_run: Path, class_page: str
) -> None:
    assert class_page
    browser = load(class_run / "report.html")

    def colours() -> set[str]:
        dots = "#embedding-plots .panel:first-child .dots:not(.halo)"
        found = browser.find_elements("css selector", dots)
        return {dot.get_attribute("stroke") for dot in found}

    def press(name: str) -> None:
        buttons = browser.find_elements("css selector", "#embedding-controls button")
        next(button for button in buttons if button.text == name).click()

    assert len(colours()) == 10
    press("cat")
    assert len(colours()) == 2
    press("cat")
    select = browser.find_element("css selector", "#embedding-controls select")
    options = [option.text for option in select.find_elements("css selector", "option")]
    assert options == ["the data set’s own", "two"]
    select.send_keys("two")
    names = [b.text for b in browser.find_elements("css selector", ".class-name")]
    assert names == ["vehicle", "rest"]
    assert len(colours()) == 3  # the deer belong to neither
    press("right or wrong")
    assert colours() == {"var(--k0)", "var(--k1)"}


def test_class_pages_hold_what_they_announce(load: Open, class_run: Path, class_page: str) -> None:
    assert class_page
    browser = load(class_run / "report.html")
    every_control = (
        "document.querySelectorAll('.segment button').forEach((button) => button.click());"
        "document.querySelectorAll('select').forEach((select) => {"
        "  [...select.options].forEach((option) => {"
        "    select.value = option.value; select.dispatchEvent(new Event('change')); }); });"
    )
    browser.execute_script(every_control)
    for css, count in {
        "#seeds-plots .pair": 2,
        "#training-stages .panel": 3,
        "#confusion details[open] td.thumbs img": None,
        "#pretrain-plots .panel:not([hidden]) .figure": 1,
        "#examples-cards img": 12,
    }.items():
        found = browser.find_elements("css selector", css)
        assert len(found) == count if count else found, css
    width = load(class_run / "report.html", 390, 844).execute_script(
        "return document.documentElement.scrollWidth"
    )
    assert width == 390


def test_plots_of_rows_show_the_target_that_is_chosen(
    load: Open, finished_run: Path, tmp_path: Path
) -> None:
    browser = load(write_report(with_second_target(finished_run, tmp_path)))

    def shown() -> tuple[str, float, str]:
        title = browser.find_element("css selector", "#predictions-controls > span:last-child").text
        card = browser.find_element("css selector", "#examples-cards .values b").text
        worst = browser.find_element("css selector", "#worst-cards .values b").text
        assert (float(worst.replace("−", "-")) > 50) is (float(card.replace("−", "-")) > 50)
        return (
            title,
            float(card.replace("−", "-")),
            browser.find_element("id", "examples-about").text,
        )

    first = shown()
    assert first[0] == "log solubility, log mol/L"
    browser.execute_script(
        "const s = document.querySelector('nav.arms select');"
        "s.value = '1'; s.dispatchEvent(new Event('change'));"
    )
    second = shown()
    assert second[0] == "melting point, log mol/L"
    assert second[1] == pytest.approx(first[1] + 100, abs=0.1)
    assert "from the lowest melting point to the highest" in second[2]


def test_a_page_with_next_to_nothing_still_works(load: Open, tmp_path: Path) -> None:
    import numpy as np

    truth = np.random.default_rng(0).normal(size=30)
    run = make_run(tmp_path, Molecules([], [], truth), ARMS[:1], seeds=1)
    shutil.rmtree(tmp_path / "stages")
    (run / "samples.parquet").unlink()
    browser = load(write_report(run))
    hidden = [
        s.get_attribute("id") for s in browser.find_elements("css selector", "section[hidden]")
    ]
    assert hidden == ["curves", "predictions", "embedding", "training", "worst", "examples"]
    assert not browser.find_elements("id", "representations")
    assert browser.find_elements("css selector", "#results td")
