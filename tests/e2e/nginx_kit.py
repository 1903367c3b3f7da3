"""A real nginx with the example of deploy/, its certificates, and a server that plays the oauth2-proxy that it asks."""

from __future__ import annotations

import grp
import os
import pwd
import re
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from authority import Authority
from programs import needed

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
SENDERS, PEOPLE = "localhost", "alerts.example.com"
"""The servers' names; the senders' is one that a sender like Alertmanager finds, which says it in TLS and as Host."""
SENDERS_NAME = "hooks.example.com"
LISTEN, FOLDER = "listen 443 ssl;", "/etc/nginx/bridge/"
BRIDGE, PERSON_ASKED, SENDER_ASKED = "127.0.0.1:8080", "127.0.0.1:4180", "127.0.0.1:4181"
SECRETS = {"mtls": "passed-with-a-certificate", "oauth2": "passed-with-a-token"}
AROUND = """\
daemon off;
user {user} {group};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/bridge.conf;
}}
"""


# What says who somebody is


class Oauth2Proxy:
    """What nginx asks at /oauth2/auth: 202, with the person's names, for what it knows, else 401.

    Args:
        known: a header and what is in it → the e-mail address that is answered, or nothing.
    """

    def __init__(self, known: Mapping[tuple[str, str], str]) -> None:
        self.known = dict(known)
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mine.answer(self)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path)
        if path.path != "/oauth2/auth":
            self._send(request, 200, {}, f"the form, then {path.query}")
            return
        found = [mail for (name, value), mail in self.known.items() if value in request.headers.get(name, "")]
        if not found:
            self._send(request, 401, {}, "")
            return
        named = {"X-Auth-Request-User": "0a1b2c", "X-Auth-Request-Email": found[0]} if found[0] else {}
        self._send(request, 202, named, "")

    def _send(self, request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], text: str) -> None:
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(text.encode())

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


# nginx


class Nginx:
    """nginx with the example, whose ports and paths are a test's.

    Attributes:
        authority: what signed the server's certificate.
        senders: what signs senders' certificates.
    """

    def __init__(self, folder: Path, *, bridge: str, person: str, sender: str) -> None:
        self.folder = folder
        self.authority = Authority(folder, "server-ca")
        self.senders = Authority(folder, "senders-ca")
        self.authority.issue("server", SENDERS, PEOPLE)
        for name, secret in SECRETS.items():
            (folder / f"{name}-secret.conf").write_text(f'proxy_set_header X-Bridge-Sender "{secret}";\n')
        # nginx takes over a listening socket that it is given, as when it is upgraded: no other test takes the port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.set_inheritable(True)
        self.address = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        changes = {
            SENDERS_NAME: SENDERS,
            LISTEN: f"listen {urlsplit(self.address).netloc} ssl;",
            FOLDER: f"{folder}/",
            BRIDGE: bridge,
            PERSON_ASKED: person,
            SENDER_ASKED: sender,
        }
        text = EXAMPLE.read_text("utf-8")
        assert [old for old in changes if old not in text] == []
        # all at once: a port that was given out may begin with the digits of one that is to be replaced
        text = re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], text)
        (folder / "bridge.conf").write_text(text, "utf-8")
        user = pwd.getpwuid(os.geteuid())
        around = AROUND.format(user=user.pw_name, group=grp.getgrgid(user.pw_gid).gr_name, folder=folder)
        (folder / "nginx.conf").write_text(around, "utf-8")
        self._command = [needed("nginx", "nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]

    def check(self) -> subprocess.CompletedProcess[str]:
        """What nginx itself says of the example."""
        return subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False)

    def __enter__(self) -> Self:
        descriptor = self._listener.fileno()
        with (self.folder / "nginx.log").open("wb") as log:
            self.popen = subprocess.Popen(
                self._command,
                env={**os.environ, "NGINX": f"{descriptor};"},
                pass_fds=[descriptor],
                stdout=log,
                stderr=log,
            )
        # from here on the socket is nginx's alone: should it die, who connects is refused and does not wait
        self._listener.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.terminate()
        self.popen.wait()
