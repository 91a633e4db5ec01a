"""The site without a browser: how it is built, what its pages hold, how it starts and ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gradio as gr
import httpx
import pytest

from hub import InputError, Published, logs
from hub.demo import ADDRESSES, NAME
from hub.errors import CheckpointError, PluginError, SettingsError
from hub.evaluation import Metric
from hub.site import build, share
from hub.site.errors import guarded
from hub.site.links import read, shared, value_of
from hub.site.pages import build_site
from hub.site.server import start
from hub.site.text import html_of
from hub.site.views import as_script, comparison, comparisons, headline_of, others

HERE = Path(__file__).parent
NATS = Metric(80.5, "nats", False, "8 images")


# Building.


def test_the_site_is_one_gradio_app(hub_of, tmp_path):
    blocks = build(hub_of(tmp_path))
    assert isinstance(blocks, gr.Blocks)
    assert [page[0] for page in blocks.pages] == ["", "sample"]


def test_a_page_s_events_are_private(hub_of, tmp_path):
    events = build(hub_of(tmp_path)).fns.values()
    public = {event.api_name for event in events if event.api_visibility == "public"}
    assert public and all(name.startswith("sample_") for name in public)


def test_a_failing_page_keeps_its_api_and_the_others(hub_of, sample, tmp_path):
    lost = replace(sample, name="lost", page="hub_sample.page:nothing")
    site = build_site(hub_of(tmp_path, lost, sample))
    assert list(site.problems) == ["lost"] and "nothing" in site.problems["lost"]
    assert {"lost_generate", "sample_generate"} <= set(site.apis)


def test_a_service_that_cannot_be_imported_fails_its_demo_only(hub_of, sample, tmp_path):
    lost = replace(sample, name="lost", service="hub_nowhere.service:Lost")
    site = build_site(hub_of(tmp_path, lost, sample))
    assert "hub_nowhere.service:Lost cannot be imported" in site.problems["lost"]
    assert {api.demo for api in site.apis.values()} == {"sample"}


def test_two_demos_cannot_have_one_api_name(hub_of, sample, tmp_path, monkeypatch):
    twin = replace(sample, name="sample-two")
    monkeypatch.setattr(type(sample), "prefix", "same")
    site = build_site(hub_of(tmp_path, sample, twin))
    message = "sample-two and sample both bring the API name 'same_generate'; rename an endpoint"
    assert site.problems == {"sample-two": message}


def test_an_address_that_gradio_needs_is_refused(hub_of, sample, tmp_path):
    site = build_site(hub_of(tmp_path, replace(sample, name="config"), sample))
    assert site.problems == {
        "config": "the hub keeps the address /config for itself; rename the demo"
    }


def test_no_demo_can_have_an_address_of_the_hub_s_own(site):
    from gradio.routes import INTERNAL_ROUTES

    paths = [getattr(route, "path", "") for route in site.site.blocks.app.routes]
    parts = {path.split("/")[1] for path in paths if path.startswith("/")}
    parts -= {*site.site.hub.demos, *INTERNAL_ROUTES}
    assert {part for part in parts if NAME.fullmatch(part)} == ADDRESSES


def test_building_the_site_does_not_import_torch(tmp_path):
    code = "import sys; from hub.site import build; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# The state of a page.


def test_values_of_an_address_are_those_of_the_component():
    slider = gr.Slider(0, 10, 5, step=1)
    assert value_of("a", slider, "7") == 7 and isinstance(value_of("a", slider, "7"), int)
    assert value_of("a", gr.Number(), "-2.5") == -2.5
    assert value_of("a", gr.Checkbox(), "true") is True
    assert value_of("a", gr.Radio([("any", ""), ("3", 3)]), "3") == 3
    assert value_of("a", gr.Dropdown(["x", "y"]), "y") == "y"
    assert value_of("a", gr.Textbox(), "a & b") == "a & b"


@pytest.mark.parametrize(
    ("component", "text", "message"),
    [
        (gr.Slider(0, 10), "11", "a must be a number from 0 to 10, got '11'"),
        (gr.Slider(0, 10), "nan", "a must be a number from 0 to 10, got 'nan'"),
        (gr.Number(), "inf", "a must be a number from -inf to inf, got 'inf'"),
        (gr.Number(), "x" * 99, f"got '{'x' * 40}'"),
        (gr.Checkbox(), "1", "a must be true or false, got '1'"),
        (gr.Radio(["x"]), "y", "a has no choice 'y'"),
        (gr.Textbox(), "x" * 2001, "a may have 2000 characters, got 2001"),
        (gr.Textbox(max_length=3), "abcd", "a may have 3 characters, got 4"),
    ],
)
def test_a_value_a_component_does_not_allow_is_refused(component, text, message):
    with pytest.raises(InputError, match="^a ") as error:
        value_of("a", component, text)
    assert message in str(error.value)


def test_what_is_wrong_in_an_address_leaves_the_rest():
    with gr.Blocks() as blocks:
        share("draw", seed=gr.Slider(0, 9), name=gr.Textbox())
    values, problems = read(shared(blocks)[0], {"seed": "12", "name": "Ann", "other": "1"})
    assert values == {"name": "Ann"}
    assert problems == ["seed must be a number from 0 to 9, got '12'"]


def test_share_refuses_what_no_address_can_hold():
    with gr.Blocks(), pytest.raises(PluginError, match="'image' is a Image, which no address"):
        share("draw", image=gr.Image())


def test_share_refuses_a_key_of_another_component():
    with gr.Blocks(), pytest.raises(PluginError, match="the key 'seed' is taken"):
        share("draw", seed=gr.Number())
        share("walk", seed=gr.Number())


@pytest.mark.parametrize(("key", "why"), [("demo", "is taken"), ("_sign", "begins with '_'")])
def test_share_leaves_the_hubs_own_keys_alone(key, why):
    with gr.Blocks(), pytest.raises(PluginError, match=f"the key '{key}' {why}"):
        share("draw", **{key: gr.Number()})


def test_share_needs_a_tab_with_an_id():
    with gr.Blocks(), gr.Tabs(), gr.Tab("A") as tab:
        pass
    with gr.Blocks(), pytest.raises(PluginError, match="the tab needs an id"):
        share("draw", tab=tab)


def test_share_needs_the_page_around_it():
    with pytest.raises(PluginError, match="inside the page's"):
        share("draw")


def test_a_page_that_shares_an_unknown_endpoint_fails(hub_of, sample, tmp_path, monkeypatch):
    def page(service):
        with gr.Blocks() as blocks:
            share("nothing")
        return blocks

    monkeypatch.setattr("hub_sample.page.page", page)
    site = build_site(hub_of(tmp_path))
    assert site.problems["sample"].startswith("sample has no endpoint 'nothing'; it has: generate")


# Errors of a page's events.


def events():
    def once():
        raise CheckpointError("fetch it")

    def each():
        yield 1
        raise CheckpointError("fetch it")

    async def later():
        raise CheckpointError("fetch it")

    async def stream():
        yield 1
        raise CheckpointError("fetch it")

    return once, each, later, stream


def test_every_sort_of_event_tells_a_hub_error():
    import asyncio

    async def drain(stream):
        return [value async for value in stream]

    once, each, later, stream = (guarded(event, "here") for event in events())
    for run in (once, lambda: list(each()), lambda: asyncio.run(later())):
        with pytest.raises(gr.Error, match="fetch it"):
            run()
    with pytest.raises(gr.Error, match="fetch it"):
        asyncio.run(drain(stream()))


def test_an_unforeseen_error_is_told_by_its_request(caplog):
    caplog.handler.addFilter(logs.add_request)

    def event():
        raise KeyError("/secret/place")

    with pytest.raises(gr.Error, match="Something failed inside") as error:
        guarded(event, "here")()
    number = re.search(r"\(request ([0-9a-f]+)\)", error.value.message)[1]
    assert "/secret" not in error.value.message
    [record] = [one for one in caplog.records if one.exc_info]
    assert "/secret/place" in caplog.text and "here failed" in record.getMessage()
    assert record.request == number


# What pages show.


def test_markdown_with_formulas_becomes_mathml():
    html = html_of("Of $x^2$, **bold**, and\n\n$$\\sum_i y_i$$\n\n<b>no</b> $5 and $6")
    assert html.count("<math") == 2 and 'display="block"' in html
    assert "<strong>bold</strong>" in html and "&lt;b&gt;" in html and "$5 and $6" in html


def test_ours_stands_in_its_place_among_the_published(sample):
    table = comparison(sample, "nll_nats", NATS)
    assert [row.system for row in table.rows] == ["A good model", "This hub", "A plain model"]
    assert (table.better, table.unit, table.rows[1].note) == ("lower is better", "nats", "8 images")


def test_where_higher_is_better_the_highest_comes_first(sample):
    demo = replace(sample, published=(Published("Theirs", "accuracy", 0.9, "a table"),))
    table = comparison(demo, "accuracy", Metric(0.95, "", True, "all"))
    assert [row.system for row in table.rows] == ["This hub", "Theirs"]


def test_what_nobody_published_shares_one_table(sample):
    metrics = {"nll_nats": NATS, "test_accuracy": Metric(99.5, "%", True, "all")}
    assert [table.label for table in comparisons(sample, metrics)] == ["Negative log-likelihood"]
    [one] = others(sample, metrics)
    assert (one.label, one.value, one.better) == ("test accuracy", "99.50", "higher is better")


def test_of_many_measures_those_without_a_label_are_folded_away(sample):
    metrics = {f"m{number}": Metric(1.0, "", True, "all") for number in range(20)}
    demo = replace(sample, published=(), metric_labels=(("m3", "The third"),))
    assert [one.label for one in others(demo, metrics) if one.named] == ["The third"]
    assert all(one.named for one in others(demo, {"m1": metrics["m1"]}))


def test_a_card_needs_a_measured_number(sample):
    assert headline_of(sample, {}) is None
    assert headline_of(sample, {"nll_nats": NATS}).published == "78.30 to 89.78"


def test_data_cannot_leave_its_script():
    assert "</script>" not in as_script({"a": "</script><script>"})


def test_pages_name_no_address_of_gradio_s(url):
    for path in ("", "sample"):
        page = httpx.get(url + path).text
        assert "<title>" in page and 'name="description"' in page
        assert "og:" not in page and "twitter:" not in page  # Gradio's, with foreign addresses


def test_small_things_are_where_browsers_look(url):
    assert httpx.head(url).status_code == 200
    assert httpx.get(url + "favicon.ico").headers["content-type"] == "image/svg+xml"
    assert httpx.get(url + "sample/").headers["location"] == "/sample"
    assert httpx.get(url + "thumbnails/sample.png").status_code == 404
    assert httpx.get(url + "hub-assets/../server.py").status_code == 404


def test_a_program_gets_json_for_an_unknown_address(url):
    answer = httpx.get(url + "nowhere")
    assert (answer.status_code, answer.json()["error"]) == (404, "Not Found")


# Starting and ending.


def test_a_taken_port_is_told(hub_of, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        message = f"port {port} is in use or not allowed; choose another, for example with PORT="
        with pytest.raises(SettingsError, match=message):
            start(hub_of(tmp_path), port=port)


def test_mcp_without_its_package_is_told(hub_of, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SettingsError, match="MCP needs one more package: pip install"):
        start(hub_of(tmp_path), port=0, mcp=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(number, unused_port):
    port = unused_port()
    environment = {**os.environ, "LATENTHUB_PORT": str(port)}
    server = subprocess.Popen(
        [sys.executable, str(HERE.parents[1] / "app.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout.readline() == f"Latenthub is on http://127.0.0.1:{port}/\n"
    server.send_signal(number)
    _, errors = server.communicate(timeout=20)
    assert server.returncode == 0
    assert "KeyboardInterrupt" not in errors and "CancelledError" not in errors
