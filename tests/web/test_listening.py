"""Sounds over HTTP: ranges, ETags, and proxies of what browsers cannot play."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from web_server import Page


def id_of(page: Page, words: str) -> int:
    return int(page.json("/api/query-by-text", words=words, only="exact")["hits"][0]["id"])


def test_a_file_is_served_whole_in_ranges_and_once(page: Page) -> None:
    path = f"/api/sounds/{id_of(page, 'dog')}/audio"
    whole = page.get(path)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "audio/wav"
    part = page.get(path, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    tail = page.get(path, headers={"range": "bytes=-10"})
    assert tail.content == whole.content[-10:]
    again = page.get(path, headers={"if-none-match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_absurd_ranges_are_refused_or_ignored(page: Page) -> None:
    path = f"/api/sounds/{id_of(page, 'dog')}/audio"
    size = len(page.get(path).content)
    assert page.get(path, headers={"range": f"bytes={size + 5}-"}).status_code == 416
    many = ",".join(f"{at}-{at}" for at in range(2000))
    assert len(page.get(path, headers={"range": f"bytes={many}"}).content) == size
    for odd in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=-"):
        assert page.get(path, headers={"range": odd}).status_code in (200, 400, 416), odd


def test_what_browsers_cannot_play_comes_as_a_stereo_flac(page: Page) -> None:
    for words in ("horn", "six"):
        response = page.get(f"/api/sounds/{id_of(page, words)}/audio")
        assert response.headers["content-type"] == "audio/flac", words
        samples, rate = soundfile.read(io.BytesIO(response.content))
        assert (rate, samples.shape[1]) == (16_000, 2)
        assert np.abs(samples).max() > 0.2
    [horn, _] = [len(samples), samples]
    assert horn == 16_000


def test_a_plain_file_comes_as_flac_if_that_is_asked(page: Page) -> None:
    response = page.get(f"/api/sounds/{id_of(page, 'dog')}/audio", proxy=True)
    samples, _ = soundfile.read(io.BytesIO(response.content))
    assert len(samples) == 64_000


def test_takes_and_regions(page: Page) -> None:
    dog = id_of(page, "dog")
    assert [take["id"] for take in page.json(f"/api/sounds/{dog}/takes")] == [dog]
    start, end = page.json(f"/api/sounds/{dog}/region", start=1.0, end=3.0)
    assert 0.0 <= start < end <= 4.0
