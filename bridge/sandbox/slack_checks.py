"""What Slack refuses in a request: metadata, Block Kit, lengths.

Sources: the shipped descriptions, and for what these can't express Slack's reference (block ids unique in a message,
action ids in their block, lengths of text, metadata with both of its fields).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema.exceptions import best_match

from bridge.sandbox import schemas

BLOCKS_TEXT = 12_000
"""Characters in all blocks of a message; Slack's own limit lies a little above."""
METADATA_BYTES = 16_384
"""Bytes of `metadata` as JSON; Slack documents no number."""
MOST_BLOCKS = 50
SHOWN_ERRORS = 5


class SlackError(Exception):
    """An answer with `ok: false`.

    Attributes:
        code: what stands in `error`.
        messages: what stands in `response_metadata.messages`.
        retry_after: seconds; makes it a 429.
        extra: further fields of the answer.
    """

    def __init__(self, code: str, messages: list[str] | None = None, *, retry_after: str = "", **extra: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []
        self.retry_after = retry_after
        self.extra = extra


def parse_blocks(value: object) -> list[dict[str, Any]]:
    """Blocks as sent (a list, or its JSON text), checked.

    Raises:
        SlackError: `invalid_blocks_format` or `invalid_blocks`, with a JSON pointer for each fault.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value else []
        except ValueError:
            raise SlackError("invalid_blocks_format") from None
    if not isinstance(value, list):
        raise SlackError("invalid_blocks_format")
    faults = [fault for index, block in enumerate(value) for fault in _block_faults(index, block)]
    if len(value) > MOST_BLOCKS:
        faults.append("no more than 50 items allowed [json-pointer:/blocks]")
    if not faults:
        faults = _id_faults(value)
    if faults:
        raise SlackError("invalid_blocks", [f"[ERROR] {fault}" for fault in faults[:SHOWN_ERRORS]])
    return value


def _block_faults(index: int, block: object) -> list[str]:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in _block_types():
        return [f"unsupported type: {kind} [json-pointer:/blocks/{index}/type]"]
    check = schemas.validator(schemas.BLOCK_KIT, f"/$defs/{kind}")
    if check.is_valid(block):
        return []
    error = best_match(check.iter_errors(block))
    pointer = "".join(f"/{step}" for step in (error.absolute_path if error else ()))
    return [f"{error.message[:200] if error else 'invalid'} [json-pointer:/blocks/{index}{pointer}]"]


@cache
def _block_types() -> frozenset[str]:
    return frozenset(schemas.load(schemas.BLOCK_KIT)["$defs"]["block"]["properties"]["type"]["enum"])


def _id_faults(blocks: list[dict[str, Any]]) -> list[str]:
    faults, seen = [], set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            faults.append(f"block_id already exists [json-pointer:/blocks/{index}/block_id]")
        seen.add(block_id)
        elements = [e for e in [*block.get("elements", []), block.get("accessory")] if isinstance(e, dict)]
        actions = [e["action_id"] for e in elements if "action_id" in e]
        if len(actions) != len(set(actions)):
            faults.append(f"action_id already exists [json-pointer:/blocks/{index}]")
    return faults


def text_length(node: object) -> int:
    """The characters of all `text` in blocks, counted as sent."""
    if isinstance(node, list):
        return sum(text_length(child) for child in node)
    if not isinstance(node, dict):
        return 0
    return sum(len(v) if k == "text" and isinstance(v, str) else text_length(v) for k, v in node.items())


def parse_metadata(value: object) -> dict[str, Any]:
    """Metadata as sent (an object, or its JSON text), checked; `{}` means none.

    Raises:
        SlackError: it is no JSON, lacks one of its two fields, or is too large.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value else {}
        except ValueError:
            raise SlackError("invalid_metadata_format") from None
    if not isinstance(value, dict):
        raise SlackError("invalid_metadata_format")
    if value and not (isinstance(value.get("event_type"), str) and isinstance(value.get("event_payload"), dict)):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(value)) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return value
