"""What Prometheus and those who watch the hub are answered, over HTTP."""

import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from hub.site.server import start

CALL = {"demo": "sample", "endpoint": "greet"}


@pytest.fixture(scope="module")
def served(hub_of, sample_folder, unused_port):
    """A hub of its own, which nobody else calls."""
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        yield running


@pytest.fixture(scope="module")
def http(served):
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


@pytest.fixture
def fresh(hub_of, sample_folder, unused_port, request, monkeypatch):
    """A client of a hub of the test's own; the environment as the test's parameter says."""
    for name, text in getattr(request, "param", {}).items():
        monkeypatch.setenv(name, text)
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            client.hub = hub
            yield client


def call(http, api, body):
    """Call as curl does; return how it ends: "complete" or "error"."""
    event = http.post(f"gradio_api/call/v2/{api}", json=body).json()["event_id"]
    answer = http.get(f"gradio_api/call/v2/{api}/{event}").text
    return answer.split("\n")[-4].removeprefix("event: ")


def scraped(http, **headers):
    """Return {(name, labels): value} of all samples, read by Prometheus' own parser."""
    text = http.get("metrics", headers=headers).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples, name, **labels):
    return samples.get((f"latenthub_{name}", frozenset(labels.items())), 0)


@pytest.fixture
def grown(http):
    """Return a function that returns by how much a value has grown since the test began."""
    before = scraped(http)
    return lambda name, **labels: (
        value(scraped(http), name, **labels) - value(before, name, **labels)
    )


def test_calls_are_counted_by_how_they_end(http, grown):
    for name in ("Ann", "Bob", "Cid"):
        assert call(http, "sample_greet", {"name": name}) == "complete"
    assert call(http, "sample_greet", {"name": ""}) == "error"
    assert call(http, "sample_fail", {}) == "error"
    assert grown("calls_total", **CALL, outcome="ok") == 3
    assert grown("calls_total", **CALL, outcome="input_error") == 1
    assert grown("calls_total", demo="sample", endpoint="fail", outcome="error") == 1
    assert grown("call_seconds_count", **CALL) == 3  # a refusal would look fast
    assert 0 < grown("call_seconds_sum", **CALL) < 3


def test_a_model_s_state_load_and_waiting_are_shown(fresh):
    before = scraped(fresh)
    assert value(before, "loaded", demo="sample") == 0
    assert value(before, "state", demo="sample", state="idle") == 1
    call(fresh, "sample_greet", {"name": "Ann"})
    after = scraped(fresh)
    assert value(after, "loaded", demo="sample") == 1
    assert value(after, "state", demo="sample", state="ready") == 1
    assert value(after, "loads_total", demo="sample", outcome="ok") == 1
    assert value(after, "load_seconds_count", demo="sample") == 1
    assert value(after, "waiting", demo="sample") == 0
    assert after["process_resident_memory_bytes", frozenset()] > 50e6


def test_batches_show_how_many_calls_came_together(served, grown):
    hub = served.site.hub
    hub.call("sample", "greet", {"name": "Ann"})  # its model is loaded
    before = hub.status("sample").calls

    def double(number):
        return hub.call("sample", "double", {"number": number})

    with ThreadPoolExecutor(17) as pool:
        held = pool.submit(hub.call, "sample", "slow", {"steps": 4})
        while hub.status("sample").calls == before or hub.status("sample").waiting:
            time.sleep(0.01)  # until it has the device
        answers = list(pool.map(double, range(16)))
        held.result()
    assert answers == [2 * number for number in range(16)]
    labels = {"demo": "sample", "endpoint": "double"}
    assert grown("batch_size_sum", **labels) == 16
    assert grown("batch_size_count", **labels) < 16  # some came together
    assert grown("calls_total", **labels, outcome="ok") == 16
    assert grown("device_seconds_total", demo="sample", endpoint="slow") > 0.15


def test_answers_are_counted_by_route_and_no_caller_makes_new_labels(http, grown):
    for path in ("", "sample", "no/such/1", "no/such/2", "gradio_api/call/nothing/1"):
        http.get(path)
    http.post("gradio_api/call/v2/sample_nothing", json={})
    http.request("PROPFIND", "pot")
    found = scraped(http)
    names = {
        dict(labels)["route"] for name, labels in found if name == "latenthub_http_requests_total"
    }
    assert names <= {"page", "call", "answer", "asset", "gradio", "watch", "other"}
    assert grown("http_requests_total", route="page", method="GET", status="200") == 2
    assert grown("http_requests_total", route="other", method="GET", status="404") == 2
    assert grown("http_requests_total", route="call", method="POST", status="404") == 1
    assert any(("method", "other") in labels for _, labels in found)


def test_two_hubs_in_a_process_count_apart(fresh, grown):
    call(fresh, "sample_greet", {"name": "Ann"})
    assert value(scraped(fresh), "calls_total", **CALL, outcome="ok") == 1
    assert grown("calls_total", **CALL, outcome="ok") == 0


