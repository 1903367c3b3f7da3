"""What deliveries' incidents say now, for statements that set many deliveries at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, cast, func, select

from bridge.ledger.tables import deliveries, incidents

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.selectable import ScalarSelect


def _of_incident(column: ColumnElement[Any]) -> ScalarSelect[Any]:
    """Return a column of the incident that a delivery tells of."""
    return select(column).where(incidents.c.id == deliveries.c.incident).scalar_subquery()


VERSION = _of_incident(incidents.c.version)
URGENCY = _of_incident(cast(func.substr(incidents.c.priority, 2), Integer))
"""0 for P0."""
