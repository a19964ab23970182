"""A copy as a person sees it: a bar while it runs, a sentence when it cannot."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
import rich.console
import rich.progress
import rich.text

from imaged import client, copying, errors, units
from imaged.httpd import tls
from imaged.remote import Remote

#: Exit status of a copy that broke off: what has arrived stays, and the same command with --resume goes on.
BROKEN_OFF = 3


class BrokenOff(click.ClickException):
    exit_code = BROKEN_OFF

    def __init__(self, reason: str):
        super().__init__(f"{reason}. What has arrived stays: go on with --resume")


def copy(
    work: Callable[..., None], file: Path, url: str, *, upwards: bool, workers: int, cafile: str | None, resume: bool, quiet: bool
) -> None:
    """Runs `work` (copying.upload or copying.download) with a progress bar on standard error. Raises ClickException."""
    try:
        context = tls.client_context(cafile) if cafile else None
    except OSError as error:
        raise click.ClickException(f"{cafile} cannot be read as PEM certificates: {error.strerror or error}") from None
    try:
        remote = Remote(url, context)
    except (ValueError, client.Unreachable) as error:
        raise click.ClickException(str(error)) from None
    except client.Refused as error:
        raise click.ClickException(_refusal(error)) from None
    try:
        with _bar(quiet) as bar:
            # It is seen when there is something to see: a copy that cannot begin has no bar.
            task = bar.add_task(file.name, total=None, visible=False)

            def progress(count: int) -> None:
                bar.update(task, advance=count, visible=True)

            def total(count: int) -> None:
                bar.update(task, total=count)

            where = (file, remote) if upwards else (remote, file)
            work(*where, workers=workers, resume=resume, progress=progress, total=total)
    except copying.CannotCopy as error:
        raise click.ClickException(str(error)) from None
    except client.Refused as error:
        raise (BrokenOff if error.status >= 500 else click.ClickException)(_refusal(error)) from None
    except client.Unreachable as error:
        raise BrokenOff(str(error)) from None
    except errors.DaemonError as error:  # our own storage's
        reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error.message
        raise BrokenOff(f"{file}: {reason}") from None
    except KeyboardInterrupt:
        raise BrokenOff("Interrupted") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from None


def _refusal(error: client.Refused) -> str:
    return f"The server refused: {error.message}"


class _Moved(rich.progress.ProgressColumn):
    def render(self, task: rich.progress.Task) -> rich.text.Text:
        return rich.text.Text(f"{units.size(int(task.completed))} of {units.size(int(task.total or 0))}")


class _Speed(rich.progress.ProgressColumn):
    def render(self, task: rich.progress.Task) -> rich.text.Text:
        speed = task.finished_speed or task.speed
        return rich.text.Text(f"{units.size(int(speed))}/s" if speed else "")


def _bar(quiet: bool) -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        _Moved(),
        _Speed(),
        rich.progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=rich.console.Console(file=sys.stderr),
        disable=quiet,
    )
