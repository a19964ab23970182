"""What is durable, while threads write and flush, and after a crash at any instant."""

import errno
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaged import journal
from imaged.ranges import Ranges
from tests.imaged.conftest import at_once

SIZE = 1000
SPAN = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(sorted)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "image")


def durable_on_disk(path: str, size: int = SIZE) -> list[list[int]]:
    return journal.read(path, size).as_lists()


def write(durability: journal.Durability, start: int, end: int) -> None:
    durability.finish(durability.begin(start, end), end)


def synced() -> None:
    """A sync that succeeds."""


def test_nothing_is_durable_before_a_flush(path):
    durability = journal.open_for(path, SIZE)

    write(durability, 0, 100)

    assert durability.durable.as_lists() == []
    assert durable_on_disk(path) == []


def test_a_flush_makes_what_was_finished_durable_in_memory_and_on_disk(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    write(durability, 300, 400)

    durability.flush(synced)

    assert durability.durable.as_lists() == [[0, 100], [300, 400]]
    assert durable_on_disk(path) == [[0, 100], [300, 400]]


def test_the_data_is_synced_before_the_line_is_written(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    seen = []

    durability.flush(lambda: seen.append(durable_on_disk(path)))

    assert seen == [[]]


def test_a_write_in_flight_is_not_counted_by_anothers_flush(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    writing = durability.begin(100, 200)

    durability.flush(synced)

    assert durability.durable.as_lists() == [[0, 100]]
    durability.finish(writing, 200)


def test_a_write_that_finishes_during_a_flush_waits_for_the_next(path):
    durability = journal.open_for(path, SIZE)

    durability.flush(lambda: write(durability, 0, 100))

    assert durability.durable.as_lists() == []
    durability.flush(synced)
    assert durability.durable.as_lists() == [[0, 100]]


def test_a_write_over_bytes_that_are_being_flushed_takes_them_out(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    writings = []

    durability.flush(lambda: writings.append(durability.begin(50, 60)))

    assert durability.durable.as_lists() == [[0, 50], [60, 100]]
    assert durable_on_disk(path) == [[0, 50], [60, 100]]


def test_overwriting_durable_bytes_is_on_disk_before_the_first_byte(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    durability.flush(synced)

    durability.begin(40, 60)

    assert durable_on_disk(path) == [[0, 40], [60, 100]]


def test_where_two_writes_overlap_only_the_last_to_finish_counts(path):
    durability = journal.open_for(path, SIZE)
    first, second = durability.begin(0, 100), durability.begin(50, 150)

    durability.finish(first, 100)
    durability.flush(synced)
    assert durability.durable.as_lists() == [[0, 50]]

    durability.finish(second, 150)
    durability.flush(synced)
    assert durability.durable.as_lists() == [[0, 150]]


def test_after_a_failed_sync_nothing_counts_even_if_the_next_one_succeeds(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)

    with pytest.raises(OSError, match="broken"):
        durability.flush(fail)
    durability.flush(synced)

    assert durability.durable.as_lists() == []


def test_a_failed_sync_also_takes_its_bytes_from_a_flush_that_runs_beside_it(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)

    def beside() -> None:
        with pytest.raises(OSError, match="broken"):
            durability.flush(fail)

    durability.flush(beside)

    assert durability.durable.as_lists() == []


def fail() -> None:
    raise OSError(errno.EIO, "broken")


def test_a_full_disk_leaves_the_journal_readable(path, monkeypatch):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    durability.flush(synced)
    real = os.pwrite

    def full(descriptor, data, offset):
        real(descriptor, bytes(data)[:3], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    write(durability, 200, 300)
    with pytest.raises(OSError, match="No space"):
        durability.flush(synced)
    monkeypatch.undo()
    write(durability, 400, 500)
    durability.flush(synced)

    assert [400, 500] in durable_on_disk(path)
    assert durable_on_disk(path)[0] == [0, 100]


def test_nothing_may_be_overwritten_when_the_journal_cannot_say_so(path, monkeypatch):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 100)
    durability.flush(synced)
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: fail())

    with pytest.raises(OSError, match="broken"):
        durability.begin(0, 10)

    assert durability.durable.as_lists() == [[0, 100]]
    assert durable_on_disk(path) == [[0, 100]]


@given(st.lists(st.tuples(st.booleans(), SPAN), max_size=15), st.data())
@settings(deadline=None, max_examples=60)
def test_a_journal_cut_anywhere_holds_what_its_whole_lines_say(tmp_path_factory, changes, data):
    path = str(tmp_path_factory.mktemp("cut") / "image")
    lines = [journal._line("+" if add else "-", start, end) for add, (start, end) in changes]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    with open(path + journal.SUFFIX, "wb") as file:
        file.write(whole[:cut])
    expected = Ranges()
    for line, (add, (start, end)) in zip(lines, changes, strict=True):
        cut -= len(line)
        # A line that lacks nothing but its line break is whole.
        if cut < -1:
            break
        (expected.add if add else expected.subtract)(start, end)

    assert durable_on_disk(path) == expected.as_lists()


@given(st.lists(st.tuples(st.sampled_from(["write", "flush", "reopen", "tear"]), SPAN), max_size=25))
@settings(deadline=None, max_examples=60)
def test_what_is_reported_durable_survives_every_restart(tmp_path_factory, steps):
    path = str(tmp_path_factory.mktemp("restart") / "image")
    durability = journal.open_for(path, SIZE)
    for step, (start, end) in steps:
        if step == "write":
            write(durability, start, end)
        elif step == "flush":
            durability.flush(synced)
        else:
            if step == "tear":
                with open(path + journal.SUFFIX, "ab") as file:
                    file.write(b"+ 0 1000 1234")
            before = durability.durable.as_lists()
            del durability
            durability = journal.open_for(path, SIZE)
            assert durability.durable.as_lists() == before
        assert durable_on_disk(path) == durability.durable.as_lists()


def test_damage_in_the_middle_makes_nothing_durable(path):
    with open(path + journal.SUFFIX, "wb") as file:
        file.write(journal._line("+", 0, 100) + b"- 50 60 00000000\n" + journal._line("+", 200, 300))

    assert durable_on_disk(path) == []


@pytest.mark.parametrize(
    "line",
    [b"", b"\0" * 30, b"+ 0 100", b"+ 0 100 00000000", b"* 0 100 12345678", b"+ -5 100 12345678", "+ 0 100 ü".encode(), b"+  0 100 x"],
)
def test_a_line_that_says_nothing_certain_is_not_believed(path, line):
    with open(path + journal.SUFFIX, "wb") as file:
        file.write(journal._line("+", 500, 600) + line + b"\n")

    assert durable_on_disk(path) == [[500, 600]]


def test_bytes_past_the_end_of_the_file_are_not_durable(path):
    durability = journal.open_for(path, SIZE)
    write(durability, 0, 500)
    durability.flush(synced)

    assert durable_on_disk(path, size=200) == [[0, 200]]
    assert durable_on_disk(path, size=0) == []


def test_the_journal_stays_short_however_many_chunks_come(path):
    durability = journal.open_for(path, SIZE)
    for start in range(3 * journal.SLACK):
        write(durability, start % SIZE, start % SIZE + 1)
        durability.flush(synced)

    with open(path + journal.SUFFIX, "rb") as file:
        assert len(file.readlines()) <= journal.SLACK + 5
    assert durable_on_disk(path) == [[0, SIZE]]


def test_the_journal_is_its_owners_alone(path):
    held = journal.open_for(path, SIZE)

    assert stat.S_IMODE(os.stat(path + journal.SUFFIX).st_mode) == 0o600
    assert held.current


def test_everybody_who_opens_a_files_journal_gets_the_same_one(path):
    first = journal.open_for(path, SIZE)

    assert journal.open_for(path, SIZE) is first


def test_a_journal_that_was_deleted_is_forgotten_with_its_file(path):
    first = journal.open_for(path, SIZE)
    write(first, 0, 100)
    first.flush(synced)
    os.unlink(path + journal.SUFFIX)

    second = journal.open_for(path, SIZE)

    assert second is not first
    assert second.durable.as_lists() == []


def on_another_host(path):
    """As a daemon of its own would open it: shared storage has one file, and many processes."""
    return journal.Durability(journal.Journal(path + journal.SUFFIX, SIZE))


def test_another_host_goes_on_where_the_first_one_ended(path):
    first = journal.open_for(path, SIZE)
    write(first, 0, 100)
    first.flush(synced)

    second = on_another_host(path)

    assert second.durable.as_lists() == [[0, 100]]


def test_a_host_whose_journal_another_one_has_taken_over_writes_nothing_any_more(path):
    first = journal.open_for(path, SIZE)
    write(first, 0, 100)
    second = on_another_host(path)

    with pytest.raises(OSError, match="another's"):
        first.flush(synced)
    with pytest.raises(OSError, match="another's"):
        first.begin(200, 300)

    write(second, 400, 500)
    second.flush(synced)
    assert durable_on_disk(path) == [[400, 500]]


def test_a_journal_that_is_a_link_is_not_followed(path, tmp_path):
    target = tmp_path / "elsewhere"
    target.write_bytes(journal._line("+", 0, 100))
    os.symlink(target, path + journal.SUFFIX)

    with pytest.raises(OSError, match="symbolic"):
        journal.open_for(path, SIZE)


def test_many_threads_end_with_everything_durable(path):
    durability = journal.open_for(path, SIZE)

    def work(number: int) -> None:
        for start in range(number * 10, SIZE, 80):
            write(durability, start, start + 10)
            durability.flush(synced)

    at_once(work, range(8))

    assert durability.durable.as_lists() == [[0, SIZE]]
    assert durable_on_disk(path) == [[0, SIZE]]
