"""slack-sdk's client over our own transport: one attempt, no redirect, one deadline, and a hook before the first byte.

slack-sdk builds the requests and reads the answers; how bytes travel is `bridge.destinations.http`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bridge.destinations.base import Failed
from bridge.destinations.deadline import Deadline
from bridge.destinations.http import MIB, USER_AGENT, ExchangeError
from bridge.destinations.slack.errors import About, from_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.request import Request

    from bridge.destinations.answer import Answer
    from bridge.destinations.base import JSON
    from bridge.destinations.http import Transport

_SILENT = logging.getLogger("bridge.slack_sdk")
_SILENT.setLevel(logging.CRITICAL + 1)
"""slack-sdk logs failures as it meets them; here they are outcomes, told once by the lane."""


class RefusedError(Exception):
    """Slack did not do as asked; `failed` says what that means."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.error)
        self.failed = failed


class Web(WebClient):
    """A token's use of the Web API. Each step has one `within` its deadline, so that several threads may share it."""

    def __init__(self, token: str, base: str, http: Transport) -> None:
        super().__init__(token, base, retry_handlers=[], user_agent_prefix=USER_AGENT, logger=_SILENT)
        self._http = http
        self.until = Deadline(0.0)
        self.ready: Callable[[], None] = lambda: None
        self.answers: list[Answer] = []
        self._cap = MIB
        self.scopes = ""
        """What the token may do, by the last answer: names with commas between."""

    def within(self, deadline: Deadline, ready: Callable[[], None]) -> Web:
        """Return the same for one step: until its deadline, with `ready` before each request's first byte.

        To make a client anew costs as much as to use it.
        """
        made = copy(self)
        made.until, made.ready, made.answers = deadline, ready, []
        return made

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """Send what slack-sdk built, and let it read the answer."""
        content = req.data if isinstance(req.data, bytes) else b""
        answer = self._http.exchange(
            "POST",
            url,
            deadline=self.until,
            ready=self.ready,
            headers=dict(req.header_items()),
            content=content,
            cap=self._cap,
        )
        answer = answer.without(self.token or "")
        self.answers.append(answer)
        return {"status": answer.status, "headers": answer.headers, "body": _text(answer)}

    def ask(
        self, about: About, *, json: JSON | None = None, params: JSON | None = None, cap: int = MIB
    ) -> tuple[dict[str, Any], str]:
        """Call one method, with a JSON body or with form parameters.

        Returns:
            The answer's record, and Slack's id of the request.

        Raises:
            RefusedError: Slack answered otherwise, or nothing that is Slack's, or not at all.
        """
        self._cap = cap
        said: Any = None
        try:
            said = self.api_call(about.method, json=json, params=params).data
        except (SlackApiError, RecursionError):
            pass  # why not is read below
        except ExchangeError as error:
            raise RefusedError(error.failed()) from None
        answer = self.answers.pop()
        self.scopes = answer.headers.get("x-oauth-scopes", "")
        read = said if said and said["ok"] is True else from_answer(answer, about)
        if isinstance(read, Failed):
            raise RefusedError(replace(read, request_id=answer.request_id))
        return read, answer.request_id


def _text(answer: Answer) -> str:
    """A body for slack-sdk to read: Slack's own, or one that says no where it can't be read as an object.

    Statuses and broken bodies are read by us.
    """
    if answer.status == 200 and answer.body.lstrip().startswith(b"{"):  # noqa: PLR2004 - Slack's only success
        with suppress(UnicodeDecodeError):
            return answer.body.decode()
    return '{"ok": false}'
