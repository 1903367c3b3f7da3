"""The shipped API descriptions as compiled JSON Schema validators.

Each description is read once, at its first use; sources and licences stand in `data/LICENSES.md`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

SLACK = "slack-web-api.openapi.json"
BLOCK_KIT = "slack-block-kit.schema.json"
PAGERDUTY = "pagerduty-events-v2.schema.json"
GITHUB = "github-issues.openapi.json"


@cache
def load(name: str, *, strict: bool = False) -> Any:  # noqa: ANN401 (a JSON document)
    """A description as a JSON document, in the JSON Schema 2020-12 dialect.

    Args:
        name: one of the constants above.
        strict: objects whose properties are listed refuse all others, for what clients send.
    """
    text = files("bridge.sandbox").joinpath("data", name).read_text("utf-8")
    return _modern(json.loads(text), strict=strict)


def _modern(node: Any, *, strict: bool) -> Any:  # noqa: ANN401 (any JSON node)
    """Rewrites OpenAPI 3.0's `nullable`, which JSON Schema does not know, and closes objects where asked to."""
    if isinstance(node, list):
        return [_modern(child, strict=strict) for child in node]
    if not isinstance(node, dict):
        return node
    made = {key: _modern(child, strict=strict) for key, child in node.items() if key != "nullable" or child is not True}
    if strict and made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    if node.get("nullable") is not True:
        return made
    return {"anyOf": [made, {"type": "null"}]}


@cache
def validator(name: str, pointer: str = "", *, strict: bool = False) -> Draft202012Validator:
    """The compiled validator of one place in a description.

    Args:
        name: one of the constants above.
        pointer: JSON pointer into it, `""` for the whole document.
        strict: see `load`.
    """
    uri = f"urn:sandbox:{name}"
    document = load(name, strict=strict)
    node = document
    for step in pointer.split("/")[1:]:
        node = node[int(step) if isinstance(node, list) else step.replace("~1", "/").replace("~0", "~")]
    without_id = {key: value for key, value in document.items() if key != "$id"}
    registry: Registry[Any] = Registry().with_resource(uri, DRAFT202012.create_resource(without_id))
    return Draft202012Validator({"$ref": f"{uri}#{pointer}"}, registry=registry.crawl())


def operation(path: str, method: str) -> str:
    """The JSON pointer of an operation in an OpenAPI description."""
    return f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method.lower()}"


def request_body(name: str, path: str, method: str, content_type: str = "application/json") -> Draft202012Validator:
    """The validator of an operation's request body: closed against properties the description does not list."""
    media = content_type.replace("/", "~1")
    return validator(name, f"{operation(path, method)}/requestBody/content/{media}/schema", strict=True)


def answer(name: str, path: str, method: str, status: int = 200) -> Draft202012Validator:
    """The validator of an operation's answer of the given status."""
    return validator(name, f"{operation(path, method)}/responses/{status}/content/application~1json/schema")
