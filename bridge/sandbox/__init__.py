"""Doubles of Slack, PagerDuty and GitHub issues: real HTTP servers with state, as strict as the real ones.

For the demo, for trying a configuration without accounts, and for tests; `Sandbox` is all a caller needs.
"""

from bridge.sandbox.faults import Fault
from bridge.sandbox.github import GitHubLimits
from bridge.sandbox.server import Sandbox
from bridge.sandbox.slack import SlackLimits

__all__ = ["Fault", "GitHubLimits", "Sandbox", "SlackLimits"]
