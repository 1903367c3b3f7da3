"""The settings outside the configuration file: BRIDGE_… variables, read once at the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.addresses import bridge_url
from bridge.config.problem import ConfigError, Problem, WrongError
from bridge.config.secrets import Hidden
from bridge.config.words import listed, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Environ:
    """What the environment says. A command's flag wins over it, it wins over the file.

    `database_url` may hold a password and isn't shown; `database_direct_url` is the same database past a pooler in
    transaction mode, for the workers' notifications. `log_format` is None where it follows the terminal. `port` binds
    0.0.0.0 where set. `secret_key` is None where the
    bridge makes its own (on SQLite).
    """

    config: Path = Path("bridge.yml")
    database_url: str = field(default="sqlite:///bridge.db", repr=False)
    database_direct_url: str | None = field(default=None, repr=False)
    templates: Path | None = None
    external_url: str | None = None
    webhook_token: Hidden | None = None
    admin_token: Hidden | None = None
    log_format: str | None = None
    log_level: str = "info"
    secret_key: Hidden | None = None
    port: int | None = None


def from_environ(env: Mapping[str, str]) -> Environ:
    """Read the environment; an empty variable counts as not set.

    Raises:
        ConfigError: with all variables that can't be understood, none's secret shown.
    """
    problems: list[Problem] = []
    templates = env.get("BRIDGE_TEMPLATES")
    found = Environ(
        config=Path(env.get("BRIDGE_CONFIG") or "bridge.yml"),
        database_url=env.get("BRIDGE_DATABASE_URL") or "sqlite:///bridge.db",
        database_direct_url=env.get("BRIDGE_DATABASE_DIRECT_URL") or None,
        templates=Path(templates) if templates else None,
        external_url=_url(env, problems),
        webhook_token=_hidden(env, "BRIDGE_WEBHOOK_TOKEN"),
        admin_token=_hidden(env, "BRIDGE_ADMIN_TOKEN"),
        log_format=_one_of(env, "BRIDGE_LOG_FORMAT", LOG_FORMATS, "", problems) or None,
        log_level=_one_of(env, "BRIDGE_LOG_LEVEL", LOG_LEVELS, "info", problems),
        secret_key=_hidden(env, "BRIDGE_SECRET_KEY"),
        port=_port(env, problems),
    )
    if problems:
        raise ConfigError(problems)
    return found


def external_url(env: Mapping[str, str]) -> str | None:
    """Return BRIDGE_EXTERNAL_URL without the slash at its end, None where it isn't set.

    Raises:
        ConfigError: it is no http(s) address, or the one that Grafana posts to.
    """
    problems: list[Problem] = []
    url = _url(env, problems)
    if problems:
        raise ConfigError(problems)
    return url


def _url(env: Mapping[str, str], problems: list[Problem]) -> str | None:
    url = env.get("BRIDGE_EXTERNAL_URL", "").strip().rstrip("/")
    if not url:
        return None
    try:
        return bridge_url(url)
    except WrongError as error:
        problems.append(Problem("BRIDGE_EXTERNAL_URL", 0, error.what, error.mend))
        return None


def _hidden(env: Mapping[str, str], name: str) -> Hidden | None:
    value = env.get(name, "").strip()
    return Hidden(value) if value else None


def _one_of(env: Mapping[str, str], name: str, known: tuple[str, ...], default: str, problems: list[Problem]) -> str:
    value = env.get(name, "").strip().lower() or default
    if value and value not in known:
        problems.append(
            Problem(name, 0, f"is {quoted(value)}, which is not understood", f"write {listed(known, 'or')}")
        )
    return value


def _port(env: Mapping[str, str], problems: list[Problem]) -> int | None:
    value = env.get("PORT", "").strip()
    if not value:
        return None
    if not value.isdecimal() or not 0 < int(value) <= LAST_PORT:
        problems.append(Problem("PORT", 0, f"is {quoted(value)}, which is no port", "write a number, like 8080"))
        return None
    return int(value)
