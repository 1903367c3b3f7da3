"""The playground: a payload, the templates, and what people would see. Nothing here is sent or stored.

It works as a form whose answer is the page; with JavaScript the messages alone are fetched, while somebody types.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, request
from markupsafe import Markup
from werkzeug.exceptions import RequestEntityTooLarge

from bridge.apart import MOST_PAYLOAD, Apart, EndedError
from bridge.config.sources import usual
from bridge.destinations import KINDS
from bridge.ledger import receipts
from bridge.render.folders import template_folders
from bridge.web import people, served
from bridge.web.auth import RefusedError
from bridge.web.frame import NAMES, page, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.compose import Bridge
    from bridge.core.rules import Rules
    from bridge.playground import Shown

blueprint = Blueprint("playground", __name__)
MOST_TEMPLATE = 100_000
"""Bytes of a template."""
MOST_FORM = 3 * MOST_PAYLOAD
"""Bytes of a form, whose line ends and signs take more than they are."""
LOOKS = {"": "as configured", "public": "public", "private": "private"}
EXTEND = "extend "
_EXTENDING = """{{% extends "{name}" %}}

{{# Replace a block here; the list of blocks stands at the top of {name}. #}}
"""


@blueprint.before_request
def _admit() -> Response | None:
    request.max_content_length = request.max_form_memory_size = MOST_FORM
    try:
        people.enter()
    except RequestEntityTooLarge:
        why = "This is more than a payload of 1 MiB and three templates of 100 kB."
        return _trouble(why) if _live() else page("refused.html", 413, why=why)
    except RefusedError as error:
        return _trouble(f"{error}. Open this page again.") if _live() else refusal(error)
    return None


def _live() -> bool:
    """Whether the page's script asks, for a part of the page."""
    return "HX-Request" in request.headers


def _trouble(why: str) -> Response:
    return page("playground_shown.html", trouble=why, shown=None, live=True)


@blueprint.get("/playground")
def playground() -> Response:
    """Show a sample, or the stored receipt that `?receipt=` names, with the shipped templates."""
    receipt = request.args.get("receipt", "")
    said = {"receipt": receipt, "load": "receipt" if receipt else "sample"}
    bridge = served.bridge()
    folders = template_folders(bridge.environ.templates)
    texts = {kind: _text(folders, _names(bridge.loaded.rules, kind)[0]) or "" for kind in KINDS}
    return _whole({**said, **texts})


@blueprint.post("/playground/render")
def render() -> Response:
    """Show what a form holds: the messages alone where the page's script asks, else the whole page."""
    said = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
    if not _live() or said.get("load"):
        return _whole(said)
    shown, trouble = _shown(said)
    return page("playground_shown.html", trouble=trouble, shown=shown, live=True)


def _whole(said: dict[str, str]) -> Response:
    from bridge.sandbox import payloads  # noqa: PLC0415 - a serving process has no use for the doubles

    problem = _load(said)
    shown, trouble = _shown(said)
    rules, sources = served.bridge().loaded.rules, served.bridge().loaded.settings.sources
    answer = page(
        "playground.html",
        said=said,
        # as it was written: nothing is left out of what goes back into the form
        texts={name: Markup(html.escape(said.get(name, ""))) for name in ("payload", *KINDS)},  # noqa: S704 - escaped
        samples=payloads.names(),
        sources=[*sources, *([said["source"]] if said["source"] not in sources else [])],
        starts={kind: _starts(rules, kind) for kind in KINDS},
        looks=LOOKS,
        problem=problem,
        shown=shown,
        trouble=trouble,
        live=False,
    )
    if _live():
        answer.headers.update({"HX-Retarget": "#playground", "HX-Reselect": "#playground", "HX-Reswap": "outerHTML"})
    return answer


def _load(said: dict[str, str]) -> str:
    """Put into the form what its button asked for; return why that can't be."""
    from bridge.sandbox import payloads  # noqa: PLC0415 - as above

    bridge, what = served.bridge(), said.pop("load", "")
    said.setdefault("source", usual(bridge.loaded.settings.sources))
    if what == "sample":
        if said.get("sample") not in payloads.names():
            said["sample"] = payloads.FIRST
        said["payload"] = payloads.text(said["sample"])
        return ""
    if what == "receipt":
        return _receipt(bridge, said)
    if what in KINDS:
        start = said.get(f"{what}_start", "")
        if start in _starts(bridge.loaded.rules, what):
            name = start.removeprefix(EXTEND)
            text = _text(template_folders(bridge.environ.templates), name)
            said[what] = _EXTENDING.format(name=name) if start != name else text or ""
    return ""


def _receipt(bridge: Bridge, said: dict[str, str]) -> str:
    with bridge.ledger.read() as connection:
        found = receipts.load(connection, said.get("receipt", "").strip())
    said.setdefault("payload", "")
    if found is None:
        return "There is no such receipt."
    if found.unreadable:
        return found.unreadable
    if len(found.body) > MOST_PAYLOAD:
        return "The body of this receipt is larger than 1 MiB: look at it with `bridge render`."
    said["source"] = found.source
    said["payload"] = _pretty(found.body)
    return ""


def _pretty(body: bytes) -> str:
    """Return a body fit to be edited: JSON indented; what is no JSON as it is."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        found.encode()
    except (ValueError, RecursionError):
        return text
    return found if len(found) <= MOST_PAYLOAD else text


def _names(rules: Rules, kind: str) -> list[str]:
    """Return a kind's templates: the shipped one, then those of the configuration."""
    kinds = {name: one.kind for name, one in rules.destinations.items()}
    settings: list[tuple[str, Mapping[str, object]]] = [(one.kind, one.settings) for one in rules.destinations.values()]
    settings += [(kinds.get(name, ""), own) for team in rules.teams.values() for name, own in team.destinations.items()]
    found = [str(own["template"]) for of, own in settings if of == kind and own.get("template")]
    return list(dict.fromkeys([f"{kind}/message.j2", *found]))


def _text(folders: tuple[Path, ...], name: str) -> str | None:
    from bridge.render.jinja import text_of  # noqa: PLC0415 - for who asks, not for who serves

    return text_of(folders, name)


def _starts(rules: Rules, kind: str) -> list[str]:
    """Return what a template can begin with: the text of one, or a text that extends one."""
    names = _names(rules, kind)
    return [*names, *(f"{EXTEND}{name}" for name in names)]


def _shown(said: Mapping[str, str]) -> tuple[Shown | None, str]:
    """Return what people would see, or why there is nothing to show."""
    from bridge.playground import Asked, trying  # noqa: PLC0415 - for who asks, not for who serves

    body = said.get("payload", "").encode("utf-8", "replace")
    typed = {kind: text for kind in KINDS if (text := said.get(kind, "")).strip()}
    if len(body) > MOST_PAYLOAD:
        return None, f"The payload has {len(body):,} bytes, more than 1 MiB."
    for kind, text in typed.items():
        if (size := len(text.encode("utf-8", "replace"))) > MOST_TEMPLATE:
            return None, f"The template for {NAMES[kind]} has {size:,} bytes, more than 100 kB."
    bridge = served.bridge()
    source = bridge.loaded.settings.sources.get(said["source"]) if "source" in said else None
    asked = Asked(
        body=body,
        source=said.get("source", "")[:200],
        mapping=source.mapping if source else None,
        rules=bridge.loaded.rules,
        templates=template_folders(bridge.environ.templates),
        now=bridge.clock.now(),
        trial=trying(typed, private={"public": False, "private": True}.get(said.get("look", ""))),
    )
    apart: Apart = current_app.extensions["apart"]
    try:
        return apart(asked), ""
    except EndedError as error:
        return None, f"Nothing to show: {error}."
