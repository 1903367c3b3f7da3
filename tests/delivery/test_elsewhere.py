"""A message whose channel does not exist is told at the fallback channel, once."""

from lane_kit import take, turns
from posts import CONFIG, ENV, Posts, alert

from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.effective import Effective
from bridge.ids import new_id
from bridge.ledger import placing
from bridge.ledger.placing import Placement
from bridge.sandbox import Sandbox


def test_a_message_does_not_go_where_its_incident_is_placed_in_that_moment(postgres_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        sandbox.slack.strict_channels = True
        slack = f'api_url: "{sandbox.slack_url}", fallback_channel'
        posts = Posts(postgres_ledger, clock, tmp_path, CONFIG.replace("fallback_channel", slack))
        effective = Effective(lambda: posts.rules, ENV | {"SLACK": "xoxb-sandbox"}, b"key")
        posts.hear(alert(Priority="P3", Team="storage"))
        (gone,) = posts.deliveries()
        lane = take(postgres_ledger, clock, gone.lane, effective)
        alerts = effective.address(target_at(posts.rules, "slack", "nobody", Priority.P3, "grafana"))
        other = Placement("slack", "slack", alerts.text, alerts.lane, "nobody", "send P3")
        posts.during(
            lambda connection: placing.place_one(connection, gone.incident, [other], new_id, clock.now()),
            lambda: turns(lane),
        )
        told = [(row.address, row.state) for row in posts.deliveries()]
        assert told == [("#storage", "skipped"), ("#alerts", "pending")]
