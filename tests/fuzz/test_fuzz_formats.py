"""Any file at all as an image: facts, or a refusal that has words."""

import os
import struct
import tempfile
import uuid

from hypothesis import strategies as st

from imaged.volumes import errors, formats, inspectors
from imaged.volumes import foreign as foreign_
from imaged.volumes import qcow2 as qcow2_
from tests.fuzz.fuzzing import fuzz

NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 9, 16, 512, 1 << 16, 1 << 20, 1 << 31, 1 << 62, (1 << 64) - 1]), st.integers(0, (1 << 64) - 1)
)


@st.composite
def qcow2(draw):
    """A header of numbers that may be anything, and some of what follows it."""
    words = draw(st.lists(NUMBERS, min_size=12, max_size=12))
    wide = [value & (0xFFFFFFFF if position in (0, 2, 3, 5, 6, 9, 10) else (1 << 64) - 1) for position, value in enumerate(words)]
    wide[0] = draw(st.sampled_from([2, 3, 3, wide[0]]))
    return qcow2_.HEADER.pack(qcow2_.MAGIC, *wide) + draw(st.binary(max_size=200)) + bytes(draw(st.sampled_from([0, 70_000, 200_000])))


@st.composite
def iso(draw):
    """Volume descriptors with random insides behind 16 sectors."""
    sectors = []
    for kind in draw(st.lists(st.sampled_from([0, 1, 2, 255, 7]), min_size=1, max_size=4)):
        sector = bytearray(2048)
        sector[:6] = bytes([kind]) + b"CD001"
        sector[7:39] = draw(st.sampled_from([b"EL TORITO SPECIFICATION".ljust(32, b"\0"), bytes(32), os.urandom(0).ljust(32, b"\xff")]))
        struct.pack_into("<II", sector, 71, draw(NUMBERS) & 0xFFFFFFFF, draw(NUMBERS) & 0xFFFFFFFF)
        struct.pack_into("<I", sector, 80, draw(NUMBERS) & 0xFFFFFFFF)
        sectors.append(bytes(sector))
    boot = draw(st.binary(max_size=60)).ljust(510, b"\0") + draw(st.sampled_from([b"\x55\xaa", b"\0\0"]))
    return boot.ljust(16 * 2048, b"\0") + b"".join(sectors) + draw(st.binary(max_size=100))


@st.composite
def foreign(draw):
    """The beginning of another program's disk, with random numbers where its own stand."""
    magic, place, length = draw(
        st.sampled_from([(b"KDMV", 0, 512), (b"\x7f\x10\xda\xbe", 0x40, 512), (b"conectix", 0, 512), (b"vhdxfile", 0, 1 << 20)])
    )
    data = bytearray(length)
    data[place : place + len(magic)] = magic
    if magic == b"KDMV":
        struct.pack_into("<IIQQQQIQQ", data, 4, 1, 3, draw(NUMBERS), 128, 1, 20, 512, 21, draw(NUMBERS))
        data += draw(st.lists(st.sampled_from(VMDK_LINES), max_size=6).map(b"\n".join)).ljust(20 * 512, b"\0")
    if magic == b"vhdxfile":
        data[0x30000:0x30010] = b"regi" + struct.pack("<III", 0, draw(st.sampled_from([1, 1, 3000])), 0)
        struct.pack_into("<16sQII", data, 0x30010, VHDX_METADATA, draw(st.sampled_from([0x40000, draw(NUMBERS)])), 65536, 1)
        data[0x40000:0x4000C] = b"metadata\0\0" + struct.pack("<H", draw(st.sampled_from([1, 2, 5000])))
        struct.pack_into("<16sI", data, 0x40020, foreign_.VHDX_FILE_PARAMETERS, draw(NUMBERS) & 0xFFFFFFFF)
    for _ in range(draw(st.integers(0, 4))):
        struct.pack_into("<I", data, 4 * draw(st.integers(16, 127)), draw(NUMBERS) & 0xFFFFFFFF)
    return bytes(data) + draw(st.binary(max_size=600)) + draw(st.sampled_from([b"", bytes(4096), b"conectix" + bytes(504)]))


VMDK_LINES = [
    b'createType="monolithicSparse"',
    b'CREATETYPE="streamOptimized"',
    b'RW 4 SPARSE "a"',
    b'RW 4 FLAT "/etc/passwd" 0',
    b'parentFileNameHint="/etc/passwd"',
    b"\xff",
    b"# text",
]
VHDX_METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le


ANY = st.one_of(
    foreign(),
    qcow2(),
    iso(),
    st.binary(max_size=600),
    st.tuples(st.sampled_from(inspectors.MAGICS), st.binary(max_size=600)).map(lambda p: p[0][1] + p[1]),
)


@fuzz(data=ANY, declared=st.sampled_from(formats.FORMATS))
def test_any_file_has_facts_or_is_refused(data, declared):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            facts = formats.inspect(file.fileno(), declared, 1 << 46)
        except errors.Rejected as rejected:
            assert rejected.code and str(rejected)
        else:
            assert facts.format == declared
            assert 0 < facts.virtual_size <= 1 << 46
            assert facts.actual_size == len(data)
        qcow2_.virtual_size(file.fileno())


@fuzz(data=ANY)
def test_any_file_is_known_or_refused(data):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            facts, _ = formats.examine(file.fileno(), 1 << 46)
        except errors.Rejected as rejected:
            assert rejected.code and str(rejected)
        else:
            assert facts.format in (*formats.FORMATS, *formats.FOREIGN)
            assert 0 < facts.virtual_size <= 1 << 46
            assert b"/etc/passwd" not in data or facts.format == "raw"
