import subprocess
import sys
from pathlib import Path

import pytest
import sounds

WINDOWS = """
import resource, sys
from pathlib import Path
from indexer.audio.decode import blocks
from indexer.audio.resample import resample
from indexer.audio.window import WindowRule, windows

for window in windows(resample(blocks(Path(sys.argv[1])), 16_000), WindowRule()):
    pass
print(window.end, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
ANALYSIS = """
import resource, sys
from pathlib import Path
from indexer.audio.analysis import Analyzer
from indexer.audio.decode import blocks

analyzer = Analyzer()
for block in blocks(Path(sys.argv[1])):
    analyzer.feed(block)
print(analyzer.finish().duration, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run(program: str, path: Path) -> tuple[float, int]:
    """Seconds heard, and the most memory held in the unit of the platform."""
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    seconds, memory = done.stdout.split()
    return float(seconds), int(memory)


@pytest.mark.slow
@pytest.mark.parametrize(("program", "hours"), [(WINDOWS, 3.0), (ANALYSIS, 1.0)])
def test_hours_need_little_more_memory_than_a_minute(
    tmp_path: Path, program: str, hours: float
) -> None:
    _, little = run(program, sounds.long_silence(tmp_path / "short.wav", 1 / 60))
    seconds, much = run(program, sounds.long_silence(tmp_path / "long.wav", hours))
    assert seconds == pytest.approx(3600 * hours)
    assert much < 1.2 * little
