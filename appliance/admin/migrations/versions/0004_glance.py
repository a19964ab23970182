"""What Glance's clients keep: entries of images, tasks, and further digests."""

import sqlalchemy as sa
from alembic import op

from appliance.admin import models

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("images") as images:
        images.add_column(sa.Column("digests", sa.JSON(), nullable=True))
    op.create_table(
        "entries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("disk_format", sa.String(length=16), nullable=True),
        sa.Column("container_format", sa.String(length=16), nullable=True),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("min_disk", sa.BigInteger(), nullable=False),
        sa.Column("min_ram", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("staged", sa.String(length=36), nullable=True),
        sa.Column("created_at", models.Moment(timezone=True), nullable=False),
        sa.Column("updated_at", models.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_entries_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
    )
    op.create_index("ix_entries_owner_id", "entries", ["owner_id"], unique=False)
    op.create_index("ix_entries_created_at", "entries", ["created_at"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=True),
        sa.Column("transfer_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", models.Moment(timezone=True), nullable=False),
        sa.Column("updated_at", models.Moment(timezone=True), nullable=False),
        sa.Column("expires_at", models.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tasks_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    for column in ("status", "owner_id", "image_id", "transfer_id", "created_at"):
        op.create_index(f"ix_tasks_{column}", "tasks", [column], unique=False)


def downgrade() -> None:
    op.drop_table("tasks")
    op.drop_table("entries")
    with op.batch_alter_table("images") as images:
        images.drop_column("digests")
