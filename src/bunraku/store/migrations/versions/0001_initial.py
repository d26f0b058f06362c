"""Stream tasks, drives, the callback outbox, nonces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_tasks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("digital_human_id", sa.String(128), nullable=False),
        sa.Column("room_id", sa.String(512), nullable=False),
        sa.Column("stream_id", sa.String(128), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("fail_reason", sa.String(256), nullable=True),
    )
    op.create_index("ix_stream_tasks_status", "stream_tasks", ["status"])
    op.create_table(
        "drives",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("task_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
    )
    op.create_index("ix_drives_task_id", "drives", ["task_id"])
    op.create_table(
        "callbacks",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.String(36), nullable=False),
        sa.Column("event_type", sa.Integer(), nullable=False),
        sa.Column("event_time_ms", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
    )
    op.create_table(
        "nonces",
        sa.Column("app_id", sa.BigInteger(), primary_key=True),
        sa.Column("nonce", sa.String(128), primary_key=True),
        sa.Column("timestamp", sa.BigInteger(), primary_key=True),
    )


def downgrade() -> None:
    for table in ("nonces", "callbacks", "drives", "stream_tasks"):
        op.drop_table(table)
