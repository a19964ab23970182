"""A test that does not run has shown nothing: a skip, an expected failure or a skipped module fails."""

import pytest


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
