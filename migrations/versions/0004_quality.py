"""How good each recording is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quality",
        sa.Column("sound_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("clipping", sa.Float(), nullable=False),
        sa.Column("noise_floor", sa.Float(), nullable=True),
        sa.Column("bandwidth", sa.Float(), nullable=False),
        sa.Column("offset", sa.Float(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sound_id"], ["sound.id"], name="fk_quality_sound_id_sound", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sound_id", name="pk_quality"),
    )


def downgrade() -> None:
    op.drop_table("quality")
