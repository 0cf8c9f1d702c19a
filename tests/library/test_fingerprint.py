"""An edit of one's own code is seen wherever it stands, and nothing else is taken for one."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from nearfar.errors import UserError
from nearfar.library.fingerprint import fingerprint
from nearfar.library.modules import fingerprint_of

START = """
import abc, contextlib, dataclasses, enum, functools, logging, threading, typing
import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
"""
ESTIMATOR = """
SHIFT = 1.0
LOG, LOCK = logging.getLogger("mine"), threading.Lock()
def twice(x):
    return 2 * x if x < 9 else thrice(x)
def thrice(x):
    return 3 * twice(x - 9)
def logged(method):
    @functools.wraps(method)
    def around(self, *given):
        with LOCK:
            LOG.info("called")
        return method(self, *given)
    return around
class Scale:
    __slots__ = ("by",)
    def __init__(self, by):
        self.by = by
    def __call__(self, x):
        return self.by * x + 10
class Base(RegressorMixin, BaseEstimator):
    def centre(self, y):
        return y.mean() + 11
class Middle(Base):
    def more(self, y):
        return {12, "a", "b", "c"}
class Mine(Middle):
    factor = 13
    scale = Scale(14)
    table = {"a": [15], int: 16, Scale: twice}
    def __init__(self, option=17, part=None):
        self.option, self.part = option, part
    def fit(self, X, y):
        self.m_ = super().centre(y) + SHIFT + twice(18)
        return self
    @logged
    def predict(self, X, *, add=19):
        return np.full(len(X), self.m_ + add) if X is not None else (lambda: 20)()
    @property
    def wide(self):
        return 21
    @staticmethod
    def flat():
        return [22 for _ in range(3)]
    @classmethod
    def made(cls):
        return cls(option=23)
    @functools.cached_property
    def kept(self):
        return 24
    @functools.lru_cache
    def stored(self):
        return 25
    @torch.no_grad()
    def quiet(self):
        try:
            return 26
        except ValueError:
            return 27
    bound = functools.partial(twice, 28)
    again = staticmethod(lambda x: x + 29)
@dataclasses.dataclass
class Options:
    size: int = 30
    names: list = dataclasses.field(default_factory=lambda: [31])
    def area(self):
        return self.size * 32
class Kind(enum.Enum):
    RED = 33
    def code(self):
        return self.value + 34
class Names(list):
    def first(self):
        return self[35]
class Told(abc.ABC, typing.Generic[typing.TypeVar("T")]):
    @contextlib.contextmanager
    def inside(self):
        yield 36
Mine.options, Mine.kind, Mine.names, Mine.told = Options(), Kind.RED, Names("abc"), Told
made = make_pipeline(StandardScaler(), Mine(option=functools.partial(max, 37), part=Scale(38)))
"""
MODULE = """
from torch import nn
def helped(x):
    return x * 50
class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Linear(3, 2)
        self.by = Scale()
    def forward(self, x):
        return self.by(helped(self.part(x))) + 51
class Scale:
    def __call__(self, x):
        return x * 52
class Net(Parent):
    weight = 53
def make():
    return Net()
