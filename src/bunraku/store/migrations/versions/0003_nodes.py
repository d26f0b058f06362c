"""Whole records of stream tasks, their owners, and where rooms and streams are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def columns() -> list[sa.Column[Any]]:
    """New ones of stream tasks; each belongs to one table only, so they are made when asked for."""
    return [
        sa.Column("ttl", sa.Integer(), nullable=False, server_default="86400"),
        sa.Column("max_idle_time", sa.Integer(), nullable=False, server_default="900"),
        sa.Column("width", sa.Integer(), nullable=False, server_default="720"),
        sa.Column("height", sa.Integer(), nullable=False, server_default="1280"),
        sa.Column("background", sa.String(7), nullable=False, server_default="#000000"),
        sa.Column("transparent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("bitrate", sa.Integer(), nullable=False, server_default="3000000"),
        sa.Column("emotion", sa.String(32), nullable=False, server_default="neutral"),
        # Tasks of before belong to the one node there was, in a life that is over.
        sa.Column("node_id", sa.String(64), nullable=False, server_default="local"),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("slot", sa.Integer(), nullable=True),
    ]


def upgrade() -> None:
    with op.batch_alter_table("stream_tasks") as table:
        for column in columns():
            table.add_column(column)
        table.create_index("ix_stream_tasks_app_status", ["app_id", "status"])
        table.create_index("ix_stream_tasks_node", ["node_id", "status"])
        table.create_index("uq_stream_tasks_slot", ["app_id", "slot"], unique=True)
    with op.batch_alter_table("callbacks") as table:
        table.add_column(sa.Column("node_id", sa.String(64), nullable=False, server_default="local"))
        table.create_index("ix_callbacks_node_id", ["node_id"])
    op.create_table(
        "rooms",
        sa.Column("app_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("room_id", sa.String(512), primary_key=True),
        sa.Column("node_id", sa.String(64), nullable=False, index=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
    )
    op.create_table(
        "streams",
        sa.Column("app_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("stream_id", sa.String(128), primary_key=True),
        sa.Column("room_id", sa.String(512), nullable=False),
        sa.Column("task_id", sa.String(36), nullable=False, index=True),
        sa.Column("node_id", sa.String(64), nullable=False, index=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("load", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    for name in ("nodes", "streams", "rooms"):
        op.drop_table(name)
    with op.batch_alter_table("callbacks") as table:
        table.drop_index("ix_callbacks_node_id")
        table.drop_column("node_id")
    with op.batch_alter_table("stream_tasks") as table:
        for name in ("uq_stream_tasks_slot", "ix_stream_tasks_node", "ix_stream_tasks_app_status"):
            table.drop_index(name)
        for column in reversed(columns()):
            table.drop_column(column.name)
