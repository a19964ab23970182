"""`image-appliance` itself, `config`, and how a fault is told."""

import tomllib

import pytest
from click.testing import CliRunner

from appliance import config
from appliance.cli import main
from appliance.commands.config import toml


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Runs `image-appliance` with these arguments, on a state directory of the test's own."""
    monkeypatch.setenv("IMAGE_APPLIANCE_STATE_DIR", str(tmp_path / "state"))
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_config_prints_every_setting_with_default_and_meaning(invoke):
    output = invoke("config").output

    words = " ".join(output.replace("\n# ", " ").split())
    for name, field in config.FIELDS.items():
        assert f"\n{name} = " in f"\n{output}"
        assert " ".join(field.metadata["meaning"].split()) in words
        assert f"environment: IMAGE_APPLIANCE_{name.upper()}." in words


def test_what_config_prints_is_a_file_that_says_the_same(invoke, tmp_path):
    invoke_with = ["--config", tmp_path / "kept.toml"]
    printed = invoke("config").output
    (tmp_path / "kept.toml").write_text(printed)

    assert invoke("config", *invoke_with).output == printed
    assert set(tomllib.loads(printed)) == set(config.FIELDS)


def test_what_follows_from_other_settings_is_not_pinned_by_what_config_prints(invoke):
    kept = tomllib.loads(invoke("config").output)

    assert kept["host"] == kept["database_url"] == ""


def test_config_does_not_show_the_databases_password(invoke, monkeypatch):
    monkeypatch.setenv("IMAGE_APPLIANCE_DATABASE_URL", "postgresql://me:hunter2@db.example/images")

    output = invoke("config").output

    assert "hunter2" not in output
    assert "database_url" not in tomllib.loads(output)


def test_config_does_not_show_what_may_be_a_password(invoke, monkeypatch):
    monkeypatch.setenv("IMAGE_APPLIANCE_DATABASE_URL", "me:hunter2@db.example")

    assert "hunter2" not in invoke("config").output


@pytest.mark.parametrize("text", ['"quoted" \\ back', "tab\tDEL\x7f", "Ærø \N{SNOWMAN}", ""])
def test_any_text_survives_toml(text):
    assert tomllib.loads(f"a = {toml(text)}") == {"a": text}


def test_a_bad_setting_is_told_without_a_traceback(invoke, tmp_path):
    (tmp_path / "bad.toml").write_text("port = 1\nprot = 2\n")

    result = invoke("run", "--config", tmp_path / "bad.toml")

    assert result.exit_code == 1
    assert "prot" in result.output
    assert "line 2" in result.output
    assert "Traceback" not in result.output


def test_a_bad_port_on_the_command_line_is_told(invoke):
    result = invoke("run", "--port", "many")

    assert result.exit_code == 1
    assert "port (the command line)" in result.output


def test_an_unknown_command_is_told(invoke):
    assert "No such command" in invoke("rum").output


def test_the_version_is_the_packages(invoke):
    assert invoke("--version").output.startswith("image-appliance, version ")
