"""Unpacking: known by content, in bounded memory, and ended by a clear error wherever the data is not what it should be."""

import bz2
import functools
import gzip
import io
import lzma
import random
import subprocess
import tracemalloc

import pytest

from appliance import errors
from appliance.transfer import unpack

#: Noise, and something that packs well.
DATA = random.Random(5).randbytes(300_000) + bytes(2_000_000) + b"the end"

PACK = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": functools.partial(lzma.compress, preset=0), "zstd": unpack.zstd.compress}


@functools.cache
def packed(kind: str) -> bytes:
    return PACK[kind](DATA)


def unpacker(kind: str, data: bytes, step: int = 1 << 20, **words) -> unpack.Unpacker:
    stream = io.BytesIO(data)
    return unpack.Unpacker(kind, lambda most: stream.read(min(most, step)), **{"limit": 1 << 30, "name": "disk", **words})


def unpacked(kind: str, data: bytes, step: int = 1 << 20, most: int = 1 << 20, **words) -> bytes:
    reader = unpacker(kind, data, step, **words)
    found = []
    while data := reader.read(most):
        assert len(data) <= most
        found.append(data)
    return b"".join(found)


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_what_was_packed_comes_out(kind):
    assert unpack.kind(packed(kind)) == kind
    assert unpacked(kind, packed(kind)) == DATA


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_it_does_not_matter_in_which_pieces_it_comes_or_goes(kind):
    assert unpacked(kind, packed(kind), step=997, most=65_537) == DATA


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_files_behind_each_other_are_one(kind):
    for step in (1, 1 << 20):
        assert unpacked(kind, PACK[kind](b"one, ") + PACK[kind](b"") + PACK[kind](b"two"), step=step) == b"one, two"


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_zeros_may_follow(kind):
    assert unpacked(kind, PACK[kind](b"image") + bytes(4096), step=100) == b"image"


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_nothing_can_be_packed(kind):
    assert unpacked(kind, PACK[kind](b"")) == b""


