"""An app's tokens: made, shared, renewed in time, asked for anew where refused, and never shown."""

import json
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from destination_kit import DELIVERY, Lane, incident, settings, want
from raw_server import Raw

from bridge.clock import SystemClock
from bridge.core.alert import Priority
from bridge.core.incident import State
from bridge.destinations import github
from bridge.destinations.base import Done, Failed, Fault, Found, Scope
from bridge.destinations.github.app import Installation
from bridge.destinations.github.client import GitHub
from bridge.destinations.http import Http
from bridge.sandbox import Fault as Play
from bridge.sandbox import Sandbox
from bridge.sandbox.github import GitHubDouble
from bridge.sandbox.server import wall_clock

TOKENS = "/app/installations/7/access_tokens"
ISSUES = "/repos/acme/alerts/issues"
SEEN = {"private": False}
TIMES = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
DATE = "Tue, 09 Dec 2025 17:30:00 GMT"


@cache
def key(name):
    """A private key, always the same one for a name."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private(one, locked=None):
    how = pem.BestAvailableEncryption(locked) if locked else pem.NoEncryption()
    return one.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.TraditionalOpenSSL, how).decode()


def public(one):
    return one.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()


def lines_of(text):
    """What of a key would give it away: any line of it."""
    return [line for line in text.replace("\\n", "\n").split("\n") if line and not line.startswith("-----")]


def app(**changes):
    return {"id": "12", "installation": "7", "private_key": private(key("app")), **changes}


def app_settings(url, **values):
    return settings("github", **{"token": None, "app": app(), "api_url": url, **values})


class Later(SystemClock):
    """The machine's clocks, of which the monotonic one is moved by a test."""

    def __init__(self):
        super().__init__()
        self.late = 0.0

    def monotonic(self):
        return super().monotonic() + self.late


