"""The configuration as a JSON Schema, for editors that complete and check while one writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from bridge.config.kinds import KINDS
from bridge.config.schema import BridgeFile

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import NullableSchema, WithDefaultSchema


class _Written(GenerateJsonSchema):
    """What may be written: a default needs no writing, and null is never right."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `bridge.yml`."""
    kinds = list(KINDS.values())
    wanted = [(model, "validation") for model in (BridgeFile, *kinds)]
    _, made = models_json_schema(wanted, schema_generator=_Written)  # type: ignore[arg-type] # a list's items are of one type to mypy
    definitions = made["$defs"]
    by_name = {name: {"$ref": f"#/$defs/{model.__name__}"} for name, model in KINDS.items()}
    destinations = {
        "type": "object",
        "properties": by_name,
        "additionalProperties": {"anyOf": list(by_name.values())},
    }
    for model in ("BridgeFile", "IncludedFile", "Team"):
        if model in definitions:
            definitions[model]["properties"]["destinations"] = destinations
    top = definitions.pop("BridgeFile")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "bridge.yml",
        "required": ["destinations"],
        "$defs": definitions,
    }
