"""What lends GPUs on a ZeroGPU Space, served here for tests of the real `spaces` package.

`spaces` asks an HTTP server of the Space for a GPU before each call, and gives it back after it.
The server here keeps what it was asked, and answers as a test says: with a GPU, after a queue, or
not.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Mood = Literal["lends", "queues", "full", "quota", "busy", "broken"]


@dataclass
class Lender:
    """The server's state."""

    mood: Mood = "lends"
    idle: bool = True  # whether a process that has the GPU's memory already may go on with it
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # (path, parameters)
    processes: set[str] = field(default_factory=set)  # that were let to a GPU, by their number
    url: str = ""

    def of(self, path: str) -> list[dict[str, str]]:
        """Return the parameters of each request to `path`."""
        return [parameters for one, parameters in self.asked if one == path]

    def __enter__(self) -> Lender:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def handler(lender: Lender) -> type[BaseHTTPRequestHandler]:
    gpu = {"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            parameters = {key: values[0] for key, values in parse_qs(parts.query).items()}
            lender.asked.append((parts.path, parameters))
            if parts.path == "/allow":
                lender.processes.add(parameters["pid"])
            if parts.path != "/schedule":
                return self.answer(200)
            if lender.mood == "lends":
                return self.answer(200, {**gpu, "idle": lender.idle})
            if lender.mood == "queues":
                text = f"event: succeeded\ndata: {json.dumps(gpu)}\n\n"
                return self.events(["event: ping\n\n", text])
            if lender.mood == "full":
                return self.events(["event: ping\n\n", "event: failed\n\n"])
            if lender.mood == "quota":
                return self.answer(429, {"left": 7, "wait": 3600})
            return self.answer(503 if lender.mood == "busy" else 500)

        def answer(self, status: int, body: object = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def events(self, texts: list[str]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for text in texts:
                self.wfile.write(text.encode())
                self.wfile.flush()
                threading.Event().wait(0.1)  # the client takes what comes at once for one event

        def log_message(self, format: str, *values: object) -> None:
            pass

    return Handler
