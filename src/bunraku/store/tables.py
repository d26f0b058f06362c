"""Tables: what survives the process. Live truth belongs to the engine (decision D9)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_Id = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    pass


class AppRow(Base):
    """An app made in the console. Secrets are as they are: they sign and decrypt (decision D9)."""

    __tablename__ = "apps"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(128))
    server_secret: Mapped[str] = mapped_column(String(32))
    previous_secret: Mapped[str | None] = mapped_column(String(32), nullable=True)
    previous_until: Mapped[float] = mapped_column(Float)
    callback_secret: Mapped[str] = mapped_column(String(32))
    callback_url: Mapped[str | None] = mapped_column(String(2048), nullable=True)
    max_tasks: Mapped[int] = mapped_column(Integer)
    enabled: Mapped[bool] = mapped_column(Boolean)


class VoiceRow(Base):
    """A voice of one app. ``source`` says where it comes from; ``api_key`` is as it is (decision D9)."""

    __tablename__ = "voices"

    app_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    digital_human_id: Mapped[str] = mapped_column(String(128))
    source: Mapped[dict[str, object]] = mapped_column(JSON)
    api_key: Mapped[str | None] = mapped_column(String(1024), nullable=True)


class PersonRow(Base):
    """A digital human of one app, and who makes it while it is made. ``consent`` is the RequestId of the
    call that said the person pictured agreed, at ``created_at``."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    app_id: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Float)
    consent: Mapped[str] = mapped_column(String(36))
    timbre_id: Mapped[str | None] = mapped_column(String(128), nullable=True)
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[int] = mapped_column(Integer)
    step: Mapped[str] = mapped_column(String(32))
    marks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), nullable=True)
    """Points of the face; only while it is made."""
    fail_reason: Mapped[str | None] = mapped_column(String(512), nullable=True)
    warnings: Mapped[list[Any]] = mapped_column(JSON)
    ended_at: Mapped[float | None] = mapped_column(Float, nullable=True)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its pack as it is kept."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    gestures: Mapped[list[Any]] = mapped_column(JSON)
    emotion: Mapped[str] = mapped_column(String(32))
    node_id: Mapped[str] = mapped_column(String(64), index=True)
    epoch: Mapped[int] = mapped_column(Integer)


class TaskRow(Base):
    """A stream task, live or ended."""

    __tablename__ = "stream_tasks"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    app_id: Mapped[int] = mapped_column(BigInteger)
    digital_human_id: Mapped[str] = mapped_column(String(128))
    room_id: Mapped[str] = mapped_column(String(512))
    stream_id: Mapped[str] = mapped_column(String(128))
    status: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float, nullable=True)
    fail_reason: Mapped[str | None] = mapped_column(String(256), nullable=True)
    ttl: Mapped[int] = mapped_column(Integer)
    max_idle_time: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    background: Mapped[str] = mapped_column(String(7))
    transparent: Mapped[bool] = mapped_column(Boolean)
    bitrate: Mapped[int] = mapped_column(Integer)
    emotion: Mapped[str] = mapped_column(String(32))
    node_id: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[int] = mapped_column(Integer)
    slot: Mapped[int | None] = mapped_column(Integer, nullable=True)
    """Which of its app's places it holds while it counts: two tasks can never hold the same."""

    __table_args__ = (
        Index("ix_stream_tasks_ended", "ended_at"),
        Index("ix_stream_tasks_app_status", "app_id", "status"),
        Index("ix_stream_tasks_node", "node_id", "status"),
        Index("uq_stream_tasks_slot", "app_id", "slot", unique=True),
    )


class RoomRow(Base):
    """On which node a room is. The row comes with the first who needs the room and goes with the last."""

    __tablename__ = "rooms"

    app_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    room_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    node_id: Mapped[str] = mapped_column(String(64), index=True)
    epoch: Mapped[int] = mapped_column(Integer)


class StreamRow(Base):
    """Who holds the name of a stream; ``task_id`` is empty for what participants publish."""

    __tablename__ = "streams"

    app_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stream_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    room_id: Mapped[str] = mapped_column(String(512))
    task_id: Mapped[str] = mapped_column(String(36), index=True)
    node_id: Mapped[str] = mapped_column(String(64), index=True)
    epoch: Mapped[int] = mapped_column(Integer)


class NodeRow(Base):
    """A node and its present life. ``beat`` moves while it lives; who raises ``epoch`` ends that life."""

    __tablename__ = "nodes"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    machine: Mapped[str] = mapped_column(String(255))
    version: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[float] = mapped_column(Float)
    beat: Mapped[int] = mapped_column(BigInteger)
    beat_at: Mapped[float] = mapped_column(Float)
    """Unix seconds of the database's clock, which is the same for all."""
    load: Mapped[dict[str, object]] = mapped_column(JSON)


class DriveRow(Base):
    """A drive of a stream task; ``sequence`` orders them."""

    __tablename__ = "drives"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    sequence: Mapped[int] = mapped_column(Integer)
    status: Mapped[int] = mapped_column(Integer)
    played_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    spoken_text: Mapped[str] = mapped_column(Text, default="")


class OutputRow(Base):
    """An output of a stream task, without the secrets of its target; ``sequence`` orders them."""

    __tablename__ = "outputs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(36), index=True)
    sequence: Mapped[int] = mapped_column(Integer)
    protocol: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(String(2048))
    status: Mapped[str] = mapped_column(String(16))
    bytes: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float, nullable=True)
    fail_reason: Mapped[str | None] = mapped_column(String(256), nullable=True)
    files: Mapped[list[Any]] = mapped_column(JSON)
    """Name, bytes and seconds of each."""


class CallbackRow(Base):
    """The outbox: a callback not yet delivered. Rows go when delivered or given up."""

    __tablename__ = "callbacks"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    app_id: Mapped[int] = mapped_column(BigInteger)
    task_id: Mapped[str] = mapped_column(String(36))
    event_type: Mapped[int] = mapped_column(Integer)
    event_time_ms: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[dict[str, object]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    node_id: Mapped[str] = mapped_column(String(64), default="", index=True)
    """Who delivers it."""


class AuditRow(Base):
    """What was done in the console. Triggers refuse changes, and deletes of what is younger than a day."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float, index=True)
    who: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    app: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
    target: Mapped[str] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(String(32))
    times: Mapped[int] = mapped_column(Integer)
    """More than one: so many refused requests up to this one."""


class KeyRow(Base):
    """A key that all processes share, in base64."""

    __tablename__ = "keys"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))


class NonceRow(Base):
    """Used signatures, in strict-nonce mode."""

    __tablename__ = "nonces"

    app_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    nonce: Mapped[str] = mapped_column(String(128), primary_key=True)
    timestamp: Mapped[int] = mapped_column(BigInteger, primary_key=True)
