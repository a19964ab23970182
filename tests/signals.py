"""Signals that the kernel gives to a thread other than the main one, as it may with any."""

import ctypes

import psutil


def to_another_thread(process: int, number: int) -> None:
    """Sends `number` to a thread of `process` that is not its main one."""
    other = next(thread.id for thread in psutil.Process(process).threads() if thread.id != process)
    if ctypes.CDLL(None, use_errno=True).tgkill(process, other, number):
        raise ProcessLookupError(ctypes.get_errno(), "the thread is gone")
