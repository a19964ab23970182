"""Run by Alembic: the migrations go through the connection that `database.Database.migrate` holds open."""

from alembic import context

from appliance.admin import models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.Base.metadata,
    # SQLite cannot alter a column: Alembic then copies the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
