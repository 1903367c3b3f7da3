"""The example of deploy/nginx.conf, run: who comes through nginx, and as whom the bridge knows them."""

import re
import socket
import ssl
from urllib.parse import urlsplit

import httpx2
import pytest
from alertmanager_kit import Alertmanagers
from authority import Authority
from harness import Starter, alert, config, eventually, group, messages
from nginx_kit import EXAMPLE, FOLDER, PEOPLE, SECRETS, SENDERS, Nginx, Oauth2Proxy
from ruamel.yaml import YAML

from bridge.sandbox import Sandbox

USER = "X-Forwarded-User"
ANNA = {"Cookie": "_oauth2_proxy=of-anna"}
NAMELESS = {"Cookie": "_oauth2_proxy=of-a-machine"}
TOKEN = {"Authorization": "Bearer a-senders-token"}
ADMIN = {"Authorization": "Bearer admin-secret-of-the-console"}
ENV = {"MTLS_SECRET": SECRETS["mtls"], "OAUTH2_SECRET": SECRETS["oauth2"]}
ENV |= {"BRIDGE_ADMIN_TOKEN": ADMIN["Authorization"].removeprefix("Bearer ")}


PAGE = EXAMPLE.parents[1] / "docs" / "how-to" / "behind-a-proxy.md"


def configured():
    """What the how-to page has people write into bridge.yml, and a source for this machine only."""
    made = {"sources": {"local": {}}}
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        read = YAML(typ="safe").load(block)
        made["sources"] |= read.pop("sources", {})
        made |= read
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    people = Oauth2Proxy({("Cookie", ANNA["Cookie"]): "anna@example.com", ("Cookie", NAMELESS["Cookie"]): ""})
    senders = Oauth2Proxy({("Authorization", TOKEN["Authorization"]): "", ("Cookie", ANNA["Cookie"]): ""})
    with Sandbox() as sandbox, Starter(tmp_path_factory) as starter, people, senders:
        bridge = starter(config(sandbox, **configured()), env=ENV)
        nginx = Nginx(
            tmp_path_factory.mktemp("nginx"),
            bridge=bridge.address.removeprefix("http://"),
            person=people.address,
            sender=senders.address,
        )
        with nginx:
            yield nginx, bridge, sandbox


@pytest.fixture
def nginx(place):
    return place[0]


@pytest.fixture
def bridge(place):
    return place[1]


@pytest.fixture(scope="module")
def pair(place):
    """The files of a sender's certificate and key."""
    return place[0].senders.issue("grafana")


def ask(nginx, host, method, path, *, pair=None, **more):
    """One request on a connection of its own, to a server by its name."""
    trusted = ssl.create_default_context(cafile=nginx.authority.path)
    if pair:
        trusted.load_cert_chain(*pair)
    headers = [("Host", host), *dict(more.pop("headers", {})).items()]
    headers += more.pop("doubled", [])
    extensions = {"sni_hostname": more.pop("sni", host)}
    with httpx2.Client(verify=trusted, trust_env=False, timeout=30) as client:
        return client.request(method, f"{nginx.address}{path}", headers=headers, extensions=extensions, **more)


def stored(bridge):
    """The receipts of what senders posted."""
    listed = bridge.request("GET", "/api/v1/receipts", headers=ADMIN).json()["items"]
    return [one["source"] for one in listed if one["source"] != "bridge"]


def notice(title):
    return {"json": group(alert(title, Priority="P3"))}


def incident(bridge, title):
    """The one incident of a title, once it is there."""

    def found():
        listed = bridge.request("GET", "/api/v1/incidents", headers=ADMIN).json()["items"]
        return next((one["id"] for one in listed if one["title"] == title), None)

    return eventually(found)


def test_nginx_finds_no_fault_with_the_example(nginx):
    done = nginx.check()
    assert done.returncode == 0, done.stderr
    # that only root can change the user is a matter of who runs this test
    assert [line for line in done.stderr.splitlines() if "[warn]" in line and '"user"' not in line] == []


def test_the_example_holds_no_secret_and_names_every_file_in_one_folder():
    text = EXAMPLE.read_text("utf-8")
    files = re.findall(r"^\s*(?:ssl_\w+|include)\s+(/\S+);", text, re.MULTILINE)
    assert len(files) == 5
    assert all(one.startswith(FOLDER) for one in files)
    assert not any(secret in text for secret in SECRETS.values())


# Senders with a certificate


@pytest.mark.parametrize("path", ["/webhooks/grafana", "/webhooks/grafana/"])
def test_a_sender_with_a_certificate_is_let_in(place, pair, path):
    nginx, _, sandbox = place
    title = f"came with a certificate {path.count('/')}"
    answer = ask(nginx, SENDERS, "POST", path, pair=pair, **notice(title))
    assert answer.status_code == 202
    assert list(answer.json()) == ["receipt"]
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", title), 30)


