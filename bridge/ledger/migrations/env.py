"""Alembic's entry: always on a connection that `ledger.migrate` hands in, inside its transaction."""

from alembic import context

from bridge.ledger.indexes import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
