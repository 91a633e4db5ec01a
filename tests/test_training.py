"""What recipes share: settings, resumable runs, averages, several processes."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from hub.errors import SettingsError  # noqa: E402
from hub.training import Average, Run, parse_settings, shuffled  # noqa: E402

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Shape:
    width: int = 32
    kind: Literal["plain", "gated"] = "plain"


@dataclass(frozen=True)
class Course:
    lr: float = 1e-3
    augment: bool = True

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, got {self.lr}")


def recipe(out: Path, model: Shape, config: Course) -> None: ...


def test_settings_reach_the_dataclass_that_has_them():
    parsed = parse_settings(recipe, {"width": "48", "lr": "0.01", "augment": "no"})
    assert parsed == {"model": Shape(width=48), "config": Course(lr=0.01, augment=False)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widht": "48"}, "no setting 'widht'; known: width"),
        ({"zzz": "1"}, "known: augment, kind, lr, width"),
        ({"width": "wide"}, "width must be of type int; got 'wide'"),
        ({"lr": "nan"}, "lr must be a finite number"),
        ({"lr": "-1"}, "lr must be positive, got -1.0"),
        ({"kind": "odd"}, "kind must be one of plain, gated; got 'odd'"),
        ({"augment": "maybe"}, "augment must be true or false"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(settings, message):
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        parse_settings(recipe, settings)


def test_average_is_its_definition():
    model = torch.nn.Linear(1, 1, bias=False)
    average, expected = Average(model, decay=0.9), model.weight.item()
    for step in range(1, 200):
        torch.nn.init.constant_(model.weight, float(step))
        average.update(model)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.model.weight.item() == pytest.approx(expected, rel=1e-5)


def test_batches_depend_on_the_seed_and_the_step_alone():
    rows = torch.arange(10)
    whole = [b[0] for b in itertools.islice(shuffled(rows, batch=4, seed=1), 7)]
    later = [b[0] for b in itertools.islice(shuffled(rows, batch=4, seed=1, start=3), 4)]
    assert all(torch.equal(a, b) for a, b in zip(whole[3:], later, strict=True))
    assert len(set(torch.cat(whole[:2]).tolist())) == 8  # within an epoch, no row comes twice
    halves = [next(shuffled(rows, batch=4, seed=1, rank=r, processes=2))[0] for r in (0, 1)]
    assert set(torch.cat(halves).tolist()) == set(whole[0].tolist())


def regression(folder: Path | None, steps: int, stop_after: int | None = None) -> torch.Tensor:
    """Fit a line with noise from the random generator; return the weights of run and average."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    run = Run("line", model, optimizer, steps=steps, folder=folder, every=0)
    rows = torch.arange(64.0).view(16, 4) / 64
    batches = shuffled(rows, batch=4, seed=0, start=run.step)
    for _ in run:
        if stop_after is not None and run.step == stop_after:
            break  # as a kill would, between two snapshots
        (x,) = next(batches)
        loss = (run.model(x) - x.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        run.accelerator.backward(loss)
        optimizer.step()
        run.judge(loss.item())
    return torch.cat([model[1].weight.detach().flatten(), run.average.model[1].weight.flatten()])


def test_an_interrupted_run_ends_bit_equal_to_an_uninterrupted_one(tmp_path):
    whole = regression(None, steps=20)
    regression(tmp_path, steps=20, stop_after=7)
    assert torch.equal(regression(tmp_path, steps=20), whole)


def test_a_finished_run_trains_no_further(tmp_path):
    finished = regression(tmp_path, steps=5)
    assert torch.equal(regression(tmp_path, steps=5), finished)


def test_a_snapshot_of_another_model_is_one_clear_error(tmp_path):
    regression(tmp_path, steps=2)
    model = torch.nn.Linear(3, 3)
    with pytest.raises(SettingsError, match="other model settings"):
        Run("line", model, torch.optim.SGD(model.parameters(), 0.1), steps=2, folder=tmp_path)


def test_a_run_ends_when_its_minutes_are_over():
    model = torch.nn.Linear(1, 1)
    run = Run("short", model, torch.optim.SGD(model.parameters(), 0.1), steps=10**9, minutes=0.002)
    shares = [share for share in run if not time.sleep(0.01)]
    assert shares == sorted(shares) and 1 < len(shares) < 100


SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from hub.training import Run, shuffled

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
run = Run("job", model, optimizer, steps=60, folder=Path(sys.argv[1]), every=0)
rank, processes = run.accelerator.process_index, run.accelerator.num_processes
x = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
batches = shuffled(x, batch=16, seed=0, start=run.step, rank=rank, processes=processes)
for _ in run:
    (some,) = next(batches)
    loss = (run.model(some) - some.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    run.accelerator.backward(loss)
    optimizer.step()
    time.sleep(float(sys.argv[2]))
if run.main:
    print("weights", *run.accelerator.unwrap_model(run.model).weight.flatten().tolist())
"""


def command(tmp_path: Path, folder: str, pause: float, launcher: tuple[str, ...] = ()) -> list[str]:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    return [sys.executable, *launcher, str(script), str(tmp_path / folder), str(pause)]


def weights(told: str) -> list[float]:
    line = next(line for line in told.splitlines() if line.startswith("weights"))
    return [float(word) for word in line.split()[1:]]


def finish(arguments: list[str]) -> list[float]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        arguments, capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return weights(ended.stdout)


@pytest.mark.slow
def test_a_run_killed_with_sigkill_ends_as_if_it_had_not_been(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    killed = subprocess.Popen(
        command(tmp_path, "killed", pause=0.05), env=environment, stderr=subprocess.DEVNULL
    )
    snapshot = tmp_path / "killed" / "job.snapshot"
    deadline = time.monotonic() + 90
    while not snapshot.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    step = torch.load(snapshot, weights_only=True)["step"]
    assert 0 < step < 60
    assert finish(command(tmp_path, "killed", 0)) == finish(command(tmp_path, "whole", 0))


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path):
    launcher = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2")
    launcher += ("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no")
    two = finish(command(tmp_path, "two", 0, launcher))
    assert two == pytest.approx(finish(command(tmp_path, "one", 0)), abs=2e-2)
