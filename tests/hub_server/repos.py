"""The repositories of a fixture Hub: commits of whole file trees, in memory."""

import hashlib
import json
from dataclasses import dataclass, field

WEIGHTS = (".safetensors", ".bin", ".npz", ".npy", ".png")  # what the Hub's .gitattributes name


@dataclass
class Repo:
    """One repository; its branch is `main`."""

    id: str  # "owner/name"
    kind: str = "model"  # or "space"
    private: bool = False
    gated: bool = False  # only who has the writer's token may read
    sdk: str | None = None  # of a Space
    hardware: str = "cpu-basic"  # of a Space
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # full SHA -> files
    refs: dict[str, str] = field(default_factory=dict)  # branch or tag -> full SHA
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.commits:
            self.commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")

    @property
    def head(self) -> str:
        return self.refs["main"]

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the last commit on `main`."""
        return self.commits[self.head]

    def commit(
        self,
        added: dict[str, bytes],
        message: str = "a commit",
        deleted: tuple[str, ...] = (),
    ) -> str:
        """Add files to `main`, or replace them; return the new commit's full SHA."""
        files = dict(self.files) if self.refs else {}
        for path in deleted:
            gone = [name for name in files if name == path or name.startswith(path + "/")]
            for name in gone:
                del files[name]
        files |= added
        told = [self.id, message, len(self.commits), {n: blob_id(c) for n, c in files.items()}]
        sha = hashlib.sha1(json.dumps(told).encode()).hexdigest()
        self.commits[sha] = files
        self.refs["main"] = sha
        self.messages.append(message)
        return sha

    def tag(self, name: str, sha: str | None = None) -> None:
        self.refs[name] = sha or self.head

    def resolve(self, revision: str) -> str | None:
        """Return the full SHA of a branch, tag or commit; None: there is none."""
        return self.refs.get(revision, revision if revision in self.commits else None)


def blob_id(content: bytes) -> str:
    """Return git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_large(path: str) -> bool:
    """Tell whether the Hub keeps the file outside of git."""
    return path.endswith(WEIGHTS)
