import pytest
from click.testing import CliRunner

from appliance import bootstrap, cli, config
from appliance.commands import opening
from tests import databases


@pytest.fixture
def state(tmp_path):
    """The state directory of an appliance that has been started once."""
    bootstrap.prepare(config.Config(state_dir=tmp_path))
    databases.migrated(tmp_path)
    return tmp_path


@pytest.fixture
def run(state):
    """Runs a command on that directory: `run("user", "list")` → its result; `text` is its standard input."""

    def command(*words: str, text: str = "", **environment: str):
        return CliRunner(env=environment).invoke(cli.main, [*words, "--state-dir", str(state)], input=text)

    return command


@pytest.fixture
def books(state):
    """What such a command works on."""
    with opening.books(state) as found:
        yield found
