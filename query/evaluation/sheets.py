"""Tables as CSV: fixed columns out, named columns in."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer.errors import StudyError

Row = Mapping[str, Any]


def text(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A header and a line a row; numbers to 7 digits, what there is not as an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row.get(name)) for name in columns] for row in rows)
    return out.getvalue().encode(errors="backslashreplace").decode()


def write(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Raises StudyError where the file cannot be written."""
    save(path, text(rows, columns))


def save(path: Path, content: str) -> None:
    """UTF-8, in a folder that is made if it is not there. Raises StudyError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StudyError(
            f"{path} cannot be written ({error.strerror or error}): name another place."
        ) from error


def read(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows by column, each with all of these columns, "" where one has no cell; others are left
    out. Raises StudyError, naming what is lacking.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            lacking = [name for name in required if name not in (reader.fieldnames or ())]
            if lacking and any(";" in name for name in reader.fieldnames or ()):
                raise StudyError(f"{path} is parted by semicolons: save it with commas, as UTF-8.")
            if lacking:
                raise StudyError(
                    f"{path} has no column {lacking[0]!r}: its first line must name "
                    f"{', '.join(required)}."
                )
            return [
                {name: (row.get(name) or "").strip() for name in (*required, *optional)}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"{path} cannot be read as CSV ({reason}): check the file.") from error


def number(row: Mapping[str, str], column: str, path: Path, line: int) -> float:
    """A finite number. Raises StudyError, naming file and line (the header is line 1)."""
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(f"{path}, line {line}: {column} is {row[column]!r}, not a number.")
    return value


def decimal(column: str, value: float) -> str:
    """To 3 decimals, for people; a p is never 0."""
    least = 0.001
    return f"<{least}" if column in ("p", "p_holm") and value < least else f"{value:.3f}"


def cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.7g}" if isinstance(value, float) else value
