"""The public names, as a user's type checker and a user's patience see them."""

import subprocess
import sys
from pathlib import Path

import nearfar

PROGRAM = """\
import nearfar
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]


def best(path: str) -> str | None:
    result: nearfar.Result = nearfar.load_run(path)
    found = nearfar.run("mine.yaml", seeds=3, overrides={"margin": 0.1}, arms=["a"])
    other = nearfar.compare([[1.0], [2.0]], [1.0, 2.0], arms={"line": Ridge()}, repeats=2)
    reveal_type(other.answer)
    reveal_type(found.failures)
    model: nearfar.Estimator = other.model("line", seed=1)
    reveal_type(model.predict_interval([[1.0]]).shape)
    assert nearfar.load("winner").predict([[1.0]]).ndim == 1
    try:
        return result.winner
    except nearfar.UserError:
        return None


nearfar.run("mine.yaml", seed=3)
"""


def test_a_users_file_holds_under_strict_types(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PROGRAM)
    configuration = tmp_path / "mypy.ini"
    source = Path(nearfar.__file__).parents[1]
    configuration.write_text(
        f"[mypy]\nstrict = True\nfollow_imports = silent\n"
        f"mypy_path = {source}\ncache_dir = {tmp_path / 'cache'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", configuration, file],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [
        line.split(": ", 1)[1]
        for line in done.stdout.splitlines()
        if "mine.py:" in line and "defined in" not in line
    ]
    assert lines == [
        'note: Revealed type is "str"',
        'note: Revealed type is "dict[str, str]"',
        'note: Revealed type is "tuple[Any, ...]"',
        'error: Unexpected keyword argument "seed" for "run"; did you mean "seeds"?  [call-arg]',
    ], done.stdout


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
