"""The import pipeline: a storage domain's steps, conversions, and what an image is given at its end."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("domains") as domains:
        domains.add_column(sa.Column("steps", sa.JSON(), nullable=True))
    with op.batch_alter_table("imports") as imports:
        imports.add_column(sa.Column("compressed", sa.Boolean(), server_default=sa.false(), nullable=False))
        imports.add_column(sa.Column("declared_format", sa.String(length=16), nullable=True))
        imports.add_column(sa.Column("target", sa.String(length=128), nullable=True))
        imports.add_column(sa.Column("converted", sa.Boolean(), server_default=sa.false(), nullable=False))
        imports.add_column(sa.Column("tags", sa.JSON(), server_default="[]", nullable=False))
        imports.add_column(sa.Column("properties", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("imports") as imports:
        for column in ("properties", "tags", "converted", "target", "declared_format", "compressed"):
            imports.drop_column(column)
    with op.batch_alter_table("domains") as domains:
        domains.drop_column("steps")
