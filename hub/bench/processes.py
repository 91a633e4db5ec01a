"""Servers under test, each a process of its own."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from hub.errors import HubError

LOOK = 0.005  # seconds between two looks whether a server answers
LAST_LINES = 5  # of a failed server's log that are told
PEERS = Path(__file__).parent / "peers"
# Neither side may ask the internet whether there is a newer Gradio; and all clients of a benchmark
# have one address, which the hub would otherwise hold to its limit, or ask for a password.
ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "LATENTHUB_AUTH": "",
    "LATENTHUB_RATE": "0",
}


class Server:
    """A server in a process of its own, from its start until its end.

    Args:
        name: what it is, for messages.
        command: its arguments, `{port}` standing for the port it must listen on.
        page: the path of the page that must answer.
        timeout: seconds until that page must have answered.

    Raises:
        HubError: it ended, or did not answer in time; the message has the end of its log.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        page: str = "/",
        timeout: float = 120.0,
    ) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [word.replace("{port}", str(self.port)) for word in command],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRONMENT},
        )
        try:
            self._wait_for(page, began + timeout)
        except BaseException:
            self.close()
            raise
        self.seconds = time.perf_counter() - began  # from the process's start to its first page

    def _wait_for(self, page: str, deadline: float) -> None:
        while True:
            if self.process.poll() is not None:
                raise HubError(f"{self.name} ended before it answered: {self.log()}")
            try:
                status, content = fetch(self.port, page, deadline - time.perf_counter())
            except OSError:
                if time.perf_counter() > deadline:
                    raise HubError(f"{self.name} did not answer in time: {self.log()}") from None
                time.sleep(LOOK)
                continue
            if status != 200 or not content:
                raise HubError(f"{self.name} answered {page} with {status}: {self.log()}")
            return

    def rss(self) -> int:
        """Return the resident memory of the process and its children, in bytes.

        Raises:
            HubError: psutil is not installed, or the process has ended.
        """
        try:
            import psutil
        except ImportError as error:
            raise HubError(
                "psutil is not installed, and memory is measured with it; "
                "pip install 'latenthub[bench]'"
            ) from error
        try:
            process = psutil.Process(self.process.pid)
            family = [process, *process.children(recursive=True)]
            return sum(one.memory_info().rss for one in family)
        except psutil.NoSuchProcess as error:
            raise HubError(f"{self.name} has ended: {self.log()}") from error

    def log(self) -> str:
        """Return the last lines of what the server wrote."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return " | ".join(lines[-LAST_LINES:]) or "it wrote nothing"

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def our_command(
    only: Sequence[str] = (), device: str = "auto", checkpoints: Path | None = None
) -> list[str]:
    """Return how the hub is started, as its user would: `latenthub serve`."""
    command = [sys.executable, "-m", "hub", "serve", "--port", "{port}", "--device", device]
    command += [word for name in only for word in ("--only", name)]
    return command + ([] if checkpoints is None else ["--checkpoints", str(checkpoints)])


def peer_command(script: str, *arguments: str) -> list[str]:
    """Return how a peer's script is started: as a program, without importing the hub."""
    return [sys.executable, str(PEERS / script), "--port", "{port}", *arguments]


def fetch(port: int, path: str, timeout: float) -> tuple[int, bytes]:
    """Return status and content of a page.

    Raises:
        OSError: nobody answers.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=max(timeout, LOOK))
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
