"""Any JSON to the control service, as a ticket and as other commands."""

import json

from hypothesis import strategies as st

from tests.fuzz.fuzzing import fuzz

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.text(max_size=20), st.just("\ud800\0")
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)
URLS = st.one_of(
    st.sampled_from(
        ["file:///etc/passwd", "file:///", "file://", "nbd:unix:/x", "nbd:a:1", "nbd:[::1]:1:exportname=\0", "https://a:1/images/x"]
    ),
    st.sampled_from(["file:///%00", "file:///dev/null", "file:///../..", "http://[", "https://a:99999/images/x", "nbd://", "FILE:///x"]),
    st.text("file:/nbdhtps%0.[]@?#\0é", max_size=30),
)
FIELDS = {
    "uuid": st.one_of(st.text(max_size=10), ANYTHING),
    "size": st.one_of(st.integers(0, 1 << 64), ANYTHING),
    "ops": st.one_of(st.lists(st.sampled_from(["read", "write", "x"]), max_size=3), ANYTHING),
    "timeout": st.one_of(st.integers(0, 1000), ANYTHING),
    "url": st.one_of(URLS, ANYTHING),
    "inactivity_timeout": st.one_of(st.integers(1, 100), ANYTHING),
    "transfer_id": ANYTHING,
    "filename": st.one_of(st.text(max_size=10), ANYTHING),
    "sparse": ANYTHING,
    "dirty": ANYTHING,
    "journal": ANYTHING,
}
ALMOST = st.fixed_dictionaries(
    {name: FIELDS[name] for name in ("uuid", "size", "ops", "timeout", "url")}, optional={name: FIELDS[name] for name in [*FIELDS][5:]}
)
BODIES = st.one_of(
    st.one_of(ALMOST, ANYTHING).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=50),
    st.integers(1, 60_000).map(lambda depth: b"[" * depth),
    st.integers(1, 10_000).map(lambda depth: b'{"uuid":' * depth + b"1" + b"}" * depth),
    st.integers(1, 60_000).map(lambda digits: b'{"uuid": "t", "size": ' + b"9" * digits + b"}"),
)
COMMANDS = st.sampled_from(
    [
        *(b"PUT /tickets/t", b"PATCH /tickets/ticket", b"PUT /tickets/", b"POST /tickets/t", b"PUT /domains/x", b"PUT /domains/%00"),
        *(b"PUT /domains/x/volumes/y", b"POST /domains/x/volumes/y/verify", b"POST /domains/x/volumes/y/digests", b"PUT /jobs/1"),
    ]
)
FINE = {200, 400, 403, 404, 405, 413}


@fuzz(command=COMMANDS, body=BODIES)
def test_any_json_is_taken_or_refused_in_words(control, command, body):
    [(status, answer)] = control.hears(
        b"%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (command, len(body)) + body
    )

    # A file that is not there, or storage that does not answer, is 500 by the contract: in words, and with its code.
    assert status in FINE or b"\r\nError-Code: no-file\r\n" in answer, answer
    assert control.hears(b"GET /tickets HTTP/1.1\r\nConnection: close\r\n\r\n")[0][0] == 200
