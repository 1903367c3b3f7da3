"""Read values that name a place or somebody: channels, mentions, repositories, addresses, headers, files, time zones.

Like `scalars`: each takes what stands in the file and raises WrongError where it can't be read.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from bridge.config import units
from bridge.config.problem import WrongError
from bridge.config.scalars import as_text, check_words
from bridge.config.words import nearest, quoted
from bridge.core.channel import is_channel_id
from bridge.core.rules import FieldName

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_CHANNEL = re.compile(r"[^\s#@<>&,.:;!?*\"'`/\\]{1,80}")
_REPO = re.compile(r"[\w.{}-]+/[\w.{}-]+")
_MENTION = re.compile(r"@[\w.{}-]+|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<!(?:here|channel|everyone)>")
_EVERYBODY = {f"@{word}": f"<!{word}>" for word in ("here", "channel", "everyone")}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def as_channel(value: object, info: ValidationInfo) -> str:
    """Read a Slack channel: with or without #, names in lower case; an id like C0123ABC stays as it is."""
    text = as_text(value, info)
    bare = text.removeprefix("#")
    check_words(bare)
    if is_channel_id(text):
        return bare
    if not _CHANNEL.fullmatch(bare):
        raise WrongError(f"is {quoted(text)}, which is no channel", 'write its name, like "#alerts", or its id')
    return "#" + bare.lower()


def as_mention(value: object, info: ValidationInfo) -> str | tuple[str, ...]:
    """Read one mention, or several, apart by spaces; off is "", nobody.

    They are apart from here on: a team that is filled in may have spaces in its name.
    """
    text = as_text(value, info)
    if text.lower() in units.OFF:
        return ""
    check_words(text)
    for one in text.split():
        if not _MENTION.fullmatch(one):
            raise WrongError(
                f"is {quoted(text)}, which is no mention", 'write "@handle", <@U…>, <!subteam^…> or <!here>'
            )
    found = tuple(_EVERYBODY.get(one.lower(), one) for one in text.split())
    return found if len(found) > 1 else found[0]


def as_repo(value: object, info: ValidationInfo) -> str:
    """Read a repository as owner/name; a pasted address is cut down to that."""
    text = as_text(value, info)
    bare = re.sub(r"^https?://[^/]+/", "", text).removesuffix("/").removesuffix(".git")
    check_words(bare)
    if not _REPO.fullmatch(bare):
        raise WrongError(f"is {quoted(text)}, which is no repository", "write owner/name, like acme/alerts")
    return bare


def as_label(value: object, info: ValidationInfo) -> str:
    """Read a GitHub label, in which {team}, {priority} and {source} may stand."""
    text = as_text(value, info)
    check_words(text)
    return text


def as_url(value: object, info: ValidationInfo) -> str:
    """Read the address of the bridge itself, without the slash at its end."""
    return bridge_url(as_text(value, info))


def bridge_url(text: str) -> str:
    """Return where the bridge is reached, without the slash at its end; raises WrongError."""
    if not _host(text):
        raise WrongError(f"is {quoted(text)}, which is no address", "write one like https://alerts.example.com")
    if "/webhooks" in urlsplit(text).path:
        raise WrongError("is where Grafana posts", "write what stands before /webhooks")
    return text.rstrip("/")


def as_api_url(value: object, info: ValidationInfo) -> str:
    """Read a destination's base address: https, or plain http to a loopback address."""
    text = as_text(value, info)
    host = _host(text)
    if not host:
        raise WrongError(f"is {quoted(text)}, which is no address", "write one like https://api.example.com")
    if text.lower().startswith("http:") and not is_loopback(host):
        raise WrongError("is plain http to another machine, which would show the token to the net", "write https://")
    return text


def _host(text: str) -> str:
    """Return the host of an http(s) address, "" where the text isn't one, or holds a user, query or fragment."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and not parts.username and not parts.query and not parts.fragment
        host = f"{parts.hostname or ''}:{parts.port or ''}".rpartition(":")[0]
        return host if usable and not re.search(r"\s", text) else ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Say whether a host's name can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def as_timezone(value: object, info: ValidationInfo) -> str:
    """Read a time zone's name, as the IANA database has it."""
    text = as_text(value, info)
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):
        close = nearest(text, (zone for zone in available_timezones() if "/" in zone)) if "/" in text else ""
        mend = f"did you mean {close}?" if close else "write one like America/Los_Angeles or UTC"
        raise WrongError(f"is {quoted(text)}, which is no time zone", mend) from None
    return text


def as_field_name(value: object, info: ValidationInfo) -> FieldName:
    """Read a label's or annotation's name, pinned by `label:` or `annotation:` in front."""
    place, colon, name = as_text(value, info).partition(":")
    if colon and place.lower() in {"label", "annotation"} and name.strip():
        return FieldName(name.strip(), place.lower())
    return FieldName(place + colon + name)


def as_header(value: object, info: ValidationInfo) -> str:
    """Read the name of an HTTP header."""
    text = as_text(value, info)
    if not _HEADER.fullmatch(text):
        raise WrongError(f"is {quoted(text)}, which is no header's name", "write one like X-Token")
    if "_" in text:
        # gunicorn leaves it out, as most proxies do: it could be taken for another one
        mend = f"write {text.replace('_', '-')}: a header with _ is dropped on the way"
        raise WrongError(f"is {quoted(text)}, which does not arrive", mend)
    return text


def as_network(value: object, info: ValidationInfo) -> str:
    """Read an address or a network, like 10.0.0.0/8."""
    text = as_text(value, info)
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise WrongError(f"is {quoted(text)}, which is no network", "write one like 10.0.0.0/8") from None


def as_template(value: object, info: ValidationInfo) -> str:
    """Read a template's name: a path inside the template folder."""
    text = as_text(value, info)
    if text.startswith(("/", "~")) or "\\" in text or ".." in text.split("/"):
        raise WrongError(f"is {quoted(text)}, which leads out of the template folder", "write a name relative to it")
    return text
