"""Jobs: work on a volume that takes longer than a request, with progress, and an end that can be asked for later."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from imaged import errors as daemon_errors
from imaged.volumes import errors

log = logging.getLogger("imaged.jobs")

# Two: each reads a disk from end to end, and more of them only move its head about.
WORKERS = 2
#: Seconds that the end of a job can be asked for.
KEPT = 3600.0
MAX_JOBS = 1000
#: Seconds that a canceled job has to notice. One that hangs in a read of a dead disk notices never.
PATIENCE = 30.0


class Canceled(Exception):
    """The job was canceled; raised out of its work."""


class Job:
    """One piece of work. Its state is `running`, `done`, `failed` or `canceled`; `done` of `total` are bytes."""

    def __init__(self, key: tuple[Hashable, ...], total: int, also: tuple[Hashable, ...] = ()):
        self.id = str(uuid.uuid4())
        self.key = key
        self.keys = (key, also)
        self.state = "running"
        self.step = "waiting"
        self.done = 0
        self.total = total
        self.result: dict | None = None
        self.error: dict | None = None
        self.ended_at: float | None = None
        self._canceled = threading.Event()
        self._working = threading.Lock()

    def cancel(self) -> None:
        self._canceled.set()

    @property
    def canceled(self) -> bool:
        return self._canceled.is_set()

    def enter(self, step: str) -> None:
        """The work's next step begins. Raises Canceled."""
        self.step = step
        self.check()

    def advance(self, done: int) -> None:
        """`done` bytes of the total are behind us. Raises Canceled."""
        self.done = done
        self.check()

    def check(self) -> None:
        if self.canceled:
            raise Canceled

    def wait(self) -> None:
        """Until nothing is done any more, or PATIENCE is over; what has not begun, and is canceled, never will."""
        if self._working.acquire(timeout=PATIENCE):
            self._working.release()

    def run(self, work: Callable[["Job"], dict]) -> None:
        """Does the work; whatever happens, the job has ended afterwards."""
        with self._working:
            self._run(work)

    def _run(self, work: Callable[["Job"], dict]) -> None:
        try:
            self.check()
            self.result = work(self)
            self.state = "done"
        except Canceled:
            self.state = "canceled"
        except daemon_errors.DaemonError as error:
            # A program that was stopped because of us complains; the reason is that it was stopped.
            self.state = "canceled" if self.canceled else "failed"
            self.error = {"code": error.code, "message": error.message} | ({"details": error.details} if error.details else {})
        except Exception:
            log.exception("job %s failed", self.id)
            self.state = "failed"
            self.error = {"code": "internal", "message": "The host failed to do this: the reason is in the log of imaged"}
        finally:
            self.ended_at = time.monotonic()

    def as_json(self) -> dict:
        names = ("id", "state", "step", "done", "total", "result", "error")
        return {name: getattr(self, name) for name in names}


class Jobs:
    """All jobs of this process. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="job")
        # Nobody waits for a look at one volume until the conversion of another is over.
        self._long_pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="long-job")

    def start(
        self, key: tuple[Hashable, ...], total: int, work: Callable[[Job], dict], *, also: tuple[Hashable, ...] = (), long: bool = False
    ) -> Job:
        """Starts `work(job) -> result` of `total` bytes. Raises Conflict when there are too many.

        The same `key` while it runs is the same job: asking again is safe. `also` is a second key that `cancel_all` knows it by; `long`
        is what may take hours.
        """
        with self._lock:
            self._forget()
            for job in self._jobs.values():
                if job.key == key and job.ended_at is None and not job.canceled:
                    return job
            if len(self._jobs) >= MAX_JOBS:
                raise daemon_errors.Conflict(f"There are {MAX_JOBS} jobs already: wait for some of them to end")
            job = Job(key, total, also)
            self._jobs[job.id] = job
            (self._long_pool if long else self._pool).submit(job.run, work)
            return job

    def get(self, job_id: str) -> Job:
        """Raises NoJob."""
        with self._lock:
            self._forget()
            try:
                return self._jobs[job_id]
            except KeyError:
                raise errors.NoJob(f"There is no job {job_id[:64]!r}: it ended long ago, or imaged was started again since") from None

    def cancel(self, job_id: str) -> None:
        """The job ends soon; one that has ended, or never was, stays as it is."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is not None:
            job.cancel()

    def cancel_all(self, *key: Hashable) -> None:
        """Cancels the jobs one of whose keys begins with `key`, and waits for those that have begun: they let go of their files."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if any(known[: len(key)] == key for known in job.keys)]
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait()

    def close(self) -> None:
        """Cancels everything and waits for it to end."""
        self.cancel_all()
        self._pool.shutdown(wait=True)
        self._long_pool.shutdown(wait=True)

    def _forget(self) -> None:
        """Under the lock: drops what ended long ago."""
        oldest = time.monotonic() - KEPT
        for job in [job for job in self._jobs.values() if job.ended_at is not None and job.ended_at < oldest]:
            del self._jobs[job.id]
