"""What is built, declared and pinned is what the code uses."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import nearfar

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "nearfar"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
TOOLS = {
    "ruff",
    "mypy",
    "types-pyyaml",
    "hatchling",
    "pytest-xdist",
    "onnx",
    "onnxscript",
    "timm",
    "torchvision",
}
"""Run or read by others, never imported."""
INSTALLED_BY = {  # they bring the same module
    "pytorch-lightning": "lightning-fabric",
    "mlflow-skinny": "mlflow",
    "mlflow-tracing": "mlflow",
}

AROUND = {"ipython"}
"""Imported only where it runs already: in a notebook."""


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Those for this machine."""
    parsed = [Requirement(line) for line in lines]
    meant = [r for r in parsed if r.marker is None or r.marker.evaluate()]
    return {canonicalize_name(r.name): r for r in meant if r.name != "nearfar"}


DECLARED = requirements(PROJECT["dependencies"])
TRACKERS = [*EXTRAS["mlflow"], *EXTRAS["tensorboard"], *EXTRAS["wandb"]]
HANDED_ON = [*EXTRAS["onnx"], *EXTRAS["hf"], *EXTRAS["hub"], *EXTRAS["timm"]]
FURTHER = [*EXTRAS["optuna"], *EXTRAS["ray"], *EXTRAS["slurm"]]
OPTIONAL = requirements([*EXTRAS["gpu"], *TRACKERS, *HANDED_ON, *FURTHER])
FOR_DEVELOPMENT = requirements(
    [*EXTRAS["bench"], *EXTRAS["gpu"], *TRACKERS, *HANDED_ON, *FURTHER, *EXTRAS["dev"]]
)


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)", line)
        assert match, f"constraints.txt holds name==version alone, not {line!r}"
        found[canonicalize_name(match[1])] = Version(match[2])
    assert len(found) == len(lines), "a package is pinned twice"
    return found


def imported(*folders: Path) -> set[str]:
    """Distributions that the Python files of some folders import, also inside functions."""
    modules: set[str] = set()
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                modules.add(node.module.split(".")[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    modules.add(str(name.value).split(".")[0])
    owners = packages_distributions()
    found = {canonicalize_name(owner) for module in modules for owner in owners.get(module, [])}
    return {INSTALLED_BY.get(name, name) for name in found}


@pytest.mark.parametrize("name", sorted(DECLARED | OPTIONAL | FOR_DEVELOPMENT))
def test_every_requirement_is_pinned_inside_its_range(name: str) -> None:
    pinned = pins().get(name)
    assert pinned is not None, f"{name} is not in constraints.txt"
    assert pinned in (DECLARED | OPTIONAL | FOR_DEVELOPMENT)[name].specifier


def test_the_package_imports_only_what_it_declares() -> None:
    undeclared = imported(SOURCE) - set(DECLARED | OPTIONAL) - {"nearfar", *AROUND}
    assert not undeclared


def test_every_requirement_is_used() -> None:
    assert not set(DECLARED) - imported(SOURCE), "declared, but never imported"
    checks = imported(ROOT / "tests", ROOT / "benchmarks")
    assert not set(FOR_DEVELOPMENT) - checks - TOOLS, "declared, but never imported"
    assert not checks - set(DECLARED | FOR_DEVELOPMENT), "imported, but not declared"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as it would be published, built offline."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    files = {
        str(path.relative_to(SOURCE.parent))
        for path in SOURCE.rglob("*")
        if path.is_file() and not {"__pycache__", ".mypy_cache"} & set(path.parts)
    }
    assert files <= set(wheel.namelist())
    assert "nearfar/py.typed" in files
    assert "nearfar/study/shipped/esol.yaml" in files


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
    metadata = wheel.read(names["METADATA"]).decode()
    assert f"Version: {nearfar.__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "nearfar = nearfar.cli:main" in wheel.read(names["entry_points.txt"]).decode()
    assert "LICENSE" in names
    assert not [name for name in wheel.namelist() if name.startswith(("tests", "benchmarks"))]


def test_the_demo_is_the_command_that_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "nearfar run esol --profile quick" in makefile
    assert "nearfar run esol --profile quick" in readme
    for target in ("demo", "test", "lint", "bench", "clean"):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def locked() -> dict[str, tuple[Version, str, int]]:
    """Name → version, marker and number of hashes, as requirements.lock has them."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        requirement, *hashes = line.split(" --hash=")
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in hashes), line
        name, _, rest = requirement.partition("==")
        version, _, marker = rest.partition(";")
        found[canonicalize_name(name)] = Version(version.strip()), marker.strip(), len(hashes)
    return found


def test_the_lock_holds_the_pins_with_their_hashes() -> None:
    lock, pinned = locked(), pins()
    assert {*DECLARED, "hatchling"} <= set(lock)
    for name, (version, marker, hashes) in lock.items():
        assert hashes > 0, name
        of_cuda = name.startswith(
            ("cuda-", "nvidia-")
        )  # with torch, where it is not for processors
        elsewhere = of_cuda or (marker and not Marker(marker).evaluate())
        assert pinned.get(name) == version or (name not in pinned and elsewhere), name
