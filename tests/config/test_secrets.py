"""References are kept, shown as references, and read when they are used."""

from __future__ import annotations

import copy
import pickle

import pytest

from bridge.config.secrets import Hidden, MissingSecretError, Secret, resolve, resolve_all, secrets_in


def test_a_secret_shows_its_references_only():
    secret = Secret("Bearer hunter2 ${env:A} ${file:b}")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", str([secret]), "%s" % secret):  # noqa: UP031 - every way to show it
        assert "hunter2" not in shown
        assert "${env:A} ${file:b}" in shown
    assert secret.references == ("${env:A}", "${file:b}")
    assert secret.text.startswith("Bearer")


def test_a_secret_stays_one_when_filled_in_copied_and_pickled(tmp_path):
    secret = Secret("${file:keys/{team}}", tmp_path)
    filled = secret.replace("{team}", "sre")
    for one in (filled, copy.deepcopy(filled), pickle.loads(pickle.dumps(filled))):
        assert isinstance(one, Secret)
        assert (one.text, one.folder) == ("${file:keys/sre}", tmp_path)


def test_reading(tmp_path):
    (tmp_path / "key").write_text("from file\n\n")
    env = {"A": "from env\n"}
    assert resolve(Secret("${env:A}"), env) == "from env"
    assert resolve(Secret("<${file:key}|${env:A}>", tmp_path), env) == "<from file|from env>"
    assert resolve(f"${{file:{tmp_path}/key}}", env) == "from file"
    assert resolve("plain", {}) == "plain"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("${env:NOT_SET}", "the environment variable NOT_SET isn't set"),
        ("${env:EMPTY}", "the environment variable EMPTY is empty"),
        ("${env:no-name}", "the environment variable of a reference has a name that can't be"),
        ("${file:none}", "the file none isn't there"),
        ("${file:.}", "the file . can't be read"),
        ("${file:empty}", "the file empty is empty"),
        ("${file:binary}", "the file binary can't be read"),
    ],
)
def test_what_is_missing_is_named(tmp_path, reference, told):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(MissingSecretError) as caught:
        resolve(Secret(reference, tmp_path), {"EMPTY": "", "OTHER": "hunter2"})
    assert str(caught.value) == told
    assert caught.value.__cause__ is None


def test_paths_for_teams_that_are_not_configured(tmp_path):
    secret = Secret("${file:keys/{team}:-keys/default}", tmp_path)
    assert secret.placeholders == {"team"}
    assert secret.otherwise().text == "${file:keys/default}"
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "sre").write_text("sre's")
    assert resolve(secret.replace("{team}", "sre"), {}) == "sre's"


def test_secrets_are_found_and_read_however_deep():
    settings = {"a": Secret("${env:A}"), "b": {"c": [Secret("${env:B}"), "x"]}, "d": 3}
    assert [str(secret) for secret in secrets_in(settings)] == ["${env:A}", "${env:B}"]
    assert resolve_all(settings, {"A": "1", "B": "2"}) == {"a": "1", "b": {"c": ("2", "x")}, "d": 3}


def test_a_hidden_value_hides():
    hidden = Hidden("hunter2")
    assert "hunter2" not in f"{hidden} {hidden!r}"
    assert hidden.reveal() == "hunter2"
