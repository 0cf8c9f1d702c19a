"""The imports keep to the table of docs/architecture.md, and the code to its own measure."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_study import write_small
from whole_runs import run_whole

import nearfar
from nearfar.execution.prepared import Request

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "nearfar"
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common"}
WITHOUT_TORCH = ("records", "report", "metrics", "analysis")
SIDE_BY_SIDE = {"losses", "data", "metrics", "records"}
HEAVY = (
    "datasets",
    "lightning",
    "lightning_fabric",
    "llvmlite",
    "matplotlib",
    "numba",
    "openTSNE",
    "pandas",
    "plotly",
    "pyarrow",
    "rdkit",
    "scipy",
    "sklearn",
    "torch",
    "torch_geometric",
)


def read_table() -> dict[str, set[str]]:
    """Part → the parts that it may import, from the first table of docs/architecture.md."""
    lines = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()
    allowed: dict[str, set[str]] = {}
    for line in lines:
        if not line.startswith("| `"):
            if allowed:
                break
            continue
        name, _, may_import = (cell.strip() for cell in line.strip("|").split("|"))
        part = name.strip("`").removesuffix("/").removesuffix(".py")
        above = set(allowed) if may_import == "all of the above" else set()
        allowed[part] = above | set(re.findall(r"`(\w+)`", may_import))
    return allowed


ALLOWED = read_table()


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported anywhere in a module."""
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            origin = ".".join([*(base if node.level else []), *filter(None, [node.module])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).split(".")[-1]
            target = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(target, ast.Constant):
                yield node.lineno, str(target.value)


def forbidden_imports(source: str, path: Path) -> list[str]:
    """What a module imports from parts of the package that the table does not allow it."""
    part = part_of(path)
    may = ALLOWED.get(part, set()) | {part}
    found = []
    for line, name in imports(ast.parse(source), path):
        words = name.split(".")
        if words[0] != "nearfar" or len(words) == 1:
            continue
        is_part = words[1] in ALLOWED or (PACKAGE / words[1]).is_dir()
        if is_part and words[1] not in may:
            found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return found


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in MODULES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_the_table_knows_every_part() -> None:
    parts = {part_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert parts <= set(ALLOWED), f"not in docs/architecture.md: {sorted(parts - set(ALLOWED))}"


def test_the_table_keeps_the_foundations_apart() -> None:
    for part in SIDE_BY_SIDE:
        assert not ALLOWED[part] & (SIDE_BY_SIDE - {part}), part
    assert ALLOWED["losses"] == {"references"}
    beside = {"references", "weight_files", "errors"}
    assert ALLOWED["encoders"] <= {"data", "extensions", *beside}
    assert ALLOWED["report"] <= {
        "metrics",
        "records",
        "numbers",
        "references",
        "plain_yaml",
        "errors",
    }
    for part in ("data", "encoders", "heads", "losses", "metrics", "objectives", "train"):
        assert not ALLOWED[part] & {"study", "plan", "stages", "execution", "analysis", "report"}


def module_imports() -> dict[str, set[str]]:
    """Module → the modules that it imports, anywhere in it, under TYPE_CHECKING too.

    The version stands in the package itself, which imports its public names when they are asked
    for: to read it takes none of them.
    """
    known = {dotted(path) for path in MODULES}
    edges = {}
    for path, tree in trees():
        named = {name for _, name in imports(tree, path) if name.startswith("nearfar.")}
        named.discard("nearfar.__version__")
        found = {name if name in known else name.rpartition(".")[0] for name in named}
        edges[dotted(path)] = (found & known) - {dotted(path)}
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Some circle, as the way around it; empty if there is none."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        found: list[str] = []
        for following in sorted(edges.get(node, ())):
            found = found or walk(following, [*way, node])
        done.add(node)
        return found

    return next((found for node in sorted(edges) if (found := walk(node, []))), [])


def test_no_file_imports_in_a_circle() -> None:
    assert not circle(module_imports())


def test_no_folder_imports_in_a_circle() -> None:
    """At the top of the package, and inside every folder of it."""
    modules = module_imports()
    depths = max(name.count(".") for name in modules)
    for depth in range(1, depths + 1):
        edges: dict[str, set[str]] = {}
        for name, imported in modules.items():
            here = ".".join(name.split(".")[: depth + 1])
            there = {".".join(other.split(".")[: depth + 1]) for other in imported}
            packages = {other for other in there if other.count(".") == depth}
            edges.setdefault(here, set()).update(packages - {here})
        assert not circle(edges)


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"]),
    ],
)
def test_a_circle_is_found(edges: dict[str, set[str]], found: list[str]) -> None:
    assert circle(edges) == found


def test_imports_follow_the_table() -> None:
    found = [
        line
        for path in MODULES
        for line in forbidden_imports(path.read_text(encoding="utf-8"), path)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("part", "source", "count"),
    [
        ("losses", "from nearfar.errors import UserError", 1),
        ("data", "import nearfar.encoders.gin", 1),
        ("data", "def f():\n    from nearfar import study", 1),
        ("data", "from ..encoders import GIN", 1),
        ("data", "import importlib\nimportlib.import_module('nearfar.train')", 1),
        ("data", "from nearfar.errors import UserError\nfrom .options import X", 0),
        ("study", "from nearfar.heads import linear\nfrom nearfar import __version__", 0),
    ],
)
def test_a_forbidden_import_is_found(part: str, source: str, count: int) -> None:
    assert len(forbidden_imports(source, PACKAGE / part / "module.py")) == count


