"""A test that does not run has shown nothing: a skip, an expected failure or a skipped module fails."""

import functools

import argon2
import cheroot.server
import pytest


@pytest.fixture(scope="session", autouse=True)
def servers_stop_at_once():
    """Seconds after which a server that nobody talks to looks whether it shall stop: half a second otherwise, for each of hundreds."""
    cheroot.server.HTTPServer.expiration_interval = 0.02


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped or hasattr(report, "wasxfail"):
        _refuse(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.skipped:
        _refuse(report)
    return report


def _refuse(report) -> None:
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    report.outcome = "failed"
    report.longrepr = f"Skipped tests and expected failures are not accepted here: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords():
    """Argon2 takes 64 MiB and a processor for a while: that is its purpose, and most of the time of a test that logs in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2, "PasswordHasher", functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def dear_passwords(monkeypatch):
    """Passwords at the price that they have in the product."""
    monkeypatch.setattr(argon2, "PasswordHasher", argon2.PasswordHasher.func)
