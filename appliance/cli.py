"""`image-appliance`: the front door. Commands are in `commands/`, a file for each."""

import importlib
import importlib.metadata

import click
import rich.console

from appliance import config, errors


class Commands(click.Group):
    """Finds the command NAME in `commands/NAME.py`, when it is asked for: `--version` should not wait for the database's library.

    A dash in a name is an underscore there.
    """

    NAMES = ("run", "config", "user", "token", "host", "domain", "proxy", "proxy-key")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.NAMES:
            return None
        module = cmd_name.replace("-", "_")
        return getattr(importlib.import_module(f"appliance.commands.{module}"), module)

    def invoke(self, ctx: click.Context):
        """Runs the command; what a person can put right is said in a sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except config.BadSetting as error:
            raise Fault(str(error)) from None
        except errors.ApplianceError as error:
            raise Fault(error.sentence, error.advice) from None


class Fault(click.ClickException):
    """What went wrong, and what to do about it."""

    def __init__(self, message: str, advice: str = ""):
        super().__init__(message)
        self.advice = advice

    def show(self, file=None) -> None:
        console = rich.console.Console(file=file, stderr=file is None, highlight=False, markup=False, soft_wrap=True)
        console.print("Error:", style="bold red", end=" ")
        console.print(self.message)
        if self.advice:
            console.print(self.advice, style="dim")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(importlib.metadata.version("image-appliance"), prog_name="image-appliance")
def main() -> None:
    """Upload ISOs and disk images of any size to the storage of KVM hosts."""
