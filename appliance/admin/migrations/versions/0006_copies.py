"""Copies of images in other storage domains, as Glance's clients make them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("images") as images:
        images.add_column(sa.Column("copy_of", sa.String(length=36), nullable=True))
        images.create_index("ix_images_copy_of", ["copy_of"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("images") as images:
        images.drop_index("ix_images_copy_of")
        images.drop_column("copy_of")
