"""The pages around the playgrounds: the gallery, and what stands above and below each one."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from hub import __version__, settings
from hub.demo import Demo
from hub.remote import hub_address
from hub.site import views
from hub.site.answers import content_of, route_of
from hub.site.links import DEMO
from hub.site.pages import Site
from hub.site.text import html_of, package_file

SHARING = re.compile(
    r'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*/>'
)  # Gradio's, with foreign addresses
# Gradio's, by which a frame gets the height of the playground, and does not scroll: it is not all
# that is on our page
RESIZING = re.compile(
    r"window\.parent\?\.postMessage\(\s*\{ type: \"SET_SCROLLING\".*?\);"
    r"|<script>(?:(?!</script>).)*iframeResizer\.contentWindow(?:(?!</script>).)*</script>",
    re.DOTALL,
)
TEXT = "how_it_works.md"


class Frame:
    """Draws the pages of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        loader = jinja2.PackageLoader("hub.site")
        self.templates = jinja2.Environment(
            loader=loader,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,  # a misspelt name is an error, not a gap in the page
        )
        self.templates.filters["told"] = told
        self.texts = {name: how_it_works(demo) for name, demo in site.hub.demos.items()}

    def draw(self, template: str, **values: Any) -> str:
        demos = self.site.hub.demos
        common = {
            "version": __version__,
            "count": len(demos),
            "device": self.site.hub.executor.device,
            "mcp": self.site.mcp,
            "locked": self.site.locked,
            "space": space_address(),
            "here": "",
            "home": False,
        }
        return self.templates.get_template(template).render(common | values)

    def home(self, request: Request) -> Response:
        """Return the gallery; go on to a demo's page where the query names one.

        A Space's page has one address, and hands its query on to `/` only.
        """
        hub = self.site.hub
        wanted = request.query_params.get(DEMO)
        if wanted in hub.demos:
            rest = [one for one in request.query_params.multi_items() if one[0] != DEMO]
            query = f"?{urlencode(rest)}" if rest else ""
            return RedirectResponse(f"{root(request)}{wanted}{query}", 302)
        cards = [views.card_of(self.site, demo) for demo in hub.demos.values()]
        cards += [views.broken_card(one) for one in hub.broken]
        cards.sort(key=lambda card: card.state != views.READY)  # those that work come first
        tags = sorted({tag for card in cards for tag in card.tags})
        page = self.draw("home.html", cards=cards, tags=tags, root=root(request), home=True)
        return HTMLResponse(page)

    def around(self, request: Request, page: str) -> bytes | None:
        """Return Gradio's page of a demo with the hub's head, header and sections around it."""
        name = request.url.path.removeprefix(request.scope.get("root_path", "")).strip("/")
        demo = self.site.hub.demos.get(name)
        if demo is None or "<gradio-app" not in page:
            return None
        values = self.values(demo)
        head = self.draw("head.html", **values)
        page = RESIZING.sub("", SHARING.sub("", page))
        page = page.replace('<link rel="manifest" href="/manifest.json" />', "")
        page = page.replace("</head>", head + "</head>", 1)
        page = page.replace('control_page_title="true"', 'control_page_title="false"', 1)
        page = page.replace("<body", '<body class="hub-body hub-demo"', 1)
        before, tag, rest = page.partition("<gradio-app")
        inside, end, after = rest.partition("</gradio-app>")
        above, below = self.draw("above.html", **values), self.draw("below.html", **values)
        hide = "" if values["playground"] else " hidden"
        return "".join([before, above, tag, hide, inside, end, below, after]).encode()

    def values(self, demo: Demo) -> dict[str, Any]:
        """Return what the templates of a demo's page show."""
        site = self.site
        spec = views.spec(site, demo)
        metrics = views.metrics_of(site, demo)
        return {
            "card": views.card_of(site, demo),
            "here": demo.name,
            "playground": demo.name not in site.problems,
            "tables": views.comparisons(demo, metrics),
            "others": views.others(demo, metrics),
            "text": self.texts[demo.name],
            "papers": demo.papers,
            "endpoints": spec["endpoints"],
            "spec": Markup(views.as_script(spec)),
            "facts": views.facts_of(site, demo),
        }

    def thumbnail(self, request: Request) -> Response:
        """Return the picture of a demo's card."""
        picture = self.site.thumbnails.get(request.path_params["name"])
        if picture is None:
            raise HTTPException(404)
        headers = {"cache-control": "max-age=3600"}
        return Response(picture, media_type="image/png", headers=headers)

    def closing(self, request: Request) -> str:
        """Return the page that is shown while the hub closes."""
        text = "The hub is closing; calls that run are finished. Come back in a moment."
        return self.draw("plain.html", title="Closing", text=text, root=root(request))

    def missing(self, request: Request, error: Exception) -> Response:
        """Answer an address that is not there: a page to a browser, JSON to a program."""
        detail = getattr(error, "detail", "Not Found")
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse(content_of(detail), 404)
        name = route_of(request.scope).strip("/")
        for one in self.site.hub.broken:
            if one.name == name:
                text = f"The plugin {one.package} could not be loaded: {one.reason}"
                page = self.draw("plain.html", title=one.name, text=text, root=root(request))
                return HTMLResponse(page, 404)
        text = "There is no such page on this hub."
        page = self.draw("plain.html", title="Not found", text=text, root=root(request))
        return HTMLResponse(page, 404)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `missing` does, outside of what has routes."""
        await self.missing(Request(scope), HTTPException(404))(scope, receive, send)

    def login(self, request: Request, problem: str, after: str) -> str:
        """Return the page to log in on, which then leads to `after`."""
        values = {"problem": problem, "after": after, "root": root(request)}
        return self.draw("login.html", **values)


def told(message: str) -> Markup:
    """Return a message as a sentence, what stands in backticks as code."""
    text = str(escape(message[:1].upper() + message[1:]))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", text))


def space_address() -> str:
    """Return the address of the Space's page that shows this site in a frame; empty: none does."""
    repo_id = settings.SPACE_ID.text
    return f"{hub_address()}/spaces/{repo_id}" if repo_id else ""


def root(request: Request) -> str:
    return f"{request.scope.get('root_path', '').rstrip('/')}/"


def how_it_works(demo: Demo) -> Markup | None:
    text = package_file(demo, TEXT)
    return Markup(html_of(text.decode())) if text else None
