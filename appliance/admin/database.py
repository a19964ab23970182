"""The database: SQLite beside the appliance, or PostgreSQL by URL."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from appliance.admin import migrations, models

MIGRATIONS = pathlib.Path(migrations.__file__).parent

# How long a transaction waits for another process (the command line) to end its own, in seconds.
BUSY_TIMEOUT = 30

# Transactions are short. Of the connections, the one that was used last is taken: few come to hold pages. What is written into a statement
# (digests, tickets) must not reach the log with its error.
POOL = {"pool_use_lifo": True, "pool_size": 16, "max_overflow": 48, "hide_parameters": True}


class Database:
    """One database. Thread-safe. `url` is an SQLAlchemy URL; an SQLite file is made, for its owner alone, when it is missing."""

    def __init__(self, url: str):
        self.url = sa.make_url(url)
        self._sqlite = self.url.get_backend_name() == "sqlite"
        if self._sqlite:
            self.engine = self._open_sqlite()
        else:
            self.engine = sa.create_engine(self.url, pool_pre_ping=True, **POOL)
        self._alone = self.engine.execution_options(alone=True)
        self._write = orm.sessionmaker(self.engine, expire_on_commit=False)
        self._read = orm.sessionmaker(self.engine.execution_options(reading=True), expire_on_commit=False)

    def migrate(self) -> None:
        """Brings the tables to this version. Repeatable: either the whole step is done, or nothing."""
        if self._revision() == migrations.NEWEST or self._made():
            return
        # Takes 0.2 s of processor time and 13 MiB, which nearly every start, and every command, is without.
        from alembic import command
        from alembic.config import Config as AlembicConfig

        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.connect() as connection:
            if self._sqlite:
                # A column that goes means a table that is copied: its rows must not take those that refer to them along.
                connection.connection.execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            if self._sqlite:
                connection.connection.execute("PRAGMA foreign_keys = ON")

    @contextlib.contextmanager
    def session(self) -> Iterator[orm.Session]:
        """One transaction that may write: committed at the end of the block, or, when an exception leaves it, undone."""
        with self._write() as session, session.begin():
            yield session

    @contextlib.contextmanager
    def reading(self) -> Iterator[orm.Session]:
        """One transaction that only reads: it sees one state, and waits for nobody."""
        with self._read() as session, session.begin():
            yield session

    def row(self, query: sa.Select, **values: object) -> Any:
        """The one row of `query`, which names columns, or None."""
        # For what each request asks: a session with its objects takes six times as long.
        with self._alone.begin() as connection:
            return connection.execute(query, values).one_or_none()

    def close(self) -> None:
        self.engine.dispose()

    def _revision(self) -> str | None:
        """Of the tables as they are; None where there are none."""
        with self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))

    def _made(self) -> bool:
        """Makes all tables as they are in this version where there are none yet; else nothing, and False."""
        with self.engine.begin() as connection:
            if sa.inspect(connection).get_table_names():
                return False
            models.Base.metadata.create_all(connection)
            connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": migrations.NEWEST})
        return True

    def _open_sqlite(self) -> sa.Engine:
        if self.url.database and self.url.database != ":memory:":
            # SQLite gives its journal files the mode of the database.
            os.close(os.open(self.url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        engine = sa.create_engine(self.url, connect_args={"timeout": BUSY_TIMEOUT}, **POOL)
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        return engine


def _prepare(connection, _record) -> None:
    """A new SQLite connection: transactions are begun by `_begin`, not by the module's own guess."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: what was answered survives a power cut; WAL's own default may lose the last transactions.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("alone"):
        # One statement sees one state anyway. Each more gives the interpreter away several times.
        return
    # A transaction that reads first and writes later cannot wait for another writer (SQLite refuses at once): it takes its place before.
    connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")
