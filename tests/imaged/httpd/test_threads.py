"""Which of the idle threads is woken up."""

import queue
import threading

from imaged.httpd import threads
from tests.e2e.product import wait_for


def test_the_thread_that_was_at_work_last_gets_what_comes():
    work, done = queue.Queue(), queue.Queue()
    threads.wake_newest(work)
    crew = []
    for number in range(3):
        crew.append(threading.Thread(target=lambda number=number: done.put((number, work.get()))))
        crew[-1].start()
        wait_for(lambda number=number: len(work.not_empty._waiters) == number + 1, "the thread to wait")

    took = []
    for piece in "abc":
        work.put(piece)
        took.append(done.get(timeout=30))

    assert took == [(2, "a"), (1, "b"), (0, "c")]
    for one in crew:
        one.join()
