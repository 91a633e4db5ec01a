"""A Gradio Space of the hub: a folder that the Hugging Face Hub builds and serves, and its upload.

What a Space's build installs is what `requirements.txt` names, and it sees no other file then. The
hub and its plugins are on no package index, so they go beside `app.py` as they are: their packages,
and their `*.dist-info`, by which plugins are found. What they depend on is pinned to the versions
that are installed here. Checkpoints go into `checkpoints/`, or are fetched when the Space is built.

    README.md         front matter that configures the Space, see
                      https://huggingface.co/docs/hub/spaces-config-reference
    app.py            serves
    requirements.txt  what is installed
    hub/, hub_NAME/   the hub, and each plugin
    *.dist-info/      their metadata
    checkpoints/      the models, and lock.toml
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hub import remote
from hub.checkpoints import Folders, file_names, lock_folder
from hub.demo import Demo
from hub.errors import HubError, PluginError, SettingsError
from hub.files import reason, shown_bytes
from hub.lock import LOCK, Locked, read_lock, write_lock
from hub.plugins import GROUP

ZEROGPU = "zero-a10g"  # the Hub's name for it, whichever GPU it lends
ZEROGPU_PYTHON, ZEROGPU_TORCH = "3.12", "2.11.0"  # the newest that it runs
LARGE = 12_000_000  # bytes; a pinned checkpoint above that is fetched by the Space, not uploaded
CARRIED = ("hub/**", "hub_*/**", "*.dist-info/**", "checkpoints/**")  # replaced by an upload
APP = '''"""Serve this Space; made by `latenthub space`."""

import os
from pathlib import Path

os.environ.setdefault("LATENTHUB_CHECKPOINTS", str(Path(__file__).parent / "checkpoints"))

from hub.launch import main  # noqa: E402 - it reads the environment

if __name__ == "__main__":
    main()
'''


@dataclass(frozen=True)
class Settings:
    """What is asked of a Space."""

    repo_id: str  # "owner/name"
    hardware: str = "cpu-basic"  # one of huggingface_hub.SpaceHardware
    private: bool = False
    preload: bool = False  # fetch every pinned checkpoint from the Hub, also the small ones

    def __post_init__(self) -> None:
        remote.check_repo_id(self.repo_id)
        from huggingface_hub import SpaceHardware

        known = [one.value for one in SpaceHardware]
        if self.hardware not in known:
            raise SettingsError(
                f"--hardware must be one of {', '.join(known)}; got {self.hardware!r}"
            )

    @property
    def zerogpu(self) -> bool:
        return self.hardware == ZEROGPU

    @property
    def python(self) -> str:
        """The version that the Space runs: this one, which its packages were tested with."""
        return ZEROGPU_PYTHON if self.zerogpu else "{}.{}".format(*sys.version_info)


@dataclass
class Made:
    """What was put into a Space's folder."""

    packages: list[str] = field(default_factory=list)  # "name version", carried or named
    requirements: list[str] = field(default_factory=list)
    bundled: dict[str, Path] = field(default_factory=dict)  # demo -> its checkpoint's folder
    preloaded: dict[str, Locked] = field(default_factory=dict)  # demo -> its pin


def make(folder: Path, settings: Settings, demos: Sequence[Demo], folders: Folders) -> Made:
    """Write the folder of a Space that serves `demos`.

    Raises:
        SettingsError: the folder is not empty, or cannot be written.
        PluginError: a package cannot be put into it.
        CheckpointError: a demo has no sound checkpoint, and none that is pinned on the Hub.
    """
    if not demos:
        raise SettingsError("a Space needs a demo; none is installed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty; name a new folder")
        made = Made()
        choose_checkpoints(made, settings, demos, folders)
        put_packages(made, folder, settings, demos)
        put_checkpoints(made, folder / "checkpoints")
        texts = {
            "README.md": readme(made, settings, demos),
            "requirements.txt": "\n".join(made.requirements) + "\n",
            "app.py": APP,
        }
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {reason(error)}") from error
    return made


# Checkpoints.


