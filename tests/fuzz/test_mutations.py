"""A sample of mutated bodies: function by function, and as a real bridge meets them."""

from itertools import islice

import pytest
from harness import Starter, at_once, config, eventually
from mutations import configuration, looked_at, mutations

from bridge.sandbox import Sandbox

SAMPLE, POSTED = 600, 150


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_bodies_are_alerts_or_in_quarantine(tmp_path, seed):
    loaded = configuration(tmp_path)
    ended = {looked_at(body, loaded) for body in mutations(seed, SAMPLE)}
    assert ended == {"alerts", "quarantine"}


def test_the_same_seed_makes_the_same_bodies():
    assert list(mutations(7, 50)) == list(mutations(7, 50)) != list(mutations(8, 50))


def test_a_bridge_takes_them_all_and_none_holds_up_another(tmp_path_factory):
    bodies = list(islice(mutations(3, POSTED), POSTED))
    with Sandbox() as sandbox, Starter(tmp_path_factory) as starter:
        bridge = starter(config(sandbox, timezone="Asia/Tokyo"))
        posts = [
            lambda body=body: bridge.request("POST", "/webhooks/grafana", content=body).status_code for body in bodies
        ]
        assert set(at_once(posts)) == {202}
        eventually(lambda: not bridge.metric(r"bridge_receipts{state=\"new\"}"))
        states = [one["state"] for one in bridge.all("receipts") if one["source"] == "grafana"]
        assert len(states) == POSTED
        assert set(states) == {"absorbed", "quarantined"}
        bridge.settle(patience=120)
        assert bridge.all("deliveries?state=dead") == []
        assert "Traceback" not in bridge.process.log()
        pages = [lambda one=one: bridge.request("GET", f"/incidents/{one['id']}") for one in bridge.all("incidents")]
        assert {answer.status_code for answer in at_once(pages)} == {200}
