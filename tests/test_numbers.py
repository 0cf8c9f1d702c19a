"""Numbers for people: one way to write them in Python and in the page's scripts."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from nearfar import numbers
from nearfar.numbers import count, fixed, number, p_value, percent, precise, with_spread

CORE = Path(numbers.__file__).parent / "report" / "assets" / "core.js"
CASES = [
    (0.0, False, "0.000"),
    (0.2561, False, "0.256"),
    (0.01, True, "+0.010"),
    (-0.5, False, "−0.500"),
    (-0.5, True, "−0.500"),
    (0.0625, False, "0.063"),
    (-0.0625, False, "−0.063"),
    (1.0005, False, "1.000"),
    (9.9996, False, "10.000"),
    (-12.34, False, "−12.3"),
    (999.96, False, "1,000.0"),
    (1000.5, False, "1,001"),
    (12345.7, False, "12,346"),
    (99999.6, True, "+100,000"),
    (250000.0, False, "250,000"),
    (1234567.0, False, "1,234,567"),
    (-9999999.0, False, "−9,999,999"),
    (10000000.0, False, "1.0e7"),
    (12500000.0, True, "+1.3e7"),
    (2.5e120, False, "2.5e120"),
    (0.00996, False, "0.0100"),
    (0.0034, True, "+0.0034"),
    (0.0005, False, "0.00050"),
    (-0.00049, False, "−0.00049"),
    (0.0001, False, "0.00010"),
    (-0.00005, False, "−5.0e-5"),
    (-1.07e-9, False, "−1.1e-9"),
    (3e-12, True, "+3.0e-12"),
    (1e-15, False, "0.000"),
    (None, False, "–"),
]


@pytest.mark.parametrize(("value", "signed", "text"), CASES)
def test_a_number_is_written_so(value: float | None, signed: bool, text: str) -> None:
    assert number(value, signed) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "3"])
def test_what_is_no_finite_number_is_a_dash(value: object) -> None:
    assert number(value) == percent(value) == count(value) == "–"


def test_the_page_writes_the_same() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here")
    script = CORE.read_text(encoding="utf-8")
    start, end = script.index("const isNumber"), script.index("function brief")
    values = json.dumps([(value, signed) for value, signed, _ in CASES])
    code = f"{script[start:end]}\nconst cases = {values};\n"
    code += "console.log(JSON.stringify(cases.map(([value, signed]) => format(value, signed))));"
    done = subprocess.run([node, "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [text for _, _, text in CASES]


def test_a_spread_has_the_decimals_of_its_mean() -> None:
    assert with_spread(0.918, 0.0034) == "0.918 ± 0.003"
    assert with_spread(-0.0034, 0.00021) == "−0.0034 ± 0.0002"
    assert with_spread(0.0034, 0.021) == "0.0034 ± 0.021"
    assert with_spread(0.918, 0.00034) == "0.918 ± 0.00034"
    assert with_spread(12.3, 0.0034) == "12.3 ± 0.0034"
    assert with_spread(2e-6, 3e-8) == "2.0e-6 ± 3.0e-8"
    assert with_spread(0.5, 0.0) == "0.500 ± 0.000"


def test_percentages_counts_and_small_sizes() -> None:
    assert (percent(-3.14), percent(12345.67)) == ("−3.1%", "+12,345.7%")
    assert (count(800), count(17000), count(-3)) == ("800", "17,000", "−3")
    assert fixed(0.125, 2) == "0.13"
    assert (precise(0.0025), precise(12.5), precise(250000.0)) == ("0.0025", "12.5", "250,000")
    assert precise(0.0000012) == "1.2e-6"
    assert (precise(999.4), precise(999.5), precise(999.7)) == ("999", "1,000", "1,000")
    assert (precise(1000.4), precise(2e7)) == ("1,000", "2.0e7")
    assert (p_value(0.0341), p_value(0.0004)) == ("p = 0.034", "p < 0.001")