@pytest.mark.parametrize("kind", unpack.KINDS)
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_told(kind, share):
    with pytest.raises(errors.ArchiveTruncated, match=f"ends in the middle of its {kind} data"):
        unpacked(kind, packed(kind)[: int(len(packed(kind)) * share)])


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_a_second_part_that_was_cut_off_is_told(kind):
    with pytest.raises(errors.ArchiveTruncated):
        unpacked(kind, PACK[kind](b"one") + PACK[kind](b"two")[:-3])


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_a_bit_that_was_turned_is_noticed(kind):
    damaged = bytearray(packed(kind))
    damaged[len(damaged) // 2] ^= 4

    with pytest.raises(errors.ArchiveDamaged):
        unpacked(kind, bytes(damaged))


def test_zstd_with_a_dictionary_that_nobody_has_here_is_told():
    raw = unpack.zstd.ZstdDict(b"a dictionary of words" * 10, is_raw=True)
    words = [f"a line of words, number {number} of many\n".encode() * 3 for number in range(200)]
    trained = unpack.zstd.finalize_dict(raw, words, 1024, 3)

    with pytest.raises(errors.UnknownCompression, match="packed as zstd with a dictionary of its own"):
        unpack.kind(unpack.zstd.compress(DATA, zstd_dict=trained), "disk.zst")


def test_a_bit_that_was_turned_is_noticed_by_the_checksum_of_zstd():
    damaged = bytearray(unpack.zstd.compress(DATA, options={unpack.zstd.CompressionParameter.checksum_flag: 1}))
    damaged[len(damaged) // 2] ^= 4

    with pytest.raises(errors.ArchiveDamaged):
        unpacked("zstd", bytes(damaged))


@pytest.mark.parametrize("kind", unpack.KINDS)
@pytest.mark.parametrize("kept", [6, 20])
def test_a_head_with_noise_behind_it_is_damaged(kind, kept):
    with pytest.raises((errors.ArchiveDamaged, errors.ArchiveMemory, errors.ArchiveTruncated)):
        unpacked(kind, packed(kind)[:kept] + random.Random(1).randbytes(100_000))


@pytest.mark.parametrize("kind", unpack.KINDS)
@pytest.mark.parametrize("rest", [b"x", b"some other file", b"\0\0x", b"PK\x03\x04", b"\xff" * 100])
def test_what_lies_behind_is_refused(kind, rest):
    with pytest.raises(errors.ArchiveTrailing):
        unpacked(kind, PACK[kind](b"image") + rest)


def test_another_kind_behind_is_refused():
    with pytest.raises(errors.ArchiveTrailing):
        unpacked("gzip", gzip.compress(b"one") + bz2.compress(b"two"))


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_a_bomb_ends_at_the_limit_and_takes_no_memory(kind):
    bomb = PACK[kind](bytes(20 << 20))
    reader = unpacker(kind, bomb, limit=10 << 20)
    tracemalloc.start()

    with pytest.raises(errors.ArchiveTooLarge, match=r"10\.0 MiB"):
        while reader.read():
            pass

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bomb) < 1 << 20 and peak < 10 << 20


@pytest.mark.parametrize("kind", unpack.KINDS)
def test_what_is_as_large_as_the_limit_is_taken(kind):
    assert unpacked(kind, packed(kind), limit=len(DATA)) == DATA
    with pytest.raises(errors.ArchiveTooLarge):
        unpacked(kind, packed(kind), limit=len(DATA) - 1)


def test_a_dictionary_that_takes_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(unpack, "MEMORY", 1 << 20)

    with pytest.raises(errors.ArchiveMemory, match=r"1\.00 MiB"):
        unpacked("xz", lzma.compress(b"x", preset=6))


def test_a_window_that_takes_too_much_memory_is_refused():
    # A frame without its size, whose window is 2 GiB: one byte in its head tells.
    with pytest.raises(errors.ArchiveMemory):
        unpacked("zstd", b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + b"\x01\0\0")


@pytest.mark.parametrize(
    ("magic", "named"),
    [
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07\x01\0", "rar"),
        (b"Rar!\x1a\x07\0", "rar"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x1f\x9d\x90", "compress"),
        (b"LZIP\x01", "lzip"),
        (b"\x89LZO\0\r\n\x1a\n", "lzop"),
        (b"\x5d\0\0\x80\0", "lzma"),
        (bytes(257) + b"ustar\0", "tar"),
        (bytes(257) + b"ustar  \0", "tar"),
    ],
)
def test_what_is_not_unpacked_here_is_refused_by_its_name(magic, named):
    with pytest.raises(errors.UnknownCompression, match=rf"disk is packed as {named}"):
        unpack.kind(magic + bytes(600), "disk")


@pytest.mark.parametrize("head", [b"", b"QFI\xfb\0\0\0\3", bytes(1 << 15) + b"\1CD001", b"\x1f", b"BZ", b"KDMV", bytes(510) + b"\x55\xaa"])
def test_what_is_not_packed_is_not(head):
    assert unpack.kind(head) is None


def test_a_zstd_file_may_begin_with_what_is_to_be_skipped():
    data = b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + PACK["zstd"](b"image")

    assert unpack.kind(data) == "zstd"
    assert unpacked("zstd", data) == b"image"


def size(kind: str, data: bytes) -> int | None:
    return unpack.unpacked_size(kind, data[: 1 << 20], len(data), lambda start, end: data[start:end])


def test_zstd_tells_its_size_in_its_head():
    assert size("zstd", packed("zstd")) == len(DATA)


def test_a_zstd_stream_does_not_know_its_size():
    compressor = unpack.zstd.ZstdCompressor()
    stream = compressor.compress(DATA) + compressor.flush()

    assert size("zstd", stream) is None
    assert size("zstd", b"\x28\xb5") is None
    assert size("zstd", b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + packed("zstd")) is None


def test_xz_tells_its_size_at_its_end():
    assert size("xz", packed("xz")) == len(DATA)


def test_xz_of_many_blocks_tells_its_size_too(tmp_path):
    file = tmp_path / "disk"
    file.write_bytes(DATA)
    made = subprocess.run(["xz", "--stdout", "--block-size=100KiB", file], capture_output=True, check=True).stdout

    assert size("xz", made) == len(DATA)
    assert unpacked("xz", made) == DATA


@pytest.mark.parametrize("change", ["two streams", "padded", "footer", "index", "short", "no tail"])
def test_xz_whose_end_does_not_tell_is_of_unknown_size(change):
    data = packed("xz")
    match change:
        case "two streams":
            data = data + lzma.compress(b"more")
        case "padded":
            data = data + bytes(4)
        case "footer":
            data = data[:-5] + b"x" + data[-4:]
        case "index":
            data = data[:-16] + b"xxxx" + data[-12:]
        case "short":
            data = data[:16]

    assert (unpack.unpacked_size("xz", data, len(data)) if change == "no tail" else size("xz", data)) is None


def test_what_gzip_and_bzip2_say_of_their_size_is_not_believed():
    assert size("gzip", packed("gzip")) is None
    assert size("bzip2", packed("bzip2")) is None
