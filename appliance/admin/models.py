"""The tables. Sizes are bytes, times aware UTC datetimes, ids UUIDs as text (events: numbers, in order)."""

import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy import orm


class Moment(sa.types.TypeDecorator):
    """An aware datetime in UTC. SQLite forgets the zone: it is put back when reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else value.astimezone(datetime.UTC)

    def process_result_value(self, value, dialect):
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)


class Base(orm.DeclarativeBase):
    # Constraints have names, or a later migration could not change them.
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime.datetime: Moment, int: sa.BigInteger, dict: sa.JSON, list: sa.JSON}


def new_id() -> str:
    return str(uuid.uuid4())


def key() -> orm.Mapped[str]:
    return orm.mapped_column(sa.String(36), primary_key=True, default=new_id)


def ref(target: str, **options) -> orm.Mapped:
    return orm.mapped_column(sa.String(36), sa.ForeignKey(target, **options), index=True)


class User(Base):
    __tablename__ = "users"

    id: orm.Mapped[str] = key()
    name: orm.Mapped[str] = orm.mapped_column(sa.String(64), unique=True)
    role: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    password_hash: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    created_at: orm.Mapped[datetime.datetime]


class Token(Base):
    """An API token: its digest alone, so that a stolen database opens nothing."""

    __tablename__ = "tokens"

    id: orm.Mapped[str] = key()
    user_id: orm.Mapped[str] = ref("users.id", ondelete="CASCADE")
    digest: orm.Mapped[str] = orm.mapped_column(sa.String(64), unique=True)
    #: A role: the token may do no more than that, whatever its user may. NULL: as much as the user.
    scope: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    created_at: orm.Mapped[datetime.datetime]
    expires_at: orm.Mapped[datetime.datetime]
    user: orm.Mapped[User] = orm.relationship(lazy="joined")


class Login(Base):
    """A browser that is logged in: the digest of its cookie."""

    __tablename__ = "logins"

    digest: orm.Mapped[str] = orm.mapped_column(sa.String(64), primary_key=True)
    user_id: orm.Mapped[str] = ref("users.id", ondelete="CASCADE")
    created_at: orm.Mapped[datetime.datetime]
    expires_at: orm.Mapped[datetime.datetime]
    user: orm.Mapped[User] = orm.relationship(lazy="joined")


class Host(Base):
    __tablename__ = "hosts"

    id: orm.Mapped[str] = key()
    name: orm.Mapped[str] = orm.mapped_column(sa.String(255), unique=True)
    control: orm.Mapped[str] = orm.mapped_column(sa.String(1024))
    images: orm.Mapped[str] = orm.mapped_column(sa.String(1024))
    #: Where clients from outside reach its images service (`https://host:port`); NULL if they cannot.
    public: orm.Mapped[str | None] = orm.mapped_column(sa.String(1024))
    up: orm.Mapped[bool]
    maintenance: orm.Mapped[bool] = orm.mapped_column(default=False, server_default=sa.false())
    reason: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    #: The name or address that its certificate is for; NULL for the appliance's own host, which is reached without one.
    address: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    #: False until it has its first certificate: before that there is nobody to ask.
    enrolled: orm.Mapped[bool] = orm.mapped_column(default=True, server_default=sa.true())
    certificate_expires_at: orm.Mapped[datetime.datetime | None]
    created_at: orm.Mapped[datetime.datetime]


class Enrolment(Base):
    """A token by which a host may once ask for its first certificate: its digest alone."""

    __tablename__ = "enrolments"

    digest: orm.Mapped[str] = orm.mapped_column(sa.String(64), primary_key=True)
    host_id: orm.Mapped[str] = ref("hosts.id", ondelete="CASCADE")
    expires_at: orm.Mapped[datetime.datetime]
    used_at: orm.Mapped[datetime.datetime | None]
    host: orm.Mapped[Host] = orm.relationship(lazy="joined")


class DomainHost(Base):
    """A host sees a storage domain, at this path. Shared storage is seen by several."""

    __tablename__ = "domain_hosts"

    domain_id: orm.Mapped[str] = orm.mapped_column(sa.String(36), sa.ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True)
    host_id: orm.Mapped[str] = orm.mapped_column(sa.String(36), sa.ForeignKey("hosts.id", ondelete="CASCADE"), primary_key=True, index=True)
    path: orm.Mapped[str] = orm.mapped_column(sa.Text)
    added_at: orm.Mapped[datetime.datetime]
    host: orm.Mapped[Host] = orm.relationship(lazy="joined")


class Domain(Base):
    """A storage domain. The four sizes are the last ones that one of its hosts told."""

    __tablename__ = "domains"

    id: orm.Mapped[str] = key()
    name: orm.Mapped[str] = orm.mapped_column(sa.String(255), unique=True)
    kind: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    capacity: orm.Mapped[int] = orm.mapped_column(default=0)
    free: orm.Mapped[int] = orm.mapped_column(default=0)
    reserved: orm.Mapped[int] = orm.mapped_column(default=0)
    available: orm.Mapped[int] = orm.mapped_column(default=0)
    #: The names of what is done with imports on their arrival, in order; NULL for what is usual.
    steps: orm.Mapped[list | None]
    created_at: orm.Mapped[datetime.datetime]
    #: The hosts that see it, the first one first.
    seen_by: orm.Mapped[list[DomainHost]] = orm.relationship(lazy="selectin", order_by=DomainHost.added_at, cascade="all, delete-orphan")


class Image(Base):
    __tablename__ = "images"
    # The claim is the name while the image is, or becomes, good; NULL once illegal. NULLs are all different: one constraint keeps
    # names unique among good images and running uploads, whatever runs at the same time.
    __table_args__ = (sa.UniqueConstraint("domain_id", "claim"),)

    id: orm.Mapped[str] = key()
    name: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    claim: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    size: orm.Mapped[int]
    virtual_size: orm.Mapped[int | None]
    format: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    content_type: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    status: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    reason: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    sha256: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    domain_id: orm.Mapped[str] = ref("domains.id")
    owner_id: orm.Mapped[str] = ref("users.id")
    #: The file's name on the host; NULL once its bytes are gone.
    volume: orm.Mapped[str | None] = orm.mapped_column(sa.String(128))
    bootable: orm.Mapped[bool | None]
    label: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    #: Further digests (hex) of the file by algorithm, where somebody computed them as the bytes came: md5 and sha512.
    digests: orm.Mapped[dict | None]
    description: orm.Mapped[str] = orm.mapped_column(sa.Text, default="", server_default="")
    allocation: orm.Mapped[str] = orm.mapped_column(sa.String(16), default="sparse", server_default="sparse")
    #: Bytes that it takes on the storage, as last told.
    actual_size: orm.Mapped[int | None]
    #: What an oVirt client said of incremental backup.
    backup: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    #: Its bytes are being deleted: goes on after a crash until the record is gone.
    deleting: orm.Mapped[bool] = orm.mapped_column(default=False)
    #: The image that this is a copy of, in another storage domain.
    copy_of: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), index=True)
    transfer_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36))
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(index=True)
    completed_at: orm.Mapped[datetime.datetime | None]
    domain: orm.Mapped[Domain] = orm.relationship(lazy="joined")
    owner: orm.Mapped[User] = orm.relationship(lazy="joined")
    entry: orm.Mapped["Entry | None"] = orm.relationship(primaryjoin="Image.id == foreign(Entry.id)", viewonly=True, lazy="joined")


class Entry(Base):
    """What Glance's clients say of an image beside its bytes: it may be there before them. Its id is the image's."""

    __tablename__ = "entries"

    id: orm.Mapped[str] = key()
    name: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    disk_format: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    container_format: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    visibility: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    owner_id: orm.Mapped[str] = ref("users.id")
    protected: orm.Mapped[bool] = orm.mapped_column(default=False)
    hidden: orm.Mapped[bool] = orm.mapped_column(default=False)
    #: What a machine needs: a disk of so many GiB, so many MiB of memory.
    min_disk: orm.Mapped[int] = orm.mapped_column(default=0)
    min_ram: orm.Mapped[int] = orm.mapped_column(default=0)
    tags: orm.Mapped[list] = orm.mapped_column(default=list)
    #: The client's own, by name: text.
    properties: orm.Mapped[dict] = orm.mapped_column(default=dict)
    #: The transfer whose bytes wait to be imported: one that was sent by `stage`.
    staged: orm.Mapped[str | None] = orm.mapped_column(sa.String(36))
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(index=True)
    updated_at: orm.Mapped[datetime.datetime]
    owner: orm.Mapped[User] = orm.relationship(lazy="joined")


class Task(Base):
    """What a Glance client asked for that takes its time: it ends with its transfer, and is forgotten some time afterwards."""

    __tablename__ = "tasks"

    id: orm.Mapped[str] = key()
    type: orm.Mapped[str] = orm.mapped_column(sa.String(32))
    status: orm.Mapped[str] = orm.mapped_column(sa.String(16), index=True)
    input: orm.Mapped[dict]
    result: orm.Mapped[dict | None]
    message: orm.Mapped[str] = orm.mapped_column(sa.Text, default="")
    owner_id: orm.Mapped[str] = ref("users.id")
    image_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), index=True)
    transfer_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), index=True)
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(index=True)
    updated_at: orm.Mapped[datetime.datetime]
    expires_at: orm.Mapped[datetime.datetime | None]
    owner: orm.Mapped[User] = orm.relationship(lazy="joined")


class Transfer(Base):
    __tablename__ = "transfers"

    id: orm.Mapped[str] = key()
    image_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), sa.ForeignKey("images.id", ondelete="SET NULL"), index=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    direction: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    phase: orm.Mapped[str] = orm.mapped_column(sa.String(32), index=True)
    reason: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    reason_code: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    size: orm.Mapped[int]
    format: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    content_type: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    allocation: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    initial_size: orm.Mapped[int | None]
    domain_id: orm.Mapped[str] = ref("domains.id")
    volume: orm.Mapped[str] = orm.mapped_column(sa.String(128))
    owner_id: orm.Mapped[str] = ref("users.id")
    client: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    #: The host that moves the bytes; NULL once it was removed.
    host_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), sa.ForeignKey("hosts.id", ondelete="SET NULL"), index=True)
    #: Of an oVirt client's transfer: seconds without a byte (0: any), and what then happens. NULL: heartbeats count.
    inactivity_timeout: orm.Mapped[int | None]
    timeout_policy: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    shallow: orm.Mapped[bool] = orm.mapped_column(default=False, server_default=sa.false())
    #: Its format is not the file's: the host exports the guest's bytes.
    export: orm.Mapped[bool] = orm.mapped_column(default=False, server_default=sa.false())
    filename: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    correlation_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(255), index=True)
    #: The host's ticket that was last put there; NULL once it is known to be revoked.
    ticket: orm.Mapped[str | None] = orm.mapped_column(sa.String(36))
    durable: orm.Mapped[list] = orm.mapped_column(default=list)
    transferred_bytes: orm.Mapped[int] = orm.mapped_column(default=0)
    expected_sha256: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    modified: orm.Mapped[float | None]
    #: What the uploading browser hashed of its file: [[start, end, sha256], …].
    fingerprint: orm.Mapped[list] = orm.mapped_column(default=list)
    #: What a resuming client was asked to hash: [[start, end], …]; NULL while nobody asked.
    asked: orm.Mapped[list | None]
    #: The verification's job on the host, and what it found.
    job: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    verdict: orm.Mapped[dict | None]
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(index=True)
    updated_at: orm.Mapped[datetime.datetime]
    expires_at: orm.Mapped[datetime.datetime | None]
    domain: orm.Mapped[Domain] = orm.relationship(lazy="joined")
    #: There as long as the transfer is not finished: a host that works on one is not removed.
    host: orm.Mapped[Host] = orm.relationship(lazy="joined")
    owner: orm.Mapped[User] = orm.relationship(lazy="joined")
    #: Where its bytes come from, if the appliance fetches them; and what is done with them on their arrival.
    imported: orm.Mapped["Import | None"] = orm.relationship(lazy="joined", passive_deletes="all")


class Import(Base):
    """Where the bytes of a transfer come from that the appliance itself fetches, what it found there when it looked last, and the steps.

    What a client staged goes through the steps, too: then there is no source, and the URL is empty.
    """

    __tablename__ = "imports"

    transfer_id: orm.Mapped[str] = orm.mapped_column(sa.String(36), sa.ForeignKey("transfers.id", ondelete="CASCADE"), primary_key=True)
    #: To be shown. The whole one, in whose query may be a secret, is sealed with the credentials; NULL once nothing is fetched any more.
    url: orm.Mapped[str] = orm.mapped_column(sa.Text)
    sealed: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    #: What was asked for: NULL for what it is.
    wanted_format: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    compressed: orm.Mapped[bool] = orm.mapped_column(default=False, server_default=sa.false())
    #: The volume that the transfer's is converted to; NULL where it is kept as it is. `converted`: it is there and good.
    target: orm.Mapped[str | None] = orm.mapped_column(sa.String(128))
    converted: orm.Mapped[bool] = orm.mapped_column(default=False, server_default=sa.false())
    #: What the image gets when it is registered.
    tags: orm.Mapped[list] = orm.mapped_column(default=list, server_default="[]")
    properties: orm.Mapped[dict] = orm.mapped_column(default=dict, server_default="{}")
    #: The SHA-256 of the file as it is at its source, packed or not.
    checksum: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    find_checksum: orm.Mapped[bool]
    not_before: orm.Mapped[datetime.datetime | None]
    looked_at: orm.Mapped[datetime.datetime]
    validator: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    resumable: orm.Mapped[bool]
    source_size: orm.Mapped[int | None]
    source_format: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    #: What it was said to be at its source; NULL where nobody said that.
    declared_format: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    compression: orm.Mapped[str | None] = orm.mapped_column(sa.String(16))
    #: The transfer's size is the image's; else the most that it may be.
    sized: orm.Mapped[bool]
    #: Bytes of the file that had come when it was last written down.
    fetched: orm.Mapped[int] = orm.mapped_column(default=0)
    #: Further digests of the image that are wanted: hashlib's names.
    digests: orm.Mapped[list] = orm.mapped_column(default=list)
    #: As pipeline/record.py has them.
    steps: orm.Mapped[list] = orm.mapped_column(default=list)


class Event(Base):
    """What happened. Names and ids are copies: an event outlives what it tells of."""

    __tablename__ = "events"

    # SQLite numbers rows by itself only where the key is a plain INTEGER.
    id: orm.Mapped[int] = orm.mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)
    time: orm.Mapped[datetime.datetime] = orm.mapped_column(index=True)
    severity: orm.Mapped[str] = orm.mapped_column(sa.String(16))
    code: orm.Mapped[str] = orm.mapped_column(sa.String(64))
    message: orm.Mapped[str] = orm.mapped_column(sa.Text)
    user: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    transfer_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), index=True)
    image_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(36), index=True)
    image_name: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    correlation_id: orm.Mapped[str | None] = orm.mapped_column(sa.String(255), index=True)
