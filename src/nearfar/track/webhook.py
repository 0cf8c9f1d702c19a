"""A webhook: a JSON message over HTTP when a stage or the study is done, or fails."""

import http.client
import json
import os
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pydantic import AfterValidator, Field

from nearfar.errors import UserError
from nearfar.track.base import Notice, NotSent, Tracker

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds before the first repetition; twice as long before each further one, up to the longest."""

ASK_AGAIN = frozenset({408, 425, 429})
"""Refusals by the client's fault (4xx) that another attempt may mend."""


def _names_a_variable(given: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", given):
        raise ValueError(
            "names the environment variable that holds the URL, not the URL itself, which may be"
            " a secret: put it into NEARFAR_WEBHOOK and leave url_from out"
        )
    return given


class _NoRedirect(HTTPRedirectHandler):
    """A redirected POST would become a GET without the message: it counts as refused."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        """Redirect nothing."""


class Webhook(Tracker):
    """Post notices to the URL in an environment variable.

    Args:
        folder: where it would keep files; it keeps none.
        url_from: the environment variable that holds the URL.
        timeout: seconds to wait for an answer.
        retries: repetitions of a message that did not arrive, with growing pauses between. After
            one that never arrived, the next are tried once each until one arrives again.
    """

    takes = Notice

    def __init__(
        self,
        folder: Path,
        *,
        url_from: Annotated[str, AfterValidator(_names_a_variable)] = "NEARFAR_WEBHOOK",
        timeout: Annotated[float, Field(gt=0, le=60)] = 5.0,
        retries: Annotated[int, Field(ge=0, le=10)] = 3,
    ) -> None:
        super().__init__(folder)
        self.url_from, self.timeout, self.retries = url_from, timeout, retries
        self.unheard = False

    def check(self) -> None:
        """See ``Tracker.check``; the variable must be set, to a URL of http or https."""
        url = os.environ.get(self.url_from, "")
        if not url:
            raise UserError(
                f"track: webhook: the environment variable {self.url_from} is not set:"
                " it holds the URL to post to"
            )
        if not re.match(r"https?://[^/\s]+\S*$", url) or not _has_host(url):
            raise UserError(
                f"track: webhook: what the environment variable {self.url_from} holds is no"
                " http:// or https:// URL"
            )

    def send(self, message: Any) -> None:
        """Post one notice.

        Raises:
            NotSent: the last attempt failed; says how, never where to.
        """
        notice: Notice = message
        attempts = 1 if self.unheard else 1 + self.retries
        self.unheard = True
        for attempt in range(attempts):
            problem, again = self._post(json.dumps(asdict(notice), ensure_ascii=False).encode())
            if not problem:
                self.unheard = False
                return
            if not again:
                break
            if attempt + 1 < attempts:
                time.sleep(min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE))
        raise NotSent(problem)

    def _post(self, body: bytes) -> tuple[str, bool]:
        """Return what went wrong, empty if nothing did, and whether to try again."""
        headers = {"Content-Type": "application/json", "User-Agent": "nearfar"}
        try:
            request = Request(os.environ[self.url_from], body, headers, method="POST")
            with build_opener(_NoRedirect).open(request, timeout=self.timeout):
                return "", False
        except HTTPError as error:
            error.close()
            return f"the server answered {error.code}", error.code >= 500 or error.code in ASK_AGAIN
        except TimeoutError:
            return f"no answer within {self.timeout:g} s", True
        except URLError as error:
            if isinstance(error.reason, TimeoutError):
                return f"no connection within {self.timeout:g} s", True
            reason = error.reason.strerror if isinstance(error.reason, OSError) else None
            return f"no connection: {reason or type(error.reason).__name__}", True
        except (OSError, http.client.HTTPException) as error:
            return f"the connection broke: {type(error).__name__}", True


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
