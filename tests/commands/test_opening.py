"""What every command that looks after an appliance says where there is none."""

import pytest
from click.testing import CliRunner

from appliance import cli


@pytest.mark.parametrize("words", [("user", "list"), ("token", "list"), ("host", "list"), ("domain", "list")])
def test_a_directory_without_an_appliance_is_named_and_left_alone(tmp_path, words):
    result = CliRunner().invoke(cli.main, [*words, "--state-dir", str(tmp_path / "nowhere")])

    assert result.exit_code == 1
    assert "nowhere" in "".join(result.output.split())
    assert not (tmp_path / "nowhere").exists()
