"""The types of settings: how a value is read (`scalars`, `addresses`), and what the JSON Schema says of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, PlainValidator, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bridge.config import addresses, scalars, units
from bridge.config.problem import WrongError
from bridge.config.secrets import Secret
from bridge.core.alert import Priority
from bridge.core.rules import DROP, FieldName

_TEXT = {"type": "string", "minLength": 1}
_SCALAR = {"type": ["string", "number", "boolean"]}
_REF = r"\$\{(env|file):.+\}"
_DURATION = {"type": ["string", "integer"], "pattern": r"^(0|(\d+(\.\d+)?(ms|s|m|h|d|w))+)$", "examples": ["10m"]}
_RATE = {"enum": ["off", False]}, {"type": "string", "examples": ["1/s", "500/h"]}, {"type": "array", "items": _TEXT}

Text = Annotated[str, PlainValidator(scalars.as_text), WithJsonSchema(_SCALAR)]
SecretRef = Annotated[
    Secret, PlainValidator(scalars.as_secret), WithJsonSchema({"type": "string", "pattern": f"^{_REF}$"})
]
SecretWithin = Annotated[
    Secret, PlainValidator(scalars.as_secret_within), WithJsonSchema({"type": "string", "pattern": _REF})
]
Channel = Annotated[str, PlainValidator(addresses.as_channel), WithJsonSchema(_TEXT | {"examples": ["#alerts"]})]
Mention = Annotated[
    str | tuple[str, ...], PlainValidator(addresses.as_mention), WithJsonSchema({"type": ["string", "boolean"]})
]
Repo = Annotated[str, PlainValidator(addresses.as_repo), WithJsonSchema(_TEXT | {"examples": ["acme/alerts"]})]
Label = Annotated[str, PlainValidator(addresses.as_label), WithJsonSchema(_TEXT)]
Url = Annotated[str, PlainValidator(addresses.as_url), WithJsonSchema(_TEXT)]
ApiUrl = Annotated[str, PlainValidator(addresses.as_api_url), WithJsonSchema(_TEXT)]
Timezone = Annotated[
    str, PlainValidator(addresses.as_timezone), WithJsonSchema(_TEXT | {"examples": ["America/Los_Angeles"]})
]
Duration = Annotated[timedelta, PlainValidator(scalars.as_duration), WithJsonSchema(_DURATION)]
Span = Annotated[timedelta, PlainValidator(scalars.as_span), WithJsonSchema(_DURATION)]
Timeout = Annotated[timedelta, PlainValidator(scalars.as_timeout), WithJsonSchema(_DURATION)]
Size = Annotated[
    int,
    PlainValidator(scalars.as_size),
    WithJsonSchema(_TEXT | {"examples": ["16MiB"]}),
]
Rates = Annotated[tuple[units.Rate, ...], PlainValidator(scalars.as_rates), WithJsonSchema({"anyOf": list(_RATE)})]
Count = Annotated[int, PlainValidator(scalars.as_count), WithJsonSchema({"type": "integer", "minimum": 1})]
Number = Annotated[float, PlainValidator(scalars.as_number), WithJsonSchema({"type": "number"})]
Level = Annotated[Priority, PlainValidator(scalars.as_priority), WithJsonSchema({"enum": [*Priority]})]
Meaning = Annotated[str, PlainValidator(scalars.as_meaning), WithJsonSchema({"enum": [*Priority, DROP]})]
NamedField = Annotated[FieldName, PlainValidator(addresses.as_field_name), WithJsonSchema(_TEXT)]
Header = Annotated[str, PlainValidator(addresses.as_header), WithJsonSchema(_TEXT)]
Network = Annotated[str, PlainValidator(addresses.as_network), WithJsonSchema(_TEXT)]
Template = Annotated[str, PlainValidator(addresses.as_template), WithJsonSchema(_TEXT)]
Switch = Annotated[
    bool, PlainValidator(scalars.as_switch), WithJsonSchema({"enum": [True, False, "on", "off", "yes", "no"]})
]


T = TypeVar("T")


class Strict(BaseModel):
    """A mapping of settings: unknown keys are errors, values are frozen, no error quotes a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class Alternative:
    """Adds to a type's JSON Schema what its validator understands besides."""

    def __init__(self, words: tuple[str | bool, ...] = (), *, single: bool = False) -> None:
        self.words = words
        self.single = single

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        if self.words:
            return {"anyOf": [schema, {"enum": list(self.words)}]}
        return {"anyOf": [schema["items"], schema]} if self.single else schema


def _off(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in units.OFF else value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def no_twins(value: object) -> object:
    """Refuse keys that differ only in case, where case doesn't count."""
    if isinstance(value, dict):
        seen: set[str] = set()
        for key in value:
            if key.lower() in seen:
                raise WrongError(f"holds {key} twice, in different case", "keep one of the two")
            seen.add(key.lower())
    return value


Off = Annotated[T | None, BeforeValidator(_off), Alternative(("off", False))]
OneOrMore = Annotated[tuple[T, ...], BeforeValidator(_listed), Alternative(single=True)]
ByPriority = Annotated[Mapping[Level, T], BeforeValidator(no_twins)]
