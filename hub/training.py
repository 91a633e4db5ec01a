"""What recipes share: settings from the command line, runs that survive a kill, average weights."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import inspect
import math
import os
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hub import settings
from hub.errors import SettingsError


def parse_settings(function: Callable[..., object], settings: dict[str, str]) -> dict[str, Any]:
    """Return the dataclass arguments of `function`, by name, with `settings` over their defaults.

    The dataclasses are flat, so a setting needs no prefix: `{"width": "48"}` goes to the one that
    has a field `width`.

    Raises:
        SettingsError: no such setting, or a value that its type or its dataclass refuses.
    """
    hints = typing.get_type_hints(function)
    classes = {
        name: hints[name]
        for name in inspect.signature(function).parameters
        if dataclasses.is_dataclass(hints.get(name))
    }
    owners = {
        field.name: argument
        for argument, kind in classes.items()
        for field in dataclasses.fields(kind)
    }
    values: dict[str, dict[str, object]] = {argument: {} for argument in classes}
    for name, text in settings.items():
        if name not in owners:
            close = difflib.get_close_matches(name, owners, n=3) or sorted(owners)
            raise SettingsError(f"no setting {name!r}; known: {', '.join(close)}")
        kind = typing.get_type_hints(classes[owners[name]])[name]
        values[owners[name]][name] = parse_value(name, text, kind)
    try:
        return {argument: kind(**values[argument]) for argument, kind in classes.items()}
    except ValueError as error:
        raise SettingsError(str(error)) from error


def parse_value(name: str, text: str, kind: Any) -> object:
    """Return `text` as a `kind`: int, float, str, bool or Literal."""
    if typing.get_origin(kind) is Literal:
        allowed = typing.get_args(kind)
        matching = [value for value in allowed if str(value) == text]
        if not matching:
            choices = ", ".join(str(value) for value in allowed)
            raise SettingsError(f"{name} must be one of {choices}; got {text!r}")
        return matching[0]
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise SettingsError(f"{name} must be true or false; got {text!r}")
        return words[text.lower()]
    try:
        value = kind(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be of type {kind.__name__}; got {text!r}") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{name} must be a finite number; got {text!r}")
    return typing.cast(object, value)


class Average:
    """An exponential moving average of a model's weights: what is judged and shipped."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards `model`; the first steps weigh more, or the initial weights would linger."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for mine, new in zip(self.model.parameters(), model.parameters(), strict=True):
            mine.lerp_(new, 1 - decay)
        for buffer, value in zip(self.model.buffers(), model.buffers(), strict=True):
            buffer.copy_(value)


