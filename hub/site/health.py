"""For those who watch the hub: whether it lives, whether it is ready, and what it has counted."""

from __future__ import annotations

import functools
import hmac
import ipaddress
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hub import __version__, settings
from hub.site.metrics import Metrics
from hub.site.pages import Site

if TYPE_CHECKING:
    from hub.site.exposition import Exposition

NEVER_KEPT = {"cache-control": "no-store"}


class Health:
    """Answers those who watch a site; asks no file and no model, so that it can be asked often.

    Raises:
        SettingsError: LATENTHUB_METRICS is neither `local`, `1` nor `0`.
    """

    def __init__(self, site: Site, metrics: Metrics) -> None:
        self.site = site
        self.metrics = metrics
        self.readers = settings.METRICS.choice("local", "1", "0")
        self.token = settings.METRICS_TOKEN.text

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.live),
            Route("/readyz", self.ready),
            Route("/metrics", self.counted),
        ]

    async def live(self, request: Request) -> Response:
        """Answer 200 as long as the hub takes calls: what does not answer is to be restarted."""
        return self.told(self.site.hub.closing)

    async def ready(self, request: Request) -> Response:
        """Answer 200 when visitors can be sent here: warm, and something to be played with."""
        state = self.state
        return self.told(state["status"] != "ok")

    def told(self, unwell: bool) -> Response:
        return JSONResponse(self.state, 503 if unwell else 200, headers=NEVER_KEPT)

    @property
    def state(self) -> dict[str, Any]:
        hub = self.site.hub
        demos = {name: self.state_of(name) for name in hub.demos}
        warm = hub.warmup.stage
        if hub.closing:
            status = "closing"
        elif warm == "warming":
            status = "warming"
        else:
            status = "failed" if demos and set(demos.values()) == {"failed"} else "ok"
        return {
            "status": status,
            "version": __version__,
            "warm": warm,
            "demos": demos,
            "broken_plugins": len(hub.broken),
        }

    def state_of(self, demo: str) -> str:
        return "failed" if demo in self.site.problems else self.site.hub.status(demo).state

    def counted(self, request: Request) -> Response:
        """Answer with the metrics, to who may read them; in a thread, as the first time is slow."""
        if self.readers == "0":
            return PlainTextResponse("This hub shows no metrics.", 404)
        if not self.may_read(request):
            return PlainTextResponse(
                f"The metrics are for this machine only; {settings.METRICS.name} and "
                f"{settings.METRICS_TOKEN.name} open them to others.\n",
                403,
            )
        content, kind = self.exposition.text(request.headers.get("accept", ""))
        return Response(content, headers={"content-type": kind, **NEVER_KEPT})

    @functools.cached_property
    def exposition(self) -> Exposition:
        from hub.site.exposition import Exposition

        return Exposition(self.site.hub, self.metrics, self.site.blocks._queue)

    def may_read(self, request: Request) -> bool:
        bearer = f"Bearer {self.token}".encode()
        if self.token and hmac.compare_digest(
            request.headers.get("authorization", "").encode(), bearer
        ):
            return True
        return self.readers == "1" or (request.client is not None and here(request.client.host))


def here(host: str) -> bool:
    """Tell whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
