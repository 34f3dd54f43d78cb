"""The tables.

Ids are never used twice (AUTOINCREMENT), so an index row can never come to mean another sound.
Identity of a sound is the hash of its audio payload without tags: one sound may lie at several
paths, and a retagged file stays the same sound.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")
# SQLAlchemy passes this on to SQLite only; other databases never re-use ids anyway.
NEVER_REUSE: dict[str, Any] = {"sqlite_autoincrement": True}


def short(length: int) -> String:
    """Text that is usually no longer: SQLite does not mind, PostgreSQL would refuse what is."""
    return String(length).with_variant(Text(), "postgresql")


class PathText(TypeDecorator[str]):
    """A path as Python holds it, undecodable bytes included.

    Such bytes are lone surrogates U+DC80…U+DCFF, which no database takes; they are kept in
    the private use area U+F780…U+F7FF.
    """

    impl = Text
    cache_ok = True
    _TO: ClassVar = {0xDC00 + byte: 0xF700 + byte for byte in range(0x80, 0x100)}
    _FROM: ClassVar = {0xF700 + byte: 0xDC00 + byte for byte in range(0x80, 0x100)}

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.translate(self._TO)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or value.isascii() else value.translate(self._FROM)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, whatever zone the database shows and whether it keeps one: SQLite does not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Root(Base):
    """Where sounds come from: a folder on a drive, or a service."""

    __tablename__ = "root"
    __table_args__ = (UniqueConstraint("kind", "location"), NEVER_REUSE)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(short(32))
    name: Mapped[str] = mapped_column(Text, default="")
    location: Mapped[str] = mapped_column(PathText)


class NameText(TypeDecorator[str]):
    """A name, cut to so many characters: an index of PostgreSQL takes no row above 2,704 bytes."""

    impl = Text
    cache_ok = True
    LONGEST = 300

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value[: self.LONGEST]


FOLLOWS = text("CAST(raw AS TEXT) LIKE '%\"place_of\"%'")
"""Sounds with a mark of said.PLACE_OF, in the words of an index that holds these alone."""


class Sound(Base):
    """One recording and what is known of it.

    status: `named` (found, searchable by its words), `partial` (first windows heard),
    `ready`, `failed` (see `reason`). `licence` is an SPDX id or "" for unknown.
    `take_group`: sounds that share it are takes of one recording.
    """

    __tablename__ = "sound"
    __table_args__ = (
        Index(None, "status"),
        Index(None, "take_group"),
        # the orders of browse.listed, with the id and what is asked of each
        Index("ix_sound_by_title", text("lower(title)"), "id", "status"),
        Index("ix_sound_by_pack", text("lower(pack)"), "id", "status"),
        Index("ix_sound_by_duration", "duration", "id", "status"),
        # what browse.counted counts, and the filters
        Index("ix_sound_pack", "pack", "licence", "status"),
        Index("ix_sound_licence", "licence", "status"),
        Index("ix_sound_category", "category", "status"),
        Index("ix_sound_follows", "id", sqlite_where=FOLLOWS, postgresql_where=FOLLOWS),
        NEVER_REUSE,
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    content_hash: Mapped[str | None] = mapped_column(short(64), unique=True)
    status: Mapped[str] = mapped_column(short(16), default="named")
    reason: Mapped[str] = mapped_column(Text, default="")

    title: Mapped[str] = mapped_column(NameText, default="")
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    category: Mapped[str] = mapped_column(NameText, default="")
    subcategory: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str] = mapped_column(Text, default="")
    designer: Mapped[str] = mapped_column(Text, default="")
    manufacturer: Mapped[str] = mapped_column(Text, default="")
    pack: Mapped[str] = mapped_column(NameText, default="")
    microphone: Mapped[str] = mapped_column(Text, default="")
    location: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    take: Mapped[str] = mapped_column(Text, default="")
    recorded: Mapped[str] = mapped_column(Text, default="")
    licence: Mapped[str] = mapped_column(short(64), default="")
    licence_url: Mapped[str] = mapped_column(Text, default="")
    url: Mapped[str] = mapped_column(Text, default="")
    raw: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    take_group: Mapped[str] = mapped_column(PathText, default="")

    duration: Mapped[float] = mapped_column(Float, default=0.0)  # seconds
    sample_rate: Mapped[int] = mapped_column(Integer, default=0)  # Hz
    bit_depth: Mapped[int | None] = mapped_column(Integer)
    channels: Mapped[int] = mapped_column(Integer, default=0)
    channel_layout: Mapped[str] = mapped_column(short(64), default="")
    time_reference: Mapped[int | None] = mapped_column(BigInteger)  # samples since midnight


class File(Base):
    """A place where a sound lies. state: `present`, `missing` (gone) or `offline` (drive away)."""

    __tablename__ = "file"
    __table_args__ = (
        UniqueConstraint("root_id", "relative_path"),
        Index("ix_file_root_state", "root_id", "state", "sound_id"),
        NEVER_REUSE,
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sound_id: Mapped[int] = mapped_column(ForeignKey("sound.id", ondelete="CASCADE"), index=True)
    root_id: Mapped[int] = mapped_column(ForeignKey("root.id", ondelete="CASCADE"))
    relative_path: Mapped[str] = mapped_column(PathText)
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(short(16), default="present")


class Window(Base):
    """A stretch of a sound, seconds from its start."""

    __tablename__ = "window"
    __table_args__ = (UniqueConstraint("sound_id", "start", "end"), NEVER_REUSE)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sound_id: Mapped[int] = mapped_column(ForeignKey("sound.id", ondelete="CASCADE"))
    start: Mapped[float] = mapped_column(Float)
    end: Mapped[float] = mapped_column(Float)


class Space(Base):
    """What a vector means: which encoder, which part, made how (its fingerprint)."""

    __tablename__ = "space"
    __table_args__ = (UniqueConstraint("encoder", "part", "fingerprint"), NEVER_REUSE)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    encoder: Mapped[str] = mapped_column(short(64))
    part: Mapped[str] = mapped_column(short(16))
    fingerprint: Mapped[str] = mapped_column(short(64))
    dim: Mapped[int] = mapped_column(Integer)


CLIP = text("window_id IS NULL")


class Embedding(Base):
    """A unit vector, float16 little-endian: of a window, or of the whole clip (window_id none)."""

    __tablename__ = "embedding"
    __table_args__ = (
        Index("ix_embedding_space_sound", "space_id", "sound_id", "window_id"),
        Index(
            "ix_embedding_clip",
            "space_id",
            "window_id",
            "sound_id",
            sqlite_where=CLIP,
            postgresql_where=CLIP,
        ),
        NEVER_REUSE,
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("space.id", ondelete="CASCADE"))
    sound_id: Mapped[int] = mapped_column(ForeignKey("sound.id", ondelete="CASCADE"), index=True)
    window_id: Mapped[int | None] = mapped_column(
        ForeignKey("window.id", ondelete="CASCADE"), index=True
    )
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class Analysis(Base):
    """Measurements of a whole sound; see indexer.audio.analysis for what they mean."""

    __tablename__ = "analysis"
    __table_args__ = (Index("ix_analysis_loudness", "loudness", "sound_id"),)

    sound_id: Mapped[int] = mapped_column(
        ForeignKey("sound.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer)
    loudness: Mapped[float | None] = mapped_column(Float)  # LUFS
    max_momentary: Mapped[float | None] = mapped_column(Float)  # LUFS
    true_peak: Mapped[float | None] = mapped_column(Float)  # dBTP
    silence: Mapped[float] = mapped_column(Float)  # share of the time, 0..1
    peaks: Mapped[bytes] = mapped_column(LargeBinary)  # int8 pairs (min, max)
    onsets: Mapped[list[float]] = mapped_column(JSON)  # seconds
    invalid_samples: Mapped[int] = mapped_column(BigInteger, default=0)


class Quality(Base):
    """How good a recording is; see indexer.audio.quality. Of the payload with this hash."""

    __tablename__ = "quality"

    sound_id: Mapped[int] = mapped_column(
        ForeignKey("sound.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer)
    content_hash: Mapped[str] = mapped_column(short(64))
    clipping: Mapped[float] = mapped_column(Float)  # share of samples, 0..1
    noise_floor: Mapped[float | None] = mapped_column(Float)  # dBFS
    bandwidth: Mapped[float] = mapped_column(Float)  # Hz
    offset: Mapped[float] = mapped_column(Float)  # 0..1 of full scale
    faults: Mapped[str] = mapped_column(Text)  # words, or ""


class Build(Base):
    """One run of build-index or `library reembed`."""

    __tablename__ = "build"
    __table_args__ = (NEVER_REUSE,)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    started: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    finished: Mapped[datetime | None] = mapped_column(Moment)
    source: Mapped[str] = mapped_column(PathText)
    encoder: Mapped[str] = mapped_column(short(64))
    device: Mapped[str] = mapped_column(short(32), default="")
    version: Mapped[str] = mapped_column(short(32), default="")  # of sonorize
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Change(Base):
    """One line per sound whose vectors changed; an index file is complete up to a `seq`.

    `token` is random: a catalog put back from a copy uses its numbers twice, and an index file of
    the other future is told by it.
    """

    __tablename__ = "change"
    __table_args__ = (NEVER_REUSE,)

    seq: Mapped[int] = mapped_column(BigId, primary_key=True)
    sound_id: Mapped[int] = mapped_column(BigInteger)
    token: Mapped[str] = mapped_column(short(16), default=lambda: secrets.token_hex(8))


class FreesoundSound(Base):
    """A sound as Freesound describes it, whether its audio is here or not.

    said      the JSON of its API
    revision  1, and one more whenever what is said of the sound itself has changed
    licences  [address, ISO date when it was first seen], the one that counts last
    wanted    its audio belongs into the library
    gone      Freesound has it no more
    reason    why its audio cannot be had, or ""
    """

    __tablename__ = "freesound_sound"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    said: Mapped[dict[str, Any]] = mapped_column(JSON)
    fetched: Mapped[datetime] = mapped_column(Moment)
    revision: Mapped[int] = mapped_column(Integer, default=1)
    licences: Mapped[list[list[str]]] = mapped_column(JSON)
    wanted: Mapped[bool] = mapped_column(Boolean, default=False)
    gone: Mapped[bool] = mapped_column(Boolean, default=False)
    reason: Mapped[str] = mapped_column(Text, default="")


class FreesoundTerm(Base):
    """A query that was put to Freesound: `pages` of its results were read, of `count` results.

    exhausted: there are no more pages. asked: when it was put, or new sounds were last looked for.
    """

    __tablename__ = "freesound_term"
    __table_args__ = (UniqueConstraint("query", "filter", "sort"), NEVER_REUSE)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    query: Mapped[str] = mapped_column(Text)
    filter: Mapped[str] = mapped_column(Text)
    sort: Mapped[str] = mapped_column(short(32))
    count: Mapped[int] = mapped_column(Integer, default=0)
    pages: Mapped[int] = mapped_column(Integer, default=0)
    exhausted: Mapped[bool] = mapped_column(Boolean, default=False)
    asked: Mapped[datetime] = mapped_column(Moment)


class FreesoundRank(Base):
    """Freesound's own order of a term's results, as it was when they were read.

    rank: from 1. tie: sounds of equal `score` share it; their order says nothing.
    downloads, rating (0..5), ratings: popularity at that moment.
    """

    __tablename__ = "freesound_rank"

    term_id: Mapped[int] = mapped_column(
        ForeignKey("freesound_term.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sound_id: Mapped[int] = mapped_column(
        ForeignKey("freesound_sound.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    rank: Mapped[int] = mapped_column(Integer)
    tie: Mapped[int] = mapped_column(Integer)
    score: Mapped[float | None] = mapped_column(Float)
    downloads: Mapped[int] = mapped_column(Integer, default=0)
    rating: Mapped[float] = mapped_column(Float, default=0.0)
    ratings: Mapped[int] = mapped_column(Integer, default=0)
