"""A host that answers anything: it is an answer with an end, or an error, and no more is kept of it than what came."""

from hypothesis import strategies as st

from imaged import response
from tests.fuzz.fuzzing import fuzz
from tests.imaged.test_response import answering

LINES = st.sampled_from(
    [
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"Content-Length: 99999999999999999999",
        b"content-length:5",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b" folded",
        b"X: \xff\x00",
    ]
)
HEADS = st.builds(
    lambda first, lines: b"\r\n".join([first, *lines]) + b"\r\n\r\n",
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 204", b"HTTP/1.0 500 x", b"HTTP/1.1 100 Continue", b"HTTP/9.9 1"]),
    st.lists(LINES, max_size=3),
)
PIECES = st.sampled_from([b"5\r\n", b"hello", b"\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"\n", b"\0"])
TALK = st.lists(st.one_of(HEADS, PIECES, PIECES, st.binary(max_size=30)), max_size=8).map(b"".join)


@fuzz(head=st.one_of(HEADS, st.just(b"")), talk=TALK, method=st.sampled_from(["GET", "HEAD", "PUT"]))
def test_whatever_a_host_answers_it_ends_or_is_refused(head, talk, method):
    with answering(head + talk) as sock:
        try:
            raw = response.Raw(sock, method)
            body = raw.read()
        except (response.Malformed, response.BrokenOff):
            return

    assert 200 <= raw.status <= 999
    assert len(body) <= len(head + talk)
    assert raw.read() == b"" and raw.readinto(memoryview(bytearray(9))) == 0
