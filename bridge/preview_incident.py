"""An incident as rendering sees it, from a book in memory: what `bridge.ledger.incidents` reads from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.alert import Links, Status, Value
from bridge.core.episodes import told_end
from bridge.core.incident import Incident, Member
from bridge.ledger.members import SHOWN

if TYPE_CHECKING:
    from bridge.core.cases import Case
    from bridge.core.episodes import Episode
    from bridge.core.merge import Book


def incident_of(book: Book, case: Case) -> Incident:
    """Return an incident that a book has just opened."""
    members = _members(book, case)
    firing = [one for one in members[SHOWN:] if one.status is Status.FIRING]
    over = [one for one in members[SHOWN:] if one.status is not Status.FIRING]
    return Incident(
        id=case.id,
        source=case.source,
        org=case.org,
        rule_key=case.rule_key,
        key=case.key,
        title=case.title,
        teams=case.teams,
        priority=case.priority,
        state=case.state,
        opened_at=case.opened_at,
        version=case.version,
        state_reason=case.state_reason,
        resolved_at=case.resolved_at,
        members=members[:SHOWN],
        more_firing=len(firing),
        more_unsure=sum(bool(one.no_data) for one in firing),
        more_over=len(over),
        more_ended=sum(bool(one.reason) for one in over),
        times=case.times,
        team_said=case.facts["team_said"],
        default_known=case.facts.get("default_known", False),
        unknown_teams=tuple(case.facts["unknown_teams"]),
        truncated=case.facts["truncated"],
        external_url=case.facts["external_url"],
        receiver=case.facts["receiver"],
        test=case.test,
        never_fired=case.never_fired,
    )


def _members(book: Book, case: Case) -> tuple[Member, ...]:
    """Return the members: of one fingerprint the newest episode, firing and urgent ones first."""
    newest = {episode.fingerprint: episode for episode in book.dirty.values() if episode.incident == case.id}
    standing = case.members
    ordered = sorted(newest.values(), key=lambda one: (one.status, standing[one.id].priority, one.id))
    staying = [episode for episode in ordered if episode.ended not in {"moved", "superseded"}] or ordered
    return tuple(_member(book, case, episode) for episode in staying)


def _member(book: Book, case: Case, episode: Episode) -> Member:
    arrival = book.details[episode.id]
    detail = arrival.detail
    return Member(
        id=episode.id,
        fingerprint=episode.fingerprint,
        status=episode.status,
        labels=detail["labels"],
        annotations=detail["annotations"],
        since=episode.since,
        priority=case.members[episode.id].priority,
        received_at=episode.received_at,
        joined_at=episode.received_at,
        starts_at=episode.starts_at,
        ends_at=told_end(episode.ends_at, episode.resolved_at),
        resolved_at=episode.resolved_at,
        values=tuple(Value(one["name"], one["number"], one["labels"], one.get("kind", "")) for one in detail["values"]),
        links=Links(**arrival.links),
        reason=episode.reason,
        no_data=detail["no_data"],
        failure_threshold=detail["failure_threshold"],
        job_count=detail["job_count"],
        priority_word=detail.get("priority_word"),
        again=episode.again,
    )
