"""What the sandbox serves besides the doubles: its page, and for tests its state, log and fault script."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bridge.sandbox import page
from bridge.sandbox.exchange import Request, Response, json_response, text_response
from bridge.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.sandbox.server import Sandbox
    from bridge.sandbox.slack_state import Channel


POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'"
"""Nothing inline and nothing from elsewhere: alert texts are hostile."""
FILES = {
    "drawn.css": ("bridge.drawn", "text/css"),
    "page.css": ("bridge.sandbox", "text/css"),
    "page.js": ("bridge.sandbox", "text/javascript"),
}
ISSUE = re.compile(r"/([\w.-]+/[\w.-]+/(?:issues|pull)/\d+)")
ARCHIVE = re.compile(r"/archives/(\w+)/(p\d+)")


def answer(sandbox: Sandbox, request: Request) -> Response:
    """Answers what is meant for the sandbox itself."""
    match request.method, request.path:
        case "GET", "/_sandbox/state":
            with sandbox.lock:
                return json_response(state(sandbox))
        case "GET", "/_sandbox/requests":
            return json_response([dataclasses.asdict(entry) for entry in sandbox.seen()])
        case "GET" | "POST" | "DELETE", "/_sandbox/faults":
            return _faults(sandbox, request)
        case "GET" | "HEAD", path:
            return _look(sandbox, path, request.query.get("version", ""))
    return text_response("There is nothing here. The page is at /", 404)


def _look(sandbox: Sandbox, path: str, version: str) -> Response:
    """What people's browsers ask for; links to a message or an issue lead to its place on the page."""
    with sandbox.lock:
        if path == "/":
            return Response(204) if version == page.version(sandbox) else _page(page.render(sandbox))
    name = path.removeprefix("/_sandbox/")
    if name in FILES:
        package, kind = FILES[name]
        return text_response(files(package).joinpath("data", name).read_text("utf-8"), 200, kind)
    if place := ISSUE.fullmatch(path):
        return Response(302, {"Location": f"/#{place[1]}"})
    if place := ARCHIVE.fullmatch(path):
        return Response(302, {"Location": f"/#{place[1]}-{place[2]}"})
    return text_response("There is nothing here. The page is at /", 404)


def _page(made: str) -> Response:
    answered = text_response(made, 200, "text/html")
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return Response(200, {**answered.headers, **headers}, answered.body)


def _faults(sandbox: Sandbox, request: Request) -> Response:
    with sandbox.lock:
        if request.method == "DELETE":
            sandbox.faults.clear()
        elif request.method == "POST":
            try:
                sent = request.json()
                sandbox.faults.add(*map(Fault.from_json, sent if isinstance(sent, list) else [sent]))
            except (ValueError, TypeError) as error:
                return json_response({"error": str(error)}, 400)
        return json_response({"faults": sandbox.faults.as_json()}, 201 if request.method == "POST" else 200)


def state(sandbox: Sandbox) -> dict[str, Any]:
    """Everything the doubles hold, as JSON."""
    return {
        "slack": {workspace.name: _channels(workspace.channels.values()) for workspace in sandbox.slack.workspaces},
        "pagerduty": [dataclasses.asdict(page) for page in sandbox.pagerduty.pages],
        "github": {
            repository.full_name: [dataclasses.asdict(issue) for issue in repository.issues.values()]
            for repository in sandbox.github.repositories.values()
        },
    }


def _channels(channels: Iterable[Channel]) -> dict[str, Any]:
    return {
        channel.name: {
            "id": channel.id,
            "messages": [{"ts": message.ts, **dataclasses.asdict(message)} for message in channel.messages.values()],
        }
        for channel in channels
    }
