"""Files of models on the Hugging Face hub.

The hashes are the hub's own: sha256 of a large file, git's sha1 of a small one. They say that a
file came as the hub has it. Where a commit is known that holds the files, it is asked for and what
comes stays the same; where none is, the newest is, and the commit that came is noted in the model's
manifest. A key of the user's (HF_TOKEN, or the hub's own login) goes to the hub alone,
and only where nobody on the way can read it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexer import transfer
from indexer.encoders.download import HttpFile
from indexer.encoders.weights import sha256
from indexer.errors import WeightsDamaged, WeightsMissing

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.encoders.progress import Progress

PLAIN = (".json", ".txt", ".safetensors")


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of `repo` at `revision` (a branch, a tag or a commit).

    `checkpoint`: it may be a torch checkpoint, of which what unpacks it takes the tensors alone;
    no other pickle is fetched. `endpoint`: another hub than HF_ENDPOINT, or the usual one, says.
    """

    repo: str
    revision: str
    filename: str
    size: int = 0
    endpoint: str | None = None
    sha256: str = ""
    resumes: bool = True
    checkpoint: bool = False

    def __post_init__(self) -> None:
        if not self.filename.endswith(PLAIN) and not self.checkpoint:
            raise ValueError(f"{self.filename} may hold code: only {', '.join(PLAIN)} are fetched")

    @property
    def version(self) -> str:
        return self.revision

    def fetch(self, folder: Path, progress: Progress) -> tuple[Path, str]:
        """FILENAME.part in `folder`, as the hub has it, and the commit that it came from.

        Raises WeightsMissing, WeightsDamaged.
        """
        key = self._key()
        facts = self._facts(key)
        commit = facts.commit_hash or self.revision
        tag = facts.etag or ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = self._url(commit)
        part = HttpFile(url, self.filename, commit, "", facts.size or 0, headers=headers)
        (folder / self.filename).parent.mkdir(parents=True, exist_ok=True)
        path, _ = part.fetch(folder, progress)
        if tag != (sha256(path) if len(tag) == 64 else _git_sha1(path)):
            transfer.forget(path)
            raise WeightsDamaged(f"{self.filename} of {self.repo} did not come whole: try again.")
        return path, commit

    def _key(self) -> str:
        """The user's key, or "". One that no header can hold is refused: an error would tell it."""
        from huggingface_hub import get_token

        key = get_token() or ""
        if not (key.isascii() and key.isprintable()):
            raise WeightsMissing(
                "HF_TOKEN, or the key of the hub's own login, holds characters that no key has: "
                "set it anew, and run the same again."
            )
        return key if transfer.secure(self._url(self.revision)) else ""

    def _facts(self, key: str) -> Any:
        import httpx2 as httpx
        from huggingface_hub import get_hf_file_metadata
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

        try:
            url = self._url(self.revision)
            return get_hf_file_metadata(url, token=key or False, endpoint=self.endpoint)
        except GatedRepoError as error:
            raise WeightsMissing(
                f"{self.repo} on the Hugging Face hub has terms to accept: accept them on its "
                "page, set HF_TOKEN to a key of your account, and run the same again."
            ) from error
        except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
            reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            raise WeightsMissing(
                f"{self.repo} on the Hugging Face hub could not be read ({reason}): fetch "
                f"{self.filename} elsewhere and give its folder with --from."
            ) from error

    def _url(self, revision: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.repo, self.filename, revision=revision, endpoint=self.endpoint)


def _git_sha1(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
