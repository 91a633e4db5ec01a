"""What keeps, or would keep, the hub from working on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub import settings
from hub.checkpoints import Folders
from hub.errors import HubError
from hub.plugins import Discovered, discover

NEEDED = ("gradio", "huggingface_hub", "safetensors")
USEFUL = {
    "torch": "models of the usual plugins need it",
    "accelerate": "training needs it: pip install 'latenthub[train]'",
    "mcp": "serve --mcp needs it: pip install 'latenthub[mcp]'",
}
ROOM = 2_000_000_000  # bytes; uploads and snapshots of a training run need some
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "note", "bad"]  # bad: something the hub is for will fail
    found: str  # and what to do, where it is not "ok"


def examine(port: int, checkpoint_folder: Path | None = None) -> list[Check]:
    """Look at the interpreter, packages, device, plugins, checkpoints, data, disk and port."""
    discovered = discover()
    return [
        python(),
        *packages(),
        device(),
        *plugins(discovered),
        *checkpoints(discovered, Folders.standard(checkpoint_folder)),
        data(),
        disk(),
        browser(),
        free_port(port),
    ]


def python() -> Check:
    return Check("Python", "ok", f"{platform.python_version()} ({sys.platform})")


def packages() -> Iterator[Check]:
    for name in (*NEEDED, *USEFUL):
        try:
            yield Check(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            advice = USEFUL.get(name, "pip install latenthub again")
            yield Check(name, "bad" if name in NEEDED else "note", f"not installed; {advice}")


def device() -> Check:
    try:
        import torch
    except ImportError:
        return Check("device", "note", "unknown without torch")
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        return Check("device", "ok", f"cuda: {torch.cuda.get_device_name(0)}, {memory:.0f} GB")
    return Check("device", "ok", f"cpu, {os.cpu_count()} cores; no CUDA device is visible")


def plugins(discovered: Discovered) -> Iterator[Check]:
    for name, installed in discovered.installed.items():
        yield Check(f"plugin {name}", "ok", installed.package)
    for one in discovered.broken:
        yield Check(f"plugin {one.name}", "bad", f"{one.package}: {one.reason}")
    if not discovered.installed and not discovered.broken:
        yield Check(
            "plugins", "bad", "none is installed; pip install one, such as those under plugins/"
        )


def checkpoints(discovered: Discovered, folders: Folders) -> Iterator[Check]:
    for name in discovered.demos:
        try:
            folders.find(name)
            yield Check(f"checkpoint {name}", "ok", "its files are those of the lock")
        except HubError as error:
            yield Check(f"checkpoint {name}", "bad", str(error))


def data() -> Check:
    from hub import data as sets

    folder = sets.folder()
    if folder is None:
        return Check(
            "data", "note", f"training and evaluation need a folder named by {settings.DATA.name}"
        )
    missing = [one.name for one in sets.SOURCES if not sets.available(one.name)]
    if missing:
        return Check("data", "note", f"not in {folder}: {', '.join(missing)}")
    return Check("data", "ok", str(folder))


def disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    if free < ROOM:
        return Check("disk", "bad", f"{free / 1e9:.1f} GB free here; make room for {ROOM / 1e9:g}")
    return Check("disk", "ok", f"{free / 1e9:.0f} GB free here")


def browser() -> Check:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        return Check("chromium", "note", "not found; only the browser tests need it: make test")
    return Check("chromium", "ok", path)


def free_port(port: int) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            advice = "a hub may be running; serve --port takes another"
            return Check(f"port {port}", "note", f"{error.strerror}; {advice}")
    return Check(f"port {port}", "ok", "free")
