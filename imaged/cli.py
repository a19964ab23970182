"""The command `imaged`: words to settings, and settings to a running daemon."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from imaged import config, server


def _setting(name: str, metavar: str | None, **kind: Any):
    """An option that is a setting: it overrides the configuration file where it is given, and is documented where it is defined."""
    return click.option(config.option(name), name, default=None, metavar=metavar, help=config.MEANINGS[name], **kind)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--config", "file", metavar="FILE", default=None, help="TOML file with the settings below, as control_socket = PATH.")
@_setting("root", "DIR", multiple=True)
@_setting("allow", "PLACE", multiple=True)
@_setting("upstream_ca", "FILE")
@_setting("images_service", "URL")
@_setting("images_control", "PATH")
@_setting("local_socket", "PATH")
@_setting("listen", "HOST:PORT")
@_setting("control_socket", "PATH")
@_setting("control_listen", "HOST:PORT")
@_setting("tls_cert", "FILE")
@_setting("tls_key", "FILE")
@_setting("tls_ca", "FILE")
@_setting("control_client", "NAME")
@_setting("no_tls", None, is_flag=True, flag_value=True)
@_setting("supervised", None, is_flag=True, flag_value=True)
@_setting("host_id", "TEXT")
@_setting("threads", "NUMBER", type=int)
@_setting("max_connections", "NUMBER", type=int)
@_setting("max_connections_per_address", "NUMBER", type=int)
@_setting("stop_timeout", "SECONDS", type=int)
@_setting("scan_command", "COMMAND")
@_setting("log_level", "LEVEL")
@click.version_option(server.version(), prog_name="imaged")
@click.pass_context
def main(ctx: click.Context, file: str | None, **words: Any) -> None:
    """The host's half of the image upload appliance: stores images in the host's storage domains.

    It serves two services over HTTP: images (bytes, authorised by tickets) and control (tickets, storage domains, verification).
    It needs no privileges but those to read and write under its roots. With a command below it is no daemon, but a client of one.
    """
    given = {name: value for name, value in words.items() if value not in (None, ())}
    if ctx.invoked_subcommand:
        if given or file:
            raise click.UsageError(f"The daemon's options do not go with {ctx.invoked_subcommand}")
        return
    try:
        settings = config.load(given, Path(file) if file else None)
        server.Daemon(settings).run()
    except (config.BadSetting, server.CannotStart) as error:
        print(f"imaged: {error}", file=sys.stderr)  # noqa: T201 - the console, before there is a log
        sys.exit(2)


@main.command()
@click.argument("appliance", metavar="https://APPLIANCE:PORT")
@click.option("--token", metavar="T", required=True, help="One-time token, from `image-appliance host add` there.")
@click.option("--fingerprint", metavar="SHA256", required=True, help="Of the appliance's authority: nobody can stand in between.")
@click.option("--state-dir", metavar="DIR", type=click.Path(path_type=Path), help="Where key, certificate and configuration go.")
@click.option("--root", "roots", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As the daemon's --root.")
@click.option("--listen", metavar="HOST", help="Address that both services listen on. [default: the host's, as the appliance knows it]")
@click.option("--cafile", metavar="FILE", type=click.Path(path_type=Path), help="Authority of a reverse proxy before the appliance.")
@click.option("--force", is_flag=True, help="Replace an enrolment that is there.")
def enrol(appliance: str, token: str, fingerprint: str, state_dir: Path | None, **words: Any) -> None:
    """Make this host one of an appliance's. The key is made here and never leaves; storage domains lie under each --root.

    Run the command that `image-appliance host add` printed, and then imaged with the configuration that this one names.
    """
    from imaged import enrolment

    try:
        place = Path(os.path.abspath(state_dir or enrolment.default_state_dir()))
        file = enrolment.enrol(appliance, token, fingerprint, state_dir=place, **words)
    except enrolment.CannotEnrol as error:
        raise click.ClickException(f"{error}.") from None
    click.echo(f"Enrolled. Start the daemon with:\n\n  imaged --config {shlex.quote(str(file))}")


def _copies(command: Callable[..., None]) -> click.Command:
    """What both commands take."""
    options = [
        click.option(
            "--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Connections, as far as the server allows."
        ),
        click.option("--cafile", metavar="FILE", help="Authority (PEM) that signed the server's certificate. [default: the system's]"),
        click.option("--resume", is_flag=True, help="Go on where an earlier try broke off."),
        click.option("--quiet", is_flag=True, help="No progress."),
    ]
    for option in reversed(options):
        command = option(command)
    return main.command()(command)


@_copies
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("url")
def upload(file: Path, url: str, **words: Any) -> None:
    """Copy the bytes of FILE into the image at URL (https://HOST:PORT/images/TICKET): in parallel, holes as zeros, durable when it ends."""
    from imaged import console, copying

    console.copy(copying.upload, file, url, upwards=True, **words)


@_copies
@click.argument("url")
@click.argument("file", type=click.Path(path_type=Path))
def download(url: str, file: Path, **words: Any) -> None:
    """Copy the bytes of the image at URL into the new FILE: in parallel, zeros as holes. Until it is whole it is FILE.part."""
    from imaged import console, copying

    console.copy(copying.download, file, url, upwards=False, **words)
