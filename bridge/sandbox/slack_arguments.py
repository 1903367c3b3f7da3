"""The arguments of a Web API call: reading them from query, form or JSON, and checking them against the description."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from bridge.sandbox import schemas
from bridge.sandbox.slack_checks import SlackError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from bridge.sandbox.exchange import Request

UPDATE_TEXT = 4_000
"""Characters of `text` that chat.update takes."""

WRITING = frozenset({"chat.postMessage", "chat.update", "conversations.join"})
"""Methods that read a JSON body; the others take their arguments from a query or a form only."""

USERGROUPS_LIST = {
    "include_disabled": {"type": "boolean"},
    "include_count": {"type": "boolean"},
    "include_users": {"type": "boolean"},
    "team_id": {"type": "string"},
}

CODE_OF_ARGUMENT = {
    "thread_ts": "invalid_thread_ts",
    "oldest": "invalid_ts_oldest",
    "latest": "invalid_ts_latest",
    "message_ts": "message_not_found",
    "ts": "message_not_found",
    "metadata": "invalid_metadata_format",
}


CODE_OF_FAULT = {
    "required": "invalid_arguments",
    "additionalProperties": "invalid_arg_name",
    "not": "markdown_text_conflict",
    "maxLength": "msg_too_long",
}
"""The code of a fault by the keyword of the schema that found it."""


@cache
def needed_scopes(method: str) -> frozenset[str]:
    """The scopes of which a method needs one; empty: none."""
    if method == "usergroups.list":
        return frozenset({"usergroups:read"})
    ((_, operation),) = schemas.load(schemas.SLACK, strict=True)["paths"][f"/{method}"].items()
    return frozenset(operation["x-bot-scopes-any-of"])


def read_arguments(method: str, request: Request) -> tuple[dict[str, Any], str]:
    """A call's arguments from a query, a form or a JSON body, and a warning (or an empty string).

    Raises:
        SlackError: the body can't be read.
    """
    fields = dict(request.query)
    if request.method == "GET" or not request.body or method not in WRITING:
        if request.content_type == "application/x-www-form-urlencoded":
            fields |= request.form()
        return from_form(method, fields), ""
    if request.content_type == "application/x-www-form-urlencoded":
        return from_form(method, fields | request.form()), ""
    if request.content_type != "application/json":
        raise SlackError("invalid_post_type")
    try:
        sent = request.json()
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(sent, dict):
        raise SlackError("json_not_object")
    charset = "charset=utf-8" in request.headers["content-type"].replace(" ", "").lower()
    return from_form(method, fields) | sent, "" if charset else "missing_charset"


@cache
def arguments_schema(method: str) -> dict[str, Any]:
    """The JSON Schema of a method's arguments, the same for JSON bodies, forms and queries."""
    if method == "usergroups.list":
        return {"type": "object", "properties": USERGROUPS_LIST, "additionalProperties": False}
    ((verb, operation),) = schemas.load(schemas.SLACK, strict=True)["paths"][f"/{method}"].items()
    if verb == "post":
        schema: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
        return schema
    parameters = operation.get("parameters", [])
    return {
        "type": "object",
        "properties": {p["name"]: p["schema"] for p in parameters},
        "required": [p["name"] for p in parameters if p.get("required")],
        "additionalProperties": False,
    }


@cache
def _arguments_validator(method: str) -> Draft202012Validator:
    return Draft202012Validator(arguments_schema(method))


def from_form(method: str, fields: dict[str, str]) -> dict[str, Any]:
    """Gives the fields of a form or query the types the method's arguments have; what doesn't fit stays text."""
    properties = arguments_schema(method).get("properties", {})
    made: dict[str, Any] = dict(fields)
    for name, text in fields.items():
        kind = properties.get(name, {}).get("type")
        if kind == "boolean" and text.lower() in {"0", "1", "true", "false"}:
            made[name] = text.lower() in {"1", "true"}
        elif kind == "integer" and text.isdecimal():
            made[name] = int(text)
    return made


def check_arguments(method: str, arguments: dict[str, Any]) -> None:
    """Checks a method's arguments against its description.

    Raises:
        SlackError: with the code Slack gives to that fault.
    """
    errors = list(_arguments_validator(method).iter_errors(arguments))
    if errors:
        raise _argument_error(method, errors)
    if method == "chat.update" and len(arguments.get("text") or "") > UPDATE_TEXT:
        raise SlackError("msg_too_long")


def _argument_error(method: str, errors: list[ValidationError]) -> SlackError:
    error = errors[0]
    kind = error.validator
    name = str(error.absolute_path[0]) if error.absolute_path else ""
    message = f"[ERROR] {error.message[:200]} [json-pointer:/{'/'.join(map(str, error.absolute_path))}]"
    if kind == "required":
        message = f"[ERROR] missing required field: {error.message.split(chr(39))[1]}"
    if kind == "anyOf" and not name:
        return SlackError("no_text")
    if kind in CODE_OF_FAULT:
        return SlackError(CODE_OF_FAULT[str(kind)], [message])
    if method == "conversations.replies" and name == "ts":
        return SlackError("thread_not_found", [message])
    return SlackError(CODE_OF_ARGUMENT.get(name, "invalid_arguments"), [message])
