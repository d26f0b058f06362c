"""Alembic environment; run by ``bunraku.store.journal`` at start-up, on its own connection."""

from __future__ import annotations

from alembic import context

from bunraku.store.tables import Base

connection = context.config.attributes.get("connection")
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
