"""Building a library: sounds in, rows and vectors out. Interrupted at any moment, it goes on."""

from indexer.build.report import BuildReport, Options, Progress
from indexer.build.run import build_index

__all__ = ["BuildReport", "Options", "Progress", "build_index"]