def choose_checkpoints(
    made: Made, settings: Settings, demos: Sequence[Demo], folders: Folders
) -> None:
    """Decide for each demo whether its checkpoint is bundled or fetched."""
    for demo in demos:
        entry = folders.wanted(demo.name)
        if entry is not None:  # pinned, and not here
            made.preloaded[demo.name] = entry
            continue
        path = folders.find(demo.name)
        entry = folders.place(demo.name).entry
        size = sum((path / name).stat().st_size for name in file_names(path))
        if entry is not None and entry.pinned and (settings.preload or size > LARGE):
            made.preloaded[demo.name] = entry
        else:
            made.bundled[demo.name] = path


def put_checkpoints(made: Made, root: Path) -> None:
    """Copy the checkpoints that are bundled, and write the lock of all."""
    entries = dict(made.preloaded)
    for demo, path in made.bundled.items():
        (root / demo).mkdir(parents=True)
        for name in file_names(path):
            shutil.copyfile(path / name, root / demo / name)
        entries[demo] = lock_folder(root / demo, read_lock(path.parent / LOCK).get(demo))
    write_lock(root / LOCK, entries)


# Packages.


def put_packages(made: Made, folder: Path, settings: Settings, demos: Sequence[Demo]) -> None:
    """Put the hub, the demos' plugins and what they need into the folder and its requirements."""
    names = ["latenthub", *(distribution_of(demo).name for demo in demos)]
    wanted = [Requirement(name) for name in names]
    carried: dict[str, Distribution] = {}
    named: dict[str, Requirement] = {}
    done: set[str] = set()
    while wanted:
        one = wanted.pop(0)
        name = canonicalize_name(one.name)
        if name in named:
            named[name].extras |= one.extras
        if name in named or str(one) in done:
            continue
        done.add(str(one))
        if name not in carried:
            there = importlib.metadata.distribution(name)
            made.packages.append(f"{there.name} {there.version}")
            if can_be_named(there):
                named[name] = Requirement(there.name)
                named[name].extras |= one.extras
                continue
            carried[name] = carry(there, folder)
        for needed in needs(carried[name], settings.python, one.extras):
            if is_local(canonicalize_name(needed.name)):
                wanted.append(needed)
            else:
                merge(named, needed)
    merge(named, Requirement("spaces"))  # Gradio wants it on any Space; ZeroGPU needs it
    missing = [demo.name for demo in demos if not is_there(folder, demo, named)]
    if missing:
        raise PluginError(f"the package of {', '.join(missing)} does not bring what it names")
    made.requirements = [pinned(named[name], settings) for name in sorted(named)]


def distribution_of(demo: Demo) -> Distribution:
    """Return the installed package that brings a demo."""
    for point in importlib.metadata.entry_points(group=GROUP, name=demo.name):
        if point.dist is not None:
            return point.dist
    raise PluginError(f"{demo.name} comes from no installed package, and cannot be put on a Space")


