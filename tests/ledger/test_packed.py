"""Bodies are kept small, and what was ever kept is read."""

import hashlib
import os
import zlib
from pathlib import Path

import pytest

from bridge.ledger.packed import DICTIONARY, NAMED, SMALL, DamagedError, packed, unpacked

PAYLOADS = sorted((Path(__file__).parents[1] / "payloads").glob("*/*.json"))


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * (SMALL + 1), os.urandom(70_000), b'{"alerts":' + b"[" * 9_000])
def test_what_is_packed_comes_out_as_it_went_in(body):
    assert unpacked(*packed(body)) == body


def test_notifications_take_less_than_without_a_dictionary():
    bodies = [path.read_bytes() for path in PAYLOADS]
    for path, body in zip(PAYLOADS, bodies, strict=True):
        encoding, stored = packed(body)
        assert unpacked(encoding, stored) == body
        assert len(stored) <= len(zlib.compress(body, 1)) or len(body) <= SMALL, path.name
    sent = [body for body in bodies if len(body) > SMALL]
    assert sum(len(packed(body)[1]) for body in sent) < 0.85 * sum(len(zlib.compress(body, 1)) for body in sent)


def test_the_dictionary_is_the_one_that_stored_bodies_were_compressed_by():
    # another one needs another name: with a byte of it changed, no body that was stored by it can be read
    assert NAMED == "zlib-dict1"
    assert hashlib.sha256(DICTIONARY).hexdigest() == "6dca8a1bc8b0b32258dda499dd95d346764b2ef605b0558a52f8180506b257ba"


def test_bodies_of_earlier_releases_are_read():
    assert unpacked("zlib", zlib.compress(b"as it was", 1)) == b"as it was"
    assert unpacked("raw", b"as it was") == b"as it was"


@pytest.mark.parametrize("encoding", ["raw", "zlib", NAMED])
def test_a_body_that_was_pruned_is_empty(encoding):
    assert unpacked(encoding, b"") == b""


@pytest.mark.parametrize("encoding", ["zlib", NAMED])
def test_what_is_damaged_is_not_taken_for_what_was_sent(encoding):
    body = PAYLOADS[0].read_bytes()
    stored = packed(body)[1] if encoding == NAMED else zlib.compress(body, 1)
    assert unpacked(encoding, stored) == body
    flipped = bytes([*stored[:40], stored[40] ^ 1, *stored[41:]])
    for damaged in (stored[:-1], stored[:-6], stored[: len(stored) // 2], stored[:1], stored + b"junk", flipped):
        with pytest.raises(DamagedError, match="its body is damaged where it is stored"):
            unpacked(encoding, damaged)


def test_what_a_newer_release_stored_is_not_guessed_at():
    with pytest.raises(DamagedError, match="'zlib-dict2', which this release can't read"):
        unpacked("zlib-dict2", b"whatever")
