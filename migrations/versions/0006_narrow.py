"""Indexes that hold all that is asked of them, and none of what is seldom looked for.

Of sounds without a file, which a build finds among what changed from here on, those that are here
already are marked as changed.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LONGEST = 300  # characters of a category, from here on: see models.NameText
FOLLOWS = "CAST(raw AS TEXT) LIKE '%\"place_of\"%'"
COUNTED = {
    "pack": ["pack", "licence", "status"],
    "licence": ["licence", "status"],
    "category": ["category", "status"],
}


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":  # else it refuses the index
        op.execute(
            f"UPDATE sound SET category = substr(category, 1, {LONGEST})"
            f" WHERE length(category) > {LONGEST}"
        )
    for name in ("pack", "licence"):
        op.drop_index(f"ix_sound_{name}", "sound")
    for name, columns in COUNTED.items():
        op.create_index(f"ix_sound_{name}", "sound", columns)
    follows, clips = sa.text(FOLLOWS), sa.text("window_id IS NULL")
    op.create_index(
        "ix_sound_follows", "sound", ["id"], sqlite_where=follows, postgresql_where=follows
    )
    op.create_index(
        "ix_embedding_clip", "embedding", ["space_id", "window_id", "sound_id"],
        sqlite_where=clips, postgresql_where=clips,
    )  # fmt: skip
    alone = "SELECT id FROM sound WHERE NOT EXISTS (SELECT 1 FROM file WHERE sound_id = sound.id)"
    for (sound_id,) in bind.execute(sa.text(alone)).all():
        changed = sa.text("INSERT INTO change (sound_id, token) VALUES (:sound_id, :token)")
        bind.execute(changed, {"sound_id": sound_id, "token": secrets.token_hex(8)})


def downgrade() -> None:
    op.drop_index("ix_embedding_clip", "embedding")
    op.drop_index("ix_sound_follows", "sound")
    for name in COUNTED:
        op.drop_index(f"ix_sound_{name}", "sound")
    for name in ("pack", "licence"):
        op.create_index(f"ix_sound_{name}", "sound", [name])