def test_openmetrics_is_spoken_to_who_asks_for_it(http):
    answer = http.get("metrics", headers={"accept": "application/openmetrics-text"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


# Who may read them.


def client_elsewhere(http):
    """Ask as somebody far away behind the proxy on this machine."""
    return http.get("metrics", headers={"x-forwarded-for": "203.0.113.7"})


def test_metrics_are_for_this_machine_only(http):
    answer = client_elsewhere(http)
    assert answer.status_code == 403
    assert "for this machine only; LATENTHUB_METRICS and LATENTHUB_METRICS_TOKEN" in answer.text


@pytest.mark.parametrize("fresh", [{"LATENTHUB_METRICS": "1"}], indirect=True)
def test_metrics_can_be_opened_to_all(fresh):
    assert client_elsewhere(fresh).status_code == 200


@pytest.mark.parametrize("fresh", [{"LATENTHUB_METRICS": "0"}], indirect=True)
def test_metrics_can_be_turned_off(fresh):
    assert fresh.get("metrics").status_code == 404


@pytest.mark.parametrize(
    "fresh", [{"LATENTHUB_METRICS_TOKEN": "a-secret", "LATENTHUB_AUTH": "ann:pass"}], indirect=True
)
def test_a_token_opens_the_metrics_where_all_else_needs_a_password(fresh):
    headers = {"x-forwarded-for": "203.0.113.7", "authorization": "Bearer a-secret"}
    assert fresh.get("metrics", headers=headers).status_code == 200
    headers["authorization"] = "Bearer another"
    assert fresh.get("metrics", headers=headers).status_code == 403
    assert fresh.get("gradio_api/info").status_code == 401
    assert fresh.get("healthz").status_code == fresh.get("readyz").status_code == 200


# Health.


def test_a_hub_that_lives_says_so_and_how_its_demos_are(fresh):
    answer = fresh.get("healthz")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    state = answer.json()
    assert (state["status"], state["warm"], state["demos"]) == ("ok", "off", {"sample": "idle"})


def test_health_says_nothing_of_this_machine(http, sample_folder):
    text = http.get("healthz").text + http.get("readyz").text
    assert str(sample_folder) not in text and "/" not in text


def test_a_failed_demo_shows_in_the_health(url):
    assert httpx.get(url + "healthz").json()["demos"]["lost"] == "failed"


def test_a_hub_that_closes_is_not_to_be_sent_more(fresh):
    fresh.hub.closing = True
    for path in ("healthz", "readyz"):
        answer = fresh.get(path)
        assert (answer.status_code, answer.json()["status"]) == (503, "closing")


def test_a_hub_without_a_demo_that_works_is_alive_but_not_ready(
    hub_of, sample, sample_folder, unused_port
):
    from dataclasses import replace

    lost = replace(sample, page="hub_sample.page:nothing")
    with hub_of(sample_folder, lost) as hub, start(hub, port=unused_port()) as running:
        assert httpx.get(running.url + "healthz").status_code == 200
        answer = httpx.get(running.url + "readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")


def test_a_hub_is_ready_when_it_is_warm(hub_of, sample_folder, unused_port, monkeypatch):
    from hub_sample.service import Sample

    loading, let_go, load = threading.Event(), threading.Event(), Sample.__init__

    def slowly(self, checkpoint, device):
        loading.set()
        let_go.wait(60)
        load(self, checkpoint, device)

    monkeypatch.setattr(Sample, "__init__", slowly)
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        hub.warm(["all"])
        assert loading.wait(60)
        answer = httpx.get(running.url + "readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "warming")
        assert answer.json()["demos"] == {"sample": "loading"}
        assert httpx.get(running.url + "healthz").status_code == 200
        let_go.set()
        hub.warmup.join(60)
        answer = httpx.get(running.url + "readyz")
        assert answer.status_code == 200
        assert (answer.json()["warm"], answer.json()["demos"]) == ("done", {"sample": "ready"})


def test_the_reference_tells_of_every_metric(http):
    call(http, "sample_greet", {"name": "Ann"})
    text = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
    table = text.partition("<!-- metrics -->")[2].partition("<!-- end of metrics -->")[0]
    told = set(re.findall(r"`(latenthub_\w+)`", table))
    only_with_a_gpu = {"latenthub_device_used_bytes", "latenthub_device_total_bytes"}
    found = set(re.findall(r"^# TYPE (latenthub_\w+) ", http.get("metrics").text, re.MULTILINE))
    assert told - only_with_a_gpu == found


def test_a_histogram_counts_what_is_at_most_each_bound():
    from hub.site.exposition import spread
    from hub.site.metrics import Spread

    one = Spread("x", "Any.", (1, 2, 4), "demo")
    for value in (0.5, 1, 3, 9):
        one.add(("a",), value)
    samples = {s.labels.get("le", s.name): s.value for s in spread(one).samples}
    assert samples == {
        "1.0": 2,
        "2.0": 2,
        "4.0": 3,
        "+Inf": 4,
        "latenthub_x_count": 4,
        "latenthub_x_sum": 13.5,
    }


def test_a_hub_starts_without_prometheus_client():
    code = "import sys, hub.site.server; print('prometheus_client' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, text=True) == "False\n"


def test_queries_and_alerts_ask_for_metrics_that_there_are():
    docs = Path(__file__).parents[2] / "docs"
    monitoring = (docs / "operations.md").read_text().partition("## Monitoring")[2]
    asked = set(re.findall(r"\blatenthub_\w+", monitoring))
    there = set(re.findall(r"`(latenthub_\w+)`", (docs / "reference.md").read_text()))
    assert len(asked) > 5
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} <= there
    for block in re.findall(r"```yaml\n(.*?)```", monitoring, re.DOTALL):
        assert yaml.safe_load(block)
