"""``--track`` on the command line: what comes of it, and mistakes that are told first."""

import socket

import pytest
from command_line import CommandLine

RUN = ("run", "tiny.yaml", "--profile", "smoke", "--jobs", "1", "--arm", "gin")
SECRET = "T0SECRET"


def test_a_run_tells_its_trackers_and_a_lost_message_is_one_line(
    nearfar: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{SECRET}"
        monkeypatch.setenv("NEARFAR_WEBHOOK", url)
        trackers = ("--track", "tensorboard", "--track", "webhook")
        outcome = nearfar(*RUN, *trackers, "--set", "track.webhook.retries=0")
    assert outcome.status == 0, outcome
    assert outcome.out.count("track: ") == 1
    assert "track: webhook: no connection: Connection refused" in outcome.out
    assert SECRET not in outcome.out + outcome.err
    folder = nearfar.folder / "runs" / "tiny-smoke"
    assert len(list(folder.glob("track/tensorboard/*/seed */*tfevents*"))) == 2 * 2
    assert (folder / "report.html").exists()


def test_an_unknown_tracker(nearfar: CommandLine) -> None:
    said = nearfar.mistake(*RUN, "--track", "wandbb")
    assert said.startswith("--track: unknown value 'wandbb'; did you mean 'wandb'?")


def test_a_webhook_without_its_url(nearfar: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEARFAR_WEBHOOK", raising=False)
    assert "variable NEARFAR_WEBHOOK is not set" in nearfar.mistake(*RUN, "--track", "webhook")


def test_a_url_in_the_place_of_a_variable(nearfar: CommandLine) -> None:
    setting = f"track.webhook.url_from=https://host/{SECRET}"
    said = nearfar.mistake(*RUN, "--set", setting)
    assert "names the environment variable" in said
    assert SECRET not in said


def test_a_package_that_is_missing(nearfar: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from nearfar.track import TRACKERS

    monkeypatch.setattr(TRACKERS["tensorboard"], "package", "not_installed_here")
    said = nearfar.mistake(*RUN, "--track", "tensorboard")
    assert "pip install 'nearfar[not_installed_here]'" in said
