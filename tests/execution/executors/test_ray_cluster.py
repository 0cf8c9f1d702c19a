"""A run on a Ray cluster of two one-core nodes: the same bytes, whatever happens to a node."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.events import Event, Finished, Started
from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.where import Where

ray = pytest.importorskip("ray", reason="the extra ray is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")
RESULTS = Path("small-full") / "results.csv"
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


class Nodes:
    """A cluster whose nodes, of one core each, can be killed; its head has none."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {**NODE, "num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self.cluster.address
        self.nodes = [self.cluster.add_node(**NODE) for _ in range(2)]

    def replace(self) -> None:
        """Kill all nodes but the head, and let one join."""
        for node in self.nodes:
            self.cluster.remove_node(node, allow_graceful=False)
        self.nodes = [self.cluster.add_node(**NODE)]

    def end(self) -> None:
        """Leave nothing behind."""
        ray.shutdown()
        self.cluster.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Nodes()
    yield found
    found.end()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = small(axes={"seed": {"role": "repeat", "values": 2}})
    raw["stages"]["rnc"]["epochs"] = 300
    raw["arms"] = {name: raw["arms"][name] for name in ("mean", "plain", "frozen")}
    return write_small(tmp_path_factory.mktemp("study"), **raw)


@pytest.fixture(scope="module")
def local(study: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of a local run."""
    out = tmp_path_factory.mktemp("local")
    run_whole(Request(str(study), out=out))
    return (out / RESULTS).read_bytes()


def request_at(cluster: Nodes, study: Path, out: Path) -> Request:
    return Request(str(study), out=out, where=Where("ray", cluster.address), device="cpu")


def leftovers() -> list[Path]:
    import tempfile

    return list(Path(tempfile.gettempdir()).glob("nearfar-worker-*"))


def test_ctrl_c_leaves_no_task_behind_and_the_same_command_gives_the_bytes_of_a_local_run(
    cluster: Nodes, study: Path, local: bytes, tmp_path: Path
) -> None:
    prepared = prepare(request_at(cluster, study, tmp_path))

    def watch(event: Event) -> None:
        if isinstance(event, Finished):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(prepared, None, watch)
    assert not ray.is_initialized()
    assert leftovers() == []
    store = prepared.folder.store
    ended = [one for one in prepared.plan.steps if store.is_done(one)]
    assert 1 <= len(ended) < len(prepared.plan.steps)
    again = run_whole(request_at(cluster, study, tmp_path), jobs=2)
    assert (tmp_path / RESULTS).read_bytes() == local
    assert all(store.damage(one, deep=True) == "" for one in again.plan.steps)
    assert leftovers() == []


def test_nodes_that_are_killed_change_no_result(
    cluster: Nodes, study: Path, local: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prepared = prepare(request_at(cluster, study, tmp_path))
    begun: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, Started):
            name = prepared.plan.steps[event.stage_hash].name
            if name == "pretrain:rnc" and name not in begun:
                cluster.replace()
            begun.append(name)

    carry_out(prepared, None, watch)
    assert not prepared.failures
    assert (tmp_path / RESULTS).read_bytes() == local
    assert len(begun) > len(prepared.plan.steps)
    assert "begins again" in capfd.readouterr().err


def test_an_address_where_no_cluster_is_is_refused_in_a_line(study: Path, tmp_path: Path) -> None:
    for address, words in ("ray://127.0.0.1:10001", "HOST:PORT"), ("nonsense", "no Ray cluster"):
        prepared = prepare(Request(str(study), out=tmp_path, where=Where("ray", address)))
        with pytest.raises(UserError, match=words) as raised:
            carry_out(prepared, None, lambda event: None)
        assert "\n" not in str(raised.value)
        assert address in str(raised.value)
