"""What a Ray cluster costs beside local processes, and how far it reaches.

    python benchmarks/scale.py [--quick] [--plot FILE] [--seconds 1] [--stages 40]

First really: stages that only wait, in two local processes and on a cluster of two one-core nodes.
Then a model of the same with what was measured, to 100,000 stages on 1,000 workers: these, and one
command that submits bundles, takes their files and writes them to its disk, one after the other.
"""

import functools
import heapq
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
from nearfar.execution.events import Event, Finished
from nearfar.execution.executors.returned import take_results
from nearfar.execution.executors.sent import Results, files_of
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.where import HERE, Where
from nearfar.records.stages import StageStore

NETWORK = 1.25e9
"""Bytes a second into the command's machine: 10 Gbit/s, an assumption."""
MODULE = """
import time
from typing import Annotated
from pydantic import Field
from nearfar.encoders import FixedEncoder

class Waiting(FixedEncoder):
    accepts = frozenset({"vector"})
    expensive = False

    def __init__(self, inputs, *, seconds: Annotated[float, Field(ge=0)] = 1.0) -> None:
        self.out_features, self.seconds = inputs.values.shape[1], seconds

    def features(self, inputs):
        time.sleep(self.seconds)
        return inputs.values.numpy()

ENCODERS = {"waiting": Waiting}
"""
STUDY = """
study: waiting
modules: [waiting]
data: {{source: table, path: rows.csv, target: y, features: [a, b]}}
split: {{kind: random, parts: [0.7, 0.15, 0.15]}}
baseline: waits
arms:
  waits: {{fit: {{encoder: {{waiting: {{seconds: {seconds}}}}}, head: ridge}}}}
axes: {{seed: {{role: repeat, values: {count}}}}}
"""


@dataclass(frozen=True)
class Costs:
    """What a bundle costs beside its stage: seconds of command, disk and worker; and bytes."""

    command: float
    disk: float
    worker: float
    size: int


def write_study(folder: Path, count: int, seconds: float) -> Path:
    """Write a study of so many stages, each of which waits."""
    draw = random.Random(0)
    rows = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(60)]
    table = "\n".join(",".join(f"{value:.4f}" for value in row) for row in rows)
    (folder / "rows.csv").write_text(f"a,b,y\n{table}\n", encoding="utf-8")
    (folder / "waiting.py").write_text(MODULE, encoding="utf-8")
    study = folder / f"waiting-{count}-{seconds}.yaml"
    study.write_text(STUDY.format(seconds=seconds, count=count), encoding="utf-8")
    return study


def seconds_each(study: Path, out: Path, where: Where) -> tuple[float, float, Prepared]:
    """Run a study on two workers; return seconds a stage, wall and of the command's processor.

    The first quarter, in which workers import what they need, does not count.
    """
    prepared = prepare(Request(str(study), out=out, where=where, device="cpu"))
    ends: list[tuple[float, float]] = []

    def watch(event: Event) -> None:
        if isinstance(event, Finished):
            assert not event.error, event.error
            ends.append((time.perf_counter(), time.process_time()))

    carry_out(prepared, 2, watch)
    begin = len(ends) // 4
    wall, busy = (b - a for a, b in zip(ends[begin], ends[-1], strict=True))
    counted = len(ends) - 1 - begin
    return wall / counted, busy / counted, prepared


def results(prepared: Prepared) -> bytes:
    """Return the results of a run, as they are written down."""
    return (prepared.folder.path / "results.csv").read_bytes()


