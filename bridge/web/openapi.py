"""The API's description, an OpenAPI document: made from the routes, what stands behind them, and their table.

The format is that of the OpenAPI Specification, 3.1.0, whose schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import bridge
from bridge.ledger.shapes import ULID
from bridge.web.operations import OPERATIONS, Problem

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.routing import Rule

    from bridge.web.operations import Operation

JSON = dict[str, Any]
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "BRIDGE_ADMIN_TOKEN; not asked for from this machine where none is set",
}
ADMITTING = (401, 403)
ALWAYS = (503,)
METHODS = ("GET", "POST", "PUT")


def document(app: Flask) -> JSON:
    """Return the document of all operations that an application has."""
    shapes, components = _schemas()
    paths: dict[str, JSON] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        if operation := OPERATIONS.get(rule.endpoint):
            for method in METHODS:
                if method in (rule.methods or ()):
                    path = paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", rule.rule), {})
                    path[method.lower()] = _operation(app, rule, method, operation, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Grafana alert bridge", "version": bridge.__version__},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"admin": BEARER}},
    }


def _schemas() -> tuple[dict[object, JSON], JSON]:
    """Return a reference for each operation's answer, and the schemas that they refer to."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - who only serves alerts has none of it in memory

    answers: set[Any] = {one.answer for one in OPERATIONS.values() if not isinstance(one.answer, str)} | {Problem}
    given: list[Any] = [(shape, "serialization", TypeAdapter(shape)) for shape in answers]
    made, whole = TypeAdapter.json_schemas(given, ref_template="#/components/schemas/{model}")
    return {shape: schema for (shape, _), schema in made.items()}, whole["$defs"]


def _operation(app: Flask, rule: Rule, method: str, operation: Operation, shapes: dict[object, JSON]) -> JSON:
    view = app.view_functions[rule.endpoint]
    summary = (getattr(view, "__doc__", None) or "").strip().partition("\n")[0].rstrip(".")
    refusals = (
        *operation.refusals,
        *(() if operation.open else ADMITTING),
        *((400,) if operation.query else ()),
        *ALWAYS,
    )
    answers = {operation.status: _content(operation.answer, shapes)} | dict.fromkeys(
        sorted(refusals), _content(Problem, shapes)
    )
    made: JSON = {
        "operationId": f"{rule.endpoint.replace('.', '_')}_{method.lower()}",
        "summary": summary,
        "parameters": [*_in_path(rule), *_in_query(operation)],
        "responses": {
            str(code): {"description": HTTPStatus(code).phrase, "content": content} for code, content in answers.items()
        },
        "security": [] if operation.open else [{"admin": []}],
    }
    if operation.body:
        made["requestBody"] = {"content": {operation.body: {"schema": {}}}}
    return made


def _content(answer: object, shapes: dict[object, JSON]) -> JSON:
    return {answer: {}} if isinstance(answer, str) else {"application/json": {"schema": shapes[answer]}}


def _in_path(rule: Rule) -> list[JSON]:
    sources = {"type": "string", "minLength": 1}
    ids = {"type": "string", "pattern": f"^{ULID}$"}
    return [
        {"name": name, "in": "path", "required": True, "schema": sources if name == "source" else ids}
        for name in sorted(rule.arguments)
    ]


def _in_query(operation: Operation) -> list[JSON]:
    return [
        {"name": one.name, "in": "query", "description": one.about, "schema": one.schema()} for one in operation.query
    ]