class Run:
    """One training run: its processes, its average weights, its snapshots, what it reports.

    Started by `accelerate launch` it is one of several processes; by itself it is the only one.
    With a `folder` it writes a snapshot every `every` seconds, by rename, and continues from it:
    what follows is what would have followed without the interruption, bit for bit on one CPU.

        run = Run("name", model, optimizer, steps=1000, folder=folder)
        for share in run:  # from 0 to 1
            ...
            run.accelerator.backward(loss)
            optimizer.step()
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        steps: int,
        minutes: float = 0,  # the run is over after this long, if its steps are not; 0: never
        decay: float = 0.999,
        seed: int = 0,
        folder: Path | None = None,
        every: float = 120,  # seconds between snapshots
    ) -> None:
        from accelerate import Accelerator

        self.accelerator = Accelerator(mixed_precision="bf16" if has_bf16() else "no")
        torch.manual_seed(seed + self.accelerator.process_index)
        self.name, self.steps, self.minutes, self.every = name, steps, minutes, every
        self.average = Average(model, decay)
        self.average.model.to(self.accelerator.device)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.file = folder / f"{name}.snapshot" if folder else None
        self.step = 0  # finished ones
        self.seconds = 0.0  # spent by this and earlier processes
        self.best = math.inf
        self.best_weights: dict[str, Tensor] = {}
        self.reported = ""
        self.tracker = tracker(name) if self.main else None
        self.resume()

    @property
    def main(self) -> bool:
        return bool(self.accelerator.is_main_process)

    def __iter__(self) -> Iterator[float]:
        """Yield how much of the run is over, from 0 to 1, before each step."""
        from tqdm import tqdm

        bar = tqdm(
            total=self.steps,
            initial=self.step,
            desc=self.name,
            disable=not self.main,
            mininterval=5,
        )
        before, began = self.seconds, time.monotonic()
        saved = began
        while (share := self.share()) < 1:
            yield share
            self.step += 1
            self.average.update(self.accelerator.unwrap_model(self.model))
            now = time.monotonic()
            self.seconds = before + now - began
            bar.set_postfix_str(self.reported, refresh=False)
            bar.update()
            if self.agreed(now - saved) > self.every:
                self.save()
                saved = now
        bar.close()
        self.save()
        if self.tracker:
            self.tracker.finish()

    def share(self) -> float:
        """Return how much of the run is over, 0 to 1: the greater share of steps and minutes."""
        share = self.step / self.steps
        if self.minutes:
            share = max(share, self.agreed(self.seconds) / (60 * self.minutes))
        return min(1.0, share)

    def agreed(self, value: float) -> float:
        """Return the main process's `value`: clocks differ, and all must do the same."""
        if self.accelerator.num_processes == 1:
            return value
        from accelerate.utils import broadcast

        return float(broadcast(torch.tensor(value, device=self.accelerator.device)))

    def report(self, **values: float) -> None:
        """Show `values` beside the progress bar, and log them where a tracker listens."""
        self.reported = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self.tracker:
            self.tracker.log(values, step=self.step)

    def judge(self, value: float) -> None:
        """Keep the average weights if `value`, lower is better, is the lowest so far."""
        if value < self.best:
            self.best = value
            weights = self.average.model.state_dict()
            self.best_weights = {name: tensor.clone() for name, tensor in weights.items()}

    def save(self) -> None:
        """Write all that the run needs to continue as if it had never stopped."""
        from accelerate.utils import gather_object

        if self.file is None:
            return
        random = gather_object([random_state()])
        if not self.main:
            return
        state = {
            "model": self.accelerator.unwrap_model(self.model).state_dict(),
            "average": self.average.model.state_dict(),
            "updates": self.average.updates,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "best_weights": self.best_weights,
            "random": random,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.file)

    def resume(self) -> None:
        """Continue from the snapshot, if there is one.

        Raises:
            SettingsError: it is of a model of another shape.
        """
        if self.file is None or not self.file.exists():
            return
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        try:
            self.accelerator.unwrap_model(self.model).load_state_dict(state["model"])
            self.average.model.load_state_dict(state["average"])
        except RuntimeError as error:
            raise SettingsError(
                f"{self.file.parent.name}/{self.file.name} is of a run with other model settings; "
                "give those again, or another --out"
            ) from error
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.updates = state["updates"]
        self.step, self.seconds = state["step"], state["seconds"]
        self.best, self.best_weights = state["best"], state["best_weights"]
        if len(state["random"]) == self.accelerator.num_processes:
            set_random_state(state["random"][self.accelerator.process_index])


def random_state() -> list[Tensor]:
    """Return the state of torch's random generators: the CPU's, then the current GPU's."""
    gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []
    return [torch.get_rng_state(), *gpu]


def set_random_state(state: list[Tensor]) -> None:
    torch.set_rng_state(state[0])
    if len(state) > 1 and torch.cuda.is_available():
        torch.cuda.set_rng_state(state[1])


def has_bf16() -> bool:
    """Return whether bfloat16 is fast here: on most GPUs, and on CPUs with AVX512-BF16 or AMX."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def tracker(name: str) -> Any:
    """Return a trackio run if LATENTHUB_TRACKIO=1 asks for one, else None."""
    if not settings.TRACKIO.on:
        return None
    try:
        import trackio
    except ImportError as error:
        raise SettingsError(
            f"{settings.TRACKIO.name}=1, but trackio is not installed; pip install trackio"
        ) from error
    return trackio.init(project="latenthub", name=name)


def shuffled(
    *columns: Tensor, batch: int, seed: int, start: int = 0, rank: int = 0, processes: int = 1
) -> Iterator[tuple[Tensor, ...]]:
    """Yield batches of rows without end, in an order that depends on `seed` and the step alone.

    So a run that continues at step `start` sees what it would have seen. Of each batch, process
    `rank` of `processes` gets its share.
    """
    rows = len(columns[0])
    batch = min(batch, rows)
    per_epoch = rows // batch
    epoch, first = divmod(start, per_epoch)
    while True:
        order = torch.randperm(
            rows, generator=torch.Generator().manual_seed(seed * 100_003 + epoch)
        )
        for step in range(first, per_epoch):
            chosen = order[step * batch : (step + 1) * batch][rank::processes]
            yield tuple(column[chosen] for column in columns)
        epoch, first = epoch + 1, 0