def test_chunks_and_large_bodies_come_through(nginx, pair, bridge):
    before = len(stored(bridge))
    chunks = (b"x" * 1000 for _ in range(3))
    assert ask(nginx, SENDERS, "POST", "/webhooks/grafana", pair=pair, content=chunks).status_code == 202
    large = b"x" * (16 * 1024 * 1024)
    assert ask(nginx, SENDERS, "POST", "/webhooks/grafana", pair=pair, content=large).status_code == 202
    assert ask(nginx, SENDERS, "POST", "/webhooks/grafana", pair=pair, content=large + b"x").status_code == 413
    assert len(stored(bridge)) == before + 2


def test_a_sender_without_a_certificate_of_our_own_authority_is_refused(nginx, bridge, tmp_path):
    before = stored(bridge)
    for pair in (None, Authority(tmp_path, "strange-ca").issue("grafana"), nginx.authority.issue("no-sender")):
        answer = ask(nginx, SENDERS, "POST", "/webhooks/grafana", pair=pair, **notice("no certificate"))
        assert answer.status_code == 400
        assert "certificate" in answer.text
    assert stored(bridge) == before


def test_the_other_servers_name_leads_past_no_certificate(nginx, bridge):
    before = stored(bridge)
    answer = ask(nginx, SENDERS, "POST", "/webhooks/grafana", sni=PEOPLE, **notice("misdirected"))
    assert answer.status_code == 421
    # a client that names no server gets the first one, and that wants a certificate
    trusted = ssl.create_default_context(cafile=nginx.authority.path)
    trusted.check_hostname = False
    where = urlsplit(nginx.address)
    with socket.create_connection((where.hostname, where.port), 30) as plain, trusted.wrap_socket(plain) as nameless:
        nameless.sendall(f"POST /webhooks/grafana HTTP/1.1\r\nHost: {SENDERS}\r\nContent-Length: 0\r\n\r\n".encode())
        assert nameless.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert stored(bridge) == before


OTHERS = ["/", "/api/v1/incidents", "/metrics", "/healthz", "/webhooks", "/oauth2/sign_in", "/auth/person"]
CLIMBING = ["/webhooks/%2e%2e/api/v1/incidents", "/webhooks/..%2fapi/v1/incidents", "//webhooks/%2e%2e/"]


@pytest.mark.parametrize("path", OTHERS + CLIMBING)
def test_of_the_senders_server_nothing_but_webhooks_is_to_be_had(nginx, pair, path):
    answer = ask(nginx, SENDERS, "GET", path, pair=pair, headers={USER: "root"})
    # nginx itself leads from /webhooks to /webhooks/
    assert answer.status_code in ({301} if path == "/webhooks" else {404})


@pytest.mark.parametrize("sent", [{}, {"X-Bridge-Sender": "wrong"}, {"X-Bridge-Sender": SECRETS["oauth2"]}])
def test_what_passed_nginx_is_known_by_nginxs_own_word(nginx, bridge, pair, sent):
    there = {"headers": sent, **notice("passed")}
    assert ask(nginx, SENDERS, "POST", "/webhooks/grafana", pair=pair, **there).status_code == 202
    # a source of the other server, and one for this machine only
    assert ask(nginx, SENDERS, "POST", "/webhooks/prometheus", pair=pair, **there).status_code == 401
    assert ask(nginx, SENDERS, "POST", "/webhooks/local", pair=pair, **there).status_code == 401
    assert bridge.request("POST", "/webhooks/grafana", **there).status_code == 401


def test_a_real_alertmanager_posts_with_its_certificate(place, pair, tmp_path_factory):
    nginx, _, sandbox = place
    tls = {"ca_file": str(nginx.authority.path), "cert_file": str(pair[0]), "key_file": str(pair[1])}
    url = f"https://{SENDERS}:{urlsplit(nginx.address).port}/webhooks/grafana"
    with Alertmanagers(tmp_path_factory) as alertmanager:
        sender = alertmanager(url, http={"tls_config": tls})
        sender.tell({"alertname": "CameThroughNginx", "severity": "low"})
        assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "CameThroughNginx"), 30)


# Senders with a token


def test_a_sender_with_a_token_is_let_in(place):
    nginx, _, sandbox = place
    answer = ask(nginx, PEOPLE, "POST", "/webhooks/prometheus", headers=TOKEN, **notice("came with a token"))
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "came with a token"), 30)


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer wrong"}, ANNA, {"X-Bridge-Sender": SECRETS["oauth2"]}])
def test_a_sender_without_a_right_token_is_refused(nginx, bridge, sent):
    before = stored(bridge)
    answer = ask(nginx, PEOPLE, "POST", "/webhooks/prometheus", headers=sent, **notice("no token"))
    assert answer.status_code == 401
    assert stored(bridge) == before


