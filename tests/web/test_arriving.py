"""Where a request ends, whatever the pieces it comes in."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.web.arriving import LONGEST_HEAD, Arriving

MOST = 100_000
HEAD = b"POST /webhooks/grafana HTTP/1.1\r\nHost: bridge\r\n"
bodies = st.binary(max_size=300)


def of_length(body):
    return HEAD + b"content-LENGTH:  %d\r\n\r\n" % len(body) + body


@st.composite
def chunked(draw):
    parts = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    extra = draw(st.sampled_from([b"", b";a=b", b" ;c"]))
    trailer = draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nX-More: 0\r\n"]))
    chunks = b"".join(b"%X%s\r\n%s\r\n" % (len(part), extra, part) for part in parts)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


def feed(sent, cuts):
    """What each piece is answered."""
    arriving = Arriving(MOST)
    at = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    said = [arriving.feed(sent[start:end]) for start, end in pairwise(at)]
    return said, arriving


@given(st.one_of(bodies.map(of_length), chunked(), st.just(HEAD + b"\r\n")), st.lists(st.integers(0, 2000)))
def test_it_is_there_with_its_last_byte_and_not_before(sent, cuts):
    said, arriving = feed(sent, cuts)
    assert said == [False] * (len(said) - 1) + [True]
    assert arriving.whole
    assert arriving.bytes == sent


@given(st.one_of(bodies.map(of_length), chunked()), st.binary(min_size=1))
def test_what_comes_behind_it_does_no_harm(sent, more):
    said, arriving = feed(sent + more, [])
    assert said == [True]
    assert arriving.whole


@given(st.binary(max_size=500), st.lists(st.integers(0, 500)), st.booleans())
def test_garbage_is_handed_on_or_waited_for_and_never_fails(rest, cuts, in_chunks):
    head = b"Transfer-Encoding: chunked\r\n\r\n" if in_chunks else b""
    feed(HEAD + head + rest, cuts)


def test_what_is_too_large_is_handed_on_at_once():
    arriving = Arriving(MOST)
    assert arriving.feed(HEAD + b"Content-Length: %d\r\n\r\n" % (MOST * 2))
    assert not arriving.whole
    arriving = Arriving(MOST)
    assert not arriving.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFF\r\n")
    assert arriving.feed(b"x" * MOST)
    assert not arriving.whole


def test_a_head_that_does_not_end_is_known():
    arriving = Arriving(MOST)
    assert not arriving.feed(HEAD)
    assert arriving.feed(b"X: " + b"x" * LONGEST_HEAD)
    assert arriving.endless


def test_what_is_no_chunk_is_handed_on():
    for odd in (b"zz\r\n", b"-5\r\n", b"\r\n", b"1" * 300, b"F" * 17 + b"\r\n"):
        arriving = Arriving(MOST)
        assert arriving.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + odd), odd
        assert not arriving.whole


def test_a_size_may_be_written_long():
    said, arriving = feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0000000000000002\r\n{}\r\n000000000\r\n\r\n", [60])
    assert (said, arriving.whole) == ([False, True], True)


def test_chunks_may_take_as_much_again_as_what_is_in_them():
    head, small = HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"8\r\n12345678\r\n"
    arriving = Arriving(MOST)
    assert not arriving.feed(head + small * (MOST // 8 - 20))
    assert arriving.feed(b"0\r\n\r\n")
    assert arriving.whole
    arriving = Arriving(MOST)
    assert arriving.feed(head + small * (MOST // 8))
    assert not arriving.whole


def test_who_waits_to_be_asked_is_known():
    arriving = Arriving(MOST)
    assert not arriving.feed(HEAD + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    assert arriving.expects


def test_of_an_old_protocol_nobody_waits_to_be_asked():
    arriving, head = Arriving(MOST), HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")
    assert not arriving.feed(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert not arriving.expects


def test_a_length_is_read_as_the_parser_reads_it_or_nobody_waits_for_it():
    for length in (b"9" * 19, b"1e3", b"+5", b"five", b"", b"5, 5"):
        said, arriving = feed(HEAD + b"Content-Length: %s\r\n\r\nhello" % length, [])
        assert (said, arriving.whole) == ([True], False), length
    for length in (b"5", b"0005", b"0" * 30 + b"5"):
        said, arriving = feed(HEAD + b"Content-Length: %s\r\n\r\nhello" % length, [20])
        assert (said, arriving.whole) == ([False, True], True), length


def test_a_body_whose_length_nothing_says_is_known_where_no_request_can_follow():
    for how, more, unsaid in (
        (b"Connection: close\r\n", b"{}", True),
        (b"Connection: close\r\n", b"", False),
        (b"Connection: close\r\n", b"\r\n", False),
        (b"Connection: close\r\nContent-Length: 0\r\n", b"{}", False),
        (b"Connection: close\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n{}", False),
        (b"", b"POST / HTTP/1.1\r\n", False),
    ):
        said, arriving = feed(HEAD + how + b"\r\n" + more, [])
        assert (said, arriving.unsaid) == ([True], unsaid), (how, more)


def test_that_nothing_follows_is_known_where_nothing_does():
    for more, last in ((b"", True), (b"POST", False)):
        sent = HEAD + b"connection: Close\r\nContent-Length: 5\r\n\r\nhello" + more
        assert feed(sent, [])[1].last is last
    assert not feed(of_length(b"hello"), [])[1].last
