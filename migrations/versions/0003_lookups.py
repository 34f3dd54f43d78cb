"""Indexes that keep a build's and a question's lookups flat in a large catalog."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_sound_duration", "sound", ["duration"])
    op.create_index("ix_file_root_state", "file", ["root_id", "state", "sound_id"])


def downgrade() -> None:
    op.drop_index("ix_file_root_state", "file")
    op.drop_index("ix_sound_duration", "sound")
