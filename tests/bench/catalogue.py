"""Everything that is measured, in order."""

from __future__ import annotations

import broken
import filling
import hosts
import loads
import standing

CASES = [*loads.CASES, *standing.CASES, *filling.CASES, *broken.CASES, *hosts.CASES]
