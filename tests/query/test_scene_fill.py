"""Sounds made for the shots that a library has nothing for, and for no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from weakref import ref

import av
import numpy as np
import pytest
from libraries import COLOURS, build, copied, tone
from PIL import ImageColor
from toy_makers import WORDS, Namer, Tones, Toys

from indexer.catalog.filters import Filters
from indexer.encoders.toy import ToyEncoder
from indexer.library import Library
from indexer.sources import generated
from query.ask import NO_FILTERS, Ask
from query.captions.protocol import Captioner
from query.generation.protocol import Order
from query.generation.scheme import Models
from query.scene.cues import CueSheet
from query.scene.fill import Budget, Filled, fill, found_only, gaps
from query.scene.floor import Floor
from query.scene.make import Look, choose, film_of, look
from query.scene.plan import Options
from query.search import Searcher

pytestmark = pytest.mark.slow

RATE, SHOT = 10, 20  # frames a second, frames of a shot
FLOOR = Floor(usual=0.0, likely=3.0, strong=8.6)
SHOWN = (3, 7, 3, 5, 7)  # axes of the shots; the library has sounds for 3 alone of these
ENOUGH = Budget(clips=9)


class Film:
    """A film of coloured shots, and a library with tones for some of them."""

    def __init__(self, folder: Path) -> None:
        self.library, self.path = folder / "library", folder / "film.mkv"
        self.encoders: list[ref[ToyEncoder]] = []
        for number, axis in enumerate((3, 0, 1, 2, 6, 0, 1, 2, 6)):
            tone(folder / "in" / f"found {number}.wav", axis, 1.0 + 0.01 * number)
        build(self.library, folder / "in")
        with av.open(str(self.path), "w") as container:
            stream = container.add_stream("ffv1", rate=RATE, width=64, height=36, pix_fmt="bgr0")
            for number in range(SHOT * len(SHOWN)):
                colour = ImageColor.getrgb(COLOURS[SHOWN[number // SHOT]])
                frame = av.VideoFrame.from_ndarray(np.full((36, 64, 3), colour, np.uint8))
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    @contextmanager
    def searching(self) -> Iterator[Searcher]:
        with Library.open(self.library) as library:
            encoder = ToyEncoder()
            self.encoders.append(ref(encoder))
            yield Searcher(library, encoder)

    def first(self, filters: Filters = NO_FILTERS) -> tuple[Look, Options, CueSheet]:
        options = Options(Ask(filters=filters), floor=FLOOR)
        with self.searching() as search:
            seen = look(film_of(self.path), search, options.ask)
            return seen, options, choose(seen, search, found_only(options, search))

    def filled(
        self, tones: Tones, budget: Budget = ENOUGH, filters: Filters = NO_FILTERS
    ) -> tuple[CueSheet, Filled]:
        seen, options, sheet = self.first(filters)
        folder = self.library / "sounds/generated"
        return sheet, fill(sheet, seen, options, Toys(tones), self.searching, folder, budget)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return Film(tmp_path_factory.mktemp("film"))


@pytest.fixture
def film(made: Film, tmp_path: Path) -> Film:
    """The same film, with a library of its own."""
    own = copy(made)
    own.library, own.encoders = Path(copied(made.library, tmp_path / "library")), []
    return own


def test_gaps_are_filled_once_and_nothing_else_changes(film: Film) -> None:
    sheet, found = film.filled(Tones())
    assert [sheet.shots[number].note != "" for number in range(5)] == [axis != 3 for axis in SHOWN]
    assert found.gaps == gaps(sheet) == (1, 3, 4)
    assert found.filled == 3
    assert not found.over
    before = {cue.id: cue for cue in sheet.cues}
    assert {cue.id: cue for cue in found.sheet.cues if cue.id in before} == before
    new = [cue for cue in found.sheet.cues if cue.id not in before]
    assert new
    assert {cue.clip.source for cue in new} == {"generated"}
    assert {cue.clip.licence for cue in new} == {"CC0-1.0"}
    assert not any(cue.locked for cue in found.sheet.cues)
    assert not any(shot.note for shot in found.sheet.shots)
    for cue in new:
        shown = SHOWN[cue.start // SHOT]
        assert WORDS[shown].split()[-1] in cue.clip.title
    tones = Tones()
    same, again = film.filled(tones)
    assert tones.made == []
    assert gaps(same) == found.gaps
    assert again.sheet.cues == found.sheet.cues


def test_what_recordings_are_to_be_leaves_out_no_sound_that_is_made(film: Film) -> None:
    asked = Filters(
        sources=("folder",), packs=("bells",), tags=("x",), faultless=True, max_duration=5.0
    )
    sheet, found = film.filled(Tones(), filters=asked)
    assert found.gaps == gaps(sheet)
    assert len(found.gaps) == found.filled == len(SHOWN)  # nothing here is of that pack
    assert {cue.clip.source for cue in found.sheet.cues} == {"generated"}
    assert {clip.clip.facts.seconds for clip in found.clips} == {5.0}


def test_the_best_caption_of_every_gap_comes_first(film: Film) -> None:
    tones = Tones()
    _, found = film.filled(tones, Budget(clips=3))
    assert [clip.caption for clip in found.clips] == ["rain", "a bird", "rain"]
    assert tones.made == ["rain", "a bird"]  # one sound serves both shots of rain
    assert found.over
    manifests = [generated.read(clip.clip.manifest) for clip in found.clips]
    assert all(facts is not None and facts.frames for facts in manifests)
    assert all(each["inconsistency"] is not None for f in manifests if f for each in f.frames)


def test_one_model_is_in_memory_after_another(film: Film) -> None:
    held: list[int] = []

    def act(order: Order) -> None:
        held.append(sum(model() is not None for model in (*film.encoders, *writers)))

    class Watched(Toys):
        __slots__ = ()

        def load_captioner(self) -> Captioner:
            held.append(sum(encoder() is not None for encoder in film.encoders))
            writers.append(ref(captioner := Namer()))
            return captioner

    writers: list[ref[Namer]] = []
    seen, options, sheet = film.first()
    folder = film.library / "sounds/generated"
    fill(sheet, seen, options, Watched(Tones(act)), film.searching, folder, ENOUGH)
    assert len(writers) == 1
    assert len(film.encoders) == 3  # to choose, to judge the captions, to rank again
    assert held == [0] * 7  # when captions are begun, and at each of six different sounds


def test_minutes_end_the_making(film: Film) -> None:
    tones = Tones()
    _, found = film.filled(tones, Budget(minutes=0.0))
    assert (tones.made, found.clips, found.over, found.filled) == ([], (), True, 0)


def test_a_film_without_gaps_asks_no_model(film: Film) -> None:
    seen, options, sheet = film.first()
    whole = replace(sheet, shots=tuple(replace(shot, note="") for shot in sheet.shots))
    nobody = Models("none", Path())
    assert fill(whole, seen, options, nobody, film.searching, Path()) == Filled(whole, ())
