"""What is written of the benchmark is what it has."""

import pathlib

import pytest

from bench import __main__ as bench

CONTRIBUTING = (pathlib.Path(__file__).parents[2] / "docs" / "contributing.md").read_text()


@pytest.mark.parametrize("name", bench.NAMES)
def test_every_row_is_described(name):
    assert f"`{name}`" in CONTRIBUTING.partition("## The benchmark")[2].partition("\n## ")[0]


def test_an_unknown_row_is_refused_with_those_that_there_are(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench", "--rows", "plain,fast"])

    with pytest.raises(SystemExit):
        bench.arguments()

    said = capsys.readouterr().err
    assert "no such rows: fast" in said
    assert "tls-4" in said


def test_a_disk_that_is_none_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["bench", "--disk", str(tmp_path / "gone")])

    with pytest.raises(SystemExit):
        bench.arguments()

    assert "is not a directory" in capsys.readouterr().err
