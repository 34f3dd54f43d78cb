"""Sounds made to order: judged, written once, marked, and found as a source."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from libraries import run
from numpy.typing import NDArray

from indexer.audio.tags import read_tags
from indexer.audio.waveform import Waveform
from indexer.errors import GenerationError, SourceError
from indexer.progress import Progress
from indexer.sources import generated
from indexer.sources.folder import parse_source
from indexer.sources.generated import Facts, GeneratedSource
from query.generation.clips import lacking, make
from query.generation.gate import CEILING, Passed, judge
from query.generation.protocol import Order, Settings

RATE = 16_000
Samples = NDArray[np.float32]


def noise(peak: float = 0.5, seed: int = 1) -> Samples:
    drawn = np.random.default_rng(seed).standard_normal((1, RATE))
    return (peak * drawn / np.abs(drawn).max()).astype(np.float32)


# The gate


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros((1, 0), np.float32), "no samples"),
        (np.where(np.arange(RATE) == 9, np.nan, noise()), "samples that are no numbers"),
        (np.where(np.arange(RATE) == 9, np.inf, noise()), "samples that are no numbers"),
        (np.zeros((1, RATE), np.float32), "silent"),
        (noise(0.0005), "silent"),
        (np.pad(noise()[:, :100], ((0, 0), (0, RATE - 100))), "silent"),
        (noise(3.0).clip(-1, 1), "clipped"),
        (noise(5.0).clip(-1.5, 1.5), "clipped"),
        (noise(0.1) + 0.3, "off zero by 0.30"),
    ],
)
def test_what_is_not_fit_is_refused(samples: Samples, reason: str) -> None:
    assert judge(Waveform(samples.astype(np.float32), RATE)) == reason


@pytest.mark.parametrize("peak", [0.01, 0.5, 0.95, 2.5])
def test_what_is_fit_passes_as_it_is_but_for_too_high_a_level(peak: float) -> None:
    samples = noise(peak)
    passed = judge(Waveform(samples, RATE))
    assert isinstance(passed, Passed)
    scale = min(1.0, CEILING / np.abs(samples - samples.mean()).max())
    assert passed.gain == pytest.approx(20 * np.log10(scale), abs=0.006)
    wanted = (samples - samples.mean()) * scale
    assert np.abs(passed.waveform.samples - wanted).max() < 1e-6


def test_a_short_sound_in_long_silence_is_kept_without_the_silence() -> None:
    bark = np.zeros((2, 10 * RATE), np.float32)
    at, length = 3 * RATE, round(0.08 * RATE)
    bark[0, at : at + length] = noise()[0, :length]
    passed = judge(Waveform(bark, RATE))
    assert isinstance(passed, Passed)
    kept = passed.waveform.samples
    assert kept.shape[1] == pytest.approx((0.05 + 0.08 + 0.25) * RATE, abs=0.02 * RATE)
    assert passed.cut == pytest.approx(10 - kept.shape[1] / RATE, abs=1e-3)
    start = round(0.05 * RATE)
    assert np.abs(kept[0, start : start + length] - bark[0, at : at + length]).max() < 1e-3


def test_a_small_offset_is_taken_out_of_each_channel() -> None:
    stereo = np.concatenate([noise() + 0.04, noise(seed=2) - 0.03])
    passed = judge(Waveform(stereo, RATE))
    assert isinstance(passed, Passed)
    assert np.abs(passed.waveform.samples.mean(axis=1)).max() < 1e-6


# Clips


class Noise:
    """Makes noise by the seed; counts what it made, and stops where it is told to."""

    name, licence, weights, sample_rate = "noise", "CC-BY-NC-SA-4.0", "abc", RATE

    def __init__(self, act: Callable[[Order], None] = lambda _: None) -> None:
        self.made: list[Order] = []
        self._act = act

    def completed(self, settings: Settings) -> Settings:
        return replace(settings, steps=settings.steps or 7, guidance=settings.guidance or 2.0)

    def make(self, order: Order) -> Waveform:
        self._act(order)
        self.made.append(order)
        drawn = np.zeros((1, RATE), np.float32) if order.seed == 13 else noise(seed=order.seed)
        return Waveform(drawn, RATE)


def order(prompt: str = "rain, on a roof", seed: int = 0, **settings: Any) -> Order:
    return Order(prompt, seed, Settings(1.0, **settings))


def test_a_clip_is_written_as_what_it_is(tmp_path: Path) -> None:
    [clip] = make([order(seed=5, negative="wind")], Noise(), tmp_path / "new")
    read, rate = soundfile.read(clip.path, always_2d=True)
    facts = soundfile.info(clip.path)
    assert (rate, facts.subtype, read.shape) == (48_000, "PCM_24", (48_000, 1))
    spectrum = np.abs(np.fft.rfft(read[:, 0])) ** 2
    above = np.fft.rfftfreq(len(read), 1 / rate) > RATE / 2
    assert spectrum[above].sum() < 1e-3 * spectrum.sum()
    said = read_tags(clip.path)
    assert said.description.endswith("nothing above 8000 Hz: rain, on a roof")
    assert (said.title, said.licence) == ("rain, on a roof", "CC-BY-NC-SA-4.0")
    assert said.author == "noise (generated)"
    assert json.loads(clip.manifest.read_text()) == {
        "prompt": "rain, on a roof", "model": "noise", "weights": "abc",
        "licence": "CC-BY-NC-SA-4.0", "seed": 5, "seconds": 1.0, "steps": 7, "guidance": 2.0,
        "negative": "wind", "condition": "", "bandwidth": 8000.0, "gain": 0.0, "cut": 0.0,
        "refused": "", "sources": [],
        "frames": [],
    }  # fmt: skip
    assert clip.path.name.startswith("rain-on-a-roof-noise-5-")


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    orders = [order(seed=seed) for seed in (0, 1, 13, 0)]
    first = Noise()
    assert lacking(orders, first, tmp_path) == 3
    clips = make(orders, first, tmp_path)
    assert [one.seed for one in first.made] == [0, 1, 13]
    assert [clip.facts.refused for clip in clips] == ["", "", "silent", ""]
    assert [clip.known for clip in clips] == [False, False, False, True]
    assert not clips[2].path.exists()
    again = Noise()
    assert [clip.path for clip in make(orders, again, tmp_path)] == [c.path for c in clips]
    assert not again.made
    assert lacking(orders, again, tmp_path) == 0


@pytest.mark.parametrize(
    "other",
    [
        order("rain"), order(seed=1), order(steps=8), order(guidance=3.0), order(negative="wind"),
        Order("rain, on a roof", 0, Settings(2.0)),
        Order("rain, on a roof", 0, Settings(1.0), condition=[1.0, 0.0]),
    ],
)  # fmt: skip
def test_another_order_is_another_clip(other: Order, tmp_path: Path) -> None:
    clips = make([order(), other], Noise(), tmp_path)
    assert clips[0].path != clips[1].path
    assert not clips[1].known


def test_files_that_are_half_there_are_made_again(tmp_path: Path) -> None:
    [clip] = make([order()], Noise(), tmp_path)
    before = clip.path.read_bytes()
    clip.manifest.unlink()  # stopped between the two
    assert list(GeneratedSource(tmp_path).items()) == []
    clip.path.write_bytes(b"half")
    [again] = make([order()], Noise(), tmp_path)
    assert not again.known
    assert again.path.read_bytes() == before
    again.path.unlink()
    assert not make([order()], Noise(), tmp_path)[0].known


def test_what_was_made_before_a_stop_is_whole(tmp_path: Path) -> None:
    def act(each: Order) -> None:
        if each.seed == 2:
            raise KeyboardInterrupt

    orders = [order(seed=seed) for seed in range(4)]
    with pytest.raises(KeyboardInterrupt):
        make(orders, Noise(act), tmp_path)
    assert len(list(GeneratedSource(tmp_path).items())) == 2
    rest = Noise()
    make(orders, rest, tmp_path)
    assert [one.seed for one in rest.made] == [2, 3]


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    old = [tmp_path / name for name in (".sonorize-0a1b.wav", ".rain-noise-0-ab.json.77")]
    new = [tmp_path / ".sonorize-ffff.wav", tmp_path / "mine.wav"]
    for path in (*old, *new):
        path.write_bytes(b"half")
    for path in (*old, new[1]):
        os.utime(path, (1e9, 1e9))
    make([order()], Noise(), tmp_path)
    assert [path.exists() for path in (*old, *new)] == [False, False, True, True]


def test_two_runs_make_nothing_twice(tmp_path: Path) -> None:
    other = Noise()

    def act(each: Order) -> None:
        with pytest.raises(GenerationError, match=r"by another run: wait until it is done"):
            make([order(), order(seed=1)], other, tmp_path)

    make([order()], Noise(act), tmp_path)
    assert other.made == []
    assert len(make([order(), order(seed=1)], other, tmp_path)) == 2
    assert len(other.made) == 1


def test_what_is_to_be_made_is_counted_once(tmp_path: Path) -> None:
    class Counter(Progress):
        total = 0

        def stage(self, name: str, total: float, unit: str = "") -> None:
            self.total = int(total)

    told = Counter()
    make([order(), order(), order(seed=1)], Noise(), tmp_path, told)
    assert told.total == 2


# As a source


def test_what_was_not_refused_is_a_sound_with_its_words(tmp_path: Path) -> None:
    clips = make([order(), order(seed=13)], Noise(), tmp_path)
    (tmp_path / "other.wav").write_bytes(b"not ours")
    source = parse_source(f"generated:{tmp_path}")
    [item] = source.items()
    assert (source.kind, source.path(item.relative_path)) == ("generated", clips[0].path)
    assert source.passed_over == 1
    said = source.said(item.relative_path)
    assert said is not None
    assert said.columns["title"] == "rain, on a roof"
    assert said.columns["licence"] == "CC-BY-NC-SA-4.0"
    assert said.columns["author"] == "noise (generated)"
    assert said.columns["notes"] == "Generated by noise, seed 0. Nothing above 8 kHz."
    assert said.columns["raw"]["generated"]["bandwidth"] == 8000.0


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="make sounds with `sonorize generate`"):
        list(GeneratedSource(tmp_path / "none").items())


@pytest.mark.parametrize(
    "said",
    ["", "[]", "{}", '{"prompt": 3}', '{"prompt": "rain", "seed": true}'],
)
def test_what_is_no_manifest_makes_no_sound(said: str, tmp_path: Path) -> None:
    [clip] = make([order()], Noise(), tmp_path)
    clip.manifest.write_text(said)
    assert generated.read(clip.manifest) is None
    assert list(GeneratedSource(tmp_path).items()) == []


def test_a_field_of_a_later_version_does_no_harm(tmp_path: Path) -> None:
    [clip] = make([order()], Noise(), tmp_path)
    clip.manifest.write_text(json.dumps({**json.loads(clip.manifest.read_text()), "later": 1}))
    assert isinstance(generated.read(clip.manifest), Facts)


def test_a_library_takes_them_like_any_sound(tmp_path: Path) -> None:
    make([order(), order("dog barking", 1), order(seed=13)], Noise(), tmp_path / "made")
    library = tmp_path / "library"
    done = run("build-index", f"generated:{tmp_path / 'made'}", "--encoder", "toy",
               "--library", library)  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.startswith("2 added, 0 unchanged, 0 failed")
    asked = run("query-by-text", "barking", "--library", library, "--format", "json",
                "--source", "generated", "-k", 1)  # fmt: skip
    hit = json.loads(asked.out)
    assert (hit["title"], hit["source"]) == ("dog barking", "generated")
    assert hit["license"] == "CC-BY-NC-SA-4.0"
    table = run("query-by-text", "barking", "--library", library, "-k", 1)
    assert "generated" in table.out
