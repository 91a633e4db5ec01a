from pathlib import Path

import pytest

from hub import Demo, InputError, endpoint
from hub.app import Hub
from hub.checkpoints import Folders
from hub.endpoints import endpoints_of
from hub.errors import NotFoundError
from hub.executors import Status
from hub.plugins import Discovered, Installed, Quarantined


class Adder:
    def __init__(self, checkpoint: Path, device: str) -> None:
        self.offset = int((checkpoint / "offset").read_text())

    @endpoint
    def add(self, a: int, b: int = 1) -> int:
        """Add two numbers, and the offset."""
        return a + b + self.offset


class Recorder:
    """An executor that keeps what it is told."""

    device = "cpu"

    def __init__(self, sources):
        self.sources, self.calls, self.closed = sources, [], False

    def call(self, demo, endpoint, arguments, progress=None):
        self.calls.append((demo, endpoint, arguments))
        return 5

    def status(self, demo):
        return Status("idle")

    def close(self, timeout=30.0):
        self.closed = True


@pytest.fixture
def hub(tmp_path):
    demo = Demo(
        name="adder",
        title="Adder",
        summary="Add.",
        service=f"{__name__}:Adder",
        page="a:b",
    )
    broken = Quarantined("bad", "bad 1.0", ValueError("why"))
    found = Discovered({"adder": Installed(demo, "adder 1.0")}, (broken,))
    return Hub(found, Folders.standard(tmp_path), Recorder)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Let a reference find this module, which pytest imports without a place in sys.modules."""
    monkeypatch.setattr("hub.app.resolve", lambda reference: Adder)


def test_a_call_is_checked_before_it_reaches_the_executor(hub):
    assert hub.call("adder", "add", {"a": 2}) == 5
    assert hub.executor.calls == [("adder", "add", {"a": 2, "b": 1})]
    with pytest.raises(InputError, match="a must be a whole number"):
        hub.call("adder", "add", {"a": "two"})
    assert len(hub.executor.calls) == 1


def test_names_that_do_not_exist_are_answered_with_those_that_do(hub):
    with pytest.raises(NotFoundError, match="no demo 'addr'; installed: adder"):
        hub.call("addr", "add", {})
    with pytest.raises(NotFoundError, match="adder has no endpoint 'sub'; it has: add"):
        hub.call("adder", "sub", {})


def test_a_page_calls_its_service_like_any_object(hub):
    service = hub.service("adder")
    assert service.add(1, b=2) == 5
    assert hub.executor.calls == [("adder", "add", {"a": 1, "b": 2})]
    assert "Add two numbers" in service.add.__doc__
    with pytest.raises(TypeError, match="takes 2 arguments"):
        service.add(1, 2, 3)


def test_broken_plugins_are_kept_with_their_reason(hub):
    assert [one.reason for one in hub.broken] == ["ValueError: why"]


def test_a_hub_closes_its_executor(hub):
    with hub:
        pass
    assert hub.executor.closed


def test_endpoints_are_read_without_loading_the_service(hub):
    assert list(hub.endpoints("adder")) == list(endpoints_of(Adder))
    assert hub.status("adder").state == "idle"
