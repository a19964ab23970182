"""The history of the tables, for Alembic. `database.Database.migrate` runs it."""
