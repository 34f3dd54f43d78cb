"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TABLES = ("change", "build", "embedding", "space", "window", "analysis", "file", "sound", "root")
FULL_TEXT = """
    CREATE VIRTUAL TABLE sound_text USING fts5(
        title, description, tags, category, author, pack, path, notes,
        tokenize = 'porter unicode61 remove_diacritics 2',
        prefix = '2 3'
    )
"""


def upgrade() -> None:
    create_sources()
    create_sounds()
    create_files()
    create_analyses()
    create_vectors()
    create_log()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(FULL_TEXT)


def create_sources() -> None:
    op.create_table(
        "root",
        sa.Column("id", big_id, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_root"),
        sa.UniqueConstraint("kind", "location", name="uq_root_kind_location"),
        sqlite_autoincrement=True,
    )


def create_sounds() -> None:
    op.create_table(
        "sound",
        sa.Column("id", big_id, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("subcategory", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("designer", sa.Text(), nullable=False),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("microphone", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("take", sa.Text(), nullable=False),
        sa.Column("recorded", sa.Text(), nullable=False),
        sa.Column("licence", sa.String(64), nullable=False),
        sa.Column("licence_url", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("take_group", sa.Text(), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("bit_depth", sa.Integer(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("channel_layout", sa.String(64), nullable=False),
        sa.Column("time_reference", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sound"),
        sa.UniqueConstraint("content_hash", name="uq_sound_content_hash"),
        sqlite_autoincrement=True,
    )
    for column in ("licence", "pack", "status", "take_group"):
        op.create_index(f"ix_sound_{column}", "sound", [column])


def create_files() -> None:
    op.create_table(
        "file",
        sa.Column("id", big_id, nullable=False),
        sa.Column("sound_id", big_id, nullable=False),
        sa.Column("root_id", big_id, nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        refers("file", "root"),
        refers("file", "sound"),
        sa.PrimaryKeyConstraint("id", name="pk_file"),
        sa.UniqueConstraint("root_id", "relative_path", name="uq_file_root_id_relative_path"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_file_sound_id", "file", ["sound_id"])


def create_analyses() -> None:
    op.create_table(
        "analysis",
        sa.Column("sound_id", big_id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("loudness", sa.Float(), nullable=True),
        sa.Column("max_momentary", sa.Float(), nullable=True),
        sa.Column("true_peak", sa.Float(), nullable=True),
        sa.Column("silence", sa.Float(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("onsets", sa.JSON(), nullable=False),
        sa.Column("invalid_samples", sa.BigInteger(), nullable=False),
        refers("analysis", "sound"),
        sa.PrimaryKeyConstraint("sound_id", name="pk_analysis"),
    )


def create_vectors() -> None:
    op.create_table(
        "window",
        sa.Column("id", big_id, nullable=False),
        sa.Column("sound_id", big_id, nullable=False),
        sa.Column("start", sa.Float(), nullable=False),
        sa.Column("end", sa.Float(), nullable=False),
        refers("window", "sound"),
        sa.PrimaryKeyConstraint("id", name="pk_window"),
        sa.UniqueConstraint("sound_id", "start", "end", name="uq_window_sound_id_start_end"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "space",
        sa.Column("id", big_id, nullable=False),
        sa.Column("encoder", sa.String(64), nullable=False),
        sa.Column("part", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_space"),
        sa.UniqueConstraint(
            "encoder", "part", "fingerprint", name="uq_space_encoder_part_fingerprint"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "embedding",
        sa.Column("id", big_id, nullable=False),
        sa.Column("space_id", big_id, nullable=False),
        sa.Column("sound_id", big_id, nullable=False),
        sa.Column("window_id", big_id, nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        refers("embedding", "space"),
        refers("embedding", "sound"),
        refers("embedding", "window"),
        sa.PrimaryKeyConstraint("id", name="pk_embedding"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_embedding_sound_id", "embedding", ["sound_id"])
    op.create_index("ix_embedding_window_id", "embedding", ["window_id"])
    op.create_index("ix_embedding_space_sound", "embedding", ["space_id", "sound_id", "window_id"])


def create_log() -> None:
    op.create_table(
        "build",
        sa.Column("id", big_id, nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("encoder", sa.String(64), nullable=False),
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_build"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change",
        sa.Column("seq", big_id, nullable=False),
        sa.Column("sound_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_change"),
        sqlite_autoincrement=True,
    )


def refers(table: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [f"{other}_id"],
        [f"{other}.id"],
        name=f"fk_{table}_{other}_id_{other}",
        ondelete="CASCADE",
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("sound_text")
    for table in TABLES:
        op.drop_table(table)
