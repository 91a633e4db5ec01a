"""What a stranger can reach: addresses, files, other servers, and what errors tell."""

import http.server
import io
import re
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
META = {"_type": "gradio.FileData"}
# What Gradio mounts and a hub needs. All else is not there: whatever a new Gradio brings is closed.
OPEN = {
    "GET": {
        "/",
        "/config",
        "/config/",
        "/theme.css",
        "/robots.txt",
        "/manifest.json",
        "/favicon.ico",
        "/svelte/{path:path}",
        "/static/{path:path}",
        "/assets/{path:path}",
        "/thumbnails/{name}.png",
        "/healthz",
        "/readyz",
        "/metrics",
        "/fetch/{demo}",
        "/gradio_api/info",
        "/gradio_api/info/",
        "/gradio_api/openapi.json",
        "/gradio_api/app_id",
        "/gradio_api/app_id/",
        "/gradio_api/theme.css",
        "/gradio_api/startup-events",
        "/gradio_api/upload_progress",
        "/gradio_api/queue/data",
        "/gradio_api/queue/status",
        "/gradio_api/heartbeat/{session_hash}",
        "/gradio_api/call/{api_name}/{event_id}",
        "/gradio_api/call/v2/{api_name}/{event_id}",
        "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
        "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
        "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
        "/gradio_api/file={path_or_url:path}",  # uploads and results only
        "/logout",  # the hub's own
    },
    "DELETE": {"/fetch/{demo}"},
    "POST": {
        "/fetch/{demo}",
        "/login",  # the hub's own
        "/login/",
        "/gradio_api/call/{api_name}",
        "/gradio_api/call/{api_name}/",
        "/gradio_api/call/v2/{api_name}",
        "/gradio_api/call/v2/{api_name}/",
        "/gradio_api/run/{api_name}",  # refused by the gate, which says where to call
        "/gradio_api/run/{api_name}/",
        "/gradio_api/api/{api_name}",
        "/gradio_api/api/{api_name}/",
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/gradio_api/cancel",
        "/gradio_api/reset",
        "/gradio_api/reset/",
        "/gradio_api/component_server",
        "/gradio_api/component_server/",
        "/gradio_api/stream/{event_id}",
        "/gradio_api/stream/{event_id}/close",
    },
}


@pytest.fixture(scope="module")
def running(hub_of, sample, sample_folder, unused_port):
    """The sample served, and a page with every component that takes files."""
    from hub.site.server import start

    files = replace(sample, name="files", title="Files", page="hub_sample.files:page")
    with hub_of(sample_folder, sample, files) as hub, start(hub, port=unused_port()) as running:
        yield running


@pytest.fixture
def http_to(running):
    with httpx.Client(base_url=running.url, timeout=30) as client:
        yield client


def upload(client, name, content):
    return client.post("gradio_api/upload", files={"files": (name, content)}).json()[0]


def routes_of(app):
    """Yield (method, path) of every route, those of included routers too."""
    for route in app.routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from routes_of(router)
        elif getattr(route, "methods", None):
            for method in route.methods - {"HEAD"}:
                yield method, route.path


# Addresses.


def test_what_a_hub_does_not_need_is_not_there(running, http_to):
    found = sorted(set(routes_of(running.site.blocks.app)))
    assert len(found) > 60
    closed = [(method, path) for method, path in found if path not in OPEN[method]]
    closed = [one for one in closed if one[1].strip("/") not in running.site.hub.demos]
    paths = {path for _, path in closed}
    assert {"/gradio_api/proxy={url_path:path}", "/monitoring", "/gradio_api/deep_link"} <= paths
    assert {"/gradio_api/vibe-edit", "/gradio_api/process_recording", "/gradio_api/token"} <= paths
    for method, path in closed:
        filled = re.sub(r"{(\w+)(:path)?}", "1", path)
        answer = http_to.request(method, filled)
        assert answer.status_code == 404, (method, filled, answer.text[:200])


