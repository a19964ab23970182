"""Any bytes at all to the images service: it says no in words, or closes, and goes on."""

from hypothesis import strategies as st

from tests.fuzz.fuzzing import fuzz

#: What HTTP is made of, right and wrong.
WORDS = [
    *(b"GET", b"PUT", b"PATCH", b"POST", b"DELETE", b"OPTIONS", b"HEAD", b"CONNECT", b"TRACE", b"get", b"G\xc3\x84T"),
    *(
        b"/images/ticket",
        b"/images/",
        b"/images/ticket/extents",
        b"/images/ticket/checksum",
        b"/images/*",
        b"/info/",
        b"*",
        b"//[",
        b"/%00",
    ),
    *(b"/images/%2e%2e/x", b"/images/\xff", b"http://[/", b"http://a:b/", b"?flush=n", b"?flush=\xff", b"?offset=1&length=5", b"?close=y"),
    *(
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b" HTTP/2.0\r\n",
        b" HTTP/1.1 \r\n",
        b" HTTP/1_0.1\r\n",
        b" HTTP/\xb2.1\r\n",
        b" ",
        b"\r\n",
        b"\n",
    ),
    *(
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length:\r\n",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n"),
    *(b"Connection: Keep-Alive\r\n", b"Content-Range: bytes 0-2/*\r\n", b"Content-Range: bytes */1\r\n", b"Range: bytes=5-\r\n"),
    *(b"Range: bytes=0-0,5-6\r\n", b"Content-Digest: sha-256=:AA==:\r\n", b"Origin: x\r\n", b"Cookie: \xff\r\n", b": b\r\n", b"A\0: b\r\n"),
    *(
        b'{"op": "flush"}',
        b'{"op": "zero", "size": 5}',
        b'{"size":' * 5000,
        b"abc",
        b"5\r\nabcde\r\n0\r\n\r\n",
        b"\0",
        b"\x16\x03\x01\x02\x00\x01",
    ),
]
METHODS = st.sampled_from([b"GET", b"PUT", b"PATCH", b"OPTIONS", b"HEAD", b"DELETE", b"POST"])
TARGETS = st.builds(b"".join, st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=10)), min_size=1, max_size=3))
VALUES = st.one_of(st.binary(max_size=40), st.from_regex(rb"bytes[ =][0-9]{0,22}-[0-9*]{0,22}(/[0-9*]{0,22})?", fullmatch=True))
NAMES = st.sampled_from([b"Range", b"Content-Range", b"Content-Length", b"Content-Digest", b"Expect", b"Transfer-Encoding", b"X-Any"])
HEADERS = st.lists(st.tuples(NAMES, VALUES).map(lambda pair: b"%s: %s\r\n" % pair), max_size=4).map(b"".join)
WELL_FORMED = st.builds(
    lambda method, target, headers, body: b"%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s" % (method, target, headers, body),
    METHODS,
    st.one_of(st.just(b"/images/ticket"), TARGETS),
    HEADERS,
    st.binary(max_size=50),
)
SOUP = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=30)), max_size=15).map(b"".join)
#: Statuses that are no failure: 501 and 505 say that HTTP has more than we speak.
FINE = {100, 200, 204, 206, 400, 403, 404, 405, 408, 411, 413, 414, 416, 501, 505}


@fuzz(data=st.one_of(SOUP, WELL_FORMED, st.lists(WELL_FORMED, min_size=2, max_size=3).map(b"".join), st.binary(max_size=200)))
def test_any_bytes_are_answered_or_closed(images, data):
    answers = images.hears(data)

    assert {status for status, _ in answers} <= FINE, answers


NUMBERS = st.one_of(st.integers(0, 2000).map(str), st.integers(0, 1 << 70).map(str), st.text("0123456789-*+_ ٣.,=/", max_size=8))


@fuzz(
    unit=st.sampled_from(["bytes", "Bytes", "byte", "", "bytes "]),
    glue=st.sampled_from([" ", "=", "", "  "]),
    first=NUMBERS,
    last=NUMBERS,
    size=NUMBERS,
    body=st.binary(max_size=50),
)
def test_any_range_is_answered_by_the_rules(images, unit, glue, first, last, size, body):
    text = f"{unit}{glue}{first}-{last}".encode()
    lines = b"Host: a\r\nRange: %s\r\nContent-Range: %s/%s\r\nContent-Length: %d\r\n\r\n" % (text, text, size.encode(), len(body))

    [read, written] = [images.hears(b"%s /images/ticket HTTP/1.1\r\n" % method + lines + body) for method in (b"GET", b"PUT")]

    status, answer = read[0]
    assert status in {200, 206, 416} or (status == 400 and b"Illegal" in answer)
    if status == 206:
        assert int(first) <= int(last or 999) < 1000
    [(status, answer)] = written
    assert status in {200, 400, 416}
    if status == 200:
        assert int(first) + len(body) <= 1000
