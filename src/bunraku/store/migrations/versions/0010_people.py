"""Digital humans of single apps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("app_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("consent", sa.String(36), nullable=False),
        sa.Column("timbre_id", sa.String(128), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("marks", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fail_reason", sa.String(512), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("gestures", sa.JSON(), nullable=False),
        sa.Column("emotion", sa.String(32), nullable=False),
        sa.Column("node_id", sa.String(64), nullable=False, index=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("people")
