"""Bodies that nobody would write: captured ones with bytes flipped, parts cut, types swapped, words of others put in.

Run by itself it is a campaign: `make fuzz MOST=100000` reads, merges and renders so many, each by itself, and prints
what raised, what took long, and how memory went.
"""

from __future__ import annotations

import copy
import json
import random
import resource
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.config.load import load
from bridge.core.alert import UnreadableError
from bridge.preview import preview
from bridge.preview_json import plain
from bridge.render.folders import template_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.load import Loaded

PAYLOADS = Path(__file__).parents[1] / "payloads"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONFIG = """\
timezone: "Asia/Tokyo"
destinations:
  slack: {token: "${env:T}", channel: "#{team}", fallback_channel: "#alerts"}
  pagerduty: {routing_key: "${env:K}"}
  github: {token: "${env:T}", repo: "acme/alerts"}
teams: {storage: {}, broken-inductor: {aliases: [inductor]}}
routes:
  - {matchers: ['alertname =~ ".*(disk|queue).*"', 'team != "x"'], set: {priority: P3}}
send: {P0: [slack, pagerduty, github], P1: [slack, pagerduty, github], P2: [slack, github], P3: [slack]}
"""
ENV = {"T": "t0", "K": "0" * 32}
SLOW = 2.0
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, -1e308, 10**30, 10**400, float("nan"), float("inf"), "", " ", "\x00"),
    *("\ud800", "x" * 5000, "\n\r\t", "<no value>", "null", "a,b,," * 400, "\u202e\u2066", "🚨" * 2000, "\x7f\x9f"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z", "2026-07-29T10:00:00+99:99"),
    *("2026-13-45T99:99:99Z", "1785319200", 1785319200123, "firing", "resolved", "ok", "paused", "no_data", "P0"),
    *("critical", "none", "TestAlert", "DatasourceNoData", "DatasourceError", [], {}, [[]], [{}], {"": ""}, [None]),
    *(
        {"\ud800": "\ud800"},
        "javascript:alert(1)",
        "https://",
        "http://[::1",
        "http://[x]/",
        "https://[1]/",
        "/d/x",
        "?",
    ),
    *("https://x/?from=now-999999y&to=now", "[ var='", " value=1 ], [ ", "[FIRING:1] " * 200, "{{ x }}", "<!channel>"),
    *('{"a": "\\ud800"}', "map[" * 500, "number_of_" + "_" * 5000, "p" * 300 + ":", {"k": "v" * 3000}),
)
NAMES = (
    *("labels", "annotations", "alertname", "rulename", "grafana_folder", "Team", "Priority", "severity", "unit"),
    *("values", "valueString", "__values__", "__value_string__", "__orgId__", "orgId", "startsAt", "endsAt", "alerts"),
    *("fingerprint", "generatorURL", "dashboardURL", "silenceURL", "imageURL", "status", "state", "ruleUID", "message"),
    *("truncatedAlerts", "externalURL", "title", "evalMatches", "ruleId", "ruleName", "tags", "grafana_state_reason"),
    *("Error", "summary", "description", "runbook_url", "Failure_Threshold", "Number_of_Jobs_Failing", "commonLabels"),
)
SPLICES = (b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"\\", b"\\ud800", b"NaN", b"1e999", b"9" * 5000, b"{", b"],[")


def bodies() -> list[bytes]:
    """The captured bodies, always in the same order."""
    return [path.read_bytes() for path in sorted(PAYLOADS.glob("*/*.json"))]


def mutations(seed: int, most: int) -> Iterator[bytes]:
    """Yield mutated bodies, the same ones for a seed."""
    chance, pool = random.Random(seed), bodies()
    for _ in range(most):
        body = chance.choice(pool)
        yield chance.choice((_flipped, _cut, _spliced, _deepened, *(4 * [_swapped])))(body, chance, pool)


def _flipped(body: bytes, chance: random.Random, _pool: list[bytes]) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 2, 20))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(body: bytes, chance: random.Random, pool: list[bytes]) -> bytes:
    other = chance.choice((b"", *pool))
    return body[: chance.randrange(len(body) + 1)] + other[chance.randrange(len(other) + 1) :]


def _spliced(body: bytes, chance: random.Random, _pool: list[bytes]) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(SPLICES) + body[at:]


def _deepened(body: bytes, chance: random.Random, _pool: list[bytes]) -> bytes:
    deep = chance.choice((30, 50, 51, 500, 50_000))
    nested = chance.choice((b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep))
    place = chance.choice((b'"labels"', b'"alerts"', b'"values"'))
    return body.replace(place, b'"zz": ' + nested + b", " + place, 1)


def _swapped(body: bytes, chance: random.Random, _pool: list[bytes]) -> bytes:
    document = json.loads(body)
    for _ in range(chance.choice((1, 1, 2, 5))):
        way = chance.choice(list(_ways(document)))
        if not way:
            return json.dumps(chance.choice(ODD)).encode()
        inner = document
        for step in way[:-1]:
            inner = inner[step]
        kind = chance.random()
        if kind < 0.2:
            del inner[way[-1]]
        elif kind < 0.4 and isinstance(inner, dict):
            inner[chance.choice(NAMES)] = inner.pop(way[-1])
        elif kind < 0.5 and isinstance(inner, list) and len(inner) < 100:
            inner.extend(copy.deepcopy(inner))
        else:
            inner[way[-1]] = copy.deepcopy(chance.choice(ODD))
    return json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def _ways(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _ways(one, (*way, name))


def configuration(folder: Path) -> Loaded:
    """A configuration with all kinds, a matcher and teams."""
    (folder / "bridge.yml").write_text(CONFIG, "utf-8")
    return load(folder / "bridge.yml", ENV)


def looked_at(body: bytes, loaded: Loaded) -> str:
    """Read, merge and render a body for all kinds; return "alerts", "quarantine", or "built-in words"."""
    try:
        found = preview(body, "grafana", rules=loaded.rules, env=ENV, templates=(template_folder(),), now=NOW)
    except UnreadableError:
        return "quarantine"
    shown = json.dumps(plain(found), ensure_ascii=False)
    shown.encode()
    return "built-in words" if "(plain: template failed)" in shown else "alerts"


@click.command()
@click.option("--most", default=100_000, show_default=True)
@click.option("--seed", type=int, default=None, help="The same one makes the same bodies.")
def main(most: int, seed: int | None) -> None:
    """Look at very many mutated bodies."""
    seed = seed if seed is not None else random.randrange(10**9)
    click.echo(f"{most} mutated bodies, seed {seed}")
    folder = click.get_app_dir("bridge-fuzz")
    Path(folder).mkdir(parents=True, exist_ok=True)
    loaded, ended, slow, failed = configuration(Path(folder)), Counter[str](), 0.0, 0
    for number, body in enumerate(mutations(seed, most), 1):
        began = time.monotonic()
        try:
            ended[looked_at(body, loaded)] += 1
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            failed += 1
            click.echo(f"{number}: {type(error).__name__}: {error}\n  {body[:300]!r}")
        slow = max(slow, time.monotonic() - began)
        if number % 5_000 == 0 and sys.stderr.isatty():
            click.echo(f"\r{number} of {most}", err=True, nl=False)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    counted = ", ".join(f"{many} {what}" for what, many in sorted(ended.items()))
    click.echo(f"{counted}; {failed} raised; the slowest took {slow:.2f} s; at most {memory} MB")
    sys.exit(1 if failed or ended["built-in words"] else 0)


if __name__ == "__main__":
    main()
