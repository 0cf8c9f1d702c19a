"""Packages that bring parts by entry points: found without being imported, used in workers too."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_parts import PARTS, study, write_study
from small_study import write_small

from nearfar.encoders import ENCODERS
from nearfar.errors import UserError
from nearfar.extensions import use_modules
from nearfar.extensions.registry import _entry_points
from nearfar.study.load import load_study

ENTRIES = """\
[nearfar.encoders]
doubled = own_parts_package:Doubled

[nearfar.heads]
median = own_parts_package:Median

[nearfar.objectives]
still = own_parts_package:Still

[nearfar.metrics]
worst = own_parts_package:WORST

[nearfar.sources]
like_a_table = own_parts_package:LIKE_A_TABLE
"""
TELLS = """
import os
with open(os.environ["IMPORTS"], "a") as file:
    file.write("imported\\n")
"""


def build_wheel(folder: Path, name: str, version: str, module: str, entries: str) -> Path:
    """Write the wheel of a package of one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entries,
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return wheel


def install(wheel: Path, folder: Path) -> None:
    """Install a wheel of plain Python: unpack it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def test_a_package_brings_a_part_of_each_kind(tmp_path: Path) -> None:
    site, imports = tmp_path / "site", tmp_path / "imports.txt"
    wheel = build_wheel(tmp_path, "own_parts_package", "1.5", TELLS + PARTS, ENTRIES)
    install(wheel, site)
    write_study(tmp_path, study(axes={"seed": {"role": "repeat", "values": 2}}))
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), *sys.path]),
        "IMPORTS": str(imports),
        "COLUMNS": "200",
    }

    def nearfar(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nearfar", *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    nearfar("run", "own.yaml", "--jobs", "2", "--device", "cpu")
    results = (tmp_path / "runs/small-full/results.csv").read_text()
    for arm in ("mean", "median", "own", '"own, ridge"'):
        assert f"{arm},1,,test,y,worst," in results
    stages = [path.read_text() for path in tmp_path.glob("runs/stages/*/stage.yaml")]
    assert all("own_parts_package: '1.5'" in stage for stage in stages)
    assert imports.read_text()

    imports.unlink()
    said = nearfar("report", "runs/small-full")
    assert "own_parts_package" in said
    nearfar("clean", "runs")
    nearfar("studies")
    assert not imports.exists()

    nearfar("predict", "runs/small-full", "small.csv", "--arm", "own", "-o", "out.csv")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 61


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where packages are installed, of this process alone."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    _entry_points.cache_clear()
    use_modules([], Path())
    yield folder
    _entry_points.cache_clear()
    ENCODERS._imported.clear()


def entry(name: str, value: str) -> str:
    return f"[nearfar.encoders]\n{name} = {value}\n"


def install_encoder(site: Path, package: str, name: str, value: str, module: str = PARTS) -> None:
    install(build_wheel(site.parent, package, "1.0", module, entry(name, value)), site)


def load(folder: Path, encoder: str) -> None:
    arms = {"plain": {"fit": {"encoder": encoder, "epochs": 1}}}
    load_study(str(write_small(folder, stages={}, arms=arms)))


def test_names_are_told_without_importing_anything(site: Path, tmp_path: Path) -> None:
    install_encoder(site, "never_imported", "twofold", "never_imported:Doubled")
    with pytest.raises(UserError, match=r"did you mean 'twofold'\? allowed: .*twofold"):
        load(tmp_path, "twofoldd")
    assert "never_imported" not in sys.modules
    load(tmp_path, "twofold")
    assert sys.modules.pop("never_imported")


def test_a_built_in_name_comes_first(site: Path, tmp_path: Path) -> None:
    install_encoder(site, "takes_mlp", "mlp", "takes_mlp:Doubled")
    load(tmp_path, "mlp")
    assert "takes_mlp" not in sys.modules
    assert ENCODERS.origin("mlp") is None


def test_two_packages_with_one_name_are_told_in_one_line(site: Path, tmp_path: Path) -> None:
    for package in ("first_one", "second_one"):
        install_encoder(site, package, "twice", f"{package}:Doubled")
    with pytest.raises(UserError) as caught:
        load(tmp_path, "twice")
    line = str(caught.value)
    assert "\n" not in line
    assert "package first_one 1.0" in line
    assert "package second_one 1.0" in line
    assert line.endswith("keep one of them")


def test_a_package_and_a_module_with_one_name_are_told_in_one_line(
    site: Path, tmp_path: Path
) -> None:
    install_encoder(site, "some_package", "twice", "some_package:Doubled")
    (tmp_path / "mine.py").write_text(PARTS + "ENCODERS = {'twice': Doubled}\n", encoding="utf-8")
    arms = {"plain": {"fit": {"encoder": "twice", "epochs": 1}}}
    with pytest.raises(UserError, match=r"from module mine and from package some_package 1\.0"):
        load_study(str(write_small(tmp_path, modules=["mine"], stages={}, arms=arms)))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("broken_one:Doubled", "encoder 'broken' of package broken_one 1.0 cannot be imported: Z"),
        ("not_there:Doubled", "cannot be imported: ModuleNotFoundError: No module named"),
    ],
)
def test_a_package_that_cannot_be_imported(
    site: Path, tmp_path: Path, value: str, line: str
) -> None:
    install_encoder(site, "broken_one", "broken", value, "1 / 0\n")
    with pytest.raises(UserError, match=line):
        load(tmp_path, "broken")


def test_a_part_that_lacks_something(site: Path, tmp_path: Path) -> None:
    install_encoder(site, "odd_one", "odd", "odd_one:Median")
    expected = "package odd_one 1.0: encoder 'odd' is not a subclass of nearfar.encoders.Encoder"
    with pytest.raises(UserError, match=expected):
        load(tmp_path, "odd")
