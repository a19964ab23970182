"""The first run and those after it: nothing is lost, nothing half, nothing for others to read."""

import datetime
import ipaddress
import os
import ssl
import stat

import pytest
from cryptography import x509

from appliance import bootstrap, certificates, config, errors, files

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def settings(tmp_path):
    return config.load(environ={}, state_dir=tmp_path / "state")


def server_certificate(settings) -> x509.Certificate:
    return x509.load_pem_x509_certificate((settings.state_dir / "tls" / "server.pem").read_bytes())


def names(settings) -> list[str]:
    found = server_certificate(settings).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def everything(settings) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in settings.state_dir.rglob("*") if path.is_file()}


def test_everything_is_for_its_owner_alone(settings):
    before = os.umask(0o022)
    try:
        bootstrap.prepare(settings)
    finally:
        os.umask(before)

    for path in [settings.state_dir, *settings.state_dir.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_second_start_changes_nothing(settings):
    bootstrap.prepare(settings)
    before = everything(settings)

    bootstrap.prepare(settings)

    assert everything(settings) == before


def test_two_installations_have_nothing_in_common(tmp_path):
    one, two = (bootstrap.prepare(config.load(environ={}, state_dir=tmp_path / name)) for name in "ab")

    assert one.id != two.id
    assert one.csrf_key != two.csrf_key
    assert one.ca_fingerprint != two.ca_fingerprint
    assert one.ticket_key.private_bytes_raw() != two.ticket_key.private_bytes_raw()


@pytest.mark.parametrize("stop_after", range(7))
def test_a_first_run_that_was_interrupted_is_completed(settings, monkeypatch, stop_after):
    written = []
    real = os.replace

    def replace(source, target):
        if len(written) == stop_after:
            raise KeyboardInterrupt
        written.append(target)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.prepare(settings)

    installation = bootstrap.prepare(settings)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(installation.certificate, installation.certificate_key)
    assert not [path for path in settings.state_dir.rglob("*") if path.is_file() and path.name.startswith(".")]


def test_the_certificate_is_for_this_machine_and_the_names_that_were_set(tmp_path):
    settings = config.load(environ={}, state_dir=tmp_path / "s", hostnames=("images.example.org", "192.0.2.7"))
    bootstrap.prepare(settings)

    assert names(settings)[:2] == ["images.example.org", "192.0.2.7"]
    assert {"localhost", "127.0.0.1", "::1"} <= set(names(settings))


def test_new_names_are_signed_by_the_same_authority(tmp_path):
    before = bootstrap.prepare(config.load(environ={}, state_dir=tmp_path / "s"))
    settings = config.load(environ={}, state_dir=tmp_path / "s", hostnames="new.example.org")

    after = bootstrap.prepare(settings)

    assert "new.example.org" in names(settings)
    assert after.ca_fingerprint == before.ca_fingerprint
    assert after.fingerprint != before.fingerprint


def test_a_certificate_about_to_expire_is_renewed(tmp_path):
    ca, key = certificates.authority(tmp_path)
    before = certificates.server(tmp_path, ca, key, ["localhost"], NOW)

    same = certificates.server(tmp_path, ca, key, ["localhost"], NOW + datetime.timedelta(days=700))
    after = certificates.server(tmp_path, ca, key, ["localhost"], NOW + datetime.timedelta(days=800))

    assert same == before
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert after.public_key() == before.public_key()


def test_lifetimes_are_what_browsers_take(tmp_path):
    ca, key = certificates.authority(tmp_path)
    server = certificates.server(tmp_path, ca, key, ["localhost"], NOW)

    assert server.not_valid_after_utc - server.not_valid_before_utc <= datetime.timedelta(days=825)
    assert ca.not_valid_after_utc - NOW > datetime.timedelta(days=3600)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".org", "\udc80"])
def test_a_name_that_no_certificate_can_have_is_named(settings, name):
    with pytest.raises(certificates.BadName):
        certificates.server(_made(settings.state_dir), *certificates.authority(settings.state_dir), [name], NOW)


def _made(directory):
    files.make_private(directory)
    return directory


def test_an_address_is_an_address_and_no_name(tmp_path):
    ca, key = certificates.authority(tmp_path)
    found = certificates.server(tmp_path, ca, key, ["192.0.2.1"], NOW).extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert found.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.0.2.1")]


@pytest.mark.parametrize("name", ["ca/ca.pem", "ca/ca.key", "tls/server.key", "tls/server.pem", "keys/tickets.pem"])
def test_a_broken_file_is_told_and_not_replaced(settings, name):
    bootstrap.prepare(settings)
    path = settings.state_dir / name
    path.write_text("nonsense")

    with pytest.raises(errors.BadState):
        bootstrap.prepare(settings)
    assert path.read_text() == "nonsense"


def test_a_missing_authority_key_is_told(settings):
    bootstrap.prepare(settings)
    (settings.state_dir / "ca" / "ca.key").unlink()

    with pytest.raises(errors.BadState) as refused:
        bootstrap.prepare(settings)
    assert "ca.key" in refused.value.sentence


def test_a_state_directory_that_is_a_file_is_told(tmp_path):
    (tmp_path / "state").write_text("")

    with pytest.raises(errors.BadState) as refused:
        bootstrap.Lock(tmp_path / "state")
    assert str(tmp_path / "state") in refused.value.sentence


def test_a_second_process_is_told_who_holds_the_directory(tmp_path):
    lock = bootstrap.Lock(tmp_path)

    with pytest.raises(errors.AlreadyRunning) as refused:
        bootstrap.Lock(tmp_path)
    assert str(os.getpid()) in refused.value.sentence

    lock.release()
    bootstrap.Lock(tmp_path).release()


def test_the_first_password_is_the_given_one_or_a_new_one(monkeypatch):
    monkeypatch.delenv(config.PASSWORD_VARIABLE, raising=False)
    (one, shown), (two, _) = bootstrap.first_password(), bootstrap.first_password()
    assert shown and one != two and len(one) >= 16

    monkeypatch.setenv(config.PASSWORD_VARIABLE, "given by the installer")
    assert bootstrap.first_password() == ("given by the installer", False)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    files.write(tmp_path / "f", b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))

    with pytest.raises(OSError):
        files.write(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
