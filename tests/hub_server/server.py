"""The HTTP side of a fixture Hub: the part of the Hub's API that its Python client speaks."""

import base64
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from hub_server.faults import Faults, Request
from hub_server.repos import Repo, blob_id, is_large, sha256
from hub_server.xet import Xet

BLOCK = 4096  # bytes sent at a time
REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
API = rf"/api/(?P<kind>model|space)s/{REPO}"
FILES = rf"/(?:(?P<kind>space)s/)?{REPO}"


class Refusal(Exception):
    """An answer that is an error, in the Hub's form."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class HubServer:
    """A Hub that listens on a free port of this machine until it is closed."""

    def __init__(self) -> None:
        self.user = "somebody"
        self.token = "hf_ofsomebodywhomaywriteeverything"
        self.reader = "hf_ofsomebodywhomayonlyreadthings"
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}  # by sha256: what came through LFS or Xet
        self.xet = Xet()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.lfs = False
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def create(
        self, repo_id: str, kind: str = "model", private: bool = False, sdk: str | None = None
    ) -> Repo:
        """Create a repository and return it."""
        repo = Repo(repo_id, kind, private, sdk=sdk)
        self.repos[repo_id if kind == "model" else f"{kind}s/{repo_id}"] = repo
        return repo

    def asked(self, method: str, pattern: str) -> list[Request]:
        """Return the requests so far whose path the pattern is found in."""
        return [r for r in self.requests if r.method == method and re.search(pattern, r.path)]

    def close(self) -> None:
        """Stop listening and hang up; whoever asks now is refused the connection."""
        self.faults.stop.set()
        self.http.shutdown()
        self.http.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "HubServer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def handler(self) -> type["Handler"]:
        return type("BoundHandler", (Handler,), {"hub": self})


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    hub: HubServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.hub.connections.add(self.connection)

    def finish(self) -> None:
        self.hub.connections.discard(self.connection)
        with contextlib.suppress(OSError):  # the client may have hung up
            super().finish()

    def log_message(self, format: str, *values: object) -> None:
        pass

    def do_GET(self) -> None:
        self.handle_one()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def handle_one(self) -> None:
        faults = self.hub.faults
        self.path_only = unquote(urlsplit(self.path).path)
        self.content = self.read_body()
        if faults.delay:
            faults.stop.wait(faults.delay)
        try:
            status = faults.status(self.command, self.path_only)
            if status is not None:
                raise Refusal(status, "the fixture was told to refuse this")
            self.route()
        except Refusal as refusal:
            headers = {"X-Error-Message": str(refusal)}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self.answer_json({"error": str(refusal)}, refusal.status, headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def read_body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def route(self) -> None:
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, self.path_only)
            if self.command in method.split() and found:
                named = found.groupdict()
                if "repo" in named:
                    kind = named.pop("kind") or "model"
                    named["repo"] = self.repo(named["repo"], kind)
                with self.hub.lock:
                    reply = answer(self, **named)
                reply()
                return
        raise Refusal(404, f"no such address: {self.command} {self.path_only}")

    # Who asks, and for what.

    def body(self) -> Any:
        return json.loads(self.content)

    def caller(self) -> str:
        """Return the token of the request, "" without one."""
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in (self.hub.token, self.hub.reader):
            raise Refusal(401, "Invalid credentials in Authorization header")
        return token

    def repo(self, repo_id: str, kind: str) -> Repo:
        """Return the repository if the caller may read it, refusing as the Hub does."""
        repo = self.hub.repos.get(repo_id if kind == "model" else f"{kind}s/{repo_id}")
        token = self.caller()
        if repo is None or (repo.private and not token):
            raise Refusal(404 if token else 401, "Repository not found", "RepoNotFound")
        return repo

    def may_write(self) -> None:
        token = self.caller()
        if not token:
            raise Refusal(401, "Invalid username or password.")
        if token != self.hub.token:
            raise Refusal(403, "Forbidden: you must use a write token to write to a repository.")

    def commit_of(self, repo: Repo, revision: str) -> str:
        sha = repo.resolve(revision)
        if sha is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha

    # Answers.

    def answer_json(
        self, value: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        content = json.dumps(value).encode()
        self.start(status, {"Content-Type": "application/json", **(headers or {})}, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def start(self, status: int, headers: dict[str, str], length: int) -> None:
        told = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append(Request(self.command, self.path_only, told, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def send_file(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        """Send a file, or the part that is asked for, with the faults there are."""
        content = self.hub.faults.changed(name, content)
        whole, status = len(content), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if asked and not self.hub.faults.ignore_ranges:
            begin = int(asked[1])
            if begin >= whole:
                raise Refusal(416, f"the file has {whole} bytes")
            end = min(int(asked[2] or whole), whole - 1)
            content, status = content[begin : end + 1], 206
            headers = {**headers, "Content-Range": f"bytes {begin}-{end}/{whole}"}
        self.start(status, {**headers, "Accept-Ranges": "bytes"}, len(content))
        if self.command == "GET":
            self.send_slowly(content)

    def send_slowly(self, content: bytes) -> None:
        faults = self.hub.faults
        cut = faults.cut(len(content))
        end = len(content) if cut is None else cut
        for begin in range(0, end, BLOCK):
            block = content[begin : min(begin + BLOCK, end)]
            if faults.bytes_per_second and faults.stop.wait(len(block) / faults.bytes_per_second):
                cut = begin
                break
            self.wfile.write(block)
            self.wfile.flush()
        if cut is not None:
            self.close_connection = True


Reply = Callable[[], None]


def whoami(at: Handler) -> Reply:
    if not at.caller():
        raise Refusal(401, "Invalid username or password.")
    role = "write" if at.caller() == at.hub.token else "read"
    token = {"displayName": "fixture", "role": role}
    auth = {"type": "access_token", "accessToken": token}
    return lambda: at.answer_json({"type": "user", "name": at.hub.user, "orgs": [], "auth": auth})


def create_repo(at: Handler) -> Reply:
    at.may_write()
    asked = at.body()
    kind = asked.get("type") or "model"
    repo_id = f"{asked.get('organization') or at.hub.user}/{asked['name']}"
    key, prefix = (repo_id, "") if kind == "model" else (f"{kind}s/{repo_id}", f"{kind}s/")
    url = f"{at.hub.url}/{prefix}{repo_id}"
    if key in at.hub.repos:
        message = f"You already created this {kind} repo"
        return lambda: at.answer_json({"error": message, "url": url}, 409)
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    at.hub.create(repo_id, kind, private, asked.get("sdk"))
    return lambda: at.answer_json({"url": url, "name": repo_id, "id": repo_id})


def delete_repo(at: Handler) -> Reply:
    at.may_write()
    asked = at.body()
    kind = asked.get("type") or "model"
    repo_id = f"{asked.get('organization') or at.hub.user}/{asked['name']}"
    at.hub.repos.pop(repo_id if kind == "model" else f"{kind}s/{repo_id}", None)
    return lambda: at.answer_json({})


def validate_yaml(at: Handler) -> Reply:
    import yaml

    content = at.body()["content"]
    errors = []
    try:
        head = content.split("---\n", 2)[1] if content.startswith("---\n") else ""
        if not isinstance(yaml.safe_load(head) or {}, dict):
            errors = [{"message": "metadata must be a mapping"}]
    except (yaml.YAMLError, IndexError) as error:
        errors = [{"message": str(error)}]
    status = 400 if errors else 200
    return lambda: at.answer_json({"errors": errors, "warnings": []}, status)


def info(at: Handler, repo: Repo, revision: str | None = None) -> Reply:
    sha = at.commit_of(repo, revision or "main")
    files = repo.commits[sha]
    content = {
        "_id": sha[:24],
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.id.split("/")[0],
        "sha": sha,
        "private": repo.private,
        "gated": "manual" if repo.gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [{"rfilename": name} for name in sorted(files)],
    }
    if repo.kind == "space":
        content |= {"sdk": repo.sdk, "subdomain": repo.id.replace("/", "-")}
    return lambda: at.answer_json(content)


def refs(at: Handler, repo: Repo) -> Reply:
    def one(name: str, sha: str, kind: str) -> dict[str, str]:
        return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}

    branches = [one(n, s, "heads") for n, s in repo.refs.items() if n == "main"]
    tags = [one(n, s, "tags") for n, s in repo.refs.items() if n != "main"]
    return lambda: at.answer_json({"branches": branches, "tags": tags, "converts": []})


def tree(at: Handler, repo: Repo, revision: str, under: str | None = None) -> Reply:
    files = repo.commits[at.commit_of(repo, revision)]
    under = f"{under}/" if under else ""
    entries = [entry(at, n, c) for n, c in sorted(files.items()) if n.startswith(under)]
    return lambda: at.answer_json(entries)


def paths_info(at: Handler, repo: Repo, revision: str) -> Reply:
    files = repo.commits[at.commit_of(repo, revision)]
    entries = [entry(at, name, files[name]) for name in at.body()["paths"] if name in files]
    return lambda: at.answer_json(entries)


def entry(at: Handler, name: str, content: bytes) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "file",
        "path": name,
        "size": len(content),
        "oid": blob_id(content),
    }
    if at.hub.lfs and is_large(name):
        told["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
    return told


def preupload(at: Handler, repo: Repo, revision: str) -> Reply:
    at.may_write()
    at.commit_of(repo, revision)
    answers = []
    for one in at.body()["files"]:
        path, before = one["path"], repo.files.get(one["path"])
        large = at.hub.lfs and is_large(path)
        oid = None if before is None else sha256(before) if large else blob_id(before)
        mode = "lfs" if large else "regular"
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return lambda: at.answer_json({"files": answers})


def lfs_batch(at: Handler, repo: Repo) -> Reply:
    at.may_write()
    objects = []
    for one in at.body()["objects"]:
        told = {"oid": one["oid"], "size": one["size"]}
        if one["oid"] not in at.hub.objects:
            told["actions"] = {"upload": {"href": f"{at.hub.url}/lfs-upload/{one['oid']}"}}
        objects.append(told)
    return lambda: at.answer_json({"transfer": "basic", "objects": objects})


def lfs_put(at: Handler, oid: str) -> Reply:
    if sha256(at.content) != oid:
        raise Refusal(400, "the content is not that of its oid")
    at.hub.objects[oid] = at.content
    return lambda: at.answer_json({})


def commit(at: Handler, repo: Repo, revision: str) -> Reply:
    at.may_write()
    at.commit_of(repo, revision)
    added: dict[str, bytes] = {}
    deleted: list[str] = []
    summary = ""
    for line in at.content.splitlines():
        told = json.loads(line)
        key, value = told["key"], told["value"]
        if key == "header":
            summary = value["summary"]
        elif key == "file":
            added[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile":
            if value["oid"] not in at.hub.objects:
                raise Refusal(400, f"the object {value['oid']} was never uploaded")
            added[value["path"]] = at.hub.objects[value["oid"]]
        elif key in ("deletedFile", "deletedFolder"):
            deleted.append(value["path"].rstrip("/"))
        else:
            raise Refusal(400, f"no such operation: {key}")
    sha = repo.commit(added, summary, tuple(deleted))
    prefix = "" if repo.kind == "model" else f"{repo.kind}s/"
    url = f"{at.hub.url}/{prefix}{repo.id}/commit/{sha}"
    return lambda: at.answer_json({"success": True, "commitOid": sha, "commitUrl": url})


def resolve(at: Handler, repo: Repo, revision: str, path: str) -> Reply:
    sha = at.commit_of(repo, revision)
    if repo.gated and at.caller() != at.hub.token:
        who = "restricted" if at.caller() else "restricted. You must log in"
        status = 403 if at.caller() else 401
        raise Refusal(status, f"Access to model {repo.id} is {who}.", "GatedRepo")
    content = repo.commits[sha].get(path)
    if content is None:
        raise Refusal(404, "Entry not found", "EntryNotFound")
    headers = {"X-Repo-Commit": sha}
    if at.hub.lfs and is_large(path):
        oid = sha256(content)
        at.hub.objects[oid] = content
        headers |= {
            "Location": f"http://localhost:{at.hub.port}/cdn/{oid}/{path}",
            "X-Linked-Size": str(len(content)),
            "X-Linked-ETag": f'"{oid}"',
            # as the Hub tells clients with Xet on where else the content is
            "X-Xet-Hash": at.hub.xet.hashes.get(oid, oid),
            "X-Xet-Refresh-Route": f"{at.hub.url}/api/models/{repo.id}/xet-read-token/{sha}",
        }
        return lambda: at.start(302, headers, 0)
    headers["ETag"] = f'"{blob_id(content)}"'
    return lambda: at.send_file(path, content, headers)


def cdn(at: Handler, oid: str, path: str) -> Reply:
    if at.headers.get("authorization"):
        raise Refusal(400, "a token was sent to a host that is not the Hub")
    content = at.hub.objects[oid]
    return lambda: at.send_file(path, content, {"ETag": f'"{oid}"'})


def xet_token(at: Handler, repo: Repo, revision: str) -> Reply:
    expires = int(time.time()) + 3600
    told = {"casUrl": f"{at.hub.url}/xet", "accessToken": "a-token-for-xet", "exp": expires}
    headers = {
        "X-Xet-Cas-Url": told["casUrl"],
        "X-Xet-Access-Token": told["accessToken"],
        "X-Xet-Token-Expiration": str(expires),
    }
    return lambda: at.answer_json(told, headers=headers)


def xet_put(at: Handler, name: str) -> Reply:
    at.hub.xet.xorbs[name] = at.content
    return lambda: at.answer_json({"was_inserted": True})


def xet_shard(at: Handler) -> Reply:
    for content in at.hub.xet.take_shard(at.content):
        at.hub.objects[sha256(content)] = content
    return lambda: at.answer_json({"result": 1})


def xet_file(at: Handler, name: str) -> Reply:
    if name not in at.hub.xet.files:
        raise Refusal(404, "Xet has no such file")
    told = at.hub.xet.reconstruction(name, f"{at.hub.url}/xet/xorb")
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", at.headers.get("range", ""))
    if asked and int(asked[1]) >= sum(term["unpacked_length"] for term in told["terms"]):
        raise Refusal(416, "the file ends before that")
    return lambda: at.answer_json(told)


def xet_get(at: Handler, name: str) -> Reply:
    return lambda: at.send_file(f"xorb {name}", at.hub.xet.xorbs[name], {})


def space_runtime(at: Handler, repo: Repo) -> Reply:
    hardware = {"current": repo.hardware, "requested": repo.hardware}
    return lambda: at.answer_json({"stage": "RUNNING", "hardware": hardware})


def space_hardware(at: Handler, repo: Repo) -> Reply:
    at.may_write()
    repo.hardware = at.body()["flavor"]
    return space_runtime(at, repo)


ROUTES: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
    ("GET", r"/api/whoami-v2", whoami),
    ("POST", r"/api/repos/create", create_repo),
    ("DELETE", r"/api/repos/delete", delete_repo),
    ("POST", r"/api/validate-yaml", validate_yaml),
    ("GET", rf"{API}", info),
    ("GET", rf"{API}/revision/(?P<revision>.+)", info),
    ("GET", rf"{API}/refs", refs),
    ("GET", rf"{API}/runtime", space_runtime),
    ("POST", rf"{API}/hardware", space_hardware),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?:/(?P<under>.+))?", tree),
    ("POST", rf"{API}/paths-info/(?P<revision>[^/]+)", paths_info),
    ("POST", rf"{API}/preupload/(?P<revision>[^/]+)", preupload),
    ("POST", rf"{API}/commit/(?P<revision>[^/]+)", commit),
    ("POST", rf"{FILES}\.git/info/lfs/objects/batch", lfs_batch),
    ("PUT", r"/lfs-upload/(?P<oid>[0-9a-f]{64})", lfs_put),
    ("GET HEAD", rf"{FILES}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", resolve),
    ("GET", rf"{API}/xet-(?:read|write)-token/(?P<revision>.+)", xet_token),
    ("POST", r"/xet/v1/xorbs/default/(?P<name>[0-9a-f]{64})", xet_put),
    ("POST", r"/xet/v1/shards", xet_shard),
    ("GET", r"/xet/v1/reconstructions/(?P<name>[0-9a-f]{64})", xet_file),
    ("GET", r"/xet/xorb/(?P<name>[0-9a-f]{64})", xet_get),
    ("GET HEAD", r"/cdn/(?P<oid>[0-9a-f]{64})/(?P<path>.+)", cdn),
)
