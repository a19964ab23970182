"""Buffers: big ones for a few operations, small ones for a crowd."""

import contextlib

from imaged.httpd import buffers


def test_a_crowd_gets_small_buffers():
    with contextlib.ExitStack() as stack:
        sizes = [len(stack.enter_context(buffers.borrow())) for _ in range(buffers.MANY + 2)]

    assert sizes == [buffers.SIZE] * buffers.MANY + [buffers.SMALL] * 2


def test_a_buffer_that_failed_under_an_operation_counts_as_given_back():
    for _ in range(buffers.MANY + 1):
        with contextlib.suppress(ZeroDivisionError), buffers.borrow():
            raise ZeroDivisionError

    with buffers.borrow() as buffer:
        assert len(buffer) == buffers.SIZE
