"""Shadow mode as configured: who is in it, where it tells, by whose token. Whatever is wrong is an error: no guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.secrets import Secret
from bridge.config.validate import at
from bridge.core.rules import ShadowRules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.config.declare import Names, Part
    from bridge.config.document import Document
    from bridge.config.problem import Keys
    from bridge.config.schema import BridgeFile
    from bridge.core.rules import TeamRules

_CHANNELS = ("channel", "fallback_channel")


def shadow_rules(
    parts: list[Part], file: BridgeFile, teams: Mapping[str, TeamRules], names: Names
) -> ShadowRules | None:
    """Return where shadow mode tells; None where nothing could be told. Faults go to the findings of `names`."""
    main = parts[0].document
    posts = next((name for name, one in names.destinations.items() if _posts(one.kind, one.settings)), None)
    for document, keys in _modes(parts, file):
        if not file.shadow and not at(main.data, ("shadow",)):
            mend = 'add shadow: {channel: "#bridge-shadow"}'
            names.findings.add(document, keys, "is shadow, without a place for it", mend)
        elif file.shadow and posts is None and names.sure:
            what = "is shadow, but no Slack destination has a token of its own to post with"
            mend = "declare one with a token: a webhook_url leads to its own channel, a path with {team} to a team's"
            names.findings.add(document, keys, what, mend)
    channel = file.shadow.channel if file.shadow else ""
    if "{" in channel:
        mend = 'name one channel, like "#bridge-shadow"'
        names.findings.add(main, ("shadow", "channel"), "holds a placeholder, and nothing is filled in there", mend)
    if channel and channel in _told_live(names, teams):
        mend = 'give shadow mode a channel of its own, like "#bridge-shadow"'
        names.findings.add(main, ("shadow", "channel"), f"is {channel}, where alerts are told that are live", mend)
    return ShadowRules(posts, channel, main.where(("shadow",))) if posts else None


def _modes(parts: list[Part], file: BridgeFile) -> Iterator[tuple[Document, Keys]]:
    """Yield where it is written that somebody is in shadow mode."""
    if file.mode == "shadow":
        yield parts[0].document, ("mode",)
    for part in parts:
        for name, team in part.file.teams.items():
            if team.mode == "shadow":
                yield part.document, ("teams", name, "mode")


def _posts(kind: str, settings: Mapping[str, object]) -> bool:
    """Say whether shadow mode can post with a destination: its token is the same for everybody."""
    token = settings.get("token")
    return kind == "slack" and isinstance(token, Secret) and not token.placeholders


def _told_live(names: Names, teams: Mapping[str, TeamRules]) -> set[object]:
    """Return every channel that a destination or a team names."""
    shared = [destination.settings for destination in names.destinations.values()]
    own = [settings for team in teams.values() for settings in team.destinations.values()]
    return {settings.get(name) for settings in (*shared, *own) for name in _CHANNELS}
