"""Which keys a model knows at the end of a way through it: to name the nearest of an unknown one."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from bridge.config.problem import Keys


def known_keys(model: type[BaseModel], keys: Keys) -> list[str]:
    """Return the keys that may stand in the mapping at the end of a way through a model."""
    found: object = model
    for key in keys:
        found = _inside(found, key)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [spec.alias or name for name, spec in found.model_fields.items() if spec.exclude is not True]
    return []


def _inside(annotation: object, key: str | int) -> object:
    """Return the type of what stands under a key of a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {spec.alias or name: spec.annotation for name, spec in annotation.model_fields.items()}
        return _model(fields.get(str(key)))
    arguments = typing.get_args(annotation)
    return _model(arguments[0] if isinstance(key, int) else arguments[-1]) if arguments else None


def _model(annotation: object) -> object:
    """Take `Annotated` and `| None` off a type."""
    while True:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            annotation = arguments[0]
        elif origin in (typing.Union, types.UnionType):
            annotation = next((one for one in arguments if one is not type(None)), None)
        else:
            return annotation
