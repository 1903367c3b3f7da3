"""What a JSON Schema says of a shape's field besides its type; whoever makes the schema brings the library for it."""

from __future__ import annotations

from typing import Any

NAMES = {"max_length": "maxLength"}


class Field:
    """Stands in a field's annotation: what is said of it, and what is true of its values."""

    def __init__(self, **said: str | int) -> None:
        self.said = {NAMES.get(name, name): value for name, value in said.items()}

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's, which who serves does not import
        """Add it to the schema of the type."""
        return {**handler(core), **self.said}
