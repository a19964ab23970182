"""Anything at all where images are imported from: understood in one way, or refused in words; and never a private address."""

import gzip
import io
import ipaddress
import random

from hypothesis import strategies as st

from appliance import errors
from appliance.transfer import unpack
from appliance.transfer.sources import answers, checksums, guard
from tests.fuzz.fuzzing import fuzz

POLICY = guard.Policy(ports=(range(1, 65536),))
PIECES = (
    *("http://", "https://", "file://", "//", "/", "\\", "@", ":", "#", "?", "[", "]", "%", "..", ".", "user:secret@", "%2e", "%00"),
    *(
        "127.0.0.1",
        "2130706433",
        "0x7f",
        "0177",
        "::1",
        "::ffff:",
        "1.2.3.4",
        "example.org",
        "bücher",
        "①",
        "。",
        "\u202e",
        "\0",
        " ",
        "\n",
        ":80",
        ":0",
    ),
)
URLS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(("a" * 64, "SHA256 (", ") = ", "  ", " *", "\\", "\n", "disk.img", "/", "%41")), max_size=12).map("".join),
)
PACKED = [pack(random.Random(1).randbytes(2000) + bytes(2000)) for pack in (gzip.compress, unpack.zstd.compress)]


@fuzz(url=URLS)
def test_any_url_is_one_target_or_refused(url):
    for read in (lambda: guard.parse(url, POLICY), lambda: guard.onward(guard.parse("https://example.org/a", POLICY), url, POLICY)):
        try:
            target = read()
        except errors.ApplianceError as error:
            assert "secret" not in error.sentence
        else:
            assert guard.parse(target.origin + target.path, POLICY) == target
            assert "secret" not in target.origin and target.path.isascii() and not set(target.path) & set("\r\n\0 #")


@fuzz(number=st.integers(0, (1 << 128) - 1))
def test_any_address_is_public_or_refused(number):
    for address in (ipaddress.IPv6Address(number), ipaddress.IPv4Address(number & 0xFFFFFFFF)):
        try:
            guard.check("x", address, POLICY)
        except errors.AddressRefused:
            continue
        assert not (address.is_private and not address.is_global) or (address.version == 6 and guard._within(address))
        assert not (address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local)


@fuzz(text=TEXTS)
def test_any_text_is_a_checksum_or_refused_and_becomes_a_name(text):
    try:
        assert len(checksums.given(text)) == 64
    except errors.BadChecksum as error:
        assert error.sentence
    assert checksums.find(text, "disk.img", own=True) in (None, "a" * 64)
    name = answers.tidy(text)
    assert len(name) <= answers.MAX_NAME and not set(name) & set("/\\\0\n\x1b") and name not in (".", "..")


@fuzz(which=st.sampled_from(PACKED), at=st.integers(0, 5000), data=st.binary(max_size=40), cut=st.integers(0, 5000))
def test_anything_packed_is_unpacked_or_refused(which, at, data, cut):
    damaged = (which[:at] + data + which[at + len(data) :])[:cut]
    try:
        kind = unpack.kind(damaged) or "gzip"
        reader = unpack.Unpacker(kind, io.BytesIO(damaged).read, limit=10_000)
        while reader.read(1000):
            pass
    except errors.ApplianceError as error:
        assert error.sentence
    end = damaged + b"YZ"
    assert (unpack.unpacked_size("xz", b"", len(end), lambda start, stop: end[start:stop]) or 0) >= 0
    assert (unpack.unpacked_size("zstd", damaged) or 0) >= 0
