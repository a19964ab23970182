"""Databases for tests: migrated once, copied ever after."""

import contextlib
import functools
import pathlib
import tempfile
from collections.abc import Iterator

import sqlalchemy as sa

from appliance.admin.database import Database

NAME = "database.sqlite"

#: Used, and to be used again; each in a directory of its own.
_idle: list[tuple[tempfile.TemporaryDirectory, Database]] = []


@functools.cache
def _migrated() -> bytes:
    """The file of an empty database at this version."""
    with tempfile.TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{directory}/{NAME}")
        database.migrate()
        database.close()
        return pathlib.Path(directory, NAME).read_bytes()


def migrated(directory: pathlib.Path) -> pathlib.Path:
    """Puts an empty database at this version where an appliance with that state directory looks for it."""
    path = directory / NAME
    path.touch(0o600)
    path.write_bytes(_migrated())
    return path


@contextlib.contextmanager
def empty() -> Iterator[Database]:
    """An empty database at this version, for one test.

    It keeps what SQLAlchemy has compiled for the tests before, which is half of a short test's time.
    """
    directory, database = _idle.pop() if _idle else _hurried(tempfile.TemporaryDirectory())
    migrated(pathlib.Path(directory.name))
    yield database
    database.close()
    for file in pathlib.Path(directory.name).iterdir():
        file.unlink()
    _idle.append((directory, database))


def _hurried(directory: tempfile.TemporaryDirectory) -> tuple[tempfile.TemporaryDirectory, Database]:
    """No test cuts the power: the disk need not be waited for. (What holds without this is in test_database.)"""
    database = Database(f"sqlite:///{directory.name}/{NAME}")
    sa.event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    return directory, database
