"""Volumes as tests make them, what their journals say, and how much room there is for them."""

import os

from imaged import journal

NAME = "11111111-2222-3333-4444-555555555555.iso"
MIB = 1 << 20


def make(volumes, name=NAME, size=MIB, allocation="sparse"):
    return volumes.create("iso", name, size, allocation)[0]


def spans(path, size):
    return journal.read(path, size).as_lists()


def write_journal(volume, start, end):
    durability = journal.open_for(volume.path, volume.size)
    durability.finish(durability.begin(start, end), end)
    durability.flush(lambda: None)


def available_is(monkeypatch, count):
    """The file system has `count` bytes free."""
    real = os.fstatvfs

    def fstatvfs(file):
        values = list(real(file))
        values[1], values[3], values[4] = 1, count, count  # f_frsize, f_bfree, f_bavail
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "fstatvfs", fstatvfs)
