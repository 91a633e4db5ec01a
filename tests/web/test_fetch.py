"""A visitor fetches a checkpoint that is pinned and not here: over HTTP, and in Chromium."""

import hashlib
import time
from dataclasses import replace

import httpx
import pytest

from hub.checkpoints import Folders
from hub.files import shown_bytes
from hub.lock import Locked, read_lock, write_entry

REPO = "somebody/sample"


@pytest.fixture
def repo(hub_server, sample_folder):
    repo = hub_server.create(REPO)
    names = ("config.json", "README.md", "model.safetensors")
    repo.commit({name: (sample_folder / "sample" / name).read_bytes() for name in names})
    return repo


@pytest.fixture
def root(repo, tmp_path):
    """A folder whose lock pins what the repository has."""
    files = {n: c for n, c in repo.files.items() if not n.startswith(".")}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    pin = Locked(hashes, REPO, repo.head, sum(map(len, files.values())))
    write_entry(tmp_path / "root" / "lock.toml", "sample", pin)
    return tmp_path / "root"


@pytest.fixture
def served(hub_of, root, sample, unused_port):
    """The sample without its checkpoint, and one for which nothing is pinned."""
    from hub.site.server import start

    bare = replace(sample, name="bare", title="Without a pin")
    with hub_of(root, sample, bare) as hub, start(hub, port=unused_port()) as running:
        yield running


def ended(url, seconds=15):
    end = time.monotonic() + seconds
    while (told := httpx.get(f"{url}fetch/sample").json())["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    return told


def test_a_fetch_is_started_followed_and_used_without_a_restart(served, root):
    url = served.url
    page = httpx.get(url).text
    assert 'data-fetch="sample"' in page and 'data-fetch="bare"' not in page
    size = shown_bytes(read_lock(root / "lock.toml")["sample"].bytes)
    assert f"Its checkpoint, {size}, is on the Hugging Face Hub" in page
    call = httpx.post(f"{url}gradio_api/call/v2/sample_generate", json={}).json()["event_id"]
    answer = httpx.get(f"{url}gradio_api/call/v2/sample_generate/{call}").text
    assert "not in the Hugging Face cache yet; fetch it with" in answer
    assert httpx.get(f"{url}fetch/sample").json()["state"] == "offered"
    begun = httpx.post(f"{url}fetch/sample")
    assert begun.status_code == 200 and begun.json()["state"] in ("running", "done")
    told = ended(url)
    assert told["state"] == "done" and told["there"] == told["total"] > 4000
    page = httpx.get(url).text
    assert "data-fetch=" not in page and "Ready" in page
    source = read_lock(root / "lock.toml")["sample"].source
    assert f"<dt>On the Hugging Face Hub</dt><dd>{source}</dd>" in httpx.get(f"{url}sample").text
    call = httpx.post(f"{url}gradio_api/call/v2/sample_generate", json={}).json()["event_id"]
    assert "event: complete" in httpx.get(f"{url}gradio_api/call/v2/sample_generate/{call}").text
    assert httpx.post(f"{url}fetch/sample").json()["state"] == "done"


def test_one_fetch_a_demo_at_a_time_which_can_be_stopped_and_goes_on(served, hub_server, repo):
    url = served.url
    hub_server.faults.bytes_per_second = 1500
    for _ in range(3):
        assert httpx.post(f"{url}fetch/sample").json()["state"] == "running"
    while httpx.get(f"{url}fetch/sample").json()["there"] == 0:
        time.sleep(0.05)
    httpx.delete(f"{url}fetch/sample")
    stopped = ended(url)
    assert stopped["state"] == "offered" and 0 < stopped["there"] < stopped["total"]
    assert "Go on</button>" in httpx.get(url).text
    assert len(hub_server.asked("GET", "config.json")) == 1
    hub_server.faults.bytes_per_second = None
    httpx.post(f"{url}fetch/sample")
    assert ended(url)["state"] == "done"
    assert len(hub_server.asked("GET", "config.json")) == 1  # it was there already


def test_why_a_fetch_failed_is_told_until_it_works(served, hub_server, repo):
    url = served.url
    repo.gated = True
    httpx.post(f"{url}fetch/sample")
    told = ended(url)
    assert told["state"] == "failed" and f"{REPO} is gated: ask for access at" in told["error"]
    page = httpx.get(url).text
    assert "is gated: ask for access" in page and "Try again</button>" in page
    repo.gated = False
    httpx.post(f"{url}fetch/sample")
    assert ended(url)["state"] == "done"


def test_only_what_is_pinned_here_and_only_from_here(served):
    url = served.url
    for method in ("GET", "POST", "DELETE"):
        for name in ("bare", "nothing"):
            refused = httpx.request(method, f"{url}fetch/{name}")
            assert refused.status_code == 404
            assert f"No checkpoint is pinned for a demo '{name}'" in refused.json()["error"]
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        for method in ("POST", "DELETE"):
            assert httpx.request(method, f"{url}fetch/sample", headers=headers).status_code == 403
    assert httpx.get(f"{url}fetch/sample").json()["state"] == "offered"


def test_the_operator_can_turn_it_off(hub_of, root, unused_port, monkeypatch):
    from hub.site.server import start

    monkeypatch.setenv("LATENTHUB_FETCH", "0")
    with hub_of(root) as hub, start(hub, port=unused_port()) as running:
        assert httpx.post(f"{running.url}fetch/sample").status_code == 404
        page = httpx.get(running.url).text
        assert "data-fetch" not in page and "fetch it with <code>latenthub pull sample" in page


def test_a_fetch_that_is_interrupted_by_the_end_of_the_hub_ends(hub_of, root, hub_server):
    from hub.site.fetch import Fetches

    hub_server.faults.bytes_per_second = 500
    fetches = Fetches(Folders.standard(root), ["sample"])
    assert fetches.begin("sample").state == "running"
    fetches.close()
    end = time.monotonic() + 20
    while fetches.told("sample").state == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert fetches.told("sample").state == "offered"
