import pytest

from bridge.destinations.http import Http
from bridge.destinations.proxies import Proxy, proxy_for

NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("named", "proxy"),
    [
        ("http://proxy.example:3128", Proxy("proxy.example", 3128, secure=False, opens="")),
        ("http://proxy.example", Proxy("proxy.example", 80, secure=False, opens="")),
        ("https://proxy.example/", Proxy("proxy.example", 443, secure=True, opens="")),
        ("proxy.example:3128", Proxy("proxy.example", 3128, secure=False, opens="")),
        ("http://[::1]:3128", Proxy("::1", 3128, secure=False, opens="")),
        ("http://me:p%40ss@proxy.example:1", Proxy("proxy.example", 1, secure=False, opens="Basic bWU6cEBzcw==")),
        ("http://me@proxy.example:1", Proxy("proxy.example", 1, secure=False, opens="Basic bWU6")),
    ],
)
def test_proxies_as_they_are_named(monkeypatch, named, proxy):
    monkeypatch.setenv("HTTPS_PROXY", named)
    assert proxy_for("slack.com", 443) == proxy


@pytest.mark.parametrize("named", ["socks5://secret@proxy:1", "ftp://proxy", "http://", "http://proxy:port"])
def test_a_proxy_that_can_not_be_used_is_refused_unseen(monkeypatch, named):
    monkeypatch.setenv("HTTPS_PROXY", named)
    with pytest.raises(ValueError, match="HTTPS_PROXY") as raised:
        Http("https://slack.com")
    assert "secret" not in str(raised.value)


def test_which_variable_holds(monkeypatch):
    assert proxy_for("slack.com", 443) is None
    monkeypatch.setenv("HTTP_PROXY", "http://plain")
    assert proxy_for("slack.com", 443) is None
    monkeypatch.setenv("ALL_PROXY", "http://all")
    assert proxy_for("slack.com", 443).host == "all"
    monkeypatch.setenv("HTTPS_PROXY", "http://upper")
    assert proxy_for("slack.com", 443).host == "upper"
    monkeypatch.setenv("https_proxy", "http://lower")
    assert proxy_for("slack.com", 443).host == "lower"


@pytest.mark.parametrize(
    ("entries", "host", "spared"),
    [
        ("*", "slack.com", True),
        ("other,*", "slack.com", True),
        ("slack.com", "slack.com", True),
        ("slack.com", "hooks.slack.com", True),
        ("slack.com", "xslack.com", False),
        ("SLACK.com", "slack.com", True),
        ("a.b , slack.com ,", "slack.com", True),
        (".slack.com", "hooks.slack.com", True),
        (".slack.com", "slack.com", False),
        ("*.slack.com", "hooks.slack.com", True),
        ("*.slack.com", "slack.com", False),
        ("com", "slack.com", True),
        ("slack.com:443", "slack.com", True),
        ("slack.com:8443", "slack.com", False),
        ("https://slack.com", "slack.com", True),
        ("https://slack.com", "hooks.slack.com", False),
        ("http://slack.com", "slack.com", False),
        ("slack.com/x", "slack.com", False),
        ("localhost", "localhost", True),
        ("localhost", "my.localhost", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "slack.com", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "10.1.2.3", False),
        ("", "slack.com", False),
        ("%%, /, ://, :", "slack.com", False),
    ],
)
def test_what_needs_no_proxy(monkeypatch, entries, host, spared):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", entries)
    assert (proxy_for(host, 443) is None) is spared


def test_what_opens_a_proxy_is_not_shown():
    assert "secret" not in repr(Proxy("proxy.example", 1, secure=False, opens="Basic secret"))
