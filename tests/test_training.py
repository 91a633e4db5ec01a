"""What recipes share: settings, resumable runs, averages, several processes."""

from __future__ import annotations

import itertools
import math
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

from safetensors.torch import load_file, save_file  # noqa: E402

from hub.errors import CheckpointError, SettingsError  # noqa: E402
from hub.training import (  # noqa: E402
    Average,
    Run,
    parse_settings,
    part_facts,
    save_part,
    shuffled,
)

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


def regression(folder: Path, steps: int = 20) -> dict[str, torch.Tensor]:
    """Fit a line with noise from the random generator; return all that a run ends with."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    run = Run("line", model, optimizer, steps=steps, folder=folder)
    rows = torch.arange(64.0).view(16, 4) / 64
    batches = shuffled(rows, batch=4, seed=0, start=run.step)
    for _ in run:
        (x,) = next(batches)
        loss = (run.model(x) - x.sum(1, keepdim=True)).square().mean()
        run.judge(run.optimize(loss))
    return {
        "model": model[1].weight.detach(),
        "average": run.average.model[1].weight,
        "best": run.best_weights["1.weight"],
    }


def test_a_killed_run_ends_bit_equal_to_one_that_was_not(survives_a_kill):
    survives_a_kill(regression, step=7)


def test_a_run_that_begins_anew_did_not_survive(survives_a_kill):
    number = itertools.count()
    with pytest.raises(AssertionError, match="did not go on from its snapshot"):
        survives_a_kill(lambda folder: regression(folder / str(next(number))), step=7)


def run_of(model: torch.nn.Module, **settings) -> Run:
    return Run("small", model, torch.optim.SGD(model.parameters(), 0.1), **settings)


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    run = run_of(torch.nn.Linear(1, 1), steps=10)
    found = [run.set_rate(share, lr=4.0, warmup=4, floor=0.5) for share in run]
    fall = [3 + math.cos(math.pi * step / 10) for step in range(10)]  # from 4 to 2, half of it
    rise = [0.25, 0.5, 0.75, *[1.0] * 7]
    assert found == pytest.approx([a * b for a, b in zip(rise, fall, strict=True)])
    assert run.optimizer.param_groups[0]["lr"] == found[-1]
    assert run.set_rate(1.0, lr=4.0) == 0


def test_a_gradient_is_clipped_to_a_norm():
    model = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    run = run_of(model, steps=1)
    loss = model(torch.tensor([[30.0, 40.0]])).sum() - 7
    assert run.optimize(loss, clip=1.0) == -7
    assert model.weight.tolist()[0] == pytest.approx([-0.06, -0.08])  # 0.1 of the direction


def test_the_usual_loop_learns_and_keeps_what_is_judged_best():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    run, judged, seen = run_of(model, steps=10, decay=0.5), [], []

    def loss(network: torch.nn.Module, step: int) -> torch.Tensor:
        seen.append(step)
        return (network(torch.ones(1, 1)) - 3).square().mean()

    def judge(step: int) -> float:
        judged.append((step, run.average.model.weight.item()))
        return abs(step - 8)

    losses = run.fit(loss, lr=0.3, judge=judge, judge_every=4)
    assert seen == list(range(10)) and len(losses) == 10
    assert losses[0] == 9 and losses[-1] < 0.05
    assert [step for step, _ in judged] == [4, 8, 10]
    assert run.best == 0 and run.best_weights["weight"].item() == judged[1][1]


def test_a_finished_run_trains_no_further(tmp_path):
    finished = regression(tmp_path, steps=5)
    torch.testing.assert_close(regression(tmp_path, steps=5), finished, rtol=0, atol=0)


def test_facts_count_all_that_a_run_took_and_snapshots_may_be_older(tmp_path):
    regression(tmp_path, steps=5)
    file = tmp_path / "line.snapshot"
    state = torch.load(file, weights_only=True) | {"seconds": 600.0, "cpu_seconds": 1200.0}
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))

    def facts(state: dict) -> dict:
        torch.save(state, file)
        optimizer = torch.optim.AdamW(model.parameters())
        return Run("line", model, optimizer, steps=5, folder=tmp_path).facts()

    told = facts(state)
    assert (told["steps"], told["minutes"], told["cpu_minutes"]) == (5, 10.0, 20.0)
    assert told["processes"] == 1
    state.pop("cpu_seconds")  # as before it was counted
    assert facts(state) | {"cpu_minutes": 20.0} == told


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


def test_a_part_tells_its_facts(tmp_path):
    file = tmp_path / "grey.safetensors"
    tensors = {"weight": torch.arange(6.0).view(2, 3).T}  # not contiguous
    save_part(file, tensors, {"steps": 3, "settings": {"lr": 0.1}})
    assert part_facts(file) == {"steps": 3, "settings": {"lr": 0.1}}
    assert torch.equal(load_file(file)["weight"], tensors["weight"])
    assert [one.name for one in tmp_path.iterdir()] == ["grey.safetensors"]


def test_a_part_without_facts_is_one_clear_error(tmp_path):
    file = tmp_path / "grey.safetensors"
    save_file({"weight": torch.zeros(1)}, file)
    with pytest.raises(CheckpointError, match=r"grey.safetensors does not tell how .* run the rec"):
        part_facts(file)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="grey.safetensors does not tell"):
        part_facts(file)


SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from hub.training import Run, shuffled

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
run = Run("job", model, optimizer, steps=60, folder=Path(sys.argv[1]))
run.every = 0
rank, processes = run.accelerator.process_index, run.accelerator.num_processes
x = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
batches = shuffled(x, batch=16, seed=0, start=run.step, rank=rank, processes=processes)
for _ in run:
    (some,) = next(batches)
    loss = (run.model(some) - some.sum(1, keepdim=True)).square().mean()
    run.optimize(loss)
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
