"""Eight readers and eight writers on one file: whatever the ranges, as long as they are disjoint, each byte is what was written to it."""

import base64
import contextlib
import hashlib
import itertools
import os
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.imaged.conftest import ask, at_once

SIZE = 6 << 20
#: The image's beginning is cut into many small ranges, the rest into few: those are large enough to be spliced.
SMALL, SMALL_CUTS, LARGE_CUTS = 1 << 20, 80, 16
CREWS = 8


@pytest.fixture(params=["preallocated", "sparse"])
def ticket(request, daemon, image):
    """Of an image that is full of bytes, and allocated; or half of holes."""
    full = request.param == "preallocated"
    image.path.write_bytes(os.urandom(SIZE if full else SIZE // 2))
    os.truncate(image.path, SIZE)
    return daemon.ticket(image, size=SIZE, ops=["read", "write"], sparse=not full)


def pieces(seed: int, aligned: bool) -> list[tuple[int, int]]:
    """The image cut at random places: about a hundred ranges, disjoint, of one byte to a MiB."""
    step, rng = 4096 if aligned else 1, random.Random(seed)
    cuts = rng.sample(range(1, SMALL // step), SMALL_CUTS) + rng.sample(range(SMALL // step, SIZE // step), LARGE_CUTS)
    return list(itertools.pairwise([0, *(cut * step for cut in sorted(cuts)), SIZE]))


def act(daemon, ticket, connection, rng, model, start, end):
    """A write, or a zero, of the range; half of them are read back at once, some flushed. Nobody else touches it."""
    if rng.random() < 0.7:
        model[start:end] = rng.randbytes(end - start)
        query, data = rng.choice(["", "?flush=n"]), bytes(model[start:end])
        headers = {"Content-Range": f"bytes {start}-{end - 1}/*"}
        if rng.random() < 0.3:
            headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
        answer = ask(connection, "PUT", f"/images/{ticket}{query}", headers, data)
    else:
        model[start:end] = bytes(end - start)
        answer = ask(connection, "PATCH", f"/images/{ticket}", None, b'{"op": "zero", "offset": %d, "size": %d}' % (start, end - start))
    assert answer.status == 200, answer.text
    if rng.random() < 0.1:
        assert ask(connection, "PATCH", f"/images/{ticket}", None, b'{"op": "flush"}').status == 200
    if rng.random() < 0.5:
        check(connection, ticket, model, start, end)


def check(connection, ticket, model, start, end):
    answer = ask(connection, "GET", f"/images/{ticket}", {"Range": f"bytes={start}-{end - 1}"})
    assert answer.body == model[start:end], (start, end)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 1 << 32), aligned=st.booleans())
def test_parallel_writes_zeros_and_reads_agree_with_a_model(daemon, image, ticket, seed, aligned):
    model = bytearray(image.read())
    ranges = pieces(seed, aligned)
    random.Random(seed).shuffle(ranges)
    # Half of the ranges are written, by eight; the others keep their bytes, and eight read them meanwhile.
    written, kept = ranges[::2], ranges[1::2]

    def crew(task):
        number, work, ranges = task
        rng = random.Random(seed + number)
        with contextlib.closing(daemon.connect()) as connection:
            for start, end in ranges:
                work(connection, rng, start, end)

    def write(connection, rng, start, end):
        act(daemon, ticket, connection, rng, model, start, end)

    def read(connection, rng, start, end):
        check(connection, ticket, model, start, end)

    writers = [(n, write, written[n::CREWS]) for n in range(CREWS)]
    readers = [(n, read, kept[n::CREWS] * 2) for n in range(CREWS)]
    at_once(crew, writers + readers)

    assert image.read() == model
    assert daemon.patch(ticket, {"op": "flush"}).status == 200
    durable = daemon.durable(ticket)
    assert all(any(low <= start and end <= high for low, high in durable) for start, end in written)
