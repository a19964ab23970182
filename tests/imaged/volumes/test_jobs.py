"""Jobs: every one ends, and its end can be asked for."""

import threading

import pytest

from imaged import errors as daemon_errors
from imaged.volumes import errors
from imaged.volumes import jobs as jobs_
from imaged.volumes.jobs import Jobs

PATIENCE = 10


@pytest.fixture
def jobs():
    jobs = Jobs()
    yield jobs
    jobs.close()


@pytest.fixture
def held(jobs):
    """Work that says when it runs, and ends when it may: `held.work`, `held.running`, `held.may_end`."""

    class Held:
        running, may_end = threading.Event(), threading.Event()

        def work(self, job):
            self.running.set()
            while not self.may_end.wait(0.01):
                job.check()
            return {"answer": 42}

    held = Held()
    yield held
    held.may_end.set()


def end(jobs, job):
    """The job's last word."""
    jobs.close()
    return job.as_json()


def test_a_job_that_ends_well_has_its_result(jobs):
    job = jobs.start(("a",), 10, lambda job: job.advance(10) or {"answer": 42})

    assert end(jobs, job) == {
        "id": job.id,
        "state": "done",
        "step": "waiting",
        "done": 10,
        "total": 10,
        "result": {"answer": 42},
        "error": None,
    }


def test_a_job_that_is_refused_says_why(jobs):
    def work(job):
        raise errors.Rejected("empty", "The file is empty")

    answer = end(jobs, jobs.start(("a",), 0, work))

    assert (answer["state"], answer["error"]) == ("failed", {"code": "empty", "message": "The file is empty"})


def test_a_job_that_breaks_tells_no_secrets(jobs, caplog):
    def work(job):
        raise RuntimeError("/secret/path")

    answer = end(jobs, jobs.start(("a",), 0, work))

    assert (answer["state"], answer["error"]["code"]) == ("failed", "internal")
    assert "/secret/path" not in answer["error"]["message"]
    assert "/secret/path" in caplog.text


def test_a_running_job_shows_its_progress(jobs, held):
    job = jobs.start(("a",), 10, held.work)
    assert held.running.wait(PATIENCE)
    job.enter("sha256")
    job.advance(5)

    assert jobs.get(job.id).as_json()["state"] == "running"
    assert (job.step, job.done) == ("sha256", 5)


def test_a_canceled_job_ends(jobs, held):
    job = jobs.start(("a",), 10, held.work)
    assert held.running.wait(PATIENCE)

    jobs.cancel(job.id)

    assert end(jobs, job)["state"] == "canceled"


def test_a_job_canceled_before_its_turn_never_runs(jobs, held):
    ran = []
    for number in range(jobs_.WORKERS):
        jobs.start(("busy", number), 0, held.work)
    job = jobs.start(("late",), 0, ran.append)

    jobs.cancel(job.id)
    held.may_end.set()

    assert end(jobs, job)["state"] == "canceled"
    assert ran == []


def test_canceling_what_never_was_is_fine(jobs):
    jobs.cancel("nothing")

    with pytest.raises(errors.NoJob):
        jobs.get("nothing")


def test_asking_again_while_it_runs_is_the_same_job(jobs, held):
    first = jobs.start(("iso", "a", "raw"), 0, held.work)

    assert jobs.start(("iso", "a", "raw"), 0, held.work) is first
    assert jobs.start(("iso", "a", "qcow2"), 0, held.work) is not first


def test_asking_again_after_it_ended_is_a_new_job(jobs):
    first = jobs.start(("a",), 0, lambda job: {})
    while first.ended_at is None:
        pass

    assert jobs.start(("a",), 0, lambda job: {}) is not first


def test_all_jobs_of_a_volume_are_canceled_and_no_others(jobs, held):
    mine, other = jobs.start(("iso", "a", 1), 0, held.work), jobs.start(("iso", "ab", 1), 0, held.work)

    jobs.cancel_all("iso", "a")

    assert (mine.canceled, other.canceled) == (True, False)


def test_an_unknown_job_says_so(jobs):
    with pytest.raises(errors.NoJob):
        jobs.get("nothing")


def test_a_job_is_forgotten_some_time_after_its_end(jobs, monkeypatch):
    job = jobs.start(("a",), 0, lambda job: {})
    while job.ended_at is None:
        pass
    monkeypatch.setattr(jobs_, "KEPT", -1)

    with pytest.raises(errors.NoJob):
        jobs.get(job.id)


def test_too_many_jobs_are_refused(jobs, held, monkeypatch):
    monkeypatch.setattr(jobs_, "MAX_JOBS", 1)
    jobs.start(("a",), 0, held.work)

    with pytest.raises(daemon_errors.Conflict):
        jobs.start(("b",), 0, held.work)


def test_when_canceling_all_returns_nothing_runs_any_more(jobs, held):
    running = jobs.start(("volume", "verify"), 10, held.work)
    other = jobs.start(("another", "verify"), 10, held.work)
    assert held.running.wait(30)

    jobs.cancel_all("volume")

    assert (running.state, other.state) == ("canceled", "running")


def test_canceling_does_not_wait_for_what_has_not_begun(jobs, held):
    for number in range(jobs_.WORKERS):
        jobs.start(("busy", number), 10, held.work)
    waiting = jobs.start(("volume",), 10, held.work)

    jobs.cancel_all("volume")

    assert (waiting.canceled, waiting.step) == (True, "waiting")


def test_a_job_that_notices_nothing_does_not_hold_who_cancels(jobs, held, monkeypatch):
    monkeypatch.setattr(jobs_, "PATIENCE", 0.1)
    started = threading.Event()
    job = jobs.start(("volume",), 10, lambda job: started.set() or (held.may_end.wait(60) and {}))
    assert started.wait(30)

    jobs.cancel_all("volume")

    assert (job.canceled, job.state) == (True, "running")
