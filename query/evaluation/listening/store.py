"""What raters said: one SQLite file for a version of a study, and nothing about who they are."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from indexer.errors import StudyError
from query.evaluation import freeze
from query.evaluation.listening.plan import Plan, Step
from query.evaluation.listening.rules import Rules
from query.evaluation.listening.texts import LANGUAGES, Language
from query.evaluation.ratings import HIGHEST, LOWEST, Rating
from query.evaluation.study import Study

SLACK = 0.25  # s by which a play may fall short of the whole
_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (
    key TEXT PRIMARY KEY, title TEXT, state TEXT, loudness REAL, rules TEXT, made TEXT
);
CREATE TABLE IF NOT EXISTS rater (
    id TEXT PRIMARY KEY, code TEXT UNIQUE, number INTEGER UNIQUE, steps INTEGER, language TEXT,
    consented TEXT, headphones INTEGER
);
CREATE TABLE IF NOT EXISTS rating (
    rater TEXT REFERENCES rater ON DELETE CASCADE, place INTEGER, trial TEXT, kind TEXT,
    scene TEXT, frame TEXT, sound TEXT, arm TEXT, gain REAL, fit INTEGER, quality INTEGER,
    played REAL, at TEXT, PRIMARY KEY (rater, place)
);
"""


@dataclass(frozen=True, slots=True)
class Joined:
    """A random id, and the code that deletes all; of the code only a hash is kept."""

    rater: str
    code: str


@dataclass(frozen=True, slots=True)
class Session:
    """One rater: right answers of the headphone check (None: not done), and ratings in order."""

    rater: str
    language: str
    headphones: int | None
    finished: bool
    ratings: list[Rating] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Head:
    """Of a file of ratings; `state`: frozen or exploratory, in words."""

    title: str
    state: str
    rules: Rules