class Wrong(Later):
    """A machine whose date is wrong."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def now(self):
        return super().now() + self.by


@pytest.fixture
def sandbox():
    with Sandbox(github=GitHubDouble(wall_clock, app_key=public(key("app")))) as running:
        yield running


@pytest.fixture
def clock():
    return Later()


def client_of(url, clock=None, **changes):
    return GitHub(app_settings(url), Http, Installation(url, app(**changes), clock))


@pytest.fixture
def client(sandbox, clock):
    made = client_of(sandbox.github_url, clock)
    yield made
    made.close()


def opening(**values):
    return github.next_step(want("github", place=SEEN, **values), {})


def send(client, deadline=5.0, ready=lambda: None):
    return client.send(opening(), {}, deadline, ready)


def exchanges(sandbox):
    return len(sandbox.seen("github", TOKENS))


def refuse(sandbox, path, status, message="", headers=None, **more):
    body = json.dumps({"message": message})
    kind = {"Content-Type": "application/json", **(headers or {})}
    sandbox.faults.add(Play("status", path=path, status=status, body=body, headers=kind, **more))


def test_an_issue_lives_by_an_apps_token(sandbox):
    lane = Lane("github", github.connect(app_settings(sandbox.github_url)), api_url=sandbox.github_url)
    lane.tell(incident())
    lane.tell(incident(priority=Priority.P0))
    lane.tell(incident(state=State.RESOLVED, priority=Priority.P0))
    [issue] = sandbox.github.issues("acme/alerts")
    assert (issue.user, issue.state) == ("alert-bridge[bot]", "closed")
    assert exchanges(sandbox) == 1
    [asked] = sandbox.seen("github", TOKENS)
    assert json.loads(asked.body) == {"permissions": {"issues": "write", "metadata": "read"}}


def test_what_is_exchanged_is_a_jwt_of_the_app():
    with Raw(told(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")) as server:
        send(client_of(server.url))
        head = server.received[0].decode()
    [token] = re.findall(r"authorization: Bearer (\S+)", head, re.IGNORECASE)
    claims = jwt.decode(token, public(key("app")), algorithms=["RS256"])
    ago = datetime.now(UTC).timestamp() - claims["iat"]
    assert claims["iss"] == "12"
    assert 55 < ago < 90
    assert claims["exp"] - claims["iat"] <= 600
    assert head.startswith(f"POST {TOKENS} ")


def test_a_token_is_renewed_before_its_end(sandbox, client, clock):
    for late, expected in ((0, 1), (54 * 60, 1), (55 * 60 + 1, 2), (109 * 60, 2), (110 * 60 + 2, 3)):
        clock.late = late
        assert isinstance(send(client), Done)
        assert exchanges(sandbox) == expected, f"after {late} s"
    assert len(sandbox.github.tokens) == 4, "three of the app, beside the personal one"


def told(exchange, issue=b'{"id": 1, "number": 1, "state": "open", "html_url": "u"}'):
    """A script that answers a request for a token so, and any other with an issue."""

    def script(server, connection):
        while got := server.request(connection):
            made = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(issue), issue)
            connection.sendall(exchange if TOKENS.encode() in got.split(b"\r\n")[0] else made)

    return script


def granted(expires_at, date=f"Date: {DATE}\r\n"):
    body = json.dumps({"token": "ghs_planted", **({"expires_at": expires_at} if expires_at else {})})
    return f"HTTP/1.1 201 Created\r\n{date}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "kept", "renewed"),
    [
        (granted("2025-12-09T17:40:00Z"), 290, 301),
        (granted("2025-12-09T17:32:00Z"), 50, 61),
        (granted("2025-12-09T17:40:00Z", date=""), 3290, 3301),
        (granted("soon"), 3290, 3301),
        (granted(None), 3290, 3301),
    ],
    ids=["by GitHub's clock", "a short one", "no Date", "no time", "no end"],
)
def test_when_a_token_ends_is_said_by_githubs_own_clock(clock, answer, kept, renewed):
    with Raw(told(answer)) as server:
        made = client_of(server.url, clock)
        for late, expected in ((0, 1), (kept, 1), (renewed, 2)):
            clock.late = late
            assert isinstance(send(made), Done)
            assert sum(TOKENS.encode() in one for one in server.received) == expected


@pytest.mark.parametrize("age", [0, 60])
def test_a_revoked_token_is_renewed_once(sandbox, client, clock, age):
    send(client)
    clock.late = age
    for token in [name for name in sandbox.github.tokens if name.startswith("ghs_")]:
        del sandbox.github.tokens[token]
    ready = []
    assert isinstance(send(client, ready=lambda: ready.append(1)), Done)
    assert (exchanges(sandbox), len(sandbox.github.issues("acme/alerts"))) == (2, 2)
    assert len(ready) == 2, "asked before each request that may change something"


def test_a_token_that_is_not_known_everywhere_yet_is_given_time(sandbox, client, clock):
    refuse(sandbox, ISSUES, 401, "Bad credentials", count=2)
    for late in (0, 5):
        clock.late = late
        failed = send(client)
        assert (failed.fault, failed.scope, failed.unknown) == (Fault.RETRY, Scope.CHANNEL, False)
    assert isinstance(send(client), Done)
    assert (exchanges(sandbox), len(sandbox.seen("github", ISSUES))) == (1, 3), "it is the same token that ages"


def test_what_a_token_may_do_is_not_known_everywhere_yet_either(sandbox, client):
    refuse(sandbox, ISSUES, 403, "Resource not accessible by integration", count=1)
    failed = send(client)
    assert (failed.fault, failed.scope, failed.unknown) == (Fault.RETRY, Scope.CHANNEL, False)
    assert isinstance(send(client), Done)
    assert exchanges(sandbox) == 1


def test_a_token_is_an_end_that_replaces_a_refused_one_and_is_refused_when_it_is_known(sandbox, client, clock):
    refuse(sandbox, ISSUES, 401, "Bad credentials")
    told = []
    for late in (0, 30, 35, 60):
        clock.late = late
        told.append((send(client), exchanges(sandbox)))
    assert [(failed.fault, made) for failed, made in told] == [
        (Fault.RETRY, 1),
        (Fault.RETRY, 2),
        (Fault.RETRY, 2),
        (Fault.PERMANENT, 2),
    ]
    failed, _ = told[-1]
    assert (failed.scope, failed.unknown) == (Scope.TOKEN, False)
    assert failed.hint == (
        "GitHub takes no token of app 12's installation 7, not even a fresh one: look on the installation's page "
        f"whether it is suspended or was removed, then `bridge replay {DELIVERY}`."
    )


def test_a_token_that_was_taken_is_replaced_as_any_other_when_it_is_refused_later(sandbox, client, clock):
    for late, made in ((0, 1), (60, 2), (120, 3)):
        clock.late = late
        assert isinstance(send(client), Done)
        assert exchanges(sandbox) == made
        refuse(sandbox, ISSUES, 401, "Bad credentials", count=1)


def test_a_replay_after_that_end_goes_by_another_token(sandbox, client, clock):
    refuse(sandbox, ISSUES, 401, "Bad credentials", count=4)
    for late in (0, 30, 60):
        clock.late = late
        failed = send(client)
    assert failed.fault is Fault.PERMANENT
    assert isinstance(send(client), Done)
    assert exchanges(sandbox) == 3


def test_another_apps_key_is_an_end(sandbox):
    failed = send(client_of(sandbox.github_url, private_key=private(key("another"))))
    assert (failed.fault, failed.scope, failed.status) == (Fault.PERMANENT, Scope.TOKEN, 401)
    assert failed.hint == (
        "GitHub does not accept the private key of app 12: correct `app.id`, or make a new private key on the app's "
        f"page and put it into `app.private_key`, then `bridge replay {DELIVERY}`."
    )
    assert [entry.path for entry in sandbox.requests] == [TOKENS]


REFUSALS = {
    "suspended": ((403, "This installation has been suspended"), "look whether it is suspended"),
    "unknown": ((404, "Not Found"), "knows no installation 7 of app 12"),
    "permission": ((422, "The permissions requested are not granted"), "Issues: write"),
    "gone": ((410, "Gone"), "GitHub gave no token for installation 7 of app 12 (HTTP 410)"),
    "elsewhere": ((302, ""), "correct `api_url`"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_exchange_says_what_to_mend(sandbox, client, case):
    (status, message), sentence = REFUSALS[case]
    refuse(sandbox, TOKENS, status, message, {"Location": f"{sandbox.url}/elsewhere"})
    for failed in (send(client), client.find(opening(), {}, datetime.now(UTC), 5.0)):
        assert (failed.fault, failed.scope, failed.unknown) == (Fault.PERMANENT, Scope.TOKEN, False)
        assert sentence in failed.hint
        assert "bridge replay" in failed.hint
    assert {entry.path for entry in sandbox.requests} == {TOKENS}, "no redirect is followed"


PASSING = {
    "500": ({"action": "status", "status": 500}, Fault.RETRY, None),
    "502": ({"action": "status", "status": 502}, Fault.RETRY, None),
    "limited": ({"action": "status", "status": 403, "headers": {"Retry-After": "7"}}, Fault.LIMITED, 7.0),
    "reset": ({"action": "reset"}, Fault.RETRY, None),
    "lost": ({"action": "drop_answer"}, Fault.RETRY, None),
    "garbage": ({"action": "garbage"}, Fault.RETRY, None),
    "garbage json": ({"action": "garbage", "body": '{"token": "a b"}'}, Fault.RETRY, None),
    "hang": ({"action": "hang"}, Fault.RETRY, None),
}


@pytest.mark.parametrize("case", PASSING)
def test_an_exchange_that_fails_leaves_nothing_in_doubt(sandbox, client, case):
    fault, expected, wait = PASSING[case]
    sandbox.faults.add(Play(path=TOKENS, **fault))
    failed = send(client, 0.4 if case == "hang" else 5.0)
    assert (failed.fault, failed.retry_after, failed.unknown) == (expected, wait, False)
    assert sandbox.seen("github", ISSUES) == [], "the deadline is the whole step's"
    sandbox.faults.clear()
    assert isinstance(send(client), Done)


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(minutes=3), timedelta(hours=-1)])
def test_a_machine_whose_date_is_wrong_asks_once_more(sandbox, by):
    clock = Wrong(by)
    made = client_of(sandbox.github_url, clock)
    assert isinstance(send(made), Done)
    assert exchanges(sandbox) == 2
    clock.late = 3_600
    assert isinstance(send(made), Done)
    assert exchanges(sandbox) == 3, "how wrong it is was learned"


def test_a_little_wrong_is_no_trouble(sandbox):
    assert isinstance(send(client_of(sandbox.github_url, Wrong(timedelta(seconds=50)))), Done)
    assert exchanges(sandbox) == 1


def test_times_that_are_refused_twice_are_tried_again_later(sandbox, client):
    refuse(sandbox, TOKENS, 401, TIMES, count=2)
    failed = send(client)
    assert (failed.fault, failed.error, exchanges(sandbox)) == (Fault.RETRY, "jwt_clock", 2)
    assert isinstance(send(client), Done)


class Counting(Later):
    """A clock that says when so many threads have asked it."""

    def __init__(self, number):
        super().__init__()
        self.number = number
        self.threads = set()
        self.all = threading.Event()

    def monotonic(self):
        self.threads.add(threading.get_ident())
        if len(self.threads) >= self.number:
            self.all.set()
        return super().monotonic()


def test_threads_that_need_a_token_together_make_one_exchange():
    clock = Counting(4)
    script = told(granted(None))

    def patient(server, connection):
        clock.all.wait(10)  # until all threads have seen that there is no token yet
        script(server, connection)

    with Raw(patient) as server:
        shared = Installation(server.url, app(), clock)
        outcomes = []

        def work(repo):
            made = GitHub(app_settings(server.url, repo=repo), Http, shared)
            outcomes.append(made.send(opening(repo=repo), {}, 10.0, lambda: None))

        threads = [threading.Thread(target=work, args=(f"acme/{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [type(outcome) for outcome in outcomes] == [Done] * 4, outcomes
        assert sum(TOKENS.encode() in one for one in server.received) == 1


def test_who_waits_for_anothers_exchange_waits_no_longer_than_its_own_deadline():
    asked, go = threading.Event(), threading.Event()
    script = told(granted(None))

    def holding(server, connection):
        asked.set()
        go.wait(10)
        script(server, connection)

    with Raw(holding) as server:
        shared, outcomes = Installation(server.url, app()), []
        first, second = (GitHub(app_settings(server.url), Http, shared) for _ in range(2))
        thread = threading.Thread(target=lambda: outcomes.append(send(first, 10.0)))
        thread.start()
        assert asked.wait(10)
        failed = send(second, 0.2)
        assert failed == Failed(Fault.RETRY, "no token in time", Scope.CHANNEL)
        go.set()
        thread.join(20)
        assert isinstance(outcomes[0], Done)


def test_clients_of_other_repositories_share_a_token(sandbox):
    repos = ("acme/alerts", "acme/other")
    clients = [github.connect(app_settings(sandbox.github_url, repo=repo)) for repo in repos]
    for repo, made in zip(repos, clients, strict=True):
        assert isinstance(made.send(opening(repo=repo), {}, 5.0, lambda: None), Done)
    assert exchanges(sandbox) == 1
    elsewhere = github.connect(app_settings(sandbox.github_url, app=app(installation="8")))
    assert isinstance(send(elsewhere), Done)
    assert len(sandbox.seen("github", "/app/installations/8/access_tokens")) == 1


def test_a_permission_that_was_given_meanwhile_counts_at_once(sandbox, client, clock):
    send(client)
    clock.late = 60
    refuse(sandbox, ISSUES, 403, "Resource not accessible by integration", count=1)
    assert send(client).error == "resource_not_accessible"
    assert isinstance(send(client), Done)
    assert exchanges(sandbox) == 2


def test_a_lost_answer_is_looked_up_with_the_apps_token(sandbox, client):
    sandbox.faults.add(Play("drop_answer", path=ISSUES, count=1))
    since = datetime.now(UTC)
    assert send(client).unknown
    found = client.find(opening(), {}, since, 5.0)
    assert isinstance(found, Found)
    assert found.remote["number"] == 1


class StaleSenderError(Exception):
    pass


def test_a_stale_sender_is_stopped_after_the_exchange(sandbox, client):
    def stale():
        raise StaleSenderError

    with pytest.raises(StaleSenderError):
        send(client, ready=stale)
    assert sandbox.github.issues("acme/alerts") == []


GOOD = private(key("app"))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.strip(),
        GOOD.replace("\n", "\\n"),
        GOOD.replace("\n", "\r\n"),
        key("app").private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode(),
    ],
    ids=["as a file", "in one line", "from Windows", "PKCS 8"],
)
def test_a_key_is_read_however_it_is_written(sandbox, text):
    assert isinstance(send(client_of(sandbox.github_url, private_key=text)), Done)


UNUSABLE = {
    "nothing": ({"private_key": ""}, "private_key"),
    "cut off": ({"private_key": GOOD[:400]}, "private_key"),
    "no text of a key": ({"private_key": "hunter2-hunter2"}, "private_key"),
    "a public key": ({"private_key": public(key("app"))}, "private_key"),
    "another kind": ({"private_key": private(ec.generate_private_key(ec.SECP256R1()))}, "private_key"),
    "locked": ({"private_key": private(key("app"), b"hunter2")}, "passphrase"),
    "no number": ({"installation": "7/../8"}, "installation"),
    "no id": ({"id": ""}, "app.id"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_can_not_be_used_is_named_and_not_shown(case):
    changes, named = UNUSABLE[case]
    with pytest.raises(ValueError, match=named) as raised:
        github.connect(app_settings("https://github.test", app=app(**changes)))
    shown = str(raised.value)
    assert not [line for line in lines_of(str(changes.get("private_key") or "x" * 99)) if line in shown]
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_neither_key_nor_token_shows(sandbox, client):
    installation = Installation(sandbox.github_url, app())
    shown = [repr(client), str(vars(installation)["_key"]), repr(installation), repr(app_settings("https://x.test"))]
    refuse(sandbox, ISSUES, 401, "Bad credentials", count=2)
    refuse(sandbox, ISSUES, 404, count=1)
    shown += [repr(send(client)) for _ in range(3)]
    secrets = [*lines_of(GOOD), "ghs_", "eyJ"]
    assert not [secret for secret in secrets if secret in "".join(shown)]


TRACEBACK = """
import sys
from bridge.config.environ import Environ
from bridge.destinations import github
from bridge.destinations.base import Intent, Settings, Step
from bridge.log import log, set_up
from bridge.sandbox import Sandbox

set_up(Environ(log_format=sys.argv[1]))

def broken():
    raise RuntimeError("broken on purpose")

with Sandbox() as sandbox:
    app = {"id": "12", "installation": "7", "private_key": sys.stdin.read()}
    client = github.connect(Settings("github", "github", {"app": app, "repo": "a/b", "api_url": sandbox.github_url}))
    try:
        client.send(Step(Intent.OPEN, 1, "GET repo", {}, {}, path="/repos/a/b"), {}, 5.0, broken)
    except RuntimeError as error:
        log.error("broke", exc_info=error)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_traceback_in_a_log_shows_a_secret(form):
    command = [sys.executable, "-c", TRACEBACK, form]
    done = subprocess.run(command, input=GOOD, capture_output=True, text=True, check=True)
    assert "broken on purpose" in done.stderr
    assert not [secret for secret in [*lines_of(GOOD), "ghs_", "eyJ"] if secret in done.stderr + done.stdout]


def test_who_has_no_app_does_not_pay_for_it():
    program = """
import sys
from bridge.destinations import KINDS
from bridge.destinations.base import Settings
KINDS["github"].connect(Settings("github", "github", {"token": "ghp_x", "repo": "a/b"}))
assert not {"jwt", "cryptography"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