made = make
"""


def ran(text: str, file: str = "<stdin>", above: int = 0, module: str = "__main__") -> Any:
    """What ``made`` is after code that stands in no file."""
    names: dict[str, Any] = {"__name__": module}
    exec(compile("\n" * above + START + text, file, "exec"), names)
    return names["made"]


def numbers(text: str) -> list[str]:
    return [*dict.fromkeys(re.findall(r"\b\d\d\b", text))]


@pytest.mark.parametrize("number", ["1.0", "2 *", "3 *", *numbers(ESTIMATOR)])
def test_every_edit_of_an_estimator_without_a_file_is_seen(number: str) -> None:
    edited = re.sub(rf"(?<!\d){re.escape(number)}", number.replace(number[0], "8", 1), ESTIMATOR)
    assert edited != ESTIMATOR
    assert fingerprint(ran(edited)) != fingerprint(ran(ESTIMATOR))


@pytest.mark.parametrize("number", numbers(MODULE))
def test_every_edit_of_a_module_without_a_file_is_seen(number: str) -> None:
    edited = MODULE.replace(number, "77")
    assert fingerprint_of(ran(edited), None) != fingerprint_of(ran(MODULE), None)


@pytest.mark.parametrize("text", [ESTIMATOR, MODULE])
@pytest.mark.parametrize("module", ["__main__", "builtins", "of_no_file"])
def test_equal_code_elsewhere_is_equal(text: str, module: str) -> None:
    def told(made: Any) -> str:
        return fingerprint_of(made, None) if text is MODULE else fingerprint(made)

    first = told(ran(text, module=module))
    assert told(ran(text, "<cell 7>", 40, module)) == first
    assert told(ran(text.replace("\n    def ", "  # why\n\n    def "), module=module)) == first
    if module != "__main__":
        assert told(ran(text.replace("11", "88").replace("51", "88"), module=module)) != first


PRINTED = """
import sys
sys.path.insert(0, {folder!r})
from test_fingerprint import ESTIMATOR, MODULE, ran
from nearfar.library.fingerprint import fingerprint
from nearfar.library.modules import fingerprint_of
print(fingerprint(ran(ESTIMATOR)), fingerprint_of(ran(MODULE), None))
"""


def test_another_process_finds_the_same() -> None:
    code = PRINTED.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = f"{fingerprint(ran(ESTIMATOR))} {fingerprint_of(ran(MODULE), None)}\n"
    assert done.stdout == here


def test_use_of_an_object_changes_nothing() -> None:
    made = ran(ESTIMATOR)
    before = fingerprint(made)
    for _ in range(30):
        made[-1].fit(np.ones((3, 1)), np.ones(3)).predict(np.ones((3, 1)))
    assert fingerprint(made) == before


def test_own_modules_are_followed_and_imported_where_a_method_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mine_at_work"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = """
    class Mine:
        def one(self):
            from mine_at_work import first
            return first.value()
        def two(self):
            import mine_at_work.second as other
            return lambda: other.value()
    made = Mine
    """
    found = []
    for first, second in ((1, 1), (2, 1), (2, 2)):
        for name, value in (("first", first), ("second", second)):
            (package / f"{name}.py").write_text(f"def value():\n    return {value * 1000}\n")
        for name in [name for name in sys.modules if name.startswith("mine_at_work")]:
            del sys.modules[name]
        found.append(fingerprint(ran(textwrap.dedent(text))))
    assert len({*found}) == 3
    assert fingerprint(ran(textwrap.dedent(text))) == found[-1]


def test_names_that_are_attributes_alone_do_not_count() -> None:
    """In a notebook much is called ``result``."""
    text = "class Mine:\n    def fit(self):\n        return self.result\nmade = Mine\n"
    assert fingerprint(ran(text)) == fingerprint(ran("result = object()\n" + text))


def test_what_objects_hold_is_told() -> None:
    frozen = [FrozenEstimator(Ridge().fit([[0], [1]], [0, y])) for y in (1, 2, 2)]
    different = [
        np.random.default_rng(0),
        np.random.default_rng(1),
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pd.DataFrame({"a": [1, 2], "c": ["x", "y"]}),
        np.array([None, "a"], dtype=object),
        np.array([None, "b"], dtype=object),
        np.ma.array([1, 2], mask=[False, True]),
        np.ma.array([1, 2], mask=[True, False]),
        torch.ones(2, dtype=torch.bfloat16),
        nn.Parameter(torch.ones(2)),
        nn.Parameter(torch.zeros(2)),
        nn.Threshold(0.5, 1.0),
        nn.Threshold(0.5, 2.0),
        np.vectorize(lambda x: x + 1),
        np.vectorize(lambda x: x + 2),
        make_pipeline(FunctionTransformer(lambda x: x + 1), StandardScaler()),
        make_pipeline(FunctionTransformer(lambda x: x + 2), StandardScaler()),
        *frozen[:2],
        {1: "a"},
        {"1": "a"},
        {"b", "a"},
        range(3),
        re.compile("a"),
    ]
    digests = [fingerprint(one) for one in different]
    assert len(set(digests)) == len(different)
    assert fingerprint(frozen[2]) == fingerprint(frozen[1])
    assert fingerprint({"a", "b"}) == fingerprint({"b", "a"})


def test_what_a_module_holds_is_told_and_addresses_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Net(nn.Module):
        def __init__(self, by: Any) -> None:
            super().__init__()
            self.by = by

        def extra_repr(self) -> str:
            return repr(object())

    def make() -> nn.Module:
        return Net(float(os.environ["NEARFAR_TEST_HELD"]))

    found = []
    for held in (1, 1, 2):
        monkeypatch.setenv("NEARFAR_TEST_HELD", str(held))
        found.append(fingerprint_of(make, None))
    assert found[0] == found[1] != found[2]


def test_what_cannot_be_told_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match=r"^<generator .*: cannot be told from another generator"):
        fingerprint({"a": (x for x in "ab")})


SCRIPT = """
import sys
import numpy as np
import nearfar
from sklearn.base import BaseEstimator, RegressorMixin
from torch import nn

class Base(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.m_ = VALUE
        return self

class Mine(Base):
    def predict(self, X):
        return np.full(len(X), self.m_)

class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Linear(3, 2)
    def forward(self, x):
        return self.part(x) * SCALE

class Net(Parent):
    pass

X = np.random.default_rng(0).normal(size=(60, 3))
result = nearfar.compare(X, X @ [1, 2, 3], arms={"mine": Mine(), "net": Net}, out=sys.argv[1],
                         profile="smoke", repeats=1, quiet=True)
print(result.failures, result.arm("mine")["mean"], result.arm("net")["mean"])
"""


def test_an_edit_on_stdin_is_run_anew_and_what_is_equal_is_not(tmp_path: Path) -> None:
    def printed(text: str) -> tuple[list[str], int]:
        done = subprocess.run(
            [sys.executable, "-", str(tmp_path)],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split(), len([*(tmp_path / "stages").glob("*/done")])

    text = SCRIPT.replace("VALUE", "y.mean()").replace("SCALE", "1.0")
    first, stages = printed(text)
    assert first[0] == "{}"
    assert printed("\n# moved\n" + text) == (first, stages)
    edited, more = printed(SCRIPT.replace("VALUE", "50.0").replace("SCALE", "0.0"))
    assert more > stages
    assert float(edited[1]) > 3 > float(first[1])
    assert edited[2] != first[2]
