"""`image-appliance proxy-key`: what a proxy needs to know, in one file."""

import datetime

import click

from appliance import config
from appliance.commands import options


@click.command()
@click.argument("url")
@click.option("--name", "names", metavar="NAME", multiple=True, help="Another name or address that its certificate is for.")
@options.state_dir
def proxy_key(url: str, names: tuple[str, ...], state_dir) -> None:
    """Print the file for a new proxy that clients reach at URL (https://NAME:PORT).

    It goes to the proxy's machine, for `image-appliance proxy --key`; the appliance's setting `proxies` gets the URL. There is a private
    key in it: let nobody else read it. Its certificate is valid for 820 days; before they are over, print and copy another one.
    """
    from appliance import proxy_key as keys

    settings = config.load(state_dir=state_dir)
    click.echo(keys.make(settings.state_dir, url, names, datetime.datetime.now(datetime.UTC)), nl=False)
