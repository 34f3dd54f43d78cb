"""Indexes in the orders of the page's lists, from which any page is read without the table.

SQLite cannot tell the two on expressions back: a later migration that makes "sound" anew makes them
again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


LONGEST = 300  # characters of a name, from here on: see models.NameText


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # else it refuses the index
        op.execute(
            f"UPDATE sound SET title = substr(title, 1, {LONGEST}) WHERE length(title) > {LONGEST}"
        )
    for name in ("title", "pack"):
        by_name = [sa.text(f"lower({name})"), "id", "status"]
        op.create_index(f"ix_sound_by_{name}", "sound", by_name)
    op.drop_index("ix_sound_duration", "sound")
    op.create_index("ix_sound_by_duration", "sound", ["duration", "id", "status"])
    op.create_index("ix_analysis_loudness", "analysis", ["loudness", "sound_id"])


def downgrade() -> None:
    op.drop_index("ix_analysis_loudness", "analysis")
    op.drop_index("ix_sound_by_duration", "sound")
    op.create_index("ix_sound_duration", "sound", ["duration"])
    for name in ("pack", "title"):
        op.drop_index(f"ix_sound_by_{name}", "sound")
