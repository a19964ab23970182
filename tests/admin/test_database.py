"""The database: its migrations, its file, its transactions."""

import stat
import threading

import pytest
import sqlalchemy as sa
from alembic import command, config, script
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from appliance.admin import migrations, models
from appliance.admin.database import MIGRATIONS, Database


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/database.sqlite")
    database.migrate()
    yield database
    database.close()


def host(name):
    return models.Host(name=name, control="", images="", up=True, created_at=sa.func.current_timestamp())


@pytest.fixture
def migrated(tmp_path):
    """One that has been through every migration."""
    database = Database(f"sqlite:///{tmp_path}/old.sqlite")
    with database.engine.begin() as connection:
        earlier = config.Config()
        earlier.set_main_option("script_location", str(MIGRATIONS))
        earlier.attributes["connection"] = connection
        command.upgrade(earlier, "0001")
    database.migrate()
    yield database
    database.close()


def schema(database):
    """Columns (type, whether they may be NULL, default) and indices of all tables, by name."""
    inspector = sa.inspect(database.engine)
    return {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"], column["default"]) for column in inspector.get_columns(table)},
            sorted((index["name"], index["column_names"], index["unique"]) for index in inspector.get_indexes(table)),
            sorted((key["name"], key["referred_table"], str(key["options"])) for key in inspector.get_foreign_keys(table)),
            sorted((unique["name"], unique["column_names"]) for unique in inspector.get_unique_constraints(table)),
        )
        for table in inspector.get_table_names()
    }


def test_the_migrations_lead_to_the_tables_of_the_models(migrated):
    with migrated.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), models.Base.metadata)

    assert differences == []


def test_tables_made_anew_are_those_that_the_migrations_lead_to(database, migrated):
    assert schema(database) == schema(migrated)


def test_the_newest_revision_is_where_the_migrations_lead(database):
    history = script.ScriptDirectory(str(MIGRATIONS))

    assert history.get_heads() == [migrations.NEWEST]
    assert database._revision() == migrations.NEWEST


def test_tables_of_an_earlier_version_are_brought_to_this_one(migrated):
    assert migrated._revision() == migrations.NEWEST


def test_migrating_again_changes_nothing(database):
    with database.session() as session:
        session.add(host("one"))

    database.migrate()

    with database.reading() as session:
        assert session.scalar(sa.select(models.Host.name)) == "one"


def test_all_its_files_are_for_the_owner_alone(database, tmp_path):
    with database.session() as session:
        session.add(host("one"))

    files = list(tmp_path.glob("database.sqlite*"))

    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_was_answered_survives_a_power_cut(database):
    with database.engine.connect() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_transaction_that_fails_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.add(host("one"))
        session.flush()
        raise ZeroDivisionError

    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(models.Host)) == 0


def test_many_writers_that_read_first_wait_for_each_other(database):
    def add(number):
        with database.session() as session:
            count = session.scalar(sa.select(sa.func.count()).select_from(models.Host))
            session.add(host(f"{number}: after {count}"))

    threads = [threading.Thread(target=add, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as session:
        names = session.scalars(sa.select(models.Host.name)).all()
    assert sorted(name.split()[-1] for name in names) == [str(number) for number in range(8)]


def test_times_come_back_aware_and_in_utc(database):
    with database.session() as session:
        session.add(host("one"))

    with database.reading() as session:
        assert session.scalar(sa.select(models.Host.created_at)).utcoffset().total_seconds() == 0


def test_an_error_does_not_show_what_was_written(database):
    with pytest.raises(sa.exc.IntegrityError) as refused, database.session() as session:
        session.execute(sa.insert(models.Login).values(digest="a secret", user_id="nobody", created_at=None, expires_at=None))

    assert "a secret" not in str(refused.value)
