"""What a compressed body unpacks to, whatever it is made of, and that none of them keeps the process busy."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.web.intake import MOST_MEMBERS, SLICE, TooLargeError, UnpackError, unpack

EMPTY = gzip.compress(b"", mtime=0)
LIMIT = 16 * 1024 * 1024
DENSE = bytes(range(256)) * 8
"""Bytes that stay as many when they are not compressed, so that a member ends wherever a test wants it to."""


def test_a_body_of_very_many_empty_members_is_none():
    assert len(EMPTY) == 20
    with pytest.raises(UnpackError):
        unpack(EMPTY * 100_000, "gzip", LIMIT)
    with pytest.raises(UnpackError):
        unpack(EMPTY * (LIMIT // 20), "gzip", LIMIT)


def test_as_many_members_as_anybody_means_are_one_body():
    assert unpack(gzip.compress(b"x", mtime=0) * MOST_MEMBERS, "gzip", LIMIT) == b"x" * MOST_MEMBERS


@given(st.lists(st.tuples(st.integers(0, 3 * SLICE), st.sampled_from([0, 1, 20, SLICE, 2 * SLICE + 7])), min_size=1))
def test_members_and_the_padding_between_them_may_end_anywhere(members):
    whole = [(DENSE * (size // len(DENSE) + 1))[:size] for size, _ in members]
    sent = b"".join(
        gzip.compress(one, 0, mtime=0) + bytes(padding) for one, (_, padding) in zip(whole, members, strict=True)
    )
    assert unpack(sent, "GZIP", LIMIT) == b"".join(whole)
    with pytest.raises(UnpackError):
        unpack(sent.rstrip(b"\0")[:-9], "gzip", LIMIT)


@pytest.mark.parametrize("sent", [zlib.compress(DENSE), gzip.compress(DENSE)])
def test_a_body_is_as_large_as_it_may_be_and_no_larger(sent):
    assert unpack(sent, "deflate", len(DENSE)) == DENSE
    with pytest.raises(TooLargeError):
        unpack(sent, "deflate", len(DENSE) - 1)


@pytest.mark.parametrize("sent", [b"no gzip", b"\0\0", EMPTY + b"no gzip", EMPTY[:-1]])
def test_what_only_says_it_is_compressed_is_none(sent):
    with pytest.raises(UnpackError):
        unpack(sent, "gzip", LIMIT)
