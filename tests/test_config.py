"""Settings: where they come from, and what a wrong one gets."""

import pathlib

import pytest

from appliance import config

NOTHING: dict[str, str] = {}


def load(directory: pathlib.Path, text: str | None = None, **environ: str) -> config.Config:
    """The settings of a state directory whose config.toml holds `text`."""
    if text is not None:
        (directory / "config.toml").write_text(text)
    return config.load(environ=environ, state_dir=directory)


def refusal(directory: pathlib.Path, text: str | None = None, **environ: str) -> str:
    with pytest.raises(config.BadSetting) as caught:
        load(directory, text, **environ)
    return str(caught.value)


def test_defaults_stand_when_nothing_is_said(tmp_path):
    settings = load(tmp_path)

    assert settings.port == 8443
    assert settings.paused_lifetime == 7 * 86400
    assert settings.database_url == f"sqlite:///{tmp_path}/database.sqlite"


def test_every_default_keeps_its_own_bounds(tmp_path):
    settings = load(tmp_path)

    for name in config.FIELDS:
        assert config.check(name, getattr(settings, name), "here") == getattr(settings, name)


def test_every_setting_says_what_it_means_and_takes():
    for name, field in config.FIELDS.items():
        assert field.metadata["meaning"].endswith("."), name
        assert field.metadata["unit"] or field.metadata["choices"], name
        assert config.expected(name), name


def test_the_state_directory_is_in_the_users_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert config.default_state_dir() == tmp_path / "image-appliance"


@pytest.mark.parametrize("home", ["", "relative"])
def test_a_data_home_that_is_no_absolute_path_is_ignored(monkeypatch, tmp_path, home):
    monkeypatch.setenv("XDG_DATA_HOME", home)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.default_state_dir() == tmp_path / ".local" / "share" / "image-appliance"


def test_file_environment_and_command_line_override_in_this_order(tmp_path):
    (tmp_path / "config.toml").write_text("port = 1001\nthreads = 1002\nlogin_attempts = 3\n")
    environ = {"IMAGE_APPLIANCE_PORT": "2001", "IMAGE_APPLIANCE_THREADS": "2002"}

    settings = config.load(environ=environ, state_dir=tmp_path, port=3001)

    assert (settings.port, settings.threads, settings.login_attempts) == (3001, 2002, 3)


def test_the_state_directory_may_come_from_the_environment(tmp_path):
    (tmp_path / "config.toml").write_text("port = 1001")

    settings = config.load(environ={"IMAGE_APPLIANCE_STATE_DIR": str(tmp_path)})

    assert (settings.state_dir, settings.port) == (tmp_path, 1001)


def test_a_named_file_replaces_the_state_directorys(tmp_path):
    (tmp_path / "config.toml").write_text("port = 1001\nthreads = 99")
    (tmp_path / "other.toml").write_text(f'port = 1002\nstate_dir = "{tmp_path}"')

    settings = config.load(tmp_path / "other.toml", environ=NOTHING)

    assert (settings.port, settings.threads, settings.state_dir) == (1002, 1024, tmp_path)


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(config.BadSetting, match=r"none\.toml.*no such file"):
        config.load(tmp_path / "none.toml", environ=NOTHING)


def test_a_file_cannot_move_the_directory_that_it_was_found_in(tmp_path):
    assert "state_dir" in refusal(tmp_path, 'state_dir = "/elsewhere"')


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("paused_lifetime", '"7 d"', 604800.0),
        ("paused_lifetime", '"90min"', 5400.0),
        ("paused_lifetime", "12.5", 12.5),
        ("max_image_size", '"1.5 TiB"', 3 << 39),
        ("max_image_size", "100", 100),
        ("http", "true", True),
        ("hostnames", '["a.example", "10.0.0.1"]', ("a.example", "10.0.0.1")),
        ("hostnames", '["*.example.", "fe80::1", "bücher.example"]', ("*.example.", "fe80::1", "bücher.example")),
        ("proxies", "[]", ()),
        ("proxies", '["https://A.example:1/", "https://a.example:1", "https://[::1]"]', ("https://a.example:1", "https://[::1]:443")),
        ("log_level", '"debug"', "debug"),
        ("images_port", "0", 0),
        ("scan_command", "\"sh -c 'exit  0'\"", ("sh", "-c", "exit  0")),
        ("scan_command", '["/bin/sh", "-", "-"]', ("/bin/sh", "-", "-")),
        ("scan_command", '" "', ()),
    ],
)
def test_values_in_the_file(tmp_path, name, text, value):
    assert getattr(load(tmp_path, f"{name} = {text}"), name) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("HTTP", "1", True),
        ("HTTP", "no", False),
        ("HOSTNAMES", "a.example, 10.0.0.1", ("a.example", "10.0.0.1")),
        ("MAX_VIRTUAL_SIZE", "64 TiB", 64 << 40),
        ("CLOCK_SKEW", "0.5", 0.5),
        ("PORT", " 9000 ", 9000),
        ("SCAN_COMMAND", "sh -c 'a, b'", ("sh", "-c", "a, b")),
    ],
)
def test_values_in_the_environment(tmp_path, name, text, value):
    settings = load(tmp_path, **{f"IMAGE_APPLIANCE_{name}": text})

    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize(
    "statement",
    [
        "port = 0",
        "port = 65536",
        'port = "https"',
        "port = 84.5",
        "port = true",
        "port = [8443]",
        "threads = 99999999999999999999999",
        "paused_lifetime = -1",
        "paused_lifetime = nan",
        "paused_lifetime = inf",
        'paused_lifetime = "7 weeks"',
        'paused_lifetime = "7 GiB"',
        'max_image_size = "7 d"',
        "http = 1",
        'http = "maybe"',
        'hostnames = ["a", 1]',
        'hostnames = [""]',
        'hostnames = ["two words"]',
        'hostnames = ["https://box"]',
        'hostnames = ["a..b"]',
        'hostnames = ["-a.example"]',
        'proxies = ["proxy.example:1"]',
        'proxies = ["http://proxy.example:1"]',
        'proxies = ["https://proxy.example:1/path"]',
        'proxies = ["https://user@proxy.example"]',
        'proxies = ["https://*.example"]',
        'proxies = ["https://proxy.example:99999"]',
        "proxies = [1]",
        'log_level = "chatty"',
        'scan_command = "/nowhere/scanner -"',
        'scan_command = "sh -c \'"',
        'scan_command = ["sh", 1]',
        'scan_command = [""]',
        "scan_command = false",
        "database_url = 5",
        'database_url = "a\\nb"',
        "port = 2026-01-01",
        "[port]\nnumber = 1",
    ],
)
def test_a_bad_value_is_named_with_its_line_and_what_was_expected(tmp_path, statement):
    said = refusal(tmp_path, f"# one\n\n{statement}\n")

    name = statement.split(" =")[0].split("\n")[0].strip("[]")
    assert said.startswith(f"{name} ({tmp_path}/config.toml, line 3): ")
    assert config.expected(name) in said


