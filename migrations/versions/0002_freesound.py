"""What Freesound says: sounds, queries, and its order of them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "freesound_sound",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("fetched", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("licences", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_freesound_sound"),
    )
    op.create_table(
        "freesound_term",
        sa.Column("id", big_id, nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("sort", sa.String(32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("exhausted", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_freesound_term"),
        sa.UniqueConstraint("query", "filter", "sort", name="uq_freesound_term_query_filter_sort"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "freesound_rank",
        sa.Column("term_id", big_id, autoincrement=False, nullable=False),
        sa.Column("sound_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("tie", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("rating", sa.Float(), nullable=False),
        sa.Column("ratings", sa.Integer(), nullable=False),
        refers("term"),
        refers("sound"),
        sa.PrimaryKeyConstraint("term_id", "sound_id", name="pk_freesound_rank"),
    )


def refers(other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [f"{other}_id"],
        [f"freesound_{other}.id"],
        name=f"fk_freesound_rank_{other}_id_freesound_{other}",
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in ("freesound_rank", "freesound_term", "freesound_sound"):
        op.drop_table(table)
