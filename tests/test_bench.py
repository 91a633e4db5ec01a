"""The hub's own benchmarks, each as small as it can be; no test judges seconds."""

import json
import sys

import pytest

from hub.bench import BENCHES, examples
from hub.bench.load import Client, Job, Result
from hub.bench.processes import Server
from hub.bench.soak import BUSY, memory_rows, percentile, slope
from hub.bench.throughput import check
from hub.cli import main
from hub.endpoints import endpoints_of
from hub.errors import HubError
from hub.media import Sound

SHAPE = ["bench", "ours", "peer", "ratio", "unit", "runs", "peer_is"]


@pytest.fixture
def bench(small, checkpoints, monkeypatch, capsys):
    """Run `latenthub bench ... --json` on the small plugin alone; return (code, rows, stderr)."""
    monkeypatch.setenv("PYTHONPATH", str(small))  # servers and clients are processes
    monkeypatch.setenv("LATENTHUB_ONLY", "small")

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["bench", *arguments, "--json"])
        told = capsys.readouterr()
        assert told.out or end.value.code, told.err
        return end.value.code, json.loads(told.out or "[]"), told.err

    return call


@pytest.mark.slow
@pytest.mark.parametrize("name", ["startup", "memory"])
def test_the_hub_is_compared_with_a_bare_app(bench, name):
    code, [row], _ = bench(name, "--runs", "1")
    assert code == 0 and list(row) == SHAPE
    assert row["bench"] == name and row["runs"] == 1
    assert row["ours"] > 0 and row["ratio"] == pytest.approx(row["ours"] / row["peer"])
    assert "bare Gradio app" in row["peer_is"] and "(1)" in row["peer_is"]


@pytest.mark.slow
def test_what_a_call_costs_is_compared_endpoint_by_endpoint(bench):
    code, rows, err = bench("overhead", "--demo", "small", "--endpoint", "invert", "--runs", "2")
    assert code == 0, err
    [row] = rows
    assert list(row) == SHAPE and row["unit"] == "ms"
    assert row["ratio"] == pytest.approx(row["ours"] / row["peer"])
    assert "small_invert" in row["peer_is"]


@pytest.mark.slow
def test_many_callers_get_right_answers_from_both(bench):
    code, [row], _ = bench("throughput", "--clients", "3", "--seconds", "1", "--runs", "1")
    assert code == 0 and list(row) == SHAPE and row["unit"] == "answers/s"
    assert row["ours"] > 0 and row["peer"] > 0
    assert "small_add" in row["peer_is"], "the first batched endpoint is called"


@pytest.mark.slow
def test_a_soak_tells_each_kind_of_request_and_memory(bench):
    code, rows, _ = bench("soak", "--minutes", "0.1", "--users", "1")
    assert code == 0 and all(list(row) == SHAPE for row in rows)
    found = {row["bench"]: row for row in rows}
    for kind in ("call", "gradio_client", "page", "upload", "wrong input", "hang-up"):
        times = [found[f"soak {kind} p{percent}"]["ours"] for percent in (50, 95, 99)]
        assert times == sorted(times) and times[0] > 0
    assert found["soak errors"]["ours"] == 0, found["soak errors"]["peer_is"]
    assert found["soak memory"]["unit"] == "MB" and found["soak memory"]["peer"] is None
    assert found["soak memory slope"]["unit"] == "MB/hour"


def test_an_option_that_a_benchmark_does_not_take_is_refused(bench):
    code, _, err = bench("startup", "--minutes", "1")
    assert code == 2 and "bench startup takes no --minutes; it takes --runs" in err
    assert "bench small takes no --runs" in bench("small", "--runs", "1")[2]


def test_what_is_neither_a_demo_nor_a_benchmark_is_refused(bench):
    code, _, err = bench("soap")
    assert code == 2
    assert all(name in err for name in ("'soap'", *BENCHES))


def test_a_server_that_ends_is_told_with_its_last_words():
    script = "print('the port is taken'); raise SystemExit(3)"
    with pytest.raises(HubError, match="the peer ended before it answered: the port is taken"):
        Server("the peer", [sys.executable, "-c", script])