def test_an_unknown_setting_is_named_with_its_line_and_the_nearest_known_one(tmp_path):
    said = refusal(tmp_path, "port = 1\npaused_lifetme = 5\n")

    assert "paused_lifetme" in said
    assert "line 2" in said
    assert "did you mean paused_lifetime?" in said


def test_an_unknown_table_is_named_with_its_line(tmp_path):
    assert "line 3" in refusal(tmp_path, "port = 1\n\n[server]\nport = 2\n")


def test_the_line_is_not_taken_from_a_text_that_looks_like_the_setting(tmp_path):
    said = refusal(tmp_path, 'database_url = """\\\nport = 0 \\\n"""\n# port = 0\n"port" = 0\n')

    assert "line 5" in said


def test_a_value_over_many_lines_is_named_by_its_first(tmp_path):
    assert "line 2" in refusal(tmp_path, 'port = 1\nhostnames = [\n  "a",\n  5,\n]\n')


def test_a_setting_given_twice_is_named_by_its_second_line(tmp_path):
    assert "line 2" in refusal(tmp_path, "port = 1\nport = 2\n")


@pytest.mark.parametrize("text", ["port = \n", "port 5", "= 5", "port = 5 6"])
def test_what_is_no_toml_is_refused_with_its_line(tmp_path, text):
    assert "config.toml, line 2" in refusal(tmp_path, f"# fine\n{text}")


def test_an_open_bracket_at_the_end_is_refused_with_the_last_line(tmp_path):
    assert "line 2" in refusal(tmp_path, 'hostnames = [\n"a",')


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path):
    (tmp_path / "config.toml").write_bytes(b"port = 1\n# \xff\n")

    assert "line 2" in refusal(tmp_path)


def test_an_endless_file_is_refused(tmp_path):
    assert "larger than 1.00 MiB" in refusal(tmp_path, "#" * ((1 << 20) + 1))


def test_a_directory_in_the_files_place_is_refused(tmp_path):
    (tmp_path / "config.toml").mkdir()

    assert "cannot be read" in refusal(tmp_path)


def test_an_unknown_variable_is_named(tmp_path):
    assert "IMAGE_APPLIANCE_PROT" in refusal(tmp_path, IMAGE_APPLIANCE_PROT="5")


def test_a_variable_in_the_wrong_case_is_named(tmp_path):
    assert "IMAGE_APPLIANCE_PORT" in refusal(tmp_path, IMAGE_APPLIANCE_port="5")


def test_a_bad_variable_is_named(tmp_path):
    said = refusal(tmp_path, IMAGE_APPLIANCE_PORT="many")

    assert "environment variable IMAGE_APPLIANCE_PORT" in said


def test_the_first_password_is_no_setting(tmp_path):
    assert "secret" not in repr(load(tmp_path, IMAGE_APPLIANCE_ADMIN_PASSWORD="secret"))


def test_other_programs_variables_are_none_of_ours(tmp_path):
    assert load(tmp_path, IMAGE_VIEWER="5", PORT="1") == load(tmp_path)


def test_an_unknown_option_is_refused(tmp_path):
    with pytest.raises(config.BadSetting, match="command line"):
        config.load(environ=NOTHING, state_dir=tmp_path, speed=5)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("threads = 64", "threads_reserved"),
        ("monitor_interval = 5\nheartbeat_timeout = 4", "heartbeat_timeout"),
        ("monitor_interval = 5\nticket_lifetime = 5", "ticket_lifetime"),
        ("images_port = 8443", "images_port"),
        ("images_port = 9000\ndaemon_port = 9000", "daemon_port"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, text, name):
    assert refusal(tmp_path, text).startswith(name)


def test_listeners_that_are_off_share_no_port(tmp_path):
    assert load(tmp_path, "images_port = 0\ndaemon_port = 0").daemon_port == 0


def test_plain_http_stays_on_this_machine_unless_told_otherwise(tmp_path):
    assert load(tmp_path, "http = true").host == "127.0.0.1"
    assert load(tmp_path, 'http = true\nhost = "0.0.0.0"').host == "0.0.0.0"


def test_a_long_bad_value_is_shortened_in_the_message(tmp_path):
    assert len(refusal(tmp_path, f'port = "{"9" * 5000}"')) < 500
