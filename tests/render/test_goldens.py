"""Whole messages of every kind as files that people read in review."""

import json

import pytest
from goldens import MESSAGES as GOLDENS
from goldens import as_json, compare
from scenes import MENTION, SCENES, SETTINGS, disks, host, want

from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.pagerduty import step as step_of_pages
from bridge.destinations.slack import message as slack
from bridge.sandbox import schemas
from bridge.sandbox.slack_checks import text_length

SHOWN = sorted(SCENES.keys() - {"long"})
OVER = ["closed", "closed-by-name", "paused", "resolved"]
PAGES = [name for name in SHOWN if name not in OVER]
TOLD_ELSEWHERE = {"life", "storm", "storm-more", "storm-over", "page-again", "p0-life", "replies"}
"""Goldens of test_lives, test_storms, test_changes, and below."""


def slack_content(scene, **options):
    told = want(scene, place={"usergroups": {"broken-inductor-oncall": "S0ONCALL"}}, mention=MENTION)
    return slack.content(told, mentions=slack.mentions(told), **options)


@pytest.mark.parametrize("scene", SHOWN)
def test_slack(scene):
    compare(GOLDENS / "slack" / f"{scene}.json", as_json(slack_content(scene)))


@pytest.mark.parametrize("scene", ["firing", "group-of-3", "hostile"])
def test_slack_without_blocks(scene):
    compare(GOLDENS / "slack" / f"{scene}.plain.txt", slack_content(scene, plain=True)["text"] + "\n")


@pytest.mark.parametrize("scene", PAGES)
def test_pagerduty(scene):
    event = pagerduty.trigger(want(scene, "pagerduty"), "bridge/01KC3ZT0N4Q8/1", None, 1)
    compare(GOLDENS / "pagerduty" / f"{scene}.json", as_json(event))


@pytest.mark.parametrize("scene", OVER)
def test_pagerduty_at_the_end(scene):
    told = want(scene, "pagerduty")
    step = step_of_pages.next_step(told, {"pages": [{"key": "bridge/01KC3ZT0N4Q8/1", "open": True}]})
    compare(GOLDENS / "pagerduty" / f"{scene}.json", as_json(step.request))


def test_pagerduty_again():
    told = disks([host(n) for n in range(1, 11)])
    event = pagerduty.trigger(want(told, "pagerduty"), "bridge/01KC3ZT0N4Q8/2", ("h009", "h010"), 2)
    compare(GOLDENS / "pagerduty" / "page-again.json", as_json(event))


@pytest.mark.parametrize("scene", SHOWN)
@pytest.mark.parametrize("private", [True, False], ids=["private", "public"])
def test_github(scene, private):
    told = want(scene, "github", {"private": private})
    head = f"{github.title(told)}\n{', '.join(github.labels(told))}\n\n"
    name = f"{scene}.md" if private else f"{scene}.public.md"
    compare(GOLDENS / "github" / name, head + github.body(told, "01KD0000000000000000000000:1"))


@pytest.mark.parametrize("scene", SCENES)
def test_slack_takes_every_message(scene):
    content = slack_content(scene)
    schemas.validator(schemas.BLOCK_KIT).validate(content["blocks"])
    assert 0 < len(content["text"]) <= 4_000
    assert 0 < len(slack_content(scene, plain=True)["text"]) <= 4_000
    assert len(json.dumps(content, ensure_ascii=False)) < 11_000


@pytest.mark.parametrize("scene", ["p0", "long"])
def test_many_user_groups_are_all_called_and_slack_takes_the_message(scene):
    groups = tuple(f"<!subteam^S{n:010}>" for n in range(40))
    content = slack.content(want(scene), mentions=groups)
    schemas.validator(schemas.BLOCK_KIT).validate(content["blocks"])
    assert content["blocks"][1]["text"]["text"] == " ".join(groups)
    assert text_length(content["blocks"]) < 10_000
    for text in (content["text"], slack.content(want(scene), plain=True, mentions=groups)["text"]):
        assert text.startswith(" ".join(groups))
        assert len(text) <= 4_000


@pytest.mark.parametrize("plain", [False, True])
def test_what_slack_cuts_links_to_the_whole(plain):
    whole = f"<{SETTINGS['external_url']}/incidents/{SCENES['long'].id}|Whole text>"
    assert whole in json.dumps(slack_content("long", plain=plain))
    assert whole not in json.dumps(slack_content("firing", plain=plain))


@pytest.mark.parametrize("scene", SCENES)
def test_pagerduty_takes_every_event(scene):
    told = want(scene, "pagerduty")
    schema = schemas.validator(schemas.PAGERDUTY)
    for event in (pagerduty.trigger(told, "bridge/x/1", None, 1), pagerduty.resolve("bridge/x/1")):
        schema.validate({**event, "routing_key": "0" * 32})
        assert len(json.dumps(event).encode()) < 512 * 1024 - 64


@pytest.mark.parametrize("scene", SCENES)
def test_github_takes_every_issue(scene):
    told = want(scene, "github", {"private": True})
    assert 0 < len(github.title(told)) <= 256
    assert 0 < len(github.body(told, "m:1")) <= 65_536
    assert all(0 < len(label) <= 50 for label in github.labels(told))


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "github"])
def test_no_golden_is_left_over(kind):
    wanted = {
        f"{name}{end}"
        for name in {*SHOWN, *TOLD_ELSEWHERE}
        for end in (".json", ".md", ".public.md", ".plain.txt", ".txt")
    }
    found = {path.name for path in (GOLDENS / kind).iterdir() if path.suffix in {".json", ".md", ".txt"}}
    assert found <= wanted
