"""Options that commands share."""

import pathlib

import click

state_dir = click.option(
    "--state-dir",
    metavar="DIR",
    type=click.Path(path_type=pathlib.Path),
    help="The appliance's state. Default: image-appliance in your data home.",
)
config_file = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=pathlib.Path),
    help="Settings (TOML). Default: config.toml in the state directory.",
)
