"""`image-appliance proxy`: the data path alone, on another machine."""

import os
import pathlib

import click

from appliance import config
from appliance.commands import options


@click.command()
@click.option("--key", metavar="FILE", required=True, type=click.Path(path_type=pathlib.Path), help="What `proxy-key` printed for it.")
@click.option("--listen", metavar="HOST:PORT", help="Where it listens. Default: its URL's port, at every IPv4 address.")
@options.config_file
def proxy(key: pathlib.Path, listen: str | None, config_file) -> None:
    """Run a standalone proxy: clients' bytes go through it to hosts, and nothing else does.

    It needs what `image-appliance proxy-key` prints on the appliance's machine, and keeps no state; Ctrl-C stops it. Settings of threads,
    connections, times and the log come from the environment, or the FILE of --config.
    """
    # Never the file of an appliance on the same machine.
    settings = config.load(config_file or os.devnull)
    place = None if listen is None else _place(listen)
    from appliance import proxy as process

    raise SystemExit(process.run(settings, key, place))


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise config.BadSetting("--listen", "the command line", f"{listen!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)
