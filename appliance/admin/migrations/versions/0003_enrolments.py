"""Hosts that are added by a token, with certificates of the appliance's authority."""

import sqlalchemy as sa
from alembic import op

from appliance.admin import models

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("hosts") as hosts:
        hosts.add_column(sa.Column("address", sa.String(length=255), nullable=True))
        hosts.add_column(sa.Column("enrolled", sa.Boolean(), nullable=False, server_default=sa.true()))
        hosts.add_column(sa.Column("certificate_expires_at", models.Moment(), nullable=True))
    op.create_table(
        "enrolments",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=False),
        sa.Column("expires_at", models.Moment(), nullable=False),
        sa.Column("used_at", models.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name="fk_enrolments_host_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_enrolments"),
    )
    op.create_index("ix_enrolments_host_id", "enrolments", ["host_id"], unique=False)


def downgrade() -> None:
    op.drop_table("enrolments")
    with op.batch_alter_table("hosts") as hosts:
        for name in ("certificate_expires_at", "enrolled", "address"):
            hosts.drop_column(name)
