"""Odd locales, terminals, limits, homes, umasks, folders: for ``scripts/odd-environments``.

Each has commands that end well, or in one line that says what is wrong: in a new Python where it
says how Python itself begins, else in one forked from this, which has imported all.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

from campaign import Came, Try
from forked_runs import ended, import_all

from nearfar.cli import main

RIGHT = ("went well", "told", "cannot be made here")
NOT_MADE = 98
"""Exit status of a process that could not be put into its environment."""
SLOW = 400.0
"""Seconds in which a whole script of commands has ended, beside others and on a slow machine."""
MANY = 1 << 30


def _limit(kind: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (most, most))


def _gone() -> None:
    gone = Path("gone").absolute()
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()


def _closed(*streams: int) -> Callable[[], None]:
    def close() -> None:
        for stream in streams:
            os.close(stream)

    return close


def _to(device: str) -> Callable[[], None]:
    return lambda: os.dup2(os.open(device, os.O_WRONLY), 1) and None


def _nobody() -> None:
    os.setgid(65534)
    os.setuid(65534)
    next(Path(os.__file__).parent.iterdir())  # a Python in /root is none for another user


@dataclass(frozen=True)
class Odd:
    """What is odd: variables (None removes one), what is done in the process before, what may come.

    With ``told`` it may end in one line, which has these words. A ``new`` Python also does init.
    """

    set: dict[str, str | None] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    told: str | None = None
    new: bool = False


def _python(told: str | None = None, **variables: str | None) -> Odd:
    return Odd(variables, told=told, new=True)


ENVIRONMENTS: dict[str, Odd] = {
    "locale C": _python(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"),
    "locale POSIX": _python(LC_ALL="POSIX", LANG=None),
    "locale of Turkey": _python(LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8"),
    "locale that is not there": _python(LC_ALL="xx_YY.utf8"),
    "no locale": _python(LC_ALL=None, LANG=None, LC_CTYPE=None),
    "output in ASCII": _python(PYTHONIOENCODING="ascii"),
    "output in latin-1": _python(PYTHONIOENCODING="latin-1"),
    "output in cp437": _python(PYTHONIOENCODING="cp437"),
    "output in UTF-16": _python(PYTHONIOENCODING="utf-16"),
    "ASCII and strict": _python(PYTHONIOENCODING="ascii:strict"),
    "TERM dumb": Odd({"TERM": "dumb"}),
    "no TERM": Odd({"TERM": None}),
    "TERM unknown": Odd({"TERM": "x" * 300, "FORCE_COLOR": "1"}),
    "no colour": Odd({"NO_COLOR": "1", "COLORTERM": "truecolor"}),
    "20 columns": Odd({"COLUMNS": "20"}),
    "1 column": Odd({"COLUMNS": "1", "LINES": "1"}),
    "columns that are none": Odd({"COLUMNS": "many", "LINES": "-3"}),
    "no HOME": Odd({"HOME": None, "XDG_CACHE_HOME": None}),
    "HOME that is not there": Odd({"HOME": "/nowhere/at all", "XDG_CACHE_HOME": None}),
    "HOME in /proc": Odd({"HOME": "/proc", "XDG_CACHE_HOME": None}),
    "HOME a file": Odd({"HOME": "/etc/passwd", "XDG_CACHE_HOME": None}),
    "cache of the system": Odd({"XDG_CACHE_HOME": "/sys/nowhere"}),
    "umask of nothing": Odd(before=lambda: os.umask(0o777), told="denied"),
    "umask 077": Odd(before=lambda: os.umask(0o077)),
    "another user": Odd({"HOME": "/root", "XDG_CACHE_HOME": None}, before=_nobody),
    "umask 0": Odd(before=lambda: os.umask(0)),
    "far time zone": Odd({"TZ": "Pacific/Kiritimati"}),
    "time zone that is none": Odd({"TZ": "../../etc/passwd"}),
    "folder that is gone": Odd(before=_gone, told="folder", new=True),
    "no input": Odd(before=_closed(0)),
    "no output": Odd(before=_closed(1), new=True),
    "no streams": Odd(before=_closed(0, 1, 2), new=True),
    "output on a full disk": Odd(before=_to("/dev/full"), told="standard output", new=True),
    "64 open files": Odd(before=_limit(resource.RLIMIT_NOFILE, 64), new=True),
    "24 open files": Odd(before=_limit(resource.RLIMIT_NOFILE, 24), told="open files", new=True),
    "8 GB of addresses": Odd(before=_limit(resource.RLIMIT_AS, 8 * MANY), new=True),
    "1.2 GB of addresses": Odd(
        before=_limit(resource.RLIMIT_AS, 6 * MANY // 5), told="memory", new=True
    ),
    "files of 16 kB": Odd(before=_limit(resource.RLIMIT_FSIZE, 16_000), told="ulimit -f"),
    "1 MB of stack": Odd(before=_limit(resource.RLIMIT_STACK, 1 << 20), new=True),
    "no core, no lock": Odd(before=_limit(resource.RLIMIT_MEMLOCK, 0)),
    "TMPDIR that is not there": Odd({"TMPDIR": "/nowhere", "TMP": "/nowhere"}),
    "threads of others": Odd({"OMP_NUM_THREADS": "x", "MKL_NUM_THREADS": "-1"}),
    "hash seed": _python(PYTHONHASHSEED="7", PYTHONOPTIMIZE="2"),
    "many variables": Odd({f"V{k}": "é" * 1000 for k in range(300)}),
    "every warning": _python(PYTHONWARNINGS="always", PYTHONDEVMODE="1"),
}
NEW = "from odd_environments import call; call()"


def call() -> None:
    """Carry out the commands of the last argument, and write their statuses where it is told to."""
    *_, given, pipe = sys.argv
    statuses: list[int] = []
    for command in json.loads(given):
        sys.argv = ["nearfar", *command]
        try:
            main()
            statuses.append(0)
        except SystemExit as ending:
            statuses.append(int(ending.code or 0))
        if statuses[-1]:
            break
    os.write(int(pipe), json.dumps(statuses).encode())


def make(folder: Path) -> Try:
    """Write the data; every environment has a folder of its own, and its results are compared."""
    import_all()
    seen: dict[str, bytes] = {}
    return lambda number: _tried(list(ENVIRONMENTS)[number % len(ENVIRONMENTS)], folder, seen)


def commands(there: Path, new: bool) -> list[list[str]]:
    """A run, its report, predictions, and before them init; of absolute paths."""
    data, run = str(there / "small.csv"), str(there / "runs" / "small-full")
    begun = ["init", data, "--target", "y", "--out", str(there / "study.yaml")]
    return [
        *([begun] if new else []),
        [
            *("run", str(there / "small.yaml"), "--out", str(there / "runs"), "--jobs", "1"),
            *("--arm", "ridge", "--arm", "frozen", "--device", "cpu"),
        ],
        ["report", run],
        ["predict", run, data, "--arm", "ridge", "--output", str(there / "out.csv")],
        ["predict", run, data, "--arm", "ridge", "--output", "-"],
        ["clean", str(there / "runs")],
    ]


def _tried(name: str, folder: Path, seen: dict[str, bytes]) -> Came:
    import yaml
    from small_study import small, write_table

    odd, there = ENVIRONMENTS[name], folder / "there"
    rmtree(there, ignore_errors=True)
    there.mkdir()
    for path in (folder, there):
        path.chmod(0o777)
    write_table(there / "small.csv")
    raw = small(axes={"seed": {"role": "repeat", "values": 1}}, title="Größe − ±")
    (there / "small.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    came, words = outcome(odd, there)
    results = there / "runs" / "small-full" / "results.csv"
    if came == "went well":
        content = results.read_bytes()
        came = came if content == seen.setdefault("results", content) else "other results"
    return Came(came, f"{name}: {words}")


def outcome(odd: Odd, there: Path) -> tuple[str, str]:
    """Carry out the commands in an environment; return what came of them, and the last lines."""
    reading, writing = os.pipe()
    given = json.dumps(commands(there, odd.new))
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for key, value in odd.set.items():
        variables.pop(key, None)
        if value is not None:
            variables[key] = value
    pid = os.fork()
    if not pid:
        with suppress(BaseException):
            _become(odd, there, variables, given, writing)
        os._exit(99)
    os.close(writing)
    status = ended(pid, SLOW)
    if status is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "hung", odd.told or ""
    with os.fdopen(reading, "rb") as pipe:
        statuses = json.loads(pipe.read() or b"[]")
    text = (there / "err").read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    words = f"{statuses}, {lines[-2:]}"
    if "Traceback" in text:
        return "raised", words
    if status == NOT_MADE:
        return "cannot be made here", words
    if status or not statuses:
        return f"ended with {status}", words
    if not any(statuses):
        return "went well", words
    if odd.told is None or not lines or not lines[-1].startswith("nearfar: "):
        return "failed", words
    return ("told" if odd.told in lines[-1] else "told otherwise"), words


def _made(odd: Odd) -> None:
    try:
        if odd.before is not None:
            odd.before()
    except OSError:
        os._exit(NOT_MADE)


def _become(odd: Odd, there: Path, variables: dict[str, str], given: str, pipe: int) -> None:
    """Be the process in the environment: a new Python, or this one."""
    os.setsid()
    os.chdir(there)
    for number, name in enumerate(("/dev/null", "out", "err")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    os.set_inheritable(pipe, True)
    if odd.new:
        command = [sys.executable, "-c", NEW, given, str(pipe)]
        _made(odd)
        os.execve(sys.executable, command, variables)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    _made(odd)
    sys.argv = ["", given, str(pipe)]
    call()
    sys.stderr.flush()
    os._exit(0)
