"""The command `imaged`: words to settings, and settings to a running daemon."""

import sys
from pathlib import Path
from typing import Any

import click

from imaged import config, server


def _setting(name: str, metavar: str | None, **kind: Any):
    """An option that is a setting: it overrides the configuration file where it is given, and is documented where it is defined."""
    return click.option(config.option(name), name, default=None, metavar=metavar, help=config.MEANINGS[name], **kind)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--config", "file", metavar="FILE", default=None, help="TOML file with the settings below, as control_socket = PATH.")
@_setting("root", "DIR", multiple=True)
@_setting("allow", "PLACE", multiple=True)
@_setting("upstream_ca", "FILE")
@_setting("local_socket", "PATH")
@_setting("listen", "HOST:PORT")
@_setting("control_socket", "PATH")
@_setting("control_listen", "HOST:PORT")
@_setting("tls_cert", "FILE")
@_setting("tls_key", "FILE")
@_setting("tls_ca", "FILE")
@_setting("no_tls", None, is_flag=True, flag_value=True)
@_setting("supervised", None, is_flag=True, flag_value=True)
@_setting("host_id", "TEXT")
@_setting("threads", "NUMBER", type=int)
@_setting("log_level", "LEVEL")
@click.version_option(server.version(), prog_name="imaged")
def main(file: str | None, **words: Any) -> None:
    """The host's half of the image upload appliance: stores images in the host's storage domains.

    It serves two services over HTTP: images (bytes, authorised by tickets) and control (tickets, storage domains, verification).
    It needs no privileges but those to read and write under its roots.
    """
    given = {name: value for name, value in words.items() if value not in (None, ())}
    try:
        settings = config.load(given, Path(file) if file else None)
        server.Daemon(settings).run()
    except (config.BadSetting, server.CannotStart) as error:
        print(f"imaged: {error}", file=sys.stderr)  # noqa: T201 - the console, before there is a log
        sys.exit(2)
