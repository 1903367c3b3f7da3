"""`bridge db`: migrations and backup."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.common import config_option, environment, json_option


@click.group(epilog="\b\nExample:\n  bridge db upgrade\n  bridge db backup bridge-backup.db")
def db() -> None:
    """Look after the database that BRIDGE_DATABASE_URL names."""


@db.command(epilog="\b\nExample:\n  bridge db upgrade")
@config_option
@json_option
def upgrade(config: Path, *, as_json: bool) -> None:
    """Bring the tables to this version.

    Where they are, nothing happens. `bridge run` does it by itself on SQLite; on PostgreSQL it happens only here, once
    a release.
    """
    from bridge.cli.ledgers import database_file, database_sentences
    from bridge.cli.show import print_json
    from bridge.ledger import migrate
    from bridge.ledger.engine import database_url, open_engine

    with database_sentences():
        environ = environment(config)
        path = database_file(environ)
        engine = open_engine(database_url(environ.database_url))
        with engine.connect() as connection:
            before = migrate.present(connection)
        migrate.upgrade(engine, path)
        with engine.connect() as connection:
            after = migrate.present(connection)
        engine.dispose()
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        click.echo(f"the tables are at {after}, nothing to do")
    else:
        click.echo(f"the tables are at {after} now, before at {before or 'nothing'}")


@db.command(epilog="\b\nExample:\n  bridge db backup bridge-backup.db")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the file where there is one.")
@config_option
@json_option
def backup(file: Path, config: Path, *, force: bool, as_json: bool) -> None:
    """Copy an SQLite ledger, also while in use.

    The copy is the ledger as it is at one moment, and is checked before it gets its name. Keep bridge.key with it, or
    the BRIDGE_SECRET_KEY: a page is resolved with the key it was opened with, and that is found by it.
    """
    from bridge.cli.copy import CopyError, copy
    from bridge.cli.ledgers import database_file, database_sentences, fail
    from bridge.cli.show import print_json

    with database_sentences():
        source = database_file(environment(config))
    if source is None:
        raise fail(
            "this copies SQLite ledgers; on PostgreSQL use its own tool: "
            f'pg_dump --format=custom --file={file} "$BRIDGE_DATABASE_URL"'
        )
    try:
        size = copy(source, file, replace=force)
    except CopyError as error:
        raise fail(str(error)) from None
    print_json({"file": str(file), "bytes": size}) if as_json else click.echo(f"{file}: {size:,} bytes, checked")
