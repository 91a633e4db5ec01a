"""What recipes share: settings from the command line, runs that survive a kill, the usual loop,
average weights, files of parts that are done."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import inspect
import json
import math
import os
import time
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hub import settings
from hub.errors import CheckpointError, SettingsError
from hub.files import reason

Loss = Callable[[nn.Module, int], Tensor]  # of the network, at a step, the first of which is 0
Judge = Callable[[int], float]  # of the average weights, after so many steps; lower is better


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
            run.set_rate(share, lr=1e-3, warmup=100)
            with run.accelerator.autocast():
                loss = ...
            run.optimize(loss, clip=1.0)

    `fit` is that loop, for a recipe that needs no other.
    """

    every: float = 60  # seconds between snapshots

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
    ) -> None:
        from accelerate import Accelerator

        self.accelerator = Accelerator(mixed_precision="bf16" if has_bf16() else "no")
        torch.manual_seed(seed + self.accelerator.process_index)
        self.name, self.steps, self.minutes = name, steps, minutes
        self.average = Average(model, decay)
        self.average.model.to(self.accelerator.device)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.file = folder / f"{name}.snapshot" if folder else None
        self.step = 0  # finished ones
        self.seconds = 0.0  # spent by this and earlier processes
        self.cpu_seconds = 0.0  # of all cores, of the main process
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
        cpu_before, cpu_began = self.cpu_seconds, time.process_time()
        saved = began
        while (share := self.share()) < 1:
            yield share
            self.step += 1
            self.average.update(self.accelerator.unwrap_model(self.model))
            now = time.monotonic()
            self.seconds = before + now - began
            self.cpu_seconds = cpu_before + time.process_time() - cpu_began
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

    def fit(
        self,
        loss: Loss,
        *,
        lr: float,
        warmup: int = 0,
        floor: float = 0.0,
        clip: float | None = None,
        judge: Judge | None = None,
        judge_every: int = 500,
    ) -> list[float]:
        """Train the model to the run's end, and keep the average weights that `judge` finds best;
        return the loss of each step that this call took.

        Args:
            loss: what a step lowers, a scalar; computed under autocast.
            lr, warmup, floor: see `set_rate`.
            clip: see `optimize`.
            judge: measures the average weights; called every `judge_every` steps, and at the end.
        """
        losses: list[float] = []
        self.model.train()
        for share in self:
            self.set_rate(share, lr, warmup, floor)
            with self.accelerator.autocast():
                value = loss(self.model, self.step)
            losses.append(self.optimize(value, clip))
            if (self.step + 1) % 25 == 0:
                best = {"best": self.best} if judge else {}
                self.report(loss=sum(losses[-100:]) / len(losses[-100:]), **best)
            if judge and (self.step + 1) % judge_every == 0:
                self.judge(judge(self.step + 1))
        if judge:
            self.judge(judge(self.step))
            self.save()
        return losses

    def set_rate(self, share: float, lr: float, warmup: int = 0, floor: float = 0.0) -> float:
        """Set the learning rate for when `share` of the run is over, and return it.

        It rises to `lr` in `warmup` steps, and falls to `floor` of `lr` along half a cosine:
        Loshchilov and Hutter, "SGDR", ICLR 2017 (arXiv:1608.03983), equation 5, without restarts.
        """
        rise = min(1.0, (self.step + 1) / max(1, warmup))
        rate = lr * rise * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def optimize(self, loss: Tensor, clip: float | None = None) -> float:
        """Take a step of the optimizer that lowers `loss`, a scalar; return its value.

        Args:
            clip: largest norm of the gradient; None: whatever it is.
        """
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        if clip is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), clip)
        self.optimizer.step()
        return loss.item()

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

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint tells of how it was trained, interruptions and all."""
        device = self.accelerator.device
        on_gpu = device.type == "cuda"
        return {
            "steps": self.step,
            "minutes": round(self.seconds / 60, 1),
            "cpu_minutes": round(self.cpu_seconds / 60, 1),
            "device": torch.cuda.get_device_name(device) if on_gpu else device.type.upper(),
            "threads": torch.get_num_threads(),
            "processes": self.accelerator.num_processes,
        }

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
            "cpu_seconds": self.cpu_seconds,
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
        self.cpu_seconds = state.get("cpu_seconds", 0.0)  # older snapshots do not tell
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


def save_part(file: Path, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
    """Write `tensors`, and the facts of how they came about, as JSON: the part of a checkpoint that
    a recipe has done. By rename: a file that is there is whole."""
    partial = file.with_suffix(".partial")
    whole = {name: one.cpu().contiguous() for name, one in tensors.items()}
    save_file(whole, partial, metadata={"facts": json.dumps(facts)})
    partial.replace(file)


def part_facts(file: Path) -> dict[str, Any]:
    """Return the facts that `save_part` wrote with the tensors of `file`.

    Raises:
        FileNotFoundError: it is not there.
        CheckpointError: it is damaged, or has none.
    """
    try:
        with safe_open(file, "pt") as opened:
            facts: dict[str, Any] = json.loads((opened.metadata() or {})["facts"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{file.parent.name}/{file.name} does not tell how it came about: "
            f"{reason(error)}; remove it, and run the recipe again"
        ) from error
    return facts


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
