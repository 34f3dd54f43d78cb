"""Pages from their templates."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape


def rendered(name: str, **values: Any) -> str:
    """The template of this name; everything that is put into it is escaped."""
    return _templates().get_template(name).render(values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("query.web"), autoescape=select_autoescape(default=True)
    )
