"""What Alembic runs: on the connection it is given, else on the catalog named by its user.

alembic -x url=sqlite:///FILE upgrade head
alembic -x url=sqlite:///FILE check
alembic -x url=sqlite:///FILE revision --autogenerate -m "what changes"
"""

import os
from typing import Literal

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from indexer.catalog.models import Base, Moment, PathText
from indexer.catalog.session import make_engine, remodelling


def main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        run(connection)
        return
    with remodelling(make_engine(url())) as connection:
        run(connection)


def url() -> str:
    named = context.get_x_argument(as_dictionary=True).get("url")
    found = named or os.environ.get("SONORIZE_CATALOG_URL")
    if not found:
        raise CommandError("Say which catalog: -x url=sqlite:///FILE, or SONORIZE_CATALOG_URL.")
    return str(found)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=is_modelled,
        render_item=rendered,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def is_modelled(name: str | None, kind: str, _parents: object) -> bool:
    # The full-text table and the tables that SQLite keeps for it.
    return not (kind == "table" and (name or "").startswith("sound_text"))


def rendered(kind: str, item: object, _context: object) -> str | Literal[False]:
    # A migration must not change with the class it was made from.
    if kind != "type":
        return False
    if isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return "sa.Text()" if isinstance(item, PathText) else False


main()
