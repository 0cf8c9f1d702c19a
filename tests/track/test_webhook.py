"""A webhook against a server on this machine that answers as told."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import nearfar.track.webhook as module
from nearfar.errors import UserError
from nearfar.track import Notice, NotSent
from nearfar.track.webhook import Webhook

NOTICE = Notice("stage done", "toy", "quick", ("a", "b"), "fit", "done", 1.5, "toy: fit done · ü")
SECRET = "T0SECRET"
LATE = 0.6


class Server(ThreadingHTTPServer):
    """Answers with the codes it was given, the last one for good; a float waits so many seconds."""

    daemon_threads = True

    def __init__(self, answers: list[int | float]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.heard: list[tuple[str, str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, self.headers["Content-Type"], json.loads(body)))
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, float):
            time.sleep(answer)
            answer = 200
        self.send_response(answer)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.heard.append((self.path, "GET", None))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start a server with these answers and put its URL into NEARFAR_WEBHOOK."""
    servers = []
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)

    def start(*answers: int | float) -> Server:
        server = Server(list(answers))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("NEARFAR_WEBHOOK", server.url)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_notice_arrives_as_json_with_a_line_for_people(serve: Any, tmp_path: Path) -> None:
    server = serve(200)
    hook = Webhook(tmp_path / "none")
    hook.check()
    hook.send(NOTICE)
    ((path, kind, message),) = server.heard
    assert (path, kind) == (f"/hook/{SECRET}", "application/json")
    assert message == {
        "event": "stage done",
        "study": "toy",
        "profile": "quick",
        "arms": ["a", "b"],
        "stage": "fit",
        "status": "done",
        "seconds": 1.5,
        "text": "toy: fit done · ü",
    }
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("answers", "retries", "heard", "problem"),
    [
        ([500, 503, 429, 204], 3, 4, ""),
        ([500, 500, 200], 1, 2, "answered 500"),
        ([404, 200], 3, 1, "answered 404"),
        ([302, 200], 3, 1, "answered 302"),
        ([LATE, 200], 3, 2, ""),
        ([LATE], 0, 1, "no answer within 0.2 s|no connection within 0.2 s"),
    ],
)
def test_what_may_pass_is_tried_again_and_what_may_not_is_not(
    answers: list[int | float],
    retries: int,
    heard: int,
    problem: str,
    serve: Any,
    tmp_path: Path,
) -> None:
    server = serve(*answers)
    # Patience runs out where the answer is late on purpose, not where the machine is busy.
    hook = Webhook(tmp_path, retries=retries, timeout=0.2 if LATE in answers else 20)
    if problem:
        with pytest.raises(NotSent, match=problem) as told:
            hook.send(NOTICE)
        assert SECRET not in str(told.value)
    else:
        hook.send(NOTICE)
    assert len(server.heard) == heard


def test_pauses_grow_and_are_bounded(serve: Any, tmp_path: Path, monkeypatch: Any) -> None:
    pauses: list[float] = []
    serve(500)
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    monkeypatch.setattr(module, "FIRST_PAUSE", 1.0)
    with pytest.raises(NotSent):
        Webhook(tmp_path, retries=7).send(NOTICE)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_after_a_lost_message_the_next_are_tried_once_until_one_arrives(
    serve: Any, tmp_path: Path
) -> None:
    server = serve(500, 500, 500, 200, 500, 200)
    hook = Webhook(tmp_path, retries=1)
    for arrives in (False, False, True, True):
        if arrives:
            hook.send(NOTICE)
        else:
            with pytest.raises(NotSent):
                hook.send(NOTICE)
    assert len(server.heard) == 2 + 1 + 1 + 2


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{free.getsockname()[1]}/{SECRET}")
        hook = Webhook(tmp_path, url_from="HOOK", retries=0)
        hook.check()
        with pytest.raises(NotSent, match="no connection: Connection refused") as told:
            hook.send(NOTICE)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/secret",
        "file:///etc/secret",
        "host/secret",
        "http:///secret",
        "http://host/a secret",
        "http://host:port/secret",
        "http://[::1/secret",
    ],
)
def test_a_variable_that_holds_no_url_is_named_but_not_shown(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEARFAR_WEBHOOK", url)
    with pytest.raises(UserError, match="NEARFAR_WEBHOOK") as told:
        Webhook(tmp_path).check()
    assert "secret" not in str(told.value)