def test_what_is_open_is_what_gradio_still_has(running):
    found = set(routes_of(running.site.blocks.app))
    mine = {"/healthz", "/readyz", "/metrics"}
    missing = {(m, path) for m, paths in OPEN.items() for path in paths - mine} - found
    assert not missing


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
def test_other_methods_do_nothing(http_to, method):
    for path in ("/", "/sample", "/gradio_api/queue/join", "/gradio_api/upload", "/config"):
        assert http_to.request(method, path).status_code in (404, 405)


def test_a_page_without_server_functions_has_none_to_call(hub_of, sample_folder, unused_port):
    from hub.site.server import start

    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        answer = httpx.post(f"{running.url}gradio_api/component_server", json={})
    assert answer.status_code == 404


# Files.

NOT_FILES = [
    "/etc/passwd",
    "//etc/passwd",
    "etc/passwd",
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "..\\..\\..\\etc\\passwd",
    "C:\\Windows\\win.ini",
    "\\\\host\\share\\file",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "/proc/self/environ",
    "/proc/self/cmdline",
    "/etc/passwd%00.png",
    "~/.bashrc",
    ".",
    "",
    str(ROOT / "pyproject.toml"),
    str(Path(sys.prefix) / "pyvenv.cfg"),
]
PLACES = [
    "/gradio_api/file=",
    "/gradio_api/file/",
    "/static/",
    "/assets/",
    "/svelte/",
    "/hub-assets/",
    "/thumbnails/",
    "/gradio_api/custom_component/",
    "/gradio_api/proxy=",
]


@pytest.mark.parametrize("place", PLACES)
def test_no_file_of_the_server_is_served(http_to, place):
    for path in NOT_FILES:
        url = httpx.URL(str(http_to.base_url)).copy_with(raw_path=f"{place}{path}".encode())
        answer = http_to.get(url)
        assert answer.status_code in (301, 307, 400, 403, 404), (path, answer.status_code)
        assert "root:" not in answer.text and "[project]" not in answer.text
        assert leaks(answer.text, told=path) == []


def test_uploads_are_served_and_links_among_them_are_not(http_to):
    path = upload(http_to, "note.txt", b"mine")
    assert http_to.get(f"/gradio_api/file={path}").text == "mine"
    link = Path(path).with_name("link.txt")
    link.symlink_to("/etc/passwd")
    inside = Path(path).with_name("inside.txt")
    inside.symlink_to(path)
    try:
        assert http_to.get(f"/gradio_api/file={link}").status_code == 404
        assert http_to.get(f"/gradio_api/file={inside}").text == "mine"
        assert http_to.get(f"/gradio_api/file={path}/../../../../etc/passwd").status_code == 404
    finally:
        link.unlink()
        inside.unlink()


@pytest.mark.parametrize(
    "name",
    ["../../../../tmp/evil.txt", "/tmp/evil.txt", "..\\evil.txt", "\0evil.txt", "..", "a" * 999],
)
def test_an_upload_stays_in_its_folder_whatever_its_name(http_to, name):
    answer = http_to.post("/gradio_api/upload", files={"files": (name, b"x")})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        from gradio.utils import get_upload_folder

        assert Path(answer.json()[0]).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    assert leaks(answer.text if answer.status_code != 200 else "") == []


