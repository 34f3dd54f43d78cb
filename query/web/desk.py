"""What the page stands on: a library, its model as it is being loaded, and what was embedded."""

from __future__ import annotations

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, cast

from indexer.catalog.browse import listed
from indexer.catalog.filters import Filters
from indexer.counting import counted
from indexer.encoders import registry
from indexer.errors import (
    LibraryAway,
    LibraryNotFound,
    QueryError,
    SonorizeError,
    WeightsMissing,
)
from indexer.library import Config, Library, exists, read_config
from indexer.sources.folder import FolderSource
from query.ask import Ask
from query.search import Searcher
from query.web.aside import GONE
from query.web.choices import Choices
from query.web.decoder import Decoder
from query.web.jobs import Job, JobState
from query.web.pictures import Pictures
from query.web.places import Places, usual
from query.web.proxies import Proxies
from query.web.zips import Zips

if TYPE_CHECKING:
    from indexer.build.report import Progress
    from indexer.encoders.protocol import Encoder, Vectors
    from query.scene.floor import Floor
    from query.web.browsing import Map
    from query.web.scenes import Scene

    Seen = list[tuple[str, float]]

PAUSE = 60.0  # s between measurements of the floor
AGAIN = 1.0  # s until a library whose server is away is looked for again
REMEMBERED = 2_000  # questions whose vectors are kept

