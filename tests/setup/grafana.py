"""A small Grafana: its provisioning API for contact points and policies, on a real socket, with what it was told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = dict[str, Any]
API = "/api/v1/provisioning"
TOKEN = "glsa_the-service-account's"
MAIL = {"receiver": "grafana-default-email", "group_by": ["grafana_folder"], "routes": [], "provenance": "api"}


class Grafana:
    """What the server holds, and every request: (method, path, headers)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.points: list[JSON] = []
        self.policies: JSON = dict(MAIL)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:  # noqa: PLR0911 - one return an endpoint
        self.asked.append((method, path, headers))
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        sent = json.loads(body) if body else None
        known = {one["uid"]: one for one in self.points}
        match method, path.removeprefix(API):
            case "GET", "/contact-points":
                return 200, [one | {"settings": {"secret": "[REDACTED]"}} for one in self.points]
            case "POST", "/contact-points" if sent["uid"] not in known:
                self.points.append(sent)
                return 202, sent
            case "PUT", place if place.removeprefix("/contact-points/") in known:
                known[place.removeprefix("/contact-points/")].update(sent)
                return 202, {"message": "contactpoint updated"}
            case "GET", "/policies":
                return 200, self.policies
            case "PUT", "/policies":
                assert sent["receiver"]
                self.policies = sent
                return 202, {"message": "policies updated"}
        return 500, {"message": f"{method} {path}"}


@contextmanager
def running() -> Iterator[Grafana]:
    """Give a Grafana that listens."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said = grafana.answer(self.command, self.path, headers, body)
            written = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    grafana = Grafana(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield grafana
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
