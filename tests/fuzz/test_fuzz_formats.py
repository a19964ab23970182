"""Any file at all as an image: facts, or a refusal that has words."""

import os
import struct
import tempfile

from hypothesis import strategies as st

from imaged.volumes import errors, formats, inspectors
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


ANY = st.one_of(
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
