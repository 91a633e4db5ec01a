"""Build the Blocks: every endpoint in the API, every demo's playground on a page of its own."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import gradio as gr
from gradio.context import Context
from gradio.routes import App

from hub.app import Hub
from hub.demo import Demo, resolve
from hub.errors import PluginError
from hub.plugins import told
from hub.site.api import Registered, register
from hub.site.drawings import bound
from hub.site.errors import guarded
from hub.site.fetch import Fetches
from hub.site.links import Shared, shared
from hub.site.text import package_file
from hub.timelimit import within_limit

log = logging.getLogger(__name__)
TITLE = "Latenthub"


@dataclass
class Site:
    """The built site: what the pages around the playgrounds need to know."""

    hub: Hub
    blocks: gr.Blocks
    apis: dict[str, Registered] = field(default_factory=dict)  # by API name
    shared: dict[str, list[Shared]] = field(default_factory=dict)  # by demo
    thumbnails: dict[str, bytes] = field(default_factory=dict)  # by demo: PNG
    mcp: bool = False  # whether the tools are served over MCP too
    locked: bool = False  # whether visitors log in
    fetches: Fetches | None = None  # of checkpoints that are missing; None: nobody may start one
    problems: dict[str, str] = field(
        default_factory=dict
    )  # by demo: why its page or API cannot be used

    def files(self) -> set[str]:
        """Return the files in Gradio's folder that pages show always."""
        blocks = self.blocks.blocks.values()
        return {str(path) for one in blocks for path in getattr(one, "keep_in_cache", ())}


def build_site(hub: Hub) -> Site:
    """Return the site of the hub's demos; one that cannot be drawn shows why on its own page."""
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        site = Site(hub, blocks)
        for demo in hub.demos.values():
            try:
                read_endpoints(hub, demo)
                site.apis |= register(hub, demo, site.apis)
            except Exception as error:  # whatever a foreign package raises on import
                fail(site, demo, error)
    with without_apps():
        for demo in hub.demos.values():
            picture = package_file(demo, "thumbnail.png")
            if picture is not None:
                site.thumbnails[demo.name] = picture
            add_page(site, demo)
    return site


@contextlib.contextmanager
def without_apps() -> Iterator[None]:
    """Draw pages without a web app for each.

    Gradio makes one, of 80 routes, whenever Blocks begin or end and whenever a route ends, and
    throws it away when the site is launched: a tenth of a second a time, three times a demo.
    """
    make = App.__dict__["create_app"]
    kept = staticmethod(lambda blocks, *rest, **more: getattr(blocks, "app", None))
    setattr(App, "create_app", kept)  # noqa: B010 - mypy takes no assignment to a method
    try:
        yield
    finally:
        setattr(App, "create_app", make)  # noqa: B010


def add_page(site: Site, demo: Demo) -> None:
    playground = None
    if demo.name not in site.problems:
        try:
            playground = draw(site.hub, demo)
        except Exception as error:  # whatever a plugin's page raises
            fail(site, demo, error)
    try:
        route = site.blocks.route(demo.title, f"/{demo.name}")
    except ValueError as error:
        fail(
            site,
            demo,
            PluginError(f"the hub keeps the address /{demo.name} for itself; rename the demo"),
        )
        log.debug("route: %s", error)
        return
    with route:
        if playground is not None:
            site.shared[demo.name] = shared(playground)
            playground.render()  # type: ignore[no-untyped-call]


def read_endpoints(hub: Hub, demo: Demo) -> None:
    """Import the demo's service, so that whoever asks for its endpoints has them at once.

    Raises:
        PluginError: it cannot be imported, or not in time.
    """
    within_limit("importing its service", demo.service, lambda: hub.endpoints(demo.name))


def draw(hub: Hub, demo: Demo) -> gr.Blocks:
    """Return the demo's playground, its events out of the API and its errors told clearly.

    Raises:
        PluginError: the page returned no Blocks, or shares an endpoint that is not there.
    """
    try:
        playground = within_limit(
            "its page", demo.page, lambda: resolve(demo.page)(hub.service(demo.name))
        )
    finally:  # what was given up may have left its Blocks open
        Context.root_block = Context.block = None
    if not isinstance(playground, gr.Blocks):
        raise PluginError(f"{demo.page} must return gr.Blocks, got {type(playground).__name__}")
    for group in shared(playground):
        if group.endpoint is not None:
            hub.endpoint(demo.name, group.endpoint)
    for component in playground.blocks.values():
        if isinstance(component, gr.ImageEditor):
            bound(component)
    for number, event in playground.fns.items():
        event.api_visibility = "private"
        event.api_name = f"page-{demo.name}-{number}"  # '-' keeps it apart from any endpoint
        if event.fn is not None:
            ended = functools.partial(hub.observer.event, demo.name)
            event.fn = guarded(event.fn, f"page of {demo.name}", ended)
    return playground


def fail(site: Site, demo: Demo, error: Exception) -> None:
    """Keep why a demo cannot be used, for its page and its card."""
    log.error("demo %s cannot be used", demo.name, exc_info=error)
    site.problems[demo.name] = told(error)
