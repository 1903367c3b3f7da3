"""A source as `bridge.yml` has it: who may post, how large a body may be, how it is mapped."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from bridge.config.fields import Alternative, OneOrMore, SecretRef, SecretWithin, Size, Span, Strict, Text
from bridge.config.fields import Header as HeaderName
from bridge.config.problem import WrongError
from bridge.config.sources import MAX_BODY, Auth, Basic, Bearer, Header, Hmac, Open, SourceSettings
from bridge.config.units import OFF


class BearerFile(Strict):
    """bearer: {token}."""

    token: OneOrMore[SecretRef]


class HmacFile(Strict):
    """hmac: {secret, header, timestamp_header, tolerance}."""

    secret: OneOrMore[SecretRef]
    header: HeaderName = "X-Grafana-Alerting-Signature"
    timestamp_header: HeaderName | None = None
    tolerance: Span = timedelta(minutes=5)


class BasicFile(Strict):
    """basic: {username, password}."""

    username: Text
    password: OneOrMore[SecretRef]


class HeaderFile(Strict):
    """header: {name, value}."""

    name: HeaderName
    value: OneOrMore[SecretWithin]


class AuthFile(Strict):
    """Exactly one form of authentication."""

    bearer: BearerFile | None = None
    hmac: HmacFile | None = None
    basic: BasicFile | None = None
    header: HeaderFile | None = None
    none: SkipJsonSchema[bool] = Field(default=False, exclude=True)

    def value(self) -> Auth:
        """Return the form as intake uses it."""
        if self.bearer:
            return Bearer(self.bearer.token)
        if self.hmac:
            return Hmac(self.hmac.secret, self.hmac.header, self.hmac.timestamp_header, self.hmac.tolerance)
        if self.basic:
            return Basic(self.basic.username, self.basic.password)
        if self.header:
            return Header(self.header.name, self.header.value)
        return Open()


_FORMS = "bearer: {token}, hmac: {secret}, basic: {username, password}, header: {name, value}, or none"


def _form(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() in OFF:
        return {"none": True}
    off = value.get("none") if isinstance(value, dict) else None
    if not isinstance(value, dict) or len(value) != 1 or (isinstance(off, str) and off.strip().lower() in OFF):
        raise WrongError("needs exactly one form of authentication", f"write one of {_FORMS}")
    return value


def _jmespath(written: str) -> str:
    try:
        jmespath.compile(written)
    except JMESPathError as error:
        said = str(error).splitlines()[0]
        mend = "see https://jmespath.org; for example {alerts: items}"
        raise WrongError(f"is no JMESPath expression ({said})", mend) from None
    return written


class SourceFile(Strict):
    """A source as the file has it."""

    auth: Annotated[AuthFile, BeforeValidator(_form), Alternative(("none",))] | None = None
    max_body: Size = MAX_BODY
    mapping: Annotated[Text, AfterValidator(_jmespath)] | None = Field(
        None, description="JMESPath, for a custom payload."
    )

    def value(self, name: str) -> SourceSettings:
        """Return the source as intake uses it."""
        return SourceSettings(name, self.auth.value() if self.auth else None, self.max_body, self.mapping)


def source_settings(files: Mapping[str, SourceFile]) -> dict[str, SourceSettings]:
    """Return the sources by name; without any, one named `grafana`."""
    return {name: file.value(name) for name, file in files.items()} or {"grafana": SourceSettings("grafana")}
