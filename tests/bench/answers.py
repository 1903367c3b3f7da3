"""What a user would write instead of the bridge: handlers of a few lines, served by gunicorn as the bridge is."""

from __future__ import annotations

import os
import sqlite3
import threading

from flask import Flask, request


def bare() -> Flask:
    """Read the body and say 202: the ceiling of the stack."""
    app = Flask(__name__)

    @app.post("/webhooks/grafana")
    def take():
        return {"receipt": len(request.get_data())}, 202

    return app


def committing() -> Flask:
    """The same, with one SQLite commit a request, as durable as the bridge's (WAL, synchronous=FULL)."""
    app = Flask(__name__)
    mine = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(mine, "connection"):
            mine.connection = sqlite3.connect("bodies.db", timeout=30, isolation_level=None)
            mine.connection.execute("PRAGMA journal_mode=WAL")
            mine.connection.execute("PRAGMA synchronous=FULL")
            mine.connection.execute("CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, body BLOB)")
        return mine.connection

    @app.post("/webhooks/grafana")
    def take():
        done = connection().execute("INSERT INTO bodies (body) VALUES (?)", [request.get_data()])
        return {"receipt": done.lastrowid}, 202

    return app


def posting() -> Flask:
    """Post to Slack inside the request, which is what most handlers of this kind do."""
    from slack_sdk import WebClient  # noqa: PLC0415 - the others don't wait for it

    app = Flask(__name__)
    slack = WebClient("xoxb-sandbox", base_url=os.environ["BENCH_SLACK_URL"])

    @app.post("/webhooks/grafana")
    def take():
        body = request.get_json()
        lines = [f"*{body['title']}*"]
        lines += [f"{one['labels']['alertname']}: {one['annotations']['summary']}" for one in body["alerts"][:10]]
        posted = slack.chat_postMessage(channel="#alerts", text="\n".join(lines))
        return {"ts": posted["ts"]}, 202

    return app
