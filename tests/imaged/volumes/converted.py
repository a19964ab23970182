"""Conversions as tests ask for them: the names of their volumes, how they are refused, and what is left then."""

import os

import pytest

from imaged import errors as daemon_errors

SOURCE, QCOW2, RAW = "original", "result.qcow2", "result.img"


def nothing_is_left(domain):
    return sorted(os.listdir(domain.path)) == [".image-domain", f".partial-{SOURCE}"]


def refusal(act, *words, **more):
    with pytest.raises(daemon_errors.DaemonError) as refused:
        act(*words, **more)
    return refused.value