@pytest.mark.parametrize("source", ["grafana", "local"])
def test_a_token_is_for_its_own_source_only(nginx, source):
    answer = ask(nginx, PEOPLE, "POST", f"/webhooks/{source}", headers=TOKEN, **notice("another source"))
    assert answer.status_code == 401


# People


def test_a_person_acts_under_the_name_that_the_proxy_says(nginx, bridge):
    bridge.request("POST", "/webhooks/local", **notice("closed through nginx"))
    one = incident(bridge, "closed through nginx")
    page = ask(nginx, PEOPLE, "GET", f"/incidents/{one}", headers={**ANNA, USER: "root"})
    assert page.status_code == 200
    assert "anna@example.com" in page.text
    session = page.headers["Set-Cookie"].partition(";")[0]
    headers = {"Cookie": f"{ANNA['Cookie']}; {session}", "Origin": f"https://{PEOPLE}", USER: "root"}
    form = {"form_token": re.search(r'name="form_token" value="([^"]+)"', page.text)[1]}
    foreign = {**headers, "Origin": "https://evil.test"}
    assert ask(nginx, PEOPLE, "POST", f"/incidents/{one}/close", headers=foreign, data=form).status_code == 403
    assert ask(nginx, PEOPLE, "POST", f"/incidents/{one}/close", headers=headers, data=form).status_code == 303
    whole = bridge.request("GET", f"/api/v1/incidents/{one}", headers=ADMIN).json()
    assert (whole["state"], whole["state_reason"]) == ("closed", "closed by anna@example.com")
    assert "by anna@example.com" in [entry["why"] for entry in whole["timeline"]]


FORGED = [[(USER, "root")], [(USER.lower(), "root"), (USER, "root")], [("X_Forwarded_User", "root")]]


@pytest.mark.parametrize("forged", FORGED)
def test_a_name_from_outside_counts_for_nothing(nginx, forged):
    for path in ("/", "/api/v1/incidents"):
        # of a machine's cookie oauth2-proxy says no name
        assert ask(nginx, PEOPLE, "GET", path, headers=NAMELESS, doubled=forged).status_code == 401
    assert ask(nginx, PEOPLE, "GET", "/api/v1/incidents", doubled=forged).status_code == 401
    shown = ask(nginx, PEOPLE, "GET", "/", headers=ANNA, doubled=forged).text
    assert "anna@example.com" in shown
    assert "root" not in shown


def test_nobody_goes_without_a_name_by_the_admin_token(nginx, bridge):
    assert bridge.request("GET", "/api/v1/incidents", headers=ADMIN).status_code == 200
    assert ask(nginx, PEOPLE, "GET", "/api/v1/incidents", headers=ADMIN).status_code == 401
    shown = ask(nginx, PEOPLE, "GET", "/", headers={**ANNA, **ADMIN}).text
    assert "anna@example.com" in shown


def test_who_is_not_signed_in_is_led_to_the_form_and_back(nginx):
    answer = ask(nginx, PEOPLE, "GET", "/quarantine")
    port = urlsplit(nginx.address).port
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"https://{PEOPLE}:{port}/oauth2/start?rd=/quarantine"
    form = ask(nginx, PEOPLE, "GET", "/oauth2/start?rd=/quarantine")
    assert (form.status_code, form.text) == (200, "the form, then rd=/quarantine")


def test_a_script_that_is_not_signed_in_is_told_so(nginx):
    for sent in ({}, TOKEN):
        assert ask(nginx, PEOPLE, "GET", "/api/v1/incidents", headers=sent).status_code == 401
    assert ask(nginx, PEOPLE, "GET", "/api/v1/incidents", headers=ANNA).status_code == 200


@pytest.mark.parametrize("path", ["/auth/person", "/auth/sender", "/webhooks/%2e%2e/auth/person"])
def test_what_nginx_asks_itself_nobody_else_can_ask(nginx, path):
    assert ask(nginx, PEOPLE, "GET", path, headers=ANNA).status_code == 404


def test_nobody_is_let_in_while_there_is_nobody_to_ask(tmp_path):
    with socket.socket() as silent:
        # bound but not listening: who connects is refused, and nobody else takes the port
        silent.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{silent.getsockname()[1]}"
        with Nginx(tmp_path, bridge=nobody, person=nobody, sender=nobody) as nginx:
            # a 5xx, which Alertmanager sends again
            assert ask(nginx, PEOPLE, "POST", "/webhooks/prometheus", headers=TOKEN, content=b"{}").status_code == 500
            assert ask(nginx, PEOPLE, "GET", "/", headers=ANNA).status_code == 500