def is_local(name: str) -> bool:
    """Tell whether a package is installed here, and a Space could not install it."""
    try:
        return not can_be_named(importlib.metadata.distribution(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def can_be_named(there: Distribution) -> bool:
    """Tell whether a package came from an index, and so did each package of the hub's that it
    needs: installing it would ask for those."""
    if source_of(there) is not None or there.read_text("INSTALLER") is None:
        return False
    needed = {canonicalize_name(Requirement(text).name) for text in there.requires or []}
    return not any(
        is_local(name) for name in needed & hubs_packages() - {canonicalize_name(there.name)}
    )


def hubs_packages() -> set[str]:
    """Return the names of the hub and the plugins that are installed."""
    points = importlib.metadata.entry_points(group=GROUP)
    return {"latenthub", *(canonicalize_name(one.dist.name) for one in points if one.dist)}


def source_of(there: Distribution) -> dict[str, Any] | None:
    """Return where a package was installed from, as PEP 610 writes it; None: from an index."""
    text = there.read_text("direct_url.json")
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


def carry(there: Distribution, folder: Path) -> Distribution:
    """Put an installed package and its metadata into `folder`; return it as it is there.

    An editable one is built first, so that the folder has what an installation would have.

    Raises:
        PluginError: it cannot be built.
    """
    source = source_of(there) or {}
    if source.get("dir_info", {}).get("editable"):
        with built_wheel(there.name, Path(unquote(urlsplit(source["url"]).path))) as wheel:
            with zipfile.ZipFile(wheel) as archive:
                for name in filter(is_carried, archive.namelist()):
                    archive.extract(name, folder)
    else:
        for file in filter(is_carried, files_of(there)):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(there.locate_file(file)), target)
    pattern = f"{re.sub('[-_.]+', '_', there.name)}-*.dist-info"
    found = list(folder.glob(pattern, **CASE))
    if len(found) != 1:
        raise PluginError(f"{there.name} has no metadata that could be put on a Space")
    return PathDistribution(found[0])


CASE: dict[str, Any] = {"case_sensitive": False} if sys.version_info >= (3, 12) else {}


def is_carried(name: str) -> bool:
    """Tell whether a file of a package goes along: no scripts, caches or bundled checkpoints."""
    parts = Path(name).parts
    return not (
        name.endswith(("/", "/RECORD", "/direct_url.json", ".pyc"))
        or ".." in parts
        or parts[0].endswith(".data")
        or parts[:2] == ("hub", "_checkpoints")
    )


def files_of(there: Distribution) -> list[str]:
    """Return the files of a package that is no editable one, beside which its metadata lies."""
    if there.files:
        return [file.as_posix() for file in there.files]
    # found on the path, put there by no installer: its plugin's packages, and its metadata
    root = Path(str(there.locate_file("")))
    modules = {point.module.split(".")[0] for point in there.entry_points.select(group=GROUP)}
    folders = [root / one for one in modules] + list(root.glob(f"*-{there.version}.dist-info"))
    return [
        path.relative_to(root).as_posix()
        for one in folders
        for path in sorted(one.rglob("*"))
        if path.is_file()
    ]


@contextlib.contextmanager
def built_wheel(name: str, source: Path) -> Iterator[Path]:
    """Build the wheel of a project with the backend it names; it is gone afterwards."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out]
        if backend_is_here(source):
            command.append("--no-build-isolation")
        done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
        wheels = list(Path(out).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise PluginError(f"the wheel of {name} cannot be built: {last_line(done.stderr)}")
        yield wheels[0]


def backend_is_here(source: Path) -> bool:
    """Tell whether a project can be built with what is installed, so without a network."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        told = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
        return all(
            Requirement(text).specifier.contains(importlib.metadata.version(Requirement(text).name))
            for text in told["build-system"]["requires"]
        )
    except (OSError, ValueError, KeyError, importlib.metadata.PackageNotFoundError):
        return False


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "pip said nothing"


def needs(there: Distribution, python: str, extras: Iterable[str]) -> list[Requirement]:
    """Return what a package with some of its extras needs under a version of Python."""
    version = {"python_version": python, "python_full_version": f"{python}.0"}
    environments = [{**version, "extra": extra} for extra in ("", *extras)]
    found = []
    for text in there.requires or []:
        one = Requirement(text)
        if one.marker is None or any(map(one.marker.evaluate, environments)):
            one.marker = None
            found.append(one)
    return found


def merge(named: dict[str, Requirement], needed: Requirement) -> None:
    """Add a requirement to those of other packages."""
    name = canonicalize_name(needed.name)
    one = named.setdefault(name, needed)
    one.specifier &= needed.specifier
    one.extras |= needed.extras


def is_there(folder: Path, demo: Demo, named: dict[str, Requirement]) -> bool:
    package = demo.service.split(":")[0].split(".")[0]
    brought = canonicalize_name(distribution_of(demo).name) in named
    return brought or (folder / package).is_dir() or (folder / f"{package}.py").is_file()


def pinned(needed: Requirement, settings: Settings) -> str:
    """Return a line of requirements.txt: the version that is installed here, where one is."""
    extras = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    if needed.url:
        return str(needed)
    try:
        version = importlib.metadata.version(needed.name).partition("+")[0]  # 2.13.0+cpu
    except importlib.metadata.PackageNotFoundError:
        return str(needed)
    if needed.name == "torch" and settings.zerogpu:
        version = str(min(Version(version), Version(ZEROGPU_TORCH)))
    return f"{needed.name}{extras}=={version}"


# The front page.


def readme(made: Made, settings: Settings, demos: Sequence[Demo]) -> str:
    """Return README.md: the Space's configuration, and what it is."""
    import gradio

    title = demos[0].title if len(demos) == 1 else "Latenthub"
    models = sorted({pin.repo_id for pin in pins_of(made)})
    front: dict[str, Any] = {
        "title": title,
        "emoji": "🌀",
        "colorFrom": "indigo",
        "colorTo": "purple",
        "sdk": "gradio",
        "sdk_version": gradio.__version__,
        "python_version": settings.python,
        "app_file": "app.py",
        "fullWidth": True,
        "license": "apache-2.0",
        "short_description": "Auto-encoder demos to play with and to call",
        "suggested_hardware": settings.hardware,
        "tags": sorted({"auto-encoder", "latenthub"}.union(*(demo.tags for demo in demos))),
    }
    if models:
        front["models"] = models
    if made.preloaded:
        front["preload_from_hub"] = [
            f"{pin.repo_id} {','.join(sorted(pin.files))} {pin.revision}"
            for pin in made.preloaded.values()
        ]
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    rows = [f"- **{demo.title}**: {demo.summary}" for demo in demos]
    space = settings.repo_id.replace("/", "-").replace("_", "-").replace(".", "-").lower()
    return "\n".join(
        [
            f"---\n{head}---",
            "",
            f"# {title}",
            "",
            *rows,
            "",
            "Each demo has an address of its own, such as "
            f"https://{space}.hf.space/{demos[0].name}, and an API that its page shows.",
            "",
            "Made by `latenthub space`; what is changed here by hand is lost with the next upload.",
            "",
        ]
    )


def pins_of(made: Made) -> Iterable[Locked]:
    locks = [read_lock(path.parent / LOCK).get(demo) for demo, path in made.bundled.items()]
    return [one for one in (*made.preloaded.values(), *locks) if one is not None and one.pinned]


# The upload.


def upload(folder: Path, settings: Settings) -> str:
    """Upload a Space's folder in one commit, creating the Space where there is none; return its
    address.

    What an earlier upload put there is replaced; other files are left alone.

    Raises:
        HubError: the Hub refuses, or cannot be reached; the message says what to do.
    """
    repo_id = settings.repo_id
    address = f"{remote.hub_address()}/spaces/{repo_id}"
    with told(repo_id), remote.quiet():
        from huggingface_hub import HfApi
        from huggingface_hub.utils import get_session

        get_session().timeout = remote.PUSH_TIMEOUT
        api = HfApi(library_name="latenthub")
        api.create_repo(
            repo_id,
            repo_type="space",
            space_sdk="gradio",
            private=settings.private or None,
            exist_ok=True,
        )
        if settings.private and not api.space_info(repo_id).private:
            raise HubError(
                f"{repo_id} is public; make it private in its settings, or leave out --private"
            )
        api.upload_folder(
            repo_id=repo_id,
            repo_type="space",
            folder_path=folder,
            commit_message=f"A hub of {shown_bytes(size_of(folder))}, by latenthub",
            delete_patterns=[*CARRIED, *(f"{one.name}/**" for one in folder.iterdir())],
        )
        if settings.hardware != "cpu-basic":  # which is what a new Space has
            ask_for_hardware(api, settings, address)
    return address


def ask_for_hardware(api: Any, settings: Settings, address: str) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.request_space_hardware(settings.repo_id, settings.hardware)
    except HfHubHTTPError as error:
        said = error.server_message or f"status {error.response.status_code}"
        raise HubError(
            f"{address} is uploaded, but the Hub refuses it {settings.hardware} ({said}); "
            f"choose its hardware at {address}/settings"
        ) from None


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def told(repo_id: str) -> Iterator[None]:
    """Turn what the Hub or the network refuses into one clear message, as hub.sync does."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        message = remote.explained(error, repo_id, "main", writing=True)
        if message is None:
            raise
        raise HubError(message) from None
