"""Imports: transfers whose bytes the appliance itself fetches."""

import sqlalchemy as sa
from alembic import op

from appliance.admin import models

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("transfer_id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("wanted_format", sa.String(length=16), nullable=True),
        sa.Column("checksum", sa.String(length=64), nullable=True),
        sa.Column("find_checksum", sa.Boolean(), nullable=False),
        sa.Column("not_before", models.Moment(), nullable=True),
        sa.Column("looked_at", models.Moment(), nullable=False),
        sa.Column("validator", sa.Text(), nullable=True),
        sa.Column("resumable", sa.Boolean(), nullable=False),
        sa.Column("source_size", sa.BigInteger(), nullable=True),
        sa.Column("source_format", sa.String(length=16), nullable=False),
        sa.Column("compression", sa.String(length=16), nullable=True),
        sa.Column("sized", sa.Boolean(), nullable=False),
        sa.Column("fetched", sa.BigInteger(), nullable=False),
        sa.Column("digests", sa.JSON(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name="fk_imports_transfer_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("transfer_id", name="pk_imports"),
    )


def downgrade() -> None:
    op.drop_table("imports")
