"""What is known of the security of what we depend on: pip-audit over the locked versions, in words for a build's log.

Where the advisories can't be reached, that is said, and is no failure: nothing here depends on a network being there.
"""

from __future__ import annotations

import json
import subprocess
import sys

import click

COMMAND = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt", "--disable-pip", "--no-deps"]


def main() -> int:
    """Print what was found; return 1 where a locked version has a known vulnerability."""
    ended = subprocess.run([*COMMAND, "--format", "json"], capture_output=True, text=True, check=False)
    try:
        found = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        click.echo(f"pip-audit: not run: {(ended.stderr.strip().splitlines() or ['no answer'])[-1][:200]}")
        return 0
    asked = [one for one in found if "vulns" in one]
    bad = [(one, vulnerability) for one in asked for vulnerability in one["vulns"]]
    for one, vulnerability in bad:
        mended = ", ".join(vulnerability["fix_versions"]) or "nothing yet"
        click.echo(f"{one['name']} {one['version']}: {vulnerability['id']}, mended by {mended}")
    unknown = len(found) - len(asked)
    known = f"{len(asked)} packages asked about, {len(bad)} vulnerabilities"
    click.echo(f"pip-audit: {known}" + (f"; of {unknown} nothing could be learned" if unknown else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
