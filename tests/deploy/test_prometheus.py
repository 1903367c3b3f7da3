"""Rules, dashboard and runbook: valid by promtool, tested, and about metrics that a real bridge has."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Starter, config
from programs import needed
from ruamel.yaml import YAML

from bridge.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "bridge.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "bridge-dashboard.json"
RUNBOOK = ROOT / "docs" / "runbook"
TESTS = Path(__file__).with_name("rules_test.yml")


@pytest.fixture
def promtool():
    path = needed("promtool", "prometheus")

    def run(*words, **more):
        done = subprocess.run([path, *map(str, words)], capture_output=True, text=True, check=False, **more)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def rules():
    return [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboard_expressions():
    """Every expression of the dashboard, with Grafana's variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    asked = [*dashboard["panels"], *dashboard["annotations"]["list"]]
    found = [target["expr"] for one in asked for target in one.get("targets", [one]) if "expr" in target]
    return [one.replace("$__rate_interval", "1m").replace("$job", "bridge") for one in found]


def test_promtool_accepts_the_rules_and_the_example(promtool):
    promtool("check", "rules", RULES)
    promtool("check", "config", RULES.with_name("prometheus.yml"))


def test_the_rules_fire_when_they_should_and_only_then(promtool):
    promtool("test", "rules", TESTS)


def test_each_alert_is_tested_and_has_a_page_and_each_page_an_alert():
    tested = {
        case["alertname"]
        for test in YAML(typ="safe").load(TESTS)["tests"]
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert tested == set(alerts())
    assert {name: rule["annotations"]["runbook_url"] for name, rule in alerts().items()} == {
        name: f"docs/runbook/{name}.md" for name in alerts()
    }
    assert {page.stem for page in RUNBOOK.glob("Bridge*.md")} == set(alerts())
    parts = ["## What it means", "## What to look at", "## What to do"]
    for name in alerts():
        page = (RUNBOOK / f"{name}.md").read_text("utf-8")
        assert [line for line in page.splitlines() if line.startswith("#")] == [f"# {name}", *parts]


def test_promtool_accepts_every_expression_of_the_dashboard(promtool, tmp_path):
    expressions = dashboard_expressions()
    assert len(expressions) > 30
    made = [{"record": f"dashboard:{number}", "expr": one} for number, one in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": made}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


def test_rules_and_dashboard_ask_for_what_a_real_bridge_shows(tmp_path_factory):
    with Sandbox() as sandbox, Starter(tmp_path_factory) as start:
        page = start(config(sandbox)).request("GET", "/metrics").text
    shown = set(re.findall(r"^(bridge_\w+)[{ ]", page, re.MULTILINE))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = "\n".join([*(rule["expr"] for rule in rules()), *dashboard_expressions()])
    named = set(re.findall(r"\bbridge_\w+", asked))
    assert named - shown == set()
    assert set(re.findall(r"\bbridge:[\w:]+", asked)) - recorded == set()
    # a label that no series has would find nothing, silently
    values = set(re.findall(r'(\w+)="([^"]*)"', page))
    used = set(re.findall(r'[{,](\w+)="([^"]*)"', asked)) - {("job", "bridge")}
    assert used - values == set()
    # and nothing is measured that nobody would see
    families = set(re.findall(r"^# TYPE (bridge_\w+)", page, re.MULTILINE)) - {"bridge_hints_total"}
    assert {one for one in families if not any(name.startswith(one) for name in named)} == set()


# dead letters


def anchors(page):
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_letters():
    spec = importlib.util.spec_from_file_location("dead_letters", ROOT / "docs" / "dead_letters.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["slack", "github"])
def test_each_code_that_can_end_a_delivery_has_its_anchor(kind):
    table = json.loads((ROOT / "bridge" / "destinations" / kind / "errors.json").read_text("utf-8"))
    rows = table.items() if isinstance(table, dict) else [(row["id"], row) for row in table]
    treats = {"permanent", "elsewhere", "degrade", "replace"}
    # a message that can't be changed is left as it is: that ends no delivery
    deadly = {name for name, row in rows if row["treat"] in treats and "frozen" not in row.get("note", ())}
    assert len(deadly) > 15
    assert {name.lower() for name in deadly} - anchors(RUNBOOK / f"dead-letters-{kind}.md") == set()


def test_each_permanent_answer_that_stands_in_code_has_its_anchor():
    made = {}
    for path in (ROOT / "bridge" / "destinations").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Failed" and len(node.args) > 1:
                fault, error = node.args[:2]
                if ast.unparse(fault) == "Fault.PERMANENT" and isinstance(error, ast.Constant):
                    made.setdefault(path.parent.name, set()).add(error.value)
    assert made == {"pagerduty": {"routing_key_gone"}}
    assert "routing_key_gone" in anchors(RUNBOOK / "dead-letters-pagerduty.md")


def test_each_reason_of_the_bridges_own_has_its_anchor():
    ends = [
        f"{path.name}: {ast.unparse(node.func)}"
        for path in (ROOT / "bridge" / "delivery").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"bury", "settle.bury", "dead", "faults.dead"}
    ]
    # whoever adds one adds its heading: two of a time, one of answers lost twice; the others are destinations' answers,
    # to a lookup as well
    assert sorted(ends) == [
        *["doubt.py: faults.dead"] * 2,
        *["faults.py: dead"] * 3,
        *["faults.py: settle.bury"] * 2,
        *["settle.py: bury"] * 2,
    ]
    own = anchors(RUNBOOK / "dead-letters-bridge.md")
    source = "".join((ROOT / "bridge" / "delivery" / name).read_text("utf-8") for name in ("settle.py", "doubt.py"))
    for begin, anchor in {
        "failed for 24 h while others at this place succeeded": "failed-for-24-h-while-others-at-this-place-succeeded",
        "could not be prepared for 24 h": "could-not-be-prepared-for-24-h",
        "could not be looked up for 24 h": "its-answer-could-not-be-looked-up-for-24-h",
        "answer was lost twice": "its-answer-was-lost-twice-and-the-place-cant-be-searched",
    }.items():
        assert begin in source
        assert anchor in own


def test_no_sentence_of_a_page_has_a_gap():
    module = dead_letters()
    said = [say for family in module.FAMILIES for _, say, _ in module.reasons(family)]
    assert len(said) > 150
    assert [say for say in said if re.search(r"[{}]|``|\s,|  ", say)] == []
