"""Pickles: arrays and plain containers come back; everything else is refused and not run."""

import builtins
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearfar.data.read.images.pickles import load_plain

PLAIN: dict[str, Any] = {
    "data": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "labels": [1, 2, 3],
    "nested": {"tuple": (1.5, None, True), b"bytes": "text"},
    "big-endian": np.array([1, 2], dtype=">i4"),
    "by column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "scalar": np.float32(0.5),
    "empty": np.zeros((0, 3)),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles_come_back(protocol: int) -> None:
    assert same(PLAIN, load_plain(pickle.dumps(PLAIN, protocol)))


def test_pickle_of_python_2_comes_back() -> None:
    """As CIFAR's: byte strings as keys, the array's content as a byte string."""
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\n"
        b"q\x04K\x00\x85q\x05U\x01bq\x06\x87Rq\x07(K\x01K\x02K\x03\x86q\x08cnumpy\ndtype\nq\tU\x02u1"
        b"q\nK\x00K\x01\x87Rq\x0b(K\x03U\x01|q\x0cNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\rb"
        b"\x89U\x06\x00\x01\x02\x03\x04\x05q\x0etq\x0fbU\x06labelsq\x10]q\x11(K\x07K\x08eu."
    )
    found = load_plain(content)
    assert found[b"data"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found[b"labels"] == [7, 8]


class Runs:
    """Unpickling this calls a function."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.call = (function, given)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {b"data": x}, lambda x: [x]])
def test_forged_pickle_is_refused_and_not_run(tmp_path: Path, wrap: Any) -> None:
    mark = tmp_path / "was-run"
    for forged in (
        Runs(os.system, f"touch {mark}"),
        Runs(builtins.exec, f"open({str(mark)!r}, 'w').close()"),
        Runs(os.mkdir, str(mark)),
    ):
        content = pickle.dumps(wrap(forged))
        with pytest.raises(ValueError, match="it names "):
            load_plain(content)
        assert not mark.exists()
    pickle.loads(content)
    assert mark.exists(), "the forged pickle would not have run anyway"


def reconstruct() -> Any:
    return np.zeros(0).__reduce__()[0]


FORGED = {
    "objects": pickle.dumps(np.array([object], dtype=object)),
    "array of objects": pickle.dumps(np.array([1, "a"], dtype=object)),
    "records": pickle.dumps(np.zeros(2, dtype=[("a", "i4")])),
    "calls ndarray": pickle.dumps(Runs(np.ndarray, (1,), np.dtype("u1"))),
    "another class": pickle.dumps(Runs(reconstruct(), dict, (0,), b"b")),
    "a class of its own": pickle.dumps(Path("x")),
    "cut short": pickle.dumps(PLAIN)[:40],
    "no pickle": b"hello",
    "empty": b"",
    "too little content": pickle.dumps(np.arange(9, dtype=np.uint8), 2).replace(b"K\x09", b"K\x0a"),
    "attribute": b"cnumpy\ndtype.newbyteorder\n.",
    "outside": b"Pname\n.",
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_or_damaged_pickles_are_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_plain(FORGED[case])