State = Literal["none", "loading", "ready", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Model:
    """How the model is. `said`: what to do where it is not ready; `sees`: it takes pictures."""

    state: State
    name: str = ""
    said: str = ""
    caveat: str = ""
    sees: bool = False


class Memory:
    """What was embedded, by what it was made from; the longest unused go first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            self._held[key] = made
            if len(self._held) > REMEMBERED:
                self._held.popitem(last=False)
        return made


class Remembering:
    """An encoder that embeds the same words once, and one question at a time."""

    def __init__(self, encoder: Encoder, memory: Memory) -> None:
        self._encoder, self._memory = encoder, memory
        self._one = Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        def embed() -> Vectors:
            with self._one:
                return self._encoder.embed_texts(texts)

        return cast("Vectors", self._memory.get(("texts", *texts), embed))

    def embed_images(self, images: Sequence[Any]) -> Vectors:
        with self._one:
            return self._encoder.embed_images(images)


class Desk:
    """One library and all that is needed to answer for it. Start it, and close it at the end.

    folder   of the library, which need not exist yet
    device   for the model
    roots    folders below which the page may look; the user's own and drives if None
    reveal   shows a file in the file manager; None where nobody sits at this machine
    """

    def __init__(
        self,
        folder: Path,
        device: str | None = None,
        *,
        roots: Sequence[Path] | None = None,
        reveal: Callable[[Path], object] | None = None,
    ) -> None:
        self.folder, self._device = folder, device
        self.places = Places(usual() if roots is None else roots)
        self.reveal = reveal
        self.builds = Job()
        self.scenes = Job()
        self.zips = Zips()
        self.scene: Scene | None = None
        self.model = Model("none")
        self.floor: Floor | None = None
        self.memory = Memory()
        self.map: tuple[int, Map] | None = None  # of the library at a change; one, as it is large
        self.decoder = Decoder()
        self._transcoder = Decoder()  # its jobs are long: pictures do not wait for them
        self._closed = Event()
        self._opening = Lock()
        self._measuring = Lock()
        self._measured = -PAUSE
        self._loading = Thread(target=self._load, daemon=True, name="model")
        self._library: Library | None = None
        self._encoder: Encoder | None = None
        self._searchers: dict[bool, tuple[int, Searcher]] = {}
        self._choices: Choices | None = None
        self.aside = Path(tempfile.mkdtemp(prefix="sonorize-"))
        cache = self._cache()
        self.pictures = Pictures(cache / "pictures", self.decoder)
        self.proxies = Proxies(cache / "proxies", self._transcoder)

    def start(self) -> None:
        """Loads the model, and what every question needs, while the page is served already."""
        self._loading.start()

    def close(self) -> None:
        self._closed.set()
        self.decoder.close()
        self._transcoder.close()
        if self._library is not None:
            self._library.close()
        shutil.rmtree(self.aside, ignore_errors=True)

    @property
    def library(self) -> Library:
        """Raises LibraryNotFound while there is none, and what `Library.open` raises."""
        with self._opening:
            if not exists(self.folder):
                if self._library is None:
                    raise LibraryNotFound("There is no library yet: choose a folder of sounds.")
                self._library.close()  # what was open leads nowhere once a drive is back
                raise LibraryNotFound(GONE)
            if self._library is None:
                self._library = Library.open(self.folder)
            return self._library

    @property
    def choices(self) -> Choices:
        """Raises LibraryNotFound, and LibraryError for a file that makes no sense."""
        library = self.library
        with self._opening:
            if self._choices is None:
                self._choices = Choices(library.folder)
            return self._choices

    def build(self, folders: Sequence[Path]) -> JobState:
        """Starts a build of these folders, or of those of the library; makes it if need be.

        Raises LibraryBusy while one runs.
        """
        if self._library is None and not exists(self.folder):
            if not folders:
                raise QueryError("Choose a folder of sounds first.")
            Library.create(self.folder, Config(encoder=registry.default)).close()
        library = self.library
        chosen = list(folders) or [
            Path(root.location) for root in library.catalog.roots() if root.kind == "folder"
        ]

        def work(progress: Progress) -> str:
            from indexer.build.run import build_index

            progress.stage("Loading the model", 0)
            self._loading.join()
            if self._encoder is None:
                self._load()
            if self._encoder is None:
                raise QueryError(self.model.said)
            sources = [FolderSource(folder) for folder in chosen]
            report = build_index(library, sources, self._encoder, progress=progress)
            said = (
                f"{report.added:,} added, {report.skipped:,} unchanged, {report.failed:,} failed; "
                f"the library holds {counted(report.sounds, 'sound')}."
            )
            self._measure_later()
            return " ".join([said, *report.notes])

        return self.builds.start(work)

    def searcher(self, *, model: bool = True) -> Searcher:
        """As the library is now; without `model`, or before it is loaded, for exact words only.

        Raises QueryError where the question needs a model that is not there.
        """
        library = self.library
        if model and self._encoder is None:
            raise QueryError(self.model.said or "The model is still being loaded: wait a moment.")
        last = library.catalog.embeddings.last()
        with self._opening:
            made = self._searchers.get(model)
            if made is None or made[0] != last:
                made = last, Searcher(library, self._encoder if model else None)
                self._searchers[model] = made
                if model and self.model.state == "ready" and not self.builds.state.running:
                    self._measure_later()
            return made[1]

    def seen(self, picture: str) -> Vectors:
        """(1, dim) rows of what a picture shows. Raises QueryError."""

        def embed() -> Vectors:
            return self.searcher().seen([self.pictures.read(picture)], Ask(), False)

        return cast("Vectors", self.memory.get(("seen", picture), embed))

    def taken_for(self, picture: str) -> Seen:
        """What the model took the picture for, with probabilities; empty if it cannot say."""
        describe = getattr(self._encoder, "describe_image", None)
        if describe is None:
            return []

        def look() -> Seen:
            return list(describe(self.pictures.read(picture)))

        return cast("Seen", self.memory.get(("taken for", picture), look))

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        """What follows from the library as the last searcher saw it; made once while it is so."""
        return self.memory.get((self._searchers[True][0], key), make)

    def _load(self) -> None:
        name = ""
        try:
            name = read_config(self.folder).encoder
            self.model = Model("loading", name)
            while not self._has_loaded(name):
                self._closed.wait(AGAIN)
        except LibraryNotFound as error:
            self.model = Model("none", said=str(error))
        except WeightsMissing as error:
            self.model = Model("missing", name, said=str(error))
        except SonorizeError as error:
            self.model = Model("failed", name, said=str(error))

    def _has_loaded(self, name: str) -> bool:
        """False while the server of the library's catalog is away, unless the page is closed."""
        try:
            self._encoder = self._encoder or self._loaded(self.library)
            sees = "image" in self._encoder.modalities
            self._warm(sees)
            self.model = Model("ready", name, caveat=self._encoder.caveat, sees=sees)
            self._measure()
        except LibraryAway:
            return self._closed.is_set()
        return True

    def _measure_later(self) -> None:
        """At most once a minute: while another process builds, every question sees a change."""
        if monotonic() - self._measured > PAUSE:
            self._measured = monotonic()

            def measure() -> None:
                with suppress(LibraryAway):
                    self._measure()

            Thread(target=measure, daemon=True, name="floor").start()

    def _measure(self) -> None:
        """How far a hit has to stand out, of the library as it is now; see query.scene.floor."""
        from query.scene.floor import measured

        if not self.model.sees or not self._measuring.acquire(blocking=False):
            return  # it is being measured; the next change measures anew
        try:
            if self.library.catalog.counts()["ready"]:
                self.floor = measured(self.searcher())
        finally:
            self._measuring.release()

    def _loaded(self, library: Library) -> Encoder:
        from indexer import settings
        from indexer.encoders.protocol import Setup

        found = settings.load()
        setup = Setup(self._device or found.device, library.config.windows)
        encoder = registry.load(library.config.encoder, models_dir=found.models, setup=setup)
        return cast("Encoder", Remembering(encoder, self.memory))

    def _warm(self, sees: bool) -> None:
        """One question of each kind: the first one takes seconds."""
        from PIL import Image

        self.decoder.prepare()
        search = self.searcher()
        if "text" in search.encoder.modalities:  # type: ignore[union-attr]
            search.by_meaning("sound", Ask(k=1, cut=False))
        some, _ = listed(self.library.catalog.engine, Filters(), "added", limit=1)
        with suppress(QueryError):  # it was not heard yet
            search.by_sound(f"#{sum(some)}", Ask(k=1, cut=False))
        if sees:
            grey = Image.new("RGB", (64, 64), "grey")
            search.by_vectors(search.seen([grey], Ask(), False), Ask(k=1, cut=False))

    def _cache(self) -> Path:
        """In the library, so that it goes with it; elsewhere if that cannot be written to."""
        cache = self.folder / "cache"
        if exists(self.folder):
            try:
                cache.mkdir(exist_ok=True)
                tempfile.TemporaryFile(dir=cache).close()
            except OSError:
                return self.aside
            return cache
        return self.aside