def test_light_parts_never_import_torch() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path, tree in trees()
        if part_of(path) in WITHOUT_TORCH
        for line, name in imports(tree, path)
        if name.split(".")[0] in {"torch", "torch_geometric", "lightning", "lightning_fabric"}
    ]
    assert not found, found


def test_modules_and_functions_stay_short() -> None:
    found = []
    for path, tree in trees():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > 400:
            found.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 60:
                    found.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")
    assert not found, "\n".join(found)


def looks_by_key(source: str) -> list[int]:
    """Lines where the specification of a stage is looked into by key: ``spec["seed"]``."""

    def is_spec(node: ast.expr) -> bool:
        return ast.unparse(node).endswith(("spec", "['spec']"))

    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript):
            looks = is_spec(node.value) or ast.unparse(node.slice) == "'spec'"
        elif isinstance(node, ast.Attribute):
            looks = node.attr in {"get", "items", "keys"} and is_spec(node.value)
        else:
            asks = isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn)
            looks = asks and is_spec(node.comparators[0])
        found += [node.lineno] if looks else []
    return found


def test_specifications_have_types_but_where_they_are_read() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        if path != PACKAGE / "plan" / "specs.py"
        for line in looks_by_key(path.read_text(encoding="utf-8"))
    ]
    assert not found, found


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('spec["seed"]', 1),
        ('step.spec.get("train")', 1),
        ('"input" in fit.spec', 1),
        ('store.read(stage_hash)["spec"]', 1),
        ('[key for key in spec.items() if "a" not in key]', 1),
        ("spec.seed", 0),
        ('for spec in specs: specs["aa"]', 0),
    ],
)
def test_a_look_by_key_is_found(source: str, count: int) -> None:
    assert len(looks_by_key(source)) == count


def test_every_name_says_what_is_inside() -> None:
    found = [path for path in MODULES if FORBIDDEN_NAMES & set(path.with_suffix("").parts)]
    assert not found, found


def test_inheritance_is_at_most_two_deep() -> None:
    bases: dict[str, set[str]] = {}
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
                bases.setdefault(node.name, set()).update(names - {node.name})

    def depth(name: str) -> int:
        return max((1 + depth(base) for base in bases[name] if base in bases), default=0)

    assert not {name: depth(name) for name in bases if depth(name) > 2}


def packages() -> list[str]:
    """All packages, however deep, and the modules beside them at the top."""
    folders = (path.parent.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("__init__.py"))
    modules = (f"nearfar.{m.name}" for m in pkgutil.iter_modules(nearfar.__path__))
    return sorted({*(".".join(folder.parts) for folder in folders), *modules})


@pytest.mark.parametrize("name", packages())
def test_public_names_exist_and_say_what_they_are(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            said = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
            written = said and not said.startswith(f"{public}(")  # as dataclasses fill it in
            assert written, f"{name}.{public} has no docstring"


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after ``code``."""
    tail = "\nimport sys; print(' '.join({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


HELP = """
import sys
from nearfar.cli import main
sys.argv = ["nearfar", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "code",
    ["import nearfar", "import nearfar.cli", HELP, HELP.replace('"--help"', '"run", "--help"')],
)
def test_help_loads_nothing_heavy(code: str) -> None:
    assert not loaded_after(code) & set(HEAVY)


LIGHT = {
    "errors",
    "numbers",
    "references",
    "records",
    "metrics",
    "report",
    "analysis",
    "commands",
    "completion",
    "cli",
}
"""The parts all of whose modules are light, as docs/architecture.md has it."""


def test_light_parts_load_nothing_heavy() -> None:
    """All in one interpreter; who of them loads it, ``python -X importtime`` says."""
    names = [dotted(path) for path in MODULES if part_of(path) in LIGHT]
    assert len(names) > 50
    code = "\n".join(f"import {name}" for name in names)
    loaded = loaded_after(code)
    assert not loaded & (set(HEAVY) - {"pyarrow", "scipy"})
    assert "scipy.stats" not in loaded, "quantiles come from scipy.special, which is small"


def called(folder: Path, *arguments: str) -> set[str]:
    """What a fresh interpreter has loaded after a command."""
    lines = [
        "import os, sys",
        f"os.chdir({str(folder)!r})",
        f"sys.argv = ['nearfar', *{arguments!r}]",
        "from nearfar.cli import main",
        "try:",
        "    main()",
        "except SystemExit as end:",
        "    assert not end.code, end.code",
    ]
    return loaded_after("\n".join(lines))


def test_the_list_of_studies_loads_nothing_heavy(tmp_path: Path) -> None:
    assert not called(tmp_path, "studies") & set(HEAVY)


def test_a_rebuilt_page_loads_no_torch(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    run = run_whole(Request(str(path), out=tmp_path / "runs")).folder.path
    page = run / "report.html"
    (tmp_path / "small.csv").unlink()
    loaded = called(tmp_path, "report", str(run))
    assert page.exists()
    assert not loaded & {"torch", "torch_geometric", "lightning", "lightning_fabric", "rdkit"}
