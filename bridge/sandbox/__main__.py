"""`python -m bridge.sandbox`: the sandbox as a program of its own."""

from __future__ import annotations

import argparse
import signal
import sys

from bridge.sandbox.server import Sandbox
from bridge.sandbox.wire import PortError


def main() -> None:
    """Serves until interrupted or terminated, and prints the addresses to configure."""
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox", description="Slack, PagerDuty and GitHub to try.")
    parser.add_argument("--port", type=int, default=8085, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--channel", action="append", default=[], metavar="NAME", help="a Slack channel that exists")
    parser.add_argument("--strict", action="store_true", help="other channels than those named don't exist")
    chosen = parser.parse_args()
    channels = chosen.channel or ["alerts"]
    try:
        sandbox = Sandbox(chosen.port, host=chosen.host, channels=channels, strict_channels=chosen.strict)
    except (PortError, OverflowError) as error:
        parser.error(str(error))
    sandbox.slack.workspace.grant("chat:write.public")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with sandbox:
        names = ", ".join(f"#{name}" for name in channels)
        lines = [
            f"page       {sandbox.url}/",
            f"slack      {sandbox.slack_url}  token xoxb-sandbox  channels {names}",
            f"pagerduty  {sandbox.pagerduty_url}  any routing key of 32 letters and digits",
            f"github     {sandbox.github_url}  token ghp_sandbox  any repository",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
