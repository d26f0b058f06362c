"""How much of a drive was heard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("drives") as table:
        table.add_column(sa.Column("played_ms", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("spoken_text", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("drives") as table:
        table.drop_column("spoken_text")
        table.drop_column("played_ms")