@contextmanager
def two_nodes() -> Iterator[str]:
    """Give the address of a cluster of two one-core nodes on this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    try:
        yield cluster.address
    finally:
        with suppress(Exception):
            ray.shutdown()
        cluster.shutdown()


def disk_seconds(prepared: Prepared, folder: Path, times: int = 20) -> tuple[float, int]:
    """Return the seconds that taking the files of a stage waits for the disk, and their bytes."""
    store = prepared.folder.store
    hashes = list(prepared.plan.steps)[:times]
    results = [Results({one: files_of(store.folder(one))}) for one in hashes]
    other = StageStore(folder / "taken" / "stages")
    begin = time.perf_counter() - time.process_time()
    for result in results:
        take_results(result, other)
    took = (time.perf_counter() - time.process_time() - begin) / len(results)
    files = results[0].stages[hashes[0]]
    return took, sum(map(len, files.values()))


def simulated(count: int, workers: int, stage: float, costs: Costs) -> tuple[float, str]:
    """Return the seconds that a run takes, and what limits it.

    Stages take between half and one and a half times ``stage``. A bundle takes a worker; before,
    the command submits it; after, its bytes come over the network, and the command writes them:
    one bundle after the other.
    """
    draw = random.Random(0)
    free = [0.0] * workers
    clock = arrived = 0.0
    at_work: list[float] = []
    submitted = taken = 0
    while taken < count:
        while submitted < count and len(at_work) < workers + 64:
            clock += costs.command / 2
            begin = max(heapq.heappop(free), clock)
            end = begin + costs.worker + stage * draw.uniform(0.5, 1.5)
            heapq.heappush(free, end)
            heapq.heappush(at_work, end)
            submitted += 1
        arrived = max(arrived, heapq.heappop(at_work)) + costs.size / NETWORK
        clock = max(clock, arrived) + costs.command / 2 + costs.disk
        taken += 1
    parts = {
        "workers": count * (stage + costs.worker) / workers,
        "command": count * costs.command,
        "disk": count * costs.disk,
        "network": count * costs.size / NETWORK,
    }
    limit = max(parts, key=lambda name: parts[name])
    return clock, limit


def measured(given: Any, folder: Path) -> tuple[Costs, Callable[[float], float]]:
    """Run both; return what a bundle costs on Ray, and the seconds a stage that were measured."""
    count = 12 if given.quick else given.stages
    runs: dict[tuple[str, float], tuple[float, float, Prepared]] = {}
    for seconds in (0.0, given.seconds):
        study = write_study(folder, count, seconds)
        runs["local", seconds] = seconds_each(study, folder / f"local{seconds}", HERE)
    with two_nodes() as address:
        for seconds in (0.0, given.seconds):
            study, where = write_study(folder, count, seconds), Where("ray", address)
            runs["ray", seconds] = seconds_each(study, folder / f"ray{seconds}", where)
    table = measure.Table("a stage waits", "local, s a stage", "Ray, s a stage", "Ray / local")
    for seconds in (0.0, given.seconds):
        local, ray = runs["local", seconds][0], runs["ray", seconds][0]
        table.row(f"{seconds:g} s", f"{local:.4f}", f"{ray:.4f}", f"{ray / local:.2f}")
    for seconds in (0.0, given.seconds):
        local_found, ray_found = (results(runs[name, seconds][2]) for name in ("local", "ray"))
        assert ray_found == local_found, "Ray changes results"
    disk, size = disk_seconds(runs["ray", 0.0][2], folder)
    wall, command, _ = runs["ray", 0.0]
    costs = Costs(command, disk, max(2 * wall - command - disk, 0.0), size)
    local, ray = (runs[name, given.seconds][0] for name in ("local", "ray"))
    measure.goal(f"Ray / local, {count} stages of {given.seconds:g} s", ray / local, at_most=1.15)
    overhead = 1000 * (2 * ray - given.seconds - (2 * local - given.seconds))
    measure.goal("overhead a stage beside local, ms", max(overhead, 0.0), at_most=50)
    return costs, functools.partial(lambda found, seconds: found["ray", seconds][0], runs)


def main() -> None:
    """Measure, then simulate."""
    more: measure.More = {
        "--seconds": {"type": float, "default": 1.0, "help": "that a stage waits"},
        "--stages": {"type": int, "default": 40, "help": "how many there are"},
    }
    given = measure.options(__doc__, cuda=False, threads=1, more=more)
    try:
        import ray
    except ImportError:
        print("passed over: needs ray (pip install 'nearfar[ray]')")
        return
    print(f"ray {ray.__version__}")
    with tempfile.TemporaryDirectory() as name:
        costs, real = measured(given, Path(name))
    print(
        f"\na bundle costs the command {1000 * costs.command:.1f} ms, its disk "
        f"{1000 * costs.disk:.1f} ms, a worker {1000 * costs.worker:.1f} ms, and "
        f"{costs.size:,} bytes\n"
    )
    table = measure.Table("a stage waits", "Ray, s a stage", "the model's")
    for seconds in (0.0, given.seconds):
        total, _ = simulated(400, 2, seconds, costs)
        table.row(f"{seconds:g} s", f"{real(seconds):.4f}", f"{total / 400:.4f}")
    print()
    table = measure.Table("stages", "workers", "a stage", "hours", "ideal", "limit")
    curves: dict[float, list[tuple[int, float]]] = {}
    for count, stage in ((1_000, 10.0), (10_000, 10.0), (100_000, 10.0), (100_000, 100.0)):
        for workers in (10, 100, 1_000):
            total, limit = simulated(count, workers, stage, costs)
            ideal = count * stage / workers
            cells = f"{total / 3600:.2f}", f"{ideal / total:.0%}", limit
            table.row(f"{count:,}", f"{workers:,}", f"{stage:g} s", *cells)
            if count == 100_000:
                curves.setdefault(stage, []).append((workers, ideal / total))
    labels = {"xlabel": "workers", "ylabel": "share of the ideal", "xscale": "log"}
    with measure.figure(given.plot, **labels, title="100,000 stages, by the model") as axes:
        for stage, points in curves.items() if axes is not None else ():
            axes.plot(*zip(*points, strict=True), marker="o", label=f"of {stage:g} s")


if __name__ == "__main__":
    main()
