"""On PostgreSQL: how many texts there are and how long, summed for every so many sounds.

BM25 needs both for each question. SQLite keeps them; here all texts were counted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SOUNDS = 256  # in a sum; of more, a transaction that writes them all would change it too often,
# and two that write would more often wait for each other
COUNT = f"""
    CREATE FUNCTION sound_text_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            UPDATE sound_text_total SET sounds = sounds - 1, length = length - OLD.length
            WHERE part = OLD.sound_id / {SOUNDS};
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO sound_text_total AS total VALUES (NEW.sound_id / {SOUNDS}, 1, NEW.length)
            ON CONFLICT (part) DO UPDATE
            SET sounds = total.sounds + 1, length = total.length + EXCLUDED.length;
        END IF;
        RETURN NULL;
    END $$
"""
COUNTED = """
    CREATE TRIGGER sound_text_counted AFTER INSERT OR UPDATE OR DELETE ON sound_text
    FOR EACH ROW EXECUTE FUNCTION sound_text_count()
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("LOCK TABLE sound_text IN SHARE ROW EXCLUSIVE MODE")  # nobody writes until the end
    op.create_table(
        "sound_text_total",
        sa.Column("part", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("sounds", sa.Integer(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("part", name="pk_sound_text_total"),
    )
    op.execute(
        f"INSERT INTO sound_text_total SELECT sound_id / {SOUNDS}, count(*), sum(length)"
        " FROM sound_text GROUP BY 1"
    )
    op.execute(COUNT)
    op.execute(COUNTED)
    op.drop_index("ix_sound_text_length", "sound_text")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.create_index("ix_sound_text_length", "sound_text", ["length"])
    op.execute("DROP TRIGGER sound_text_counted ON sound_text")
    op.execute("DROP FUNCTION sound_text_count")
    op.drop_table("sound_text_total")
