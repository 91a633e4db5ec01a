"""What Prometheus and those who watch the hub are answered, over HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.site.server import start

CALL = {"demo": "sample", "endpoint": "greet"}


@pytest.fixture
def served(hub_of, sample_folder, unused_port):
    """A hub of its own, on which nothing has been called."""
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        yield running


@pytest.fixture
def http(served):
    with httpx.Client(base_url=served.url, timeout=30) as client:
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


def test_calls_are_counted_by_how_they_end(http):
    for name in ("Ann", "Bob", "Cid"):
        assert call(http, "sample_greet", {"name": name}) == "complete"
    assert call(http, "sample_greet", {"name": ""}) == "error"
    assert call(http, "sample_fail", {}) == "error"
    found = scraped(http)
    assert value(found, "calls_total", **CALL, outcome="ok") == 3
    assert value(found, "calls_total", **CALL, outcome="input_error") == 1
    assert value(found, "calls_total", demo="sample", endpoint="fail", outcome="error") == 1
    assert value(found, "call_seconds_count", **CALL) == 4
    assert 0 < value(found, "call_seconds_sum", **CALL) < 4


def test_a_model_s_state_load_and_waiting_are_shown(http):
    before = scraped(http)
    assert value(before, "loaded", demo="sample") == 0
    assert value(before, "state", demo="sample", state="idle") == 1
    call(http, "sample_greet", {"name": "Ann"})
    after = scraped(http)
    assert value(after, "loaded", demo="sample") == 1
    assert value(after, "state", demo="sample", state="ready") == 1
    assert value(after, "loads_total", demo="sample", outcome="ok") == 1
    assert value(after, "load_seconds_count", demo="sample") == 1
    assert value(after, "waiting", demo="sample") == 0
    assert after["process_resident_memory_bytes", frozenset()] > 50e6


def test_batches_show_how_many_calls_came_together(served, http):
    hub, started = served.site.hub, threading.Barrier(17)
    hub.call("sample", "greet", {"name": "Ann"})  # its model is loaded

    def double(number):
        started.wait()
        return hub.call("sample", "double", {"number": number})

    def hold():
        started.wait()
        return hub.call("sample", "slow", {"steps": 2})

    with ThreadPoolExecutor(17) as pool:
        held = pool.submit(hold)
        answers = list(pool.map(double, range(16)))
        held.result()
    assert answers == [2 * number for number in range(16)]
    found = scraped(http)
    labels = {"demo": "sample", "endpoint": "double"}
    assert value(found, "batch_size_sum", **labels) == 16
    assert value(found, "batch_size_count", **labels) < 16  # some came together
    assert value(found, "calls_total", **labels, outcome="ok") == 16
    assert value(found, "device_seconds_total", demo="sample", endpoint="slow") > 0.15


def test_answers_are_counted_by_route_and_no_caller_makes_new_labels(http):
    for path in ("", "sample", "no/such/1", "no/such/2", "gradio_api/call/nothing/1"):
        http.get(path)
    http.post("gradio_api/call/v2/sample_nothing", json={})
    http.request("PROPFIND", "pot")
    found = scraped(http)
    names = {
        dict(labels)["route"] for name, labels in found if name == "latenthub_http_requests_total"
    }
    assert names <= {"page", "call", "answer", "asset", "gradio", "watch", "other"}
    assert value(found, "http_requests_total", route="page", method="GET", status="200") == 2
    assert value(found, "http_requests_total", route="other", method="GET", status="404") == 2
    assert value(found, "http_requests_total", route="call", method="POST", status="404") == 1
    assert any(("method", "other") in labels for _, labels in found)


def test_two_hubs_in_a_process_count_apart(http, hub_of, sample_folder, unused_port):
    call(http, "sample_greet", {"name": "Ann"})
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as other:
        with httpx.Client(base_url=other.url) as there:
            assert value(scraped(there), "calls_total", **CALL, outcome="ok") == 0
    assert value(scraped(http), "calls_total", **CALL, outcome="ok") == 1


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


@pytest.fixture
def opened(monkeypatch, request):
    for name, text in request.param.items():
        monkeypatch.setenv(name, text)


@pytest.mark.parametrize("opened", [{"LATENTHUB_METRICS": "1"}], indirect=True)
def test_metrics_can_be_opened_to_all(opened, http):
    assert client_elsewhere(http).status_code == 200


@pytest.mark.parametrize("opened", [{"LATENTHUB_METRICS": "0"}], indirect=True)
def test_metrics_can_be_turned_off(opened, http):
    assert http.get("metrics").status_code == 404


@pytest.mark.parametrize("opened", [{"LATENTHUB_METRICS_TOKEN": "a-secret"}], indirect=True)
def test_a_token_opens_the_metrics(opened, http):
    headers = {"x-forwarded-for": "203.0.113.7", "authorization": "Bearer a-secret"}
    assert http.get("metrics", headers=headers).status_code == 200
    headers["authorization"] = "Bearer another"
    assert http.get("metrics", headers=headers).status_code == 403


# Health.


def test_a_hub_that_lives_says_so_and_how_its_demos_are(http):
    answer = http.get("healthz")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    state = answer.json()
    assert (state["status"], state["warm"], state["demos"]) == ("ok", "off", {"sample": "idle"})


def test_health_says_nothing_of_this_machine(http, sample_folder):
    text = http.get("healthz").text + http.get("readyz").text
    assert str(sample_folder) not in text and "/" not in text


def test_a_failed_demo_shows_in_the_health(url):
    assert httpx.get(url + "healthz").json()["demos"]["lost"] == "failed"


def test_a_hub_that_closes_is_not_to_be_sent_more(served, http):
    served.site.hub.closing = True
    for path in ("healthz", "readyz"):
        answer = http.get(path)
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

    let_go, load = threading.Event(), Sample.__init__

    def slowly(self, checkpoint, device):
        let_go.wait(10)
        load(self, checkpoint, device)

    monkeypatch.setattr(Sample, "__init__", slowly)
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        hub.warm(["all"])
        answer = httpx.get(running.url + "readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "warming")
        assert answer.json()["demos"] == {"sample": "loading"}
        assert httpx.get(running.url + "healthz").status_code == 200
        let_go.set()
        hub.warmup.join(10)
        answer = httpx.get(running.url + "readyz")
        assert answer.status_code == 200
        assert (answer.json()["warm"], answer.json()["demos"]) == ("done", {"sample": "ready"})
