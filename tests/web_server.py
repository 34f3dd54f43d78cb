"""The page, served to tests as it is to users."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
import uvicorn
from libraries import COLOURS
from PIL import Image, ImageColor

from query.web.app import create_app
from query.web.desk import Desk
from query.web.serve import _bound


class Page:
    """A running server, asked over HTTP. `address`: http://127.0.0.1:PORT."""

    desk: Desk

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx2.Client(base_url=address, timeout=60)

    def get(self, path: str, **given: Any) -> httpx2.Response:
        headers = given.pop("headers", {})
        return self.client.get(path, params=given or None, headers=headers)

    def json(self, path: str, **given: Any) -> Any:
        response = self.get(path, **given)
        assert response.status_code == 200, response.text
        return response.json()

    def titles(self, command: str, **given: Any) -> list[str]:
        return [hit["title"] for hit in self.json(f"/api/{command}", **given)["hits"]]

    def upload(self, picture: Path | bytes) -> str:
        data = picture if isinstance(picture, bytes) else picture.read_bytes()
        response = self.client.post("/api/pictures", content=data)
        assert response.status_code == 200, response.text
        return str(response.json()["frame"])

    def ready(self, *, floor: bool = False) -> None:
        """Waits until the model is loaded, and with `floor` until hits can be judged."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            said = self.json("/api/status")
            if said["model"]["state"] == "ready" and (said["floor"] or not floor):
                return
            time.sleep(0.05)
        raise AssertionError(json.dumps(said))


@contextmanager
def serving(
    library: Path,
    *,
    token: str = "",
    roots: Sequence[Path] = (),
    reveal: Callable[[Path], object] | None = None,
) -> Iterator[Page]:
    """The page of a library, at a free port of this machine."""
    bound = _bound("127.0.0.1", 0)
    port = bound.getsockname()[1]
    hosts = frozenset() if token else frozenset({"127.0.0.1"})
    desk = Desk(library, roots=roots, reveal=reveal)
    app = create_app(desk, hosts, token)
    config = uvicorn.Config(app, log_level="warning", server_header=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    page = Page(f"http://127.0.0.1:{port}")
    page.desk = desk
    try:
        yield page
    finally:
        page.client.close()
        server.should_exit = True
        thread.join()
        bound.close()


def picture(path: Path, colour: str, size: tuple[int, int] = (32, 24)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def film(path: Path, codec: str, pixels: str) -> None:
    """Two seconds, green and then blue, 25 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, width=64, height=48, pix_fmt=pixels)
        for number in range(50):
            colour = ImageColor.getrgb(COLOURS[3] if number < 25 else COLOURS[5])
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
