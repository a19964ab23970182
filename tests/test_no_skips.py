"""tests/conftest.py: what does not run does not pass."""

import pathlib

import pytest

pytest_plugins = "pytester"


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\ndef test_one(): pytest.skip('not today')",
        "import pytest\n@pytest.mark.skip\ndef test_one(): pass",
        "import pytest\n@pytest.mark.skipif(True, reason='never')\ndef test_one(): pass",
        "import pytest\n@pytest.mark.xfail\ndef test_one(): assert False",
        "import pytest\n@pytest.mark.xfail\ndef test_one(): assert True",
        "import pytest\n@pytest.fixture\ndef tool(): pytest.skip('none')\ndef test_one(tool): pass",
        "import unittest\nclass One(unittest.TestCase):\n  def test_one(self): raise unittest.SkipTest('no')",
        "import pytest\npytest.importorskip('no_such_module')\ndef test_one(): pass",
    ],
)
def test_a_skip_or_an_expected_failure_fails_the_run(pytester, source):
    pytester.makeconftest((pathlib.Path(__file__).parent / "conftest.py").read_text())
    pytester.makepyfile(source)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    assert result.ret in (1, 2)
    counts = result.parseoutcomes()
    assert not {"skipped", "xfailed", "xpassed", "passed"} & set(counts)
    assert counts.get("failed", 0) + counts.get("errors", 0) == 1
