"""The documentation against the code: what exists is named, what is named exists, and examples hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from docs_kit import DOCS, PAGES, README, ROOT, Block, anchors, blocks, check, codes, links, name_of, quiet, run
from flask import Flask
from programs import needed
from ruamel.yaml import YAML

from bridge.__main__ import VERBS
from bridge.app import BLUEPRINTS
from bridge.config.json_schema import json_schema
from bridge.config.kinds import KINDS
from bridge.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = DOCS / "reference"
FOUR = blocks(README, "yaml")[0].text
PAYLOAD = ROOT / "bridge" / "sandbox" / "data" / "payloads" / "inductor-jobs-broken.json"
IN_PAGES = [block for page in PAGES if page != README for block in blocks(page, "yaml")]
YAMLS = [block for block in IN_PAGES if not block.text.startswith("# ")]
"""Those that are a bridge.yml; another file says in its first line what it is."""


def _inside() -> list[tuple[Path, str]]:
    return [(page, to) for page in PAGES for to in links(page) if not re.match(r"[a-z]+:", to)]


@pytest.mark.parametrize(
    ("page", "to"), _inside(), ids=lambda value: name_of(value) if isinstance(value, Path) else value
)
def test_relative_links_lead_somewhere(page: Path, to: str) -> None:
    path, _, anchor = to.partition("#")
    target = (page.parent / unquote(path)).resolve() if path else page
    assert target.exists()
    assert target.is_relative_to(ROOT)
    if anchor:
        assert anchor in anchors(target)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, new = {README}, [README]
    while new:
        page = new.pop()
        for to in links(page):
            target = (page.parent / to.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in reached:
                reached.add(target)
                new.append(target)
    assert {name_of(page) for page in PAGES} - {name_of(page) for page in reached} == set()


def test_pictures_are_there_and_small() -> None:
    pictures = [page.parent / to for page in PAGES for to in links(page) if to.endswith((".png", ".svg"))]
    assert {picture.name for picture in pictures} >= {"demo.png", "how.svg"}
    assert all(picture.stat().st_size < 300_000 for picture in pictures)


def test_generated_parts_are_up_to_date() -> None:
    done = run(sys.executable, DOCS / "make_reference.py", "--check", folder=ROOT, env=quiet())
    assert done.returncode == 0, done.stdout + done.stderr


def test_layout_names_every_module() -> None:
    text = (DOCS / "layout.md").read_text("utf-8")
    modules = [path.relative_to(ROOT) for path in (ROOT / "bridge").rglob("*.py")]
    named = [f"{one.parent}/" if one.name == "__init__.py" else str(one) for one in modules]
    assert [name for name in named if f"`{name}`" not in text] == []


def test_commands_name_every_verb() -> None:
    text = (REFERENCE / "commands.md").read_text("utf-8")
    assert [verb for verb in VERBS if f"| `bridge {verb}" not in text] == []
    assert set(re.findall(r"`bridge ([a-z][a-z-]*)", text)) - set(VERBS) == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_only_verbs_that_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    if page == DOCS / "status.md":
        text = text.partition("## Not there yet")[0]
    assert set(re.findall(r"`bridge ([a-z][a-z-]*)", text)) - set(VERBS) == set()


def _properties(schema: dict[str, Any]) -> Iterator[str]:
    for model in (schema, *schema["$defs"].values()):
        yield from model.get("properties", {})


def test_configuration_names_every_key() -> None:
    named = {part for code in codes(REFERENCE / "configuration.md") for part in code.split(".")}
    # the parts of values that are no keys of the file
    inner = {"add", "remove", "names", "count", "seconds", "place", *KINDS}
    assert set(_properties(json_schema())) - named - inner == set()


def test_status_lists_nothing_that_is_there() -> None:
    section = (DOCS / "status.md").read_text("utf-8").partition("## Not there yet")[2]
    verbs = re.findall(r"`bridge ([a-z-]+)`", section)
    assert set(verbs) & set(VERBS) == set()
    assert set(re.findall(r"`([A-Z]+ /.+?)`", section)) & {f"{method} {rule}" for rule, method in _routes()} == set()
    for verb, option in re.findall(r"`bridge ([a-z-]+) (--[a-z]+)`", section):
        usage = run("bridge", verb, "--help", folder=ROOT, env=quiet()).stdout
        # an option may stand there already, and say itself that it isn't available
        assert option not in usage or "yet" in run("bridge", verb, option, folder=ROOT, env=quiet()).stderr


def test_environment_names_every_variable() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "bridge").rglob("*.py"))
    page = (REFERENCE / "environment.md").read_text("utf-8")
    used = set(re.findall(r"BRIDGE_[A-Z_]+[A-Z]", source)) | {"PORT"}
    assert {name for name in used if f"| `{name}` |" not in page} == set()
    assert set(re.findall(r"BRIDGE_[A-Z_]+[A-Z]", page)) <= used


def _routes() -> list[tuple[str, str]]:
    app = Flask("bridge", static_folder=None)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    asked = {"GET", "POST", "PUT", "PATCH", "DELETE"}
    return [(rule.rule, method) for rule in app.url_map.iter_rules() for method in (rule.methods or set()) & asked]


def test_http_names_every_route() -> None:
    page = codes(REFERENCE / "http.md")
    missing = {f"{method} {rule}" for rule, method in _routes()} - page
    assert missing == {"PUT /webhooks/<source>"}  # named beside POST
    assert {one.partition("?")[0] for one in page if re.match(r"(GET|POST) /", one)} <= {
        f"{m} {r}" for r, m in _routes()
    }


def test_metrics_names_every_metric() -> None:
    made = {metric.shown for metric in METRICS}
    page = (REFERENCE / "metrics.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(bridge_\w+)`", page, re.MULTILINE)) == made


def test_glossary_defines_every_word_once() -> None:
    words = re.findall(r"^- \*\*(.+?)\*\*: ", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)
    wanted = (
        "source, receipt, group, alert, episode, rule key, incident, team, priority, route, matcher, destination, "
        "kind, address, delivery, step, remote, mark, lane, dead letter, quarantine, reason"
    )
    assert len(words) == len(set(words))
    assert set(wanted.split(", ")) | {"want, have"} <= set(words)


def test_included_files_hold(tmp_path: Path) -> None:
    page = DOCS / "how-to" / "onboard-a-team.md"
    whole, included = blocks(page, "yaml")
    place = tmp_path / included.text.splitlines()[0].removeprefix("# ")
    place.parent.mkdir()
    place.write_text(included.text, "utf-8")
    key = re.search(r"env:(SEARCH_KEY)", included.text)
    assert key
    assert [one for one in check(whole.text, tmp_path, **{key[1]: "0" * 32}) if one["level"] == "error"] == []


def test_alertmanagers_file_holds(tmp_path: Path) -> None:
    amtool = needed("amtool", "prometheus-alertmanager")
    (block,) = [one for one in IN_PAGES if one.text.startswith("# alertmanager.yml")]
    (tmp_path / "alertmanager.yml").write_text(block.text, "utf-8")
    done = run(amtool, "check-config", "alertmanager.yml", folder=tmp_path, env=quiet())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", YAMLS, ids=str)
def test_configurations_hold(block: Block, tmp_path: Path) -> None:
    whole = block.text if "destinations:" in block.text.splitlines() else FOUR + block.text
    env = {}
    for name in re.findall(r'template: "(.+)"', whole):
        (template,) = blocks(block.page, "jinja")
        (tmp_path / "mine" / name).parent.mkdir(parents=True)
        (tmp_path / "mine" / name).write_text(template.text, "utf-8")
        env = {"BRIDGE_TEMPLATES": "mine"}
    found = check(whole, tmp_path, **env)
    assert [one for one in found if one["level"] == "error"] == []


def test_the_teams_template_is_rendered(tmp_path: Path) -> None:
    page = DOCS / "how-to" / "templates.md"
    (template,) = blocks(page, "jinja")
    (configuration,) = blocks(page, "yaml")
    folder = tmp_path / "my-templates"
    (folder / "slack").mkdir(parents=True)
    (folder / "slack" / "infra.j2").write_text(template.text, "utf-8")
    (tmp_path / "bridge.yml").write_text(configuration.text, "utf-8")
    body = json.loads(PAYLOAD.read_text("utf-8"))
    body["alerts"][0]["annotations"]["Team"] = "infra"
    (tmp_path / "alert.json").write_text(json.dumps(body), "utf-8")
    (command,) = (block.text.split("$ ", 1)[1] for block in blocks(page, "console"))
    done = run("bash", "-euc", command, folder=tmp_path, env={**quiet(), "SLACK_BOT_TOKEN": "xoxb-sandbox"})
    assert done.returncode == 0, done.stderr
    assert "follow the checklist" in done.stdout
    assert "Measured: 1 job failing, Failure threshold: 1" in done.stdout


def test_the_manifest_asks_for_the_scopes_that_are_explained() -> None:
    manifest = YAML(typ="safe").load(ROOT / "bridge" / "destinations" / "slack" / "manifest.yml")
    asked = manifest["oauth_config"]["scopes"]["bot"]
    page = (DOCS / "how-to" / "slack-app.md").read_text("utf-8")
    assert re.findall(r"^\| `([a-z:.]+)` \|", page, re.MULTILINE) == asked
    assert manifest["features"]["bot_user"]["display_name"]


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "[Unreleased]"
    assert [verb for verb in VERBS if f"`{verb}`" not in text] == []


def test_no_page_shows_where_it_was_written() -> None:
    for page in PAGES:
        found = re.findall(r"/home/\w+|/work/|/tmp/|/Users/", page.read_text("utf-8"))
        assert found == [], page


def test_the_picture_can_be_taken_anew(tmp_path: Path) -> None:
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        missing = "not run: taking the README's picture wants Chromium, which is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    done = run(sys.executable, DOCS / "make_pictures.py", tmp_path, folder=ROOT, env=quiet())
    assert done.returncode == 0, done.stdout + done.stderr
    size = struct.unpack(">II", (tmp_path / "demo.png").read_bytes()[16:24])
    assert size == (1400, 800)


def test_the_consoles_pictures_can_be_taken_anew(tmp_path: Path) -> None:
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        missing = "not run: the console's pictures want Chromium and its driver, which are not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    done = run(sys.executable, DOCS / "make_console_pictures.py", tmp_path, folder=ROOT, env=quiet())
    assert done.returncode == 0, done.stdout + done.stderr
    sizes = {path.name: struct.unpack(">II", path.read_bytes()[16:24]) for path in tmp_path.iterdir()}
    assert sizes == {"console.png": (1100, 760), "console-phone.png": (360, 700)}
    assert all((DOCS / "images" / name).stat().st_size < 100_000 for name in sizes)


def test_the_bot_is_invited_by_the_name_that_its_manifest_gives_it():
    manifest = (ROOT / "bridge/destinations/slack/manifest.yml").read_text("utf-8")
    (name,) = re.findall(r"^    display_name: (.+)$", manifest, re.MULTILINE)
    pages = [page.read_text("utf-8") for page in (DOCS / "how-to").glob("*.md")]
    invited = [one for page in pages for one in re.findall(r"`/invite @([^`]+)`", page)]
    assert invited
    assert set(invited) == {name}
