"""References to secrets, `${env:NAME}` and `${file:PATH}`: kept as references, read when a step is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, SupportsIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REFERENCE = re.compile(r"\$\{(env|file):((?:[^{}]|\{[a-z]+\})+)\}")
"""A reference; in a path `{team}`, `{priority}` and `{source}` may stand."""
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
ELSE = ":-"
"""Between a path with `{team}` and the path for teams that aren't configured."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class MissingSecretError(Exception):
    """What a reference names isn't there. The sentence names the variable or file, never a value."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret that is at hand (from the environment); shows itself to nobody but who asks by `reveal`."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the secret."""
        return self._value

    def __str__(self) -> str:
        return "Hidden()"


class Secret(str):
    """A text that holds at least one reference, unread. `repr` and `str` show the references, nothing around them.

    It is text, so that `{team}` in a path can be filled in where alerts are routed. `folder` is what relative paths
    start from: the folder of the file that the reference stands in.
    """

    __slots__ = ("folder",)
    folder: Path

    def __new__(cls, text: str, folder: Path | None = None) -> Self:
        """Keep the folder beside the text."""
        secret = super().__new__(cls, text)
        secret.folder = folder or Path()
        return secret

    @property
    def text(self) -> str:
        """The whole as written, with what stands around the references."""
        return str.__str__(self)

    @property
    def references(self) -> tuple[str, ...]:
        """The references as written: `${env:SLACK_BOT_TOKEN}`."""
        return tuple(hit[0] for hit in REFERENCE.finditer(self))

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __str__(self) -> str:
        return " ".join(self.references)

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces in its paths: `team` of `${file:keys/{team}}`."""
        return frozenset(name for _, inside in REFERENCE.findall(self) for name in PLACEHOLDER.findall(inside))

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> Secret:
        """Return the secret with a text replaced, as `str.replace` does."""
        return Secret(super().replace(old, new, count), self.folder)

    def otherwise(self) -> Secret:
        """Return the reference for teams that aren't configured: the path after `:-` where one holds `{team}`."""

        def chosen(hit: re.Match[str]) -> str:
            path, _, other = hit[2].partition(ELSE)
            return f"${{{hit[1]}:{other if '{team}' in path else path}}}"

        return Secret(REFERENCE.sub(chosen, self), self.folder)


def resolve(value: Secret | str, env: Mapping[str, str]) -> str:
    """Read a secret now: each reference becomes what its variable or file holds, without a trailing newline.

    Args:
        value: a Secret, or a text that may hold references, relative paths then being the working directory's.
        env: the environment's variables.

    Raises:
        MissingSecretError: a variable isn't set or empty, a file isn't there, can't be read or is empty.
    """
    secret = value if isinstance(value, Secret) else Secret(value)
    return REFERENCE.sub(lambda hit: _read(hit, secret.folder, env), secret)


def _read(hit: re.Match[str], folder: Path, env: Mapping[str, str]) -> str:
    kind, inside = hit.groups()
    if kind == "env":
        if not _NAME.fullmatch(inside):
            raise MissingSecretError("the environment variable of a reference has a name that can't be")
        if not (found := env.get(inside, "").rstrip("\r\n")):
            how = "is empty" if inside in env else "isn't set"
            raise MissingSecretError(f"the environment variable {inside} {how}")
        return found
    path = inside.partition(ELSE)[0]
    try:
        found = (folder / path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError, RuntimeError) as error:
        why = "isn't there" if isinstance(error, FileNotFoundError) else "can't be read"
        raise MissingSecretError(f"the file {path} {why}") from None
    if not found:
        raise MissingSecretError(f"the file {path} is empty")
    return found


def resolve_all(value: object, env: Mapping[str, str]) -> object:
    """Return settings with every Secret in them read, however deep; everything else stays as it is.

    Raises:
        MissingSecretError: as `resolve` does, for the first that is missing.
    """
    if isinstance(value, Secret):
        return resolve(value, env)
    if isinstance(value, Mapping):
        return {key: resolve_all(one, env) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return tuple(resolve_all(one, env) for one in value)
    return value


def resolve_some(values: Iterable[object], env: Mapping[str, str]) -> tuple[list[object], list[MissingSecretError]]:
    """Return those of several secrets that are there, and what is missing: while they are rotated, one may be gone."""
    found, missing = [], []
    for one in values:
        try:
            found.append(resolve_all(one, env))
        except MissingSecretError as error:
            missing.append(error)
    return found, missing


def secrets_in(value: object) -> Iterator[Secret]:
    """Yield every Secret in settings, however deep."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from secrets_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from secrets_in(one)
