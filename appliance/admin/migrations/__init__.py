"""The history of the tables, for Alembic. `database.Database.migrate` runs it."""

#: The revision of this version's tables.
NEWEST = "0008"
