"""A request's id: in the header, in the log, and in what its caller is told."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

ID = re.compile(r"\(request ([0-9a-f]{12})\)")


@pytest.fixture
def http(url):
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


def call(http, api, body, **headers):
    """Call as curl does; return the header's id, and the last event's name and data."""
    posted = http.post(f"gradio_api/call/v2/{api}", json=body, headers=headers)
    event = posted.json()["event_id"]
    lines = http.get(f"gradio_api/call/v2/{api}/{event}").text.split("\n")
    data = json.loads(lines[-3].removeprefix("data: "))
    return posted.headers["x-request-id"], lines[-4].removeprefix("event: "), data


@pytest.mark.parametrize("path", ["", "sample", "nowhere", "hub-assets/hub.js", "gradio_api/info"])
def test_every_answer_has_an_id(http, path):
    assert re.fullmatch("[0-9a-f]{12}", http.get(path).headers["x-request-id"])


def test_no_two_requests_have_the_same_id(http):
    assert len({http.get("favicon.ico").headers["x-request-id"] for _ in range(20)}) == 20


def test_an_id_that_a_proxy_brings_is_kept(http):
    answer = http.get("favicon.ico", headers={"X-Request-Id": "from-nginx.0123"})
    assert answer.headers["x-request-id"] == "from-nginx.0123"


@pytest.mark.parametrize("brought", ["short", "x" * 65, 'a"b{c}d e', "12345678 ERROR forged"])
def test_an_id_that_could_confuse_the_log_is_replaced(http, brought):
    answer = http.get("favicon.ico", headers={"X-Request-Id": brought})
    assert re.fullmatch("[0-9a-f]{12}", answer.headers["x-request-id"])


def test_a_refused_call_has_an_id(http):
    answer = http.post("gradio_api/call/v2/sample_nothing", json={})
    assert answer.status_code == 404 and answer.headers["x-request-id"]


def test_a_failure_names_the_id_of_its_header_and_of_its_traceback(http, caplog):
    number, event, data = call(http, "sample_fail", {})
    assert event == "error" and ID.search(data["error"])[1] == number
    [record] = [one for one in caplog.records if one.exc_info]
    assert f"(request {number})" in record.getMessage() and "/secret/place" in caplog.text


def test_a_slip_is_told_in_clean_words_with_the_id_in_its_title(http):
    number, event, data = call(http, "sample_generate", {"digit": 10})
    assert (event, data["title"]) == ("error", f"Error (request {number})")
    assert number not in data["error"]


def test_a_client_is_shown_the_id_that_the_log_has(url, caplog):
    with pytest.raises(AppError) as error:
        Client(url, verbose=False).predict(api_name="/sample_fail")
    number = ID.search(str(error.value))[1]
    [record] = [one for one in caplog.records if one.exc_info]
    assert number in record.getMessage()


def test_ids_do_not_mix_among_calls_at_once(http, caplog):
    def fail(index):
        return index, *call(http, "sample_fail", {}, **{"X-Request-Id": f"caller-{index:04d}"})

    with ThreadPoolExecutor(32) as pool:
        for index, number, event, data in pool.map(fail, range(32)):
            assert (number, event) == (f"caller-{index:04d}", "error")
            assert f"(request {number})" in data["error"]


def test_each_call_has_a_line_with_its_request_demo_and_outcome(http, site, caplog):
    from hub import logs

    caplog.set_level(logging.INFO, "hub.app")
    caplog.handler.addFilter(logs.add_request)
    number, *_ = call(http, "sample_greet", {"name": "Ann"})
    [line] = [one for one in caplog.records if one.name == "hub.app"]
    assert (line.request, line.demo, line.endpoint, line.outcome) == (
        number,
        "sample",
        "greet",
        "ok",
    )
    assert 0 <= line.seconds < 5 and re.fullmatch("[0-9a-f]{8}", line.client)
    assert line.getMessage().startswith("sample.greet ok in 0.")


def test_a_refusal_names_its_request(http):
    for answer in (
        http.post("gradio_api/call/v2/sample_nothing", json={}),
        http.post("gradio_api/call/v2/sample_greet", content="{"),
        http.get("gradio_api/call/v2/sample_greet/0123"),
        http.get("nowhere"),
    ):
        assert answer.json()["request"] == answer.headers["x-request-id"]


# Events of pages.


def steps_page(service):
    """A page whose events fail in their second step, by a visitor's slip, and within Gradio."""
    import gradio as gr

    def steps():
        yield "one"
        yield str(service.fail())

    def slip():
        raise gr.Error("Give a name first.")

    def unlike(number):
        return number

    def unshown():
        return {"no": "picture"}

    with gr.Blocks() as blocks:
        answer, picture, slider = gr.Textbox(), gr.Image(), gr.Slider(0, 9)
        for function in (steps, slip):
            gr.Button(function.__name__).click(function, None, answer)
        gr.Button("unlike").click(unlike, slider, answer)
        gr.Button("unshown").click(unshown, None, picture)
    return blocks


def happen(http, blocks, name, *data):
    """Have an event of a page happen, as a browser does; return its id and its last message."""
    [number] = [n for n, event in blocks.fns.items() if getattr(event.fn, "__name__", "") == name]
    body = {"data": data, "fn_index": number, "session_hash": f"session-{name}"}
    posted = http.post("gradio_api/queue/join", json=body)
    told = http.get("gradio_api/queue/data", params={"session_hash": body["session_hash"]})
    messages = [json.loads(line[6:]) for line in told.text.split("\n") if line[:6] == "data: "]
    [last] = [one for one in messages if one["msg"] == "process_completed"]
    return posted.headers["x-request-id"], last["output"]


def test_a_page_s_events_carry_their_request_and_are_counted(
    hub_of, sample_folder, unused_port, monkeypatch, caplog, capfd
):
    from hub.site.server import start

    monkeypatch.setattr("hub_sample.page.page", steps_page)
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        with httpx.Client(base_url=running.url, timeout=30) as http:
            number, output = happen(http, running.site.blocks, "steps")
            assert ID.search(output["error"])[1] == number
            _, output = happen(http, running.site.blocks, "slip")
            assert (output["error"], output["title"]) == ("Give a name first.", "Error")
            for name, data in (("unlike", [{"no": "number"}]), ("unshown", [])):
                number, output = happen(http, running.site.blocks, name, *data)
                assert output["error"] == (
                    f"Something failed inside. The hub's log has the details (request {number})."
                )
            counted = http.get("metrics").text
    assert "/secret/place" in caplog.text and "Traceback" not in capfd.readouterr().err
    assert 'latenthub_page_events_total{demo="sample",outcome="error"} 1.0' in counted
    assert 'latenthub_page_events_total{demo="sample",outcome="input_error"} 1.0' in counted
    assert 'latenthub_calls_total{demo="sample",endpoint="fail",outcome="error"} 1.0' in counted
