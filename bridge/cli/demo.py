"""`bridge demo`: watch one real alert on its way, without any account."""

from __future__ import annotations

import click


@click.command(epilog="\b\nExample:\n  bridge demo --once")
@click.option("--once", is_flag=True, help="End when all destinations show the truth, instead of at Ctrl-C.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=0,
    help="Where the doubles and their page listen; 0 takes a free port.",
)
def demo(*, once: bool, port: int) -> None:
    """Start the bridge with local doubles of Slack, PagerDuty and GitHub, and send a real alert through it."""
    from bridge.sandbox.demo import DemoError, play
    from bridge.sandbox.wire import PortError

    try:
        play(port, once=once, say=click.echo)
    except (DemoError, PortError) as error:
        click.echo(f"The demo failed: {error}", err=True)
        raise SystemExit(1) from None
