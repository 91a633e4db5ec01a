"""Write a new plugin package: `latenthub new`.

`template/` is a working plugin named `example`; a new one is that with its names exchanged, so what
is written here is what the tests of the template run.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hub.bench import BENCHES
from hub.demo import ADDRESSES, NAME
from hub.errors import SettingsError

TEMPLATE = Path(__file__).with_name("template")
MAX_NAME, MAX_TITLE = 30, 50  # characters; the lines they stand on have room for as many
TEXTS = (".py", ".md", ".toml")
# Under their own names they would tell tools what to do with the template itself.
HIDDEN = {"gitignore": ".gitignore", "package.toml": "pyproject.toml"}
GRADIO = ("assets", "config", "login", "logout", "monitoring", "static", "svelte")  # its addresses
WORDS = re.compile(r"\b(?:hub_example|test_example|latenthub-example|An example|Example|example)\b")
CELLS, CELL = (6, 8), 120  # of the first thumbnail: rows and columns, pixels


@dataclass(frozen=True)
class Plugin:
    """The names of a new plugin.

    Raises:
        SettingsError: the name or the title cannot be one.
    """

    name: str
    title: str = ""

    def __post_init__(self) -> None:
        if not (NAME.fullmatch(self.name) and len(self.name) <= MAX_NAME):
            raise SettingsError(
                "a demo's name must be lower-case letters, digits and '-', a letter first, "
                f"at most {MAX_NAME} characters; got {self.name!r}"
            )
        if self.name.endswith("-") or "--" in self.name:
            raise SettingsError(f"a demo's name has each '-' between two words; got {self.name!r}")
        if self.name in (*ADDRESSES, *BENCHES, *GRADIO):
            raise SettingsError(
                f"the hub has a use for the name {self.name!r} itself; take another"
            )
        title = self.title.strip() or self.name.replace("-", " ").capitalize()
        if len(title) > MAX_TITLE or not title.isprintable() or set(title) & set('"\\$'):
            raise SettingsError(
                f"a title is one line of at most {MAX_TITLE} characters without quotes; "
                f"got {title!r}"
            )
        object.__setattr__(self, "title", title)

    @property
    def package(self) -> str:
        return f"hub_{self.name.replace('-', '_')}"

    @property
    def distribution(self) -> str:
        return f"latenthub-{self.name}"

    @property
    def names(self) -> dict[str, str]:
        """What stands in the template, and what it becomes."""
        return {
            "hub_example": self.package,
            "test_example": f"test_{self.name.replace('-', '_')}",
            "latenthub-example": self.distribution,
            "An example": self.title,
            "Example": string.capwords(self.name, "-").replace("-", ""),
            "example": self.name,
        }


def files(plugin: Plugin) -> dict[str, str]:
    """Return the texts of a new plugin's files, by their path in its folder."""
    found = {}
    for file in sorted(TEMPLATE.rglob("*")):
        if file.suffix in TEXTS or file.name in HIDDEN:
            path = file.relative_to(TEMPLATE)
            path = path.with_name(HIDDEN.get(path.name, path.name))
            found[renamed(path.as_posix(), plugin)] = renamed(file.read_text("utf-8"), plugin)
    return found


def renamed(text: str, plugin: Plugin) -> str:
    names = plugin.names
    return WORDS.sub(lambda found: names[found[0]], text)


def write(plugin: Plugin, folder: Path, taken: Collection[str] = ()) -> list[Path]:
    """Write a new plugin into `folder`, which is made; return its files.

    Args:
        taken: names of the demos that are installed.

    Raises:
        SettingsError: the folder is there and holds something, or cannot be written; or another
            demo has the name.
    """
    if plugin.name in taken:
        raise SettingsError(f"a demo {plugin.name!r} is installed already; choose another name")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SettingsError(f"{folder} is there already; name another folder with --out")
        written = []
        for path, text in files(plugin).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
            written.append(folder / path)
        picture = folder / plugin.package / "thumbnail.png"
        draw_thumbnail(plugin.name, picture)
        return [*written, picture]
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}") from error


def draw_thumbnail(name: str, path: Path) -> None:
    """Draw a picture for the gallery, until the model makes one: a pattern of the name's own."""
    from PIL import Image

    chance = random.Random(hashlib.sha256(name.encode()).digest())
    rows, columns = CELLS
    half = [[chance.randrange(20, 200) for _ in range(columns // 2)] for _ in range(rows)]
    shades = bytes(shade for row in half for shade in [*row, *reversed(row)])
    picture = Image.frombytes("L", (columns, rows), shades)
    picture.resize((columns * CELL, rows * CELL), Image.Resampling.NEAREST).save(path)
