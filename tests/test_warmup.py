"""Models that are loaded before anybody asks for them."""

import functools
import logging
from pathlib import Path

import pytest

from hub import Demo, endpoint
from hub.app import Hub
from hub.checkpoints import Folders
from hub.errors import CheckpointError, NotFoundError
from hub.executors.local import LocalExecutor
from hub.observe import Observer
from hub.plugins import Discovered, Installed

made, asked = [], []


class Warm:
    def __init__(self, checkpoint, device):
        made.append(type(self).__name__)

    @endpoint
    def needs(self, x: int) -> int:
        """Return x."""
        asked.append(x)
        return x

    @endpoint(examples=[{"x": 3}])
    def gives(self, x: int) -> int:
        """Return twice x."""
        asked.append(x)
        return 2 * x


class Bare:
    def __init__(self, checkpoint, device):
        made.append("Bare")

    @endpoint
    def needs(self, x: int) -> int:
        """Return x; there is no example."""
        return x


class Broken(Warm):
    def __init__(self, checkpoint, device):
        raise CheckpointError("fetch it first")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub of the three, with checkpoints that nobody looks into."""
    made.clear(), asked.clear()
    demos = [
        Demo(name, name, name, f"{__name__}:{name.title()}", "x:page")
        for name in ("broken", "bare", "warm")
    ]
    monkeypatch.setattr(Hub, "checkpoint", lambda self, name: Path(tmp_path))
    found = Discovered({demo.name: Installed(demo, "tests 1.0") for demo in demos}, ())
    with Hub(found, Folders(()), functools.partial(LocalExecutor, device="cpu")) as hub:
        yield hub


def test_a_hub_that_is_told_nothing_loads_nothing(hub):
    hub.warm([])
    assert (hub.warmup.stage, made) == ("off", [])


def test_all_are_loaded_and_one_that_fails_holds_up_no_other(hub, caplog):
    caplog.set_level(logging.INFO)
    hub.warm(["all"])
    hub.warmup.join(60)
    assert (hub.warmup.stage, made) == ("done", ["Bare", "Warm"])
    assert [hub.status(name).state for name in ("broken", "bare", "warm")] == [
        "failed",
        "ready",
        "ready",
    ]
    assert "broken is not warm: fetch it first" in caplog.text
    assert "bare is warm after" in caplog.text and "warm is warm after" in caplog.text


def test_one_example_is_called_and_is_no_visitor_s_call(hub):
    class Count(Observer):
        calls = 0

        def called(self, *_):
            self.calls += 1

    hub.observe(count := Count())
    hub.warm(["warm"])
    hub.warmup.join(60)
    assert (asked, count.calls) == ([3], 0)
    assert hub.call("warm", "gives", {"x": 4}) == 8
    assert (made, count.calls) == (["Warm"], 1)


def test_an_unknown_demo_is_refused(hub):
    with pytest.raises(NotFoundError, match="no demo 'wram'; installed: bare, broken, warm"):
        hub.warm(["wram"])


def test_a_hub_that_closes_warms_no_further(hub):
    hub.close()
    hub.warm(["all"])
    hub.warmup.join(60)
    assert made == []