class Store:
    """Every method is one transaction, and may be called from any thread."""

    def __init__(self, path: Path, plan: Plan, state: str = "") -> None:
        """Made if it is not there. `state`: frozen or exploratory, for reports.

        Raises StudyError if the file belongs to another plan.
        """
        self.path, self.plan, self.state = path, plan, state
        self._steps = cache(plan.steps)
        with connected(path) as connection:
            connection.executescript(_SCHEMA)
        with self._writing() as connection:
            known = connection.execute("SELECT key FROM study").fetchone()
            if known is None:
                rules = json.dumps(asdict(plan.listening.rules))
                made = (plan.key, plan.title, state, plan.loudness, rules, _now())
                connection.execute("INSERT INTO study VALUES (?, ?, ?, ?, ?, ?)", made)
            elif known[0] != plan.key:
                raise StudyError(
                    f"{path} holds ratings of another version of this study, or was begun by "
                    "another sonorize: freeze the study as it is now, whose ratings go to a file "
                    "of their own, or move that one away."
                )

    def join(self, language: Language) -> Joined:
        """A new rater, who has read and accepted the consent text."""
        if language not in LANGUAGES:
            raise StudyError(f"There is no {language!r}: it is one of {', '.join(LANGUAGES)}.")
        rater, code = secrets.token_hex(8), secrets.token_urlsafe(12)
        with self._writing() as connection:
            taken = {row[0] for row in connection.execute("SELECT number FROM rater")}
            number = next(each for each in range(len(taken) + 1) if each not in taken)
            steps = len(self._steps(number))
            connection.execute(
                "INSERT INTO rater VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (rater, _digest(code), number, steps, language, _now()),
            )
        return Joined(rater, code)

    def passed(self, rater: str, correct: int) -> None:
        """How many of the headphone trials were answered right."""
        with self._writing() as connection:
            self._number(connection, rater)
            connection.execute("UPDATE rater SET headphones = ? WHERE id = ?", (correct, rater))

    def checked(self, rater: str) -> bool:
        """Whether this rater has done the headphone trials. Raises StudyError as `next`."""
        with connected(self.path) as connection:
            self._number(connection, rater)
            query = "SELECT headphones FROM rater WHERE id = ?"
            return connection.execute(query, (rater,)).fetchone()[0] is not None

    def next(self, rater: str) -> Step | None:
        """The first step that this rater has not rated; None where all are. So one may go on at
        any time. Raises StudyError for an id that there is not."""
        with connected(self.path) as connection:
            steps, done = self._progress(connection, rater)
        return steps[done] if done < len(steps) else None

    def progress(self, rater: str) -> tuple[int, int]:
        """Steps rated, of how many."""
        with connected(self.path) as connection:
            steps, done = self._progress(connection, rater)
        return done, len(steps)

    def rate(self, rater: str, place: int, fit: int, quality: int, played: float) -> None:
        """The rating of the next step. `played`: seconds of its sound that were played at once.

        Raises StudyError for another step than the next, for scores that are none, and where the
        sound was not played to its end.
        """
        if not all(isinstance(s, int) and LOWEST <= s <= HIGHEST for s in (fit, quality)):
            raise StudyError("A score is a whole number from 1 to 5.")
        with self._writing() as connection:
            steps, done = self._progress(connection, rater)
            if place != done or done >= len(steps):
                raise StudyError("This is not the next step: ask for it again.")
            step, trial = steps[done], steps[done].trial
            if not played >= trial.duration - SLACK:
                raise StudyError("Listen to the whole sound once before you rate it.")
            connection.execute(
                f"INSERT INTO rating VALUES ({', '.join('?' * 13)})",
                (
                    rater, place, trial.id, step.kind, trial.scene, trial.frame, trial.sound,
                    trial.arm, trial.gain, fit, quality, played, _now(),
                ),
            )  # fmt: skip

    def withdraw(self, code: str) -> bool:
        """Deletes the rater with this code and all they said, overwriting the bytes; whether there
        was one."""
        with self._writing() as connection:
            gone = connection.execute("DELETE FROM rater WHERE code = ?", (_digest(code),)).rowcount
        return gone > 0

    def sessions(self) -> list[Session]:
        return read_store(self.path)[1]

    def _progress(self, connection: sqlite3.Connection, rater: str) -> tuple[list[Step], int]:
        steps = self._steps(self._number(connection, rater))
        count = "SELECT count(*) FROM rating WHERE rater = ?"
        return steps, int(connection.execute(count, (rater,)).fetchone()[0])

    def _number(self, connection: sqlite3.Connection, rater: str) -> int:
        found = connection.execute("SELECT number FROM rater WHERE id = ?", (rater,)).fetchone()
        if found is None:
            raise StudyError("There is no such rater: begin anew.")
        return int(found[0])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with connected(self.path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()


def place(study: Study, plan: Plan) -> tuple[Path, str]:
    """Where the ratings of a study go, a file a version; and whether it is frozen, in words."""
    files = freeze.by_name(study.files, study.path.parent)
    state = freeze.state(study.path, files)
    frozen = state.startswith("frozen")
    version = f"v{freeze.versions(study.path)[-1].version}" if frozen else f"try-{plan.key[:8]}"
    return study.path.with_name(f"{study.path.stem}.ratings-{version}.sqlite3"), state


def read_store(path: Path) -> tuple[Head, list[Session]]:
    """What a file of ratings holds; everyone in the order in which they came.

    Raises StudyError for a file that is none.
    """
    if not path.is_file():
        raise StudyError(f"There is no file {path}: check the name.")
    try:
        with connected(path) as connection:
            title, state, rules = connection.execute(
                "SELECT title, state, rules FROM study"
            ).fetchone()
            raters = connection.execute(
                "SELECT id, language, headphones, steps FROM rater ORDER BY rowid"
            ).fetchall()
            rated = {each[0]: _ratings(connection, each[0]) for each in raters}
    except (sqlite3.Error, TypeError) as error:
        raise StudyError(f"{path} holds no ratings of a listening test: check the name.") from error
    sessions = [
        Session(rater, language, headphones, len(rated[rater]) >= steps, rated[rater])
        for rater, language, headphones, steps in raters
    ]
    return Head(title, state, Rules(**json.loads(rules))), sessions


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        yield connection


def _ratings(connection: sqlite3.Connection, rater: str) -> list[Rating]:
    query = (
        "SELECT frame, sound, fit, quality, scene, arm, kind FROM rating WHERE rater = ? "
        "ORDER BY place"
    )
    return [
        Rating(rater, frame, sound, float(fit), float(quality), scene, arm, kind)
        for frame, sound, fit, quality, scene, arm, kind in connection.execute(query, (rater,))
    ]


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _now() -> str:
    """The date: the hour would say more of a rater than anyone needs."""
    return datetime.now(UTC).date().isoformat()
