"""Settings: what is misspelt or makes no sense stops the start, by its name and place."""

import pytest

from imaged import config

BOTH = {"local_socket": "/run/i.sock", "control_socket": "/run/c.sock"}


@pytest.fixture
def words(tmp_path):
    """The least that a daemon needs."""
    return {"root": (str(tmp_path),), **BOTH}


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "some.pem"
    path.write_text("not looked into here")
    return str(path)


def complaint(words, file=None):
    with pytest.raises(config.BadSetting) as bad:
        config.load(words, file)
    return str(bad.value)


def written(tmp_path, text):
    path = tmp_path / "imaged.toml"
    path.write_text(text)
    return path


def test_a_file_and_words_say_the_same(tmp_path, words):
    text = f'root = ["{tmp_path}"]\nlocal_socket = "/run/i.sock"\ncontrol_socket = "/run/c.sock"\n'

    assert config.load({}, written(tmp_path, text)) == config.load(words, None)


def test_words_override_the_file(tmp_path, words):
    file = written(tmp_path, 'threads = 8\nhost_id = "from-file"\n')

    settings = config.load({**words, "threads": 16}, file)

    assert (settings.threads, settings.host_id) == (16, "from-file")


def test_a_host_keeps_its_id(words):
    first, second = config.load(words, None), config.load(words, None)

    assert first.host_id == second.host_id != ""


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "# a comment\n\ncontrol_sockets = 'x'\n",
            "control_sockets ({file}, line 3): there is no such setting; did you mean 'control_socket'?",
        ),
        ("threads = 'many'\n", "threads ({file}, line 1): 'many' is not a number from 4 to 4096"),
        ("\n threads=4\nno_tls = 1\n", "no_tls ({file}, line 3): 1 is not true or false"),
        ("root = '/srv'\n", "root ({file}, line 1): '/srv' is not a list of directories"),
        ("[listen]\nport = 1\n", "listen ({file}, line 1): {{'port': 1}} is not a text"),
        ("log_level = 'loud'\n", "log_level ({file}, line 1): 'loud' is not one of debug"),
        ("a = 1\na = 2\n", "Configuration {file} is not TOML"),
        ("root = [\n", "Configuration {file} is not TOML"),
        ("allow = 'nbd'\n", "allow ({file}, line 1): 'nbd' is not a list of places"),
        ("\nallow = ['nbd', 'all']\n", "allow ({file}, line 2): 'all' is not a place: What tickets may lead to"),
    ],
)
def test_a_bad_file_is_refused_with_name_and_line(tmp_path, text, expected):
    file = written(tmp_path, text)

    assert complaint({}, file).startswith(expected.format(file=file))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "nothing.toml cannot be read: No such file" in complaint({}, tmp_path / "nothing.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\0")

    assert "not UTF-8" in complaint({}, path)


@pytest.mark.parametrize("missing", ["root", "local_socket", "control_socket"])
def test_what_is_missing_is_named(words, missing):
    del words[missing]

    assert complaint(words).startswith(missing)


def test_a_root_that_is_not_there_is_named(words):
    assert "/nothing/here is not a directory" in complaint({**words, "root": ("/nothing/here",)})


@pytest.mark.parametrize("name", ["local_socket", "control_socket"])
def test_a_socket_path_that_is_too_long_is_refused(words, name):
    sentence = complaint({**words, name: "/" + "x" * 107})

    assert name in sentence and "at most 107" in sentence


def test_the_longest_socket_path_is_taken(words):
    assert config.load({**words, "local_socket": "/" + "x" * 106}, None)


def test_one_path_cannot_be_two_sockets(words):
    assert "each service needs its own" in complaint({**words, "control_socket": words["local_socket"]})


@pytest.mark.parametrize(
    "text, address",
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("0.0.0.0", ("0.0.0.0", 54322)),
        ("[::]:54323", ("::", 54323)),
        ("[::1]", ("::1", 54322)),
        ("host.example:1", ("host.example", 1)),
    ],
)
def test_an_address_has_a_host_and_a_port(words, text, address):
    assert config.load({**words, "listen": text, "no_tls": True}, None).listen == address


@pytest.mark.parametrize("text", ["", ":1", "::1", "a:b", "a:1:2", "a:65536", "a:-1", "[::1", "a b:1", "a:1 ", "a:", "http://a:1"])
def test_a_bad_address_is_refused(words, text):
    assert "listen (option --listen)" in complaint({**words, "listen": text, "no_tls": True})


def test_control_over_tcp_has_no_port_by_itself(words, pem):
    assert "HOST:PORT" in complaint({**words, "control_listen": "127.0.0.1"})


def test_listening_without_a_certificate_is_refused(words):
    assert "needs tls_cert and tls_key (or no_tls" in complaint({**words, "listen": "127.0.0.1:0"})


@pytest.mark.parametrize("given", ["tls_cert", "tls_key"])
def test_half_a_certificate_is_refused(words, pem, given):
    assert "belong together" in complaint({**words, given: pem})


def test_control_over_tcp_needs_mutual_tls(words, pem):
    more = {"control_listen": "127.0.0.1:0", "tls_cert": pem, "tls_key": pem, "no_tls": True}

    assert "tls_ca" in complaint({**words, **more})


def test_a_certificate_that_is_not_there_is_named(words, pem):
    assert "tls_cert (option --tls-cert): /nothing.pem cannot be read" in complaint(
        {**words, "listen": "127.0.0.1:0", "tls_cert": "/nothing.pem", "tls_key": pem}
    )


def test_a_directory_is_no_certificate(words, pem, tmp_path):
    assert "is not a file" in complaint({**words, "tls_cert": str(tmp_path), "tls_key": pem})


@pytest.mark.parametrize("host_id", ["a b", "ä", "x" * 129, "a\n"])
def test_a_bad_host_id_is_refused(words, host_id):
    assert "host_id" in complaint({**words, "host_id": host_id})


@pytest.mark.parametrize("value", ["wc -c 'a b'", ["wc", "-c", "a b"]])
def test_the_scanner_is_a_program_and_its_words(words, value):
    program, *rest = config.load({**words, "scan_command": value}, None).scan_command

    assert program.endswith("/wc") and rest == ["-c", "a b"]


@pytest.mark.parametrize("value", ["", "  ", [], [1], "'", "no-such-scanner", "/etc", ["wc", "a\0b"], 7])
def test_a_scanner_that_cannot_be_started_stops_the_start(words, value):
    assert complaint({**words, "scan_command": value}).startswith("scan_command (option --scan-command): ")
