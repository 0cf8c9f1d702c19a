"""Two machines that train one model: here two commands on one machine, of a device each."""

import json
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_study import small, write_small

from nearfar.errors import UserError
from nearfar.execution import nodes
from nearfar.execution.nodes import Lead, take_part
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.where import Where
from nearfar.records.tables import read_results


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def study(folder: Path, **changes: Any) -> Path:
    raw = small()
    stage = {"encoder": {"mlp": {"layers": 1, "hidden": 4}}, "epochs": 2, "batch": 16}
    stages = {"rnc": {**stage, "objective": "rnc"}}
    arms = {"frozen": {"pretrain": "rnc", "fit": {"head": "ridge"}}, "mean": raw["arms"]["mean"]}
    axes = {"seed": {"role": "repeat", "values": 1}}
    given = {"stages": stages, "arms": arms, "axes": axes, "baseline": "mean"}
    return write_small(folder, **{**given, **changes})


def requests(path: Path, out: Path, other: Path | None = None) -> list[Request]:
    """What both machines are asked for; the second has its runs in ``other``, where given."""
    where = Where(nodes=2, address=f"127.0.0.1:{free_port()}")
    outs = (out, other or out)
    return [
        Request(str(path), out=one, device="cpu", where=replace(where, node=node))
        for node, one in enumerate(outs)
    ]


def numbers(prepared: Prepared) -> list[float]:
    return [row.value for row in read_results(prepared.folder.path / "results.csv")]


OTHER = """
import sys
from pathlib import Path
from nearfar.execution.nodes import take_part
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.execution.where import Where

study, out, address = sys.argv[1:]
where = Where(nodes=2, node=1, address=address)
print(take_part(prepare(Request(study, out=Path(out), device="cpu", where=where))))
"""


def other_machine(request: Request) -> "subprocess.Popen[str]":
    given = [request.study, str(request.out), str(request.where.address)]
    command = [sys.executable, "-c", OTHER, *given]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_machines_find_what_one_finds(tmp_path: Path) -> None:
    path = study(tmp_path)
    first, _ = requests(path, tmp_path / "runs")
    other = other_machine(first)
    prepared = prepare(first)
    carry_out(prepared, 1, lambda event: None)
    assert prepared.reasons == {}
    assert other.communicate(timeout=300)[0].splitlines()[-1] == "(1, True)"
    devices = [s.spec.environment.devices for s in prepared.plan.steps.values()]
    assert sorted(devices) == [1, 1, 2]
    alone = prepare(Request(str(path), out=tmp_path / "alone", device="cpu"))
    carry_out(alone, 1, lambda event: None)
    assert numbers(prepared) == pytest.approx(numbers(alone), rel=1e-4)
    assert not list((tmp_path / "runs" / "stages").glob(".nodes"))


def met(pair: list[Request], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What both machines say where they may not train together."""
    monkeypatch.setattr(nodes, "_SEEN", 0.5)
    prepared, said = [prepare(request) for request in pair], ["", ""]

    def lead() -> None:
        try:
            with Lead(prepared[0]):
                pass
        except UserError as error:
            said[0] = str(error)

    thread = threading.Thread(target=lead)
    thread.start()
    try:
        take_part(prepared[1])
    except UserError as error:
        said[1] = str(error)
    thread.join()
    return said


def test_machines_with_other_settings_data_or_folders_are_refused_on_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = study(tmp_path)
    same = "machine 1 of --nodes 2 has another"
    pair = requests(path, tmp_path / "runs", tmp_path / "other")
    assert (
        met(pair, monkeypatch)
        == [f"{same} --out than the first: name one on a disk that all share"] * 2
    )
    pair = requests(path, tmp_path / "runs")
    pair[1] = replace(pair[1], settings=("margin=0.5",))
    words = "study, profile or setting than the first: give the same command on all"
    assert met(pair, monkeypatch) == [f"{same} {words}"] * 2
    pair = requests(path, tmp_path / "runs")
    pair[1] = replace(pair[1], where=replace(pair[1].where, devices=2))
    said = met(pair, monkeypatch) if nodes_have_two() else []
    assert all("another --devices" in line for line in said)


def nodes_have_two() -> bool:
    from nearfar.execution.where import device_count

    return device_count("cpu") > 1


def test_machines_that_do_not_come_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "COMING", 0.3)
    first, second = (prepare(one) for one in requests(study(tmp_path), tmp_path / "runs"))
    with pytest.raises(UserError, match="machine 1 has not come within 0 seconds"):
        Lead(first)
    with pytest.raises(UserError, match="the first machine does not answer"):
        take_part(second)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(str(first.where.address).partition(":")[2])))
        taken.listen()
        with pytest.raises(UserError, match="cannot be taken"):
            Lead(first)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Where(nodes=2), "--nodes 2: needs --address HOST:PORT"),
        (Where(nodes=2, address="here"), "--nodes 2: needs --address HOST:PORT"),
        (Where(nodes=2, node=2, address="a:1"), "--nodes 2 --node 2: machines are counted from 0"),
        (Where(address="a:1"), "--address a:1: goes with --executor ray, or with --nodes"),
    ],
)
def test_machines_that_cannot_be_are_refused(where: Where, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        where.check()
    assert str(refusal.value).startswith(said)


def test_what_a_training_is_travels_as_plain_json(tmp_path: Path) -> None:
    from nearfar.plan.specs import from_plain

    for step in prepare(Request(str(study(tmp_path)), out=tmp_path / "runs")).plan.steps.values():
        assert from_plain(json.loads(json.dumps(step.spec.to_plain()))).to_plain() == (
            step.spec.to_plain()
        )
