"""Voices of one app."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voices",
        sa.Column("app_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(24), primary_key=True),
        sa.Column("digital_human_id", sa.String(128), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("api_key", sa.String(1024), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("voices")
