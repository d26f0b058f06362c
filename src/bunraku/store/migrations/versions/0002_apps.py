"""Apps made in the console."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("server_secret", sa.String(32), nullable=False),
        sa.Column("previous_secret", sa.String(32), nullable=True),
        sa.Column("previous_until", sa.Float(), nullable=False),
        sa.Column("callback_secret", sa.String(32), nullable=False),
        sa.Column("callback_url", sa.String(2048), nullable=True),
        sa.Column("max_tasks", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("apps")
