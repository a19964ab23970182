"""The administrator's scanner: what it reads, what its end means, and what it may not do."""

import os
import sys
import threading

import pytest

from imaged.volumes import errors, scan
from imaged.volumes.jobs import Canceled
from tests.imaged.conftest import ended, wait
from tests.imaged.volumes.arrived import MIB, opened


@pytest.fixture
def volume(tmp_path):
    path = tmp_path / "volume"
    path.write_bytes(b"\0" * MIB + b"EICAR" + b"\0" * MIB)
    return path


def run(volume, script, job_of=lambda job: None):
    """What the scanner, this piece of shell script, says of the volume."""
    with opened(volume) as (job, file):
        job_of(job)
        result = scan.scan(job, file, command=["/bin/sh", "-c", script])
        return result, job


def refusal(volume, script):
    with pytest.raises(errors.Rejected) as refused:
        run(volume, script)
    return refused.value.code, refused.value.message


def test_a_clean_volume_is_clean(volume):
    result, job = run(volume, "wc -c")

    assert result == {"said": str(volume.stat().st_size)}
    assert (job.step, job.done) == ("scan", volume.stat().st_size)


def test_the_volume_has_a_name_too(volume):
    assert run(volume, "tail -c +1048577 /dev/fd/0 | head -c 5")[0] == {"said": "EICAR"}


def test_what_is_found_is_told_in_one_line(volume):
    code, sentence = refusal(volume, "grep -q EICAR && { echo; echo '  stdin: Eicar FOUND'; echo 'and more'; exit 1; }")

    assert (code, sentence) == ("infected", "The scanner refuses the image: stdin: Eicar FOUND")


@pytest.mark.parametrize("script, words", [("exit 1", "it does not say why"), ("echo Worm >&2; exit 1", "Worm")])
def test_whoever_finds_without_words_is_believed(volume, script, words):
    assert refusal(volume, script) == ("infected", f"The scanner refuses the image: {words}")


@pytest.mark.parametrize(
    "script, words", [("exit 2", "status 2"), ("echo 'no signatures' >&2; exit 40", "no signatures"), ("kill $$", "-15")]
)
def test_any_other_end_is_a_failure(volume, script, words):
    code, sentence = refusal(volume, script)

    assert code == "scan-failed" and words in sentence


def test_a_scanner_that_went_away_is_a_failure(volume):
    with opened(volume) as (job, file), pytest.raises(errors.Rejected) as refused:
        scan.scan(job, file, command=["/nowhere/scanner"])

    assert refused.value.code == "scan-failed"


def test_a_scanner_that_hangs_is_stopped(volume, monkeypatch):
    monkeypatch.setattr(scan, "SECONDS", 0)

    assert refusal(volume, "exec sleep 600")[0] == "scan-failed"


def test_a_scanner_that_babbles_is_not_listened_to(volume):
    code, sentence = refusal(volume, "yes bad | tr -d '\\n' | head -c 5000000; exit 1")

    assert code == "infected" and len(sentence) < 400


def test_a_scanner_that_wants_too_much_memory_does_not_get_it(volume):
    program = "try: bytearray(9 << 30)\nexcept MemoryError: print('no memory'); raise SystemExit(9)"
    with opened(volume) as (job, file), pytest.raises(errors.Rejected) as refused:
        scan.scan(job, file, command=[sys.executable, "-c", program])

    assert (refused.value.code, refused.value.message) == ("scan-failed", "The scanner failed (status 9): no memory")


def test_a_scanner_that_takes_too_much_of_the_processor_fails(volume):
    assert refusal(volume, "kill -XCPU $$")[0] == "scan-failed"


def test_it_runs_under_limits_and_sees_no_secrets(volume, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")

    said = run(volume, 'echo "memory $(ulimit -v) cpu $(ulimit -t) core $(ulimit -c) nice $(nice) secret [$SECRET]"')[0]["said"]

    assert said == "memory 8388608 cpu 300 core 0 nice 10 secret []"


def test_the_volume_is_only_read(volume):
    assert refusal(volume, "echo harm >&0 || exit 7")[1].startswith("The scanner failed (status 7)")
    assert volume.read_bytes().startswith(b"\0\0\0\0")


def test_canceling_ends_it_with_all_that_it_started(volume, tmp_path):
    jobs = []
    script = f"sleep 600 & echo $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; wait"

    def scanned():
        with pytest.raises(Canceled):
            run(volume, script, jobs.append)

    outcome = threading.Thread(target=scanned)
    outcome.start()
    wait((tmp_path / "pid").exists)

    jobs[0].cancel()
    outcome.join(30)

    assert not outcome.is_alive()
    wait(lambda: ended(int((tmp_path / "pid").read_text())))


def test_a_scanner_that_leaves_something_running_does_not_hold_us(volume, tmp_path):
    result, _ = run(volume, f"sleep 600 & echo $! > {tmp_path}/pid; echo fine")

    assert result == {"said": "fine"}
    wait(lambda: ended(int((tmp_path / "pid").read_text())))


def test_no_descriptor_of_ours_is_seen(volume):
    with open(os.devnull) as ours:
        os.set_inheritable(ours.fileno(), True)

        assert run(volume, f"test -e /proc/$$/fd/{ours.fileno()} || echo none")[0] == {"said": "none"}
