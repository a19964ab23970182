"""`image-appliance run`: everything on this machine, in the foreground."""

import click

from appliance import config
from appliance.commands import options


@click.command()
@options.state_dir
@click.option("--host", metavar="H", help="Address to listen on.")
@click.option("--port", metavar="N", help="Port to listen on.")
@click.option("--http", is_flag=True, default=None, help="Plain HTTP, for use behind a reverse proxy that speaks TLS.")
@options.config_file
def run(state_dir, host, port, http, config_file) -> None:
    """Start the appliance and its host daemon; Ctrl-C stops both.

    The first start makes the state directory with its certificates, database, two storage domains and the user `admin`, and prints its
    password once (IMAGE_APPLIANCE_ADMIN_PASSWORD sets it instead). Every setting: `image-appliance config`.
    """
    settings = config.load(config_file, state_dir=state_dir, host=host, port=port, http=http)
    from appliance import process

    raise SystemExit(process.run(settings))