def test_uploaded_pages_are_not_shown_as_pages(http_to):
    for name in ("evil.html", "evil.svg", "evil.xml"):
        path = upload(http_to, name, b"<svg onload=alert(1)>")
        answer = http_to.get(f"/gradio_api/file={path}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def wrapped(component, file):
    """Return a file as a component's browser side sends it."""
    return {
        "ImageEditor": {"background": file, "layers": [file], "composite": file},
        "Gallery": [{"image": file, "caption": None}],
        "MultimodalTextbox": {"text": "see", "files": [file]},
        "Chatbot": [{"role": "user", "content": [{"type": "file", "file": file}]}],
        "Dataframe": {"headers": ["a"], "data": [[file]], "metadata": None},
    }.get(component, file)


def event(client, number, data):
    """Call by number as Gradio's page does; return all that came back."""
    session = f"s{number}"
    body = {"session_hash": session, "fn_index": number, "data": data}
    answer = client.post("/gradio_api/queue/join", json=body)
    if answer.status_code != 200:
        return answer.text
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
        found = ""
        for line in lines.iter_lines():
            if "close_stream" in line:
                break
            found += line
    return found


def takers(running):
    """Yield (number, component) of each event of the page that takes files."""
    for number, fn in running.site.blocks.fns.items():
        if str(fn.api_name).startswith("page-files") and fn.inputs:
            yield number, type(fn.inputs[0]).__name__


# Other servers.


@pytest.fixture(scope="module")
def canary():
    """A server that nobody may ask; its address, and what was asked of it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def lookups():
    """The names this process looks up and the ports it connects to, from now on."""
    seen = []

    def note(name, arguments):
        if name == "socket.getaddrinfo":
            seen.append(str(arguments[0]))
        elif name == "socket.connect":
            seen.append(str(arguments[1]))

    sys.addaudithook(note)  # it cannot be taken off again; a list of this module is all it fills
    return seen


def addresses(canary):
    port = canary.partition(":")[2]
    hosts = [canary, f"localhost:{port}", f"2130706433:{port}", f"[::ffff:127.0.0.1]:{port}"]
    hosts += ["169.254.169.254", "canary.example.org", "user@canary.example.org"]
    return [f"{scheme}://{host}/a.png" for host in hosts for scheme in ("http", "https")] + [
        f"ftp://{canary}/a.png",
        f"gopher://{canary}/a.png",
        f"//{canary}/a.png",
        f"http://{canary}/gradio_api/file=/etc/passwd",
    ]


def ways(path, uploaded):
    """Yield what may stand for a file that names `path`."""
    yield {"path": path, "meta": META}
    yield {"path": path}
    yield {"path": path, "url": path}
    yield {"path": uploaded, "url": path, "meta": META}
    yield {"path": None, "url": path, "meta": META}
    yield {"url": path, "meta": META}
    yield {"name": path, "is_file": True, "data": None}
    yield path


def asked_by_everybody(http_to, running, paths):
    """Name each path wherever a caller can name a file; yield all answers."""
    uploaded = upload(http_to, "a.png", b"no picture")
    for path in paths:
        for file in ways(path, uploaded):
            for api in ("sample_invert", "sample_reverse", "sample_describe", "sample_measure"):
                way, body = "call", {"data": [file]}
                answer = http_to.post(f"/gradio_api/{way}/{api}", json=body)
                yield answer.text
                if answer.status_code == 200:
                    number = answer.json()["event_id"]
                    yield http_to.get(f"/gradio_api/{way}/{api}/{number}").text
            for number, component in takers(running):
                yield event(http_to, number, [wrapped(component, file)])
        for place in ("file=", "proxy=", "file/", "upload?url=", "deep_link?url="):
            yield http_to.get(f"/gradio_api/{place}{path}").text


@pytest.mark.slow
def test_no_address_is_ever_fetched(http_to, running, canary, lookups):
    address, asked = canary
    assert httpx.get(f"http://{address}/check").status_code == 200 and asked == ["/check"]
    assert any(address.partition(":")[2] in one for one in lookups)  # both traps work
    asked.clear()
    lookups.clear()
    for text in asked_by_everybody(http_to, running, addresses(address)):
        assert leaks(text) == []
    assert asked == []
    port = address.partition(":")[2]
    assert not [one for one in lookups if "canary" in one or port in one or "169.254" in one]


@pytest.mark.slow
def test_no_file_of_the_server_is_read_for_a_call(http_to, running):
    paths = ["/etc/passwd", "file:///etc/passwd", "../../../../etc/passwd", "/proc/self/environ"]
    for text in asked_by_everybody(http_to, running, paths):
        assert "root:" not in text and "PATH=" not in text
        assert leaks(text) == []


# What errors tell.


def leaks(text, told=""):
    """Return what in an answer shows the inside of the server; `told`: what the caller sent."""
    marks = [str(ROOT), sys.prefix, sys.base_prefix, str(Path.home()) + "/", "site-packages"]
    marks += ["Traceback", 'File "', "gradio/routes", "pydantic", tempfile.gettempdir() + "/gradio"]
    return [mark for mark in marks if len(mark) > 3 and mark in text and mark not in told]


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"/etc/passwd"',
    b"{}",
    b'{"data": []}',
    b'{"data": {}}',
    b'{"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}',
    b'{"fn_index": -1, "data": [], "session_hash": "x"}',
    b'{"fn_index": 99999999999999999999, "data": [], "session_hash": "x"}',
    b'{"fn_index": 0, "data": [], "session_hash": {}}',
    b'{"fn_index": 0, "data": [1], "session_hash": "x", "trigger_id": "a", "event_data": []}',
    b'{"component_id": 0, "fn_name": "__init__", "session_hash": "x", "data": 1}',
    b'{"component_id": 99999, "fn_name": "ls", "session_hash": "x", "data": [".."]}',
    b'{"event_id": null, "session_hash": null, "fn_index": null}',
    b"\xff\xfe\x00",
    b"--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\nx\r\n--x--",
    b"--x\r\nContent-Disposition: form-data\r\n\r\nx",
]
TYPES = ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain"]


@pytest.mark.slow
def test_no_answer_to_a_malformed_request_shows_the_server(running, http_to):
    paths = {path for method, path in routes_of(running.site.blocks.app)}
    filled = {
        re.sub(r"{(\w+)(:path)?}", value, path)
        for path in paths
        for value in ("1", "%00", "x%2f..")
    }
    sessions = {"session_hash": "x", "page": "../x", "deep_link": "../x", "upload_id": "x"}
    with httpx.Client(base_url=running.url, timeout=5, params=sessions) as client:
        for path in sorted(filled):
            if "heartbeat" in path:  # never ends
                continue
            for method in ("GET", "POST"):
                answer = client.request(method, path, headers={"range": "bytes=9-1"})
                assert answer.status_code != 500, (method, path, answer.text[:300])
                if answer.status_code >= 400:
                    assert leaks(answer.text) == [], (method, path, answer.text[:300])
    for path in sorted(path for path in filled if "%" not in path):
        for body in BODIES:
            for kind in TYPES:
                answer = http_to.post(path, content=body, headers={"content-type": kind})
                about = (path, body, kind, answer.status_code, answer.text[:300])
                assert answer.status_code != 500, about
                if answer.status_code >= 400:
                    assert leaks(answer.text) == [], about


def test_a_failing_component_shows_no_path(http_to, running):
    uploaded = upload(http_to, "a.png", b"this is no picture")
    for number, component in takers(running):
        text = event(http_to, number, [wrapped(component, {"path": uploaded, "meta": META})])
        if '"success":false' in text:
            assert leaks(text) == [], (component, text)


def test_what_pages_are_made_of_shows_no_path(running, http_to):
    for path in (
        "/",
        "/sample",
        "/files",
        "/config",
        "/gradio_api/info",
        "/gradio_api/openapi.json",
    ):
        assert leaks(http_to.get(path).text) == [], path


def test_a_page_is_told_of_a_picture_that_unpacks_to_too_much(http_to, running):
    content = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(content, "PNG")  # 21 kB; as RGB it has 507 MB
    uploaded = {"path": upload(http_to, "bomb.png", content.getvalue()), "meta": META}
    for number, component in takers(running):
        began = time.monotonic()
        text = event(http_to, number, [wrapped(component, uploaded)])
        assert "A picture may have at most 4096x4096 pixels." in text, component
        assert time.monotonic() - began < 2


def test_a_list_of_other_files_is_not_taken(http_to, running):
    for content in (b"#EXTM3U\nfile:///etc/passwd", b"ffconcat version 1.0\nfile /etc/passwd"):
        uploaded = {"path": upload(http_to, "sound.wav", content), "meta": META}
        for number, component in takers(running):
            assert "Lists of other files" in event(http_to, number, [wrapped(component, uploaded)])
