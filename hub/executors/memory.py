"""Where models run, how much room there is, and how much of it a service takes.

Nothing here imports torch or numpy unless a service has, or the machine may have an accelerator.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

from hub import settings
from hub.errors import ServiceError, SettingsError

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
NO_ROOM = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
CPU_BUDGET = 4_000_000_000  # bytes of loaded models
CUDA_SHARE = 0.6  # of the device's memory for loaded models; the rest is for what calls compute
M_ARENA_MAX = -8  # of glibc's malloc.h
MAX_OBJECTS = 100_000  # looked at in one service; more is a graph that leads out of it
OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType, str, bytes, int, float)


def check_device(device: str) -> str:
    """Return `device` as it came.

    Raises:
        SettingsError: it is no name of a device.
    """
    if not DEVICE.fullmatch(device):
        raise SettingsError(f"device must be auto, cpu, cuda, cuda:1 or mps; got {device!r}")
    return device


def resolve_device(device: str) -> str:
    """Return the device that "auto" means here: "cuda" if there is one, else "cpu".

    Apple's "mps" is used only when it is named: not every operation of every model exists there.

    Raises:
        ServiceError: the device was named and is not there.
    """
    if device == "cpu" or (device == "auto" and not may_have_cuda()):
        return "cpu"
    import torch

    cuda = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if cuda else "cpu"
    there = torch.backends.mps.is_available() if device == "mps" else cuda
    index = int(device.partition(":")[2] or 0)
    if not there or (cuda and index >= torch.cuda.device_count()):
        raise ServiceError(f"there is no device {device!r} here; start with --device auto")
    return device


def wait_asleep() -> None:
    """Let the threads that share a model's work on the CPU sleep when there is none.

    They would spin for 15 milliseconds after each step, and so take the processor from each other,
    from the server and from whatever else runs here: on two busy cores, a picture that takes 6 ms
    then takes 40 to 200. OpenMP reads this when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def share_heaps() -> None:
    """Let all threads take memory from two heaps, where the C library would make one for each.

    A server's threads come and go, and what a call's thread freed in its own heap is seldom used
    again: under mixed load the process grew by half a gigabyte an hour. glibc only.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def trim_heaps() -> None:
    """Give pages back to the system that lie free between others in use. glibc only.

    Under mixed load it keeps some 25 MB of them otherwise, and now and then some more.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def may_have_cuda() -> bool:
    """Tell whether torch is worth asking: its import takes seconds, and not every demo needs it."""
    if importlib.util.find_spec("torch") is None:
        return False
    drivers = ("/dev/nvidiactl", "/dev/nvmap", "/dev/kfd", "/dev/dxg")  # NVIDIA, Jetson, AMD, WSL
    return (
        "torch" in sys.modules or sys.platform == "win32" or any(Path(d).exists() for d in drivers)
    )


def default_budget(device: str) -> int:
    """Return the bytes that loaded models may take together.

    LATENTHUB_MEMORY_GB says it, else it is a share of a GPU's memory, else CPU_BUDGET.

    Raises:
        SettingsError: LATENTHUB_MEMORY_GB is not a positive number.
    """
    named = settings.MEMORY_GB.positive(0.0)
    if named:
        return int(named * 1e9)
    if not device.startswith("cuda"):
        return CPU_BUDGET
    import torch

    return int(CUDA_SHARE * torch.cuda.get_device_properties(device).total_memory)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` is torch's, numpy's or Python's way to say that there is no room."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and NO_ROOM.search(str(error)) is not None


def device_memory() -> tuple[int, int] | None:
    """Return the bytes in use, by whomever, and in all on the GPU that torch works on; else None.

    Asks only where a service has begun to use CUDA: to ask is to begin.
    """
    torch = imported("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    return total - free, total


def release(device: str) -> None:
    """Give back what dropped models held."""
    gc.collect()
    torch = imported("torch")
    if torch is not None and device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif torch is not None and device == "mps":
        torch.mps.empty_cache()


def imported(name: str) -> Any:
    """Return a module if something has imported it already, and wholly; None otherwise."""
    module = sys.modules.get(name)
    half = getattr(getattr(module, "__spec__", None), "_initializing", False)
    return None if half else module


def tensor_bytes(service: object) -> int:
    """Return the bytes of the tensors and arrays that hang on `service`; shared memory counts once.

    Follows attributes, modules, lists, tuples, sets and dictionaries.
    """
    torch, numpy = imported("torch"), imported("numpy")
    sizes: dict[object, int] = {}  # memory -> bytes
    seen: set[int] = set()
    stack = [service]
    while stack and len(seen) < MAX_OBJECTS:
        value = stack.pop()
        if id(value) in seen or isinstance(value, OPAQUE):
            continue
        seen.add(id(value))
        if torch is not None and isinstance(value, torch.Tensor):
            memory, size = tensor_memory(value)
            sizes[memory] = size
        elif numpy is not None and isinstance(value, numpy.ndarray):
            memory, size = array_memory(value, numpy.ndarray)
            sizes[memory] = size
        else:
            stack.extend(parts(value))
    return sum(sizes.values())


def parts(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return list(vars(value).values()) if hasattr(value, "__dict__") else []


def tensor_memory(tensor: Any) -> tuple[object, int]:
    try:
        storage = tensor.untyped_storage()
        return (str(tensor.device), storage.data_ptr()), storage.nbytes()
    except (RuntimeError, NotImplementedError):  # sparse and meta tensors have none
        return id(tensor), tensor.nelement() * tensor.element_size()


def array_memory(array: Any, kind: type) -> tuple[object, int]:
    while isinstance(array.base, kind):  # a view
        array = array.base
    return ("array", id(array)), array.nbytes
