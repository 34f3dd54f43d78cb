"""Who made a sound and under which licence, and how that is said."""

from indexer.credits.licences import SHORT_LICENCES, known, spdx

__all__ = ["SHORT_LICENCES", "known", "spdx"]