def test_a_server_that_answers_with_an_error_is_told(tmp_path):
    with pytest.raises(HubError, match="the peer answered /nothing with 404"):
        Server("the peer", [sys.executable, "-m", "http.server", "{port}"], "/nothing")


def test_a_client_reads_whole_and_chunked_responses_on_one_connection(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(CHUNKED)
    with Server("it", [sys.executable, str(script), "{port}"], "/whole") as server:
        client = Client(server.port)
        assert client.request("GET", "/chunked") == b"first, second"
        assert client.request("POST", "/whole", b"a body") == b"a body"
        with pytest.raises(Exception, match="418 no") as refused:
            client.request("GET", "/refused")
        assert refused.value.status == 418
        client.close()


CHUNKED = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"no"
        self.send_response(418 if self.path == "/refused" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"7\\r\\nfirst, \\r\\n6\\r\\nsecond\\r\\n0\\r\\n\\r\\n")
        else:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_POST = do_GET

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_wrong_answer_and_a_failed_call_end_a_benchmark():
    server = type("Server", (), {"name": "the peer"})()
    wrong = Result(1.0, latencies=[0.1], answers=[[["7"]]])
    with pytest.raises(HubError, match="the peer gave client 0 a wrong answer"):
        check(server, wrong, [["8"]])
    with pytest.raises(HubError, match="the peer: 1 calls failed: refused"):
        check(server, Result(1.0, failed=1, errors=["refused"], answers=[[]]), [["8"]])
    with pytest.raises(HubError, match="no answer came"):
        check(server, Result(1.0, answers=[[]]), [["8"]])


def test_answers_may_differ_by_rounding_and_lossy_formats_only():
    picture, other = examples.drawing(1), examples.drawing(2)
    assert examples.distance([picture], [picture]) == 0
    assert 0 < examples.distance(picture, as_webp(picture)) < 1
    assert examples.distance(picture, other) > 1
    assert examples.distance(*(examples.value_of(Sound(8000), number) for number in (0, 9))) > 1
    assert examples.distance({"x": [1.0]}, {"x": [1.0001]}) < 1 < examples.distance(1.0, 1.1)
    for one, two in (("a", "b"), ([1], [1, 2]), ({"x": 1}, {"y": 1}), (None, 0), (b"a", b"b")):
        assert examples.distance(one, two) >= 1


def as_webp(content):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).save(buffer, "WEBP")
    return buffer.getvalue()


def test_arguments_are_made_up_for_what_has_no_default(small):
    from hub_small.service import Small

    endpoints = endpoints_of(Small)
    add = examples.Target("small", "small_add", endpoints["add"], varied=True)
    assert add.arguments() == {"a": 0} and add.all_arguments() == [0, None]
    invert = examples.Target("small", "small_invert", endpoints["invert"], varied=True)
    assert invert.arguments(1)["image"].startswith(b"\x89PNG")
    assert invert.arguments(1) != invert.arguments(2), "callers send different pictures"


def test_percentiles_and_slopes_are_their_definitions():
    values = list(range(1, 101))
    assert [percentile(values, p) for p in (50, 95, 99)] == [50, 95, 99]
    assert percentile([3.0], 99) == 3.0
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2)
    rows = {row.bench: row.ours for row in memory_rows([(float(t), 100 + t) for t in range(100)])}
    assert rows["soak memory slope"] == pytest.approx(3600)
    assert rows["soak memory since the start"] > rows["soak memory, second half"] > 0


def test_a_job_goes_to_the_clients_and_back_unchanged():
    from hub.bench.load import packed, unpacked

    job = Job(1, "small_invert", [[b"\x89PNG", {"x": [1, None]}]], 1.0, 0.0)
    sent = json.loads(json.dumps(packed(vars(job))))
    assert unpacked(sent)["calls"] == [[b"\x89PNG", {"x": [1, None]}]]


def test_what_the_hub_says_when_it_is_busy_counts_as_busy():
    from hub.executors.local import closing_error

    assert BUSY.search(str(closing_error())) and BUSY.search("CallError: 503 no room")
    assert not BUSY.search("digit must be from 0 to 9 (request 7b050319eed0)")
