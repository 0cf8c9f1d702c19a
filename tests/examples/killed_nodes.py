"""A node of a Ray cluster killed at a random moment of a run: for ``scripts/kill-nodes``."""

import atexit
import os
import random
import shutil
import threading
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from campaign import Came, Try
from small_study import small, write_small

from nearfar.execution.events import Event, Started
from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.where import HERE, Where

RIGHT = ("the same results", "the same results, a stage began again")
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
RESULTS = Path("small-full") / "results.csv"


class Nodes:
    """A cluster on this machine: a head without cores, and two nodes with one each."""

    def __init__(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["RAY_raylet_start_wait_time_s"] = "300"  # noqa: SIM112 - Ray spells it so
        from ray.cluster_utils import Cluster

        head = {**NODE, "num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self.cluster.address
        self.nodes: list[Any] = [self.cluster.add_node(**NODE) for _ in range(2)]

    def kill(self, place: int) -> None:
        """Kill one of the two nodes; the other has to do alone."""
        self.cluster.remove_node(self.nodes.pop(place), allow_graceful=False)

    def fill(self) -> None:
        """Let another node join; Ray can do so in the main thread alone."""
        self.nodes.append(self.cluster.add_node(**NODE))


def make(folder: Path) -> Try:
    """Run the study here, and on the cluster to learn how long it takes there; then kill."""
    warnings.simplefilter("ignore")
    study = _study(folder)
    carry_out(prepare(Request(study, out=folder / "local", where=HERE)), 1, lambda event: None)
    nodes = Nodes()
    atexit.register(nodes.cluster.shutdown)
    begin = time.monotonic()
    _run(study, folder / "first", nodes, lambda event: None)
    took = time.monotonic() - begin
    whole = (folder / "local" / RESULTS).read_bytes()
    assert (folder / "first" / RESULTS).read_bytes() == whole, "Ray changes results"
    return partial(_try, study, folder, nodes, took, whole)


def _study(folder: Path) -> str:
    raw = small(axes={"seed": {"role": "repeat", "values": 2}})
    raw["stages"]["rnc"]["epochs"] = 600
    raw["arms"] = {name: raw["arms"][name] for name in ("mean", "plain", "frozen", "tuned")}
    raw["arms"]["tuned"]["fit"]["epochs"] = 200
    return str(write_small(folder, **raw))


def _run(study: str, out: Path, nodes: Nodes, watch: Any) -> dict[str, str]:
    prepared = prepare(Request(study, out=out, where=Where("ray", nodes.address), device="cpu"))
    carry_out(prepared, None, watch)
    return prepared.reasons


def _try(study: str, folder: Path, nodes: Nodes, took: float, whole: bytes, number: int) -> Came:
    draw = random.Random(number)
    moment, place, out = draw.random() * took, draw.randrange(2), folder / str(number)
    begun: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, Started):
            begun.append(event.stage_hash)

    killer = threading.Timer(moment, nodes.kill, [place])
    killer.start()
    reasons = _run(study, out, nodes, watch)
    killer.join()
    nodes.fill()
    about = f"node {place} after {moment:.1f} of {took:.1f} s, {len(begun)} stages begun"
    if reasons:
        return Came("a stage failed", f"{about}: {next(iter(reasons.values()))}")
    if (out / RESULTS).read_bytes() != whole:
        return Came("other results", about)
    shutil.rmtree(out)
    return Came(RIGHT[len(begun) > len(set(begun))], about)
