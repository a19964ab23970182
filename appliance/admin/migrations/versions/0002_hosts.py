"""Several hosts see one storage domain; a transfer has a host of its own. What oVirt's clients say of disks and transfers."""

import sqlalchemy as sa
from alembic import op

from appliance.admin import models

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "domain_hosts",
        sa.Column("domain_id", sa.String(length=36), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("added_at", models.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name="fk_domain_hosts_domain_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name="fk_domain_hosts_host_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("domain_id", "host_id", name="pk_domain_hosts"),
    )
    op.create_index("ix_domain_hosts_host_id", "domain_hosts", ["host_id"], unique=False)
    op.execute("INSERT INTO domain_hosts (domain_id, host_id, path, added_at) SELECT id, host_id, path, created_at FROM domains")

    with op.batch_alter_table("hosts") as hosts:
        hosts.add_column(sa.Column("public", sa.String(length=1024), nullable=True))
        hosts.add_column(sa.Column("maintenance", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("transfers") as transfers:
        transfers.add_column(sa.Column("host_id", sa.String(length=36), nullable=True))
        transfers.create_foreign_key("fk_transfers_host_id", "hosts", ["host_id"], ["id"], ondelete="SET NULL")
        transfers.create_index("ix_transfers_host_id", ["host_id"])
        transfers.add_column(sa.Column("inactivity_timeout", sa.BigInteger(), nullable=True))
        transfers.add_column(sa.Column("timeout_policy", sa.String(length=16), nullable=True))
        transfers.add_column(sa.Column("shallow", sa.Boolean(), nullable=False, server_default=sa.false()))
        transfers.add_column(sa.Column("export", sa.Boolean(), nullable=False, server_default=sa.false()))
        transfers.add_column(sa.Column("filename", sa.String(length=255), nullable=True))
        transfers.add_column(sa.Column("correlation_id", sa.String(length=255), nullable=True))
        transfers.create_index("ix_transfers_correlation_id", ["correlation_id"])
    op.execute("UPDATE transfers SET host_id = (SELECT host_id FROM domains WHERE domains.id = transfers.domain_id)")
    with op.batch_alter_table("domains") as domains:
        domains.drop_index("ix_domains_host_id")
        domains.drop_constraint("fk_domains_host_id", type_="foreignkey")
        domains.drop_column("host_id")
        domains.drop_column("path")
    with op.batch_alter_table("images") as images:
        images.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
        images.add_column(sa.Column("allocation", sa.String(length=16), nullable=False, server_default="sparse"))
        images.add_column(sa.Column("actual_size", sa.BigInteger(), nullable=True))
        images.add_column(sa.Column("backup", sa.String(length=16), nullable=True))
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("correlation_id", sa.String(length=255), nullable=True))
        events.create_index("ix_events_correlation_id", ["correlation_id"])


def downgrade() -> None:
    raise NotImplementedError("a domain that several hosts see does not fit into the tables of before: restore the backup")
