"""benchmarks/README.md names every script; what the scripts share is run by no one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = {"measure.py", "training.py"}
SCRIPTS = {path.name for path in (ROOT / "benchmarks").glob("*.py")} - SHARED
PAGE = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_the_table_has_every_script_in_order() -> None:
    assert re.findall(r"^\| `(\w+\.py)` \|", PAGE, re.MULTILINE) == sorted(SCRIPTS)


def test_every_script_can_be_told_what_make_bench_tells_it() -> None:
    """Quick, plot and device come from ``measure.options``, and the first lines say so."""
    for name in SCRIPTS:
        source = (ROOT / "benchmarks" / name).read_text(encoding="utf-8")
        assert f"python benchmarks/{name} [--quick]" in source
        assert "measure.options(__doc__" in source


def test_make_bench_runs_the_scripts_alone() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (shared,) = re.findall(r"^SHARED := (.*)$", makefile, re.MULTILINE)
    assert {Path(name).name for name in shared.split()} == SHARED
    assert "filter-out $(SHARED)," in makefile
