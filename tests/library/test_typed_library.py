"""The public names, as a user's patience sees them; typed_user.py is what a type checker sees."""

import subprocess
import sys

import nearfar


def test_the_import_is_light_and_the_names_are_there() -> None:
    program = (
        "import sys, nearfar; heavy = {'torch', 'pandas', 'numpy', 'sklearn', 'pydantic', 'rich'};"
        "lacking = [name for name in nearfar.__all__ if name not in dir(nearfar)];"
        "print(sorted(heavy & set(sys.modules)), lacking)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] []"


def test_every_public_name_says_what_it_raises() -> None:
    for name in ("compare", "run", "load_run", "compare_scores"):
        assert "Raises:" in (getattr(nearfar, name).__doc__ or ""), name
