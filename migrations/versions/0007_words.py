"""On PostgreSQL: a table of words to search, and texts compared byte by byte as SQLite does.

The words are put in by `catalog.schema` once all migrations ran. Names of 64 characters may be
longer from here on, which SQLite never minded.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        create_words()
        compare_by_bytes()


def create_words() -> None:
    op.create_table(
        "sound_text",
        sa.Column("sound_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sound_id"], ["sound.id"], name="fk_sound_text_sound_id_sound", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sound_id", name="pk_sound_text"),
    )
    op.create_index("ix_sound_text_words", "sound_text", ["words"], postgresql_using="gin")
    op.create_index("ix_sound_text_length", "sound_text", ["length"])


def compare_by_bytes() -> None:
    """Whatever the order of the database is: lists would differ, and LIKE would use no index."""
    found = sa.inspect(op.get_bind())
    for table in found.get_table_names():
        texts = [
            column["name"]
            for column in found.get_columns(table)
            if isinstance(column["type"], sa.String) and column["type"].collation != "C"
        ]
        if texts and table != "alembic_version":
            changes = (f'ALTER COLUMN "{name}" TYPE text COLLATE "C"' for name in texts)
            op.execute(f'ALTER TABLE "{table}" {", ".join(changes)}')


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_table("sound_text")
