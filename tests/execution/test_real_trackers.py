"""With the real trackers numbers stay as they are, and secrets stay out of the run folder."""

import io
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from small_study import small, write_small

from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare
from nearfar.execution.tracking import Tracking

KEY = "0123456789abcdef" * 2 + "01234567"
SECRET = "T0SECRET"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A key of W&B, which is to stay offline, and a webhook where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{SECRET}"
        monkeypatch.setenv("NEARFAR_WEBHOOK", url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        yield


def run(request: Request) -> str:
    """Carry out a study, tracked; return what was printed."""
    prepared, printed = prepare(request), io.StringIO()
    with Tracking(prepared, Console(file=printed, width=300)) as tracking:
        carry_out(prepared, 1, tracking)
    return printed.getvalue()


def test_trackers_change_no_number_and_leave_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arms = {name: small()["arms"][name] for name in ("mean", "plain")}
    study = write_small(tmp_path, arms=arms, stages={})
    plain = Request(str(study), out=Path("plain"), device="cpu")
    assert run(plain) == ""
    said = run(
        replace(
            plain,
            out=Path("tracked"),
            track=("tensorboard", "wandb", "webhook"),
            settings=("track.webhook.retries=0",),
        )
    )
    assert said == (
        "track: webhook: no connection: Connection refused; the study is not touched by it\n"
    )
    results = [tmp_path / out / "small-full" / "results.csv" for out in ("plain", "tracked")]
    assert results[0].read_bytes() == results[1].read_bytes()
    track = results[1].parent / "track"
    assert len(list(track.rglob("*tfevents*"))) == len(list(track.rglob("*.wandb"))) == 2 * 2
    assert {path.name for path in track.iterdir()} == {"tensorboard", "wandb"}
    assert "url_from: NEARFAR_WEBHOOK" in (track.parent / "study.yaml").read_text()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in files)
    assert SECRET.encode() not in held
    assert KEY.encode() not in held
