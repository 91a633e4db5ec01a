"""How much one client may ask: calls, uploads, bytes, and what lies on the disk."""

import contextlib
import http.client
import io
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from hub import kinds
from hub.errors import InputError, SettingsError
from hub.kinds import ListOf
from hub.media import Image, Sound, Table
from hub.site import kept, limits
from hub.site.guard import Policy
from hub.site.limits import Buckets, Rate, client_of, is_here

CALL = "gradio_api/call/v2/sample_greet"
JSON = {"name": "Ann"}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def small(hub_of, sample_folder, unused_port):
    """A hub with small limits: 5 calls a minute, uploads of 1 MB, 3 MB an hour."""
    from hub.site.server import start

    policy = Policy(
        rate=Rate(5, 60), volume=Rate(3 * MEGABYTE, 3600), max_upload=MEGABYTE, kept=5 * MEGABYTE
    )
    with hub_of(sample_folder) as hub, start(hub, port=unused_port(), policy=policy) as running:
        yield running.url


@pytest.fixture
def roomy(hub_of, sample_folder, unused_port):
    """The same without a limit to calls."""
    from hub.site.server import start

    policy = Policy(volume=Rate(3 * MEGABYTE, 3600), max_upload=MEGABYTE)
    with hub_of(sample_folder) as hub, start(hub, port=unused_port(), policy=policy) as running:
        yield running.url


def of(address):
    return {"x-forwarded-for": address}


def upload(url, size, address, name="a.bin"):
    files = {"files": (name, bytes(size))}
    return httpx.post(f"{url}gradio_api/upload", files=files, headers=of(address))


def temporary_files():
    from gradio.utils import get_upload_folder

    return {path for path, _ in kept.files_in(Path(get_upload_folder()))}


# Calls.


def test_a_client_that_calls_too_often_is_told_to_wait(small):
    answers = [httpx.post(f"{small}{CALL}", json=JSON, headers=of("192.0.2.1")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    last = answers[-1]
    assert 1 <= int(last.headers["retry-after"]) <= 12
    assert last.json()["error"].startswith("This hub answers 5 calls a minute to one client; try")
    assert last.json()["detail"] == last.json()["error"]  # what Gradio's page shows


def test_the_others_are_not(small):
    answers = [httpx.post(f"{small}{CALL}", json=JSON, headers=of("192.0.2.2")) for _ in range(6)]
    assert answers[-1].status_code == 429
    assert httpx.post(f"{small}{CALL}", json=JSON, headers=of("192.0.2.3")).status_code == 200
    assert httpx.post(f"{small}{CALL}", json=JSON).status_code == 200  # on this machine


def test_every_way_to_call_counts_and_reading_does_not(small):
    headers = of("192.0.2.4")
    for path in ("config", "", "sample", "hub-assets/hub.css", "gradio_api/info") * 3:
        assert httpx.get(f"{small}{path}", headers=headers).status_code == 200
    for path in ("queue/join", "upload", CALL.removeprefix("gradio_api/"), "run/x", "queue/join"):
        assert httpx.post(f"{small}gradio_api/{path}", headers=headers).status_code != 429
    assert httpx.post(f"{small}gradio_api/queue/join", headers=headers).status_code == 429
    assert httpx.post(f"{small}gradio_api/cancel", json={}, headers=headers).status_code != 429


def test_a_forwarded_address_counts_as_the_proxy_saw_it(small):
    forged = [of(f"203.0.113.{i}, 192.0.2.5") for i in range(6)]
    codes = [httpx.post(f"{small}{CALL}", json=JSON, headers=one).status_code for one in forged]
    assert codes == [200] * 5 + [429]


def test_a_client_cannot_claim_to_be_on_this_machine(small):
    for claim in ("127.0.0.1", "::1", "127.0.0.9"):
        codes = [
            httpx.post(f"{small}{CALL}", json=JSON, headers=of(claim)).status_code for _ in range(6)
        ]
        assert 429 in codes, claim
        assert httpx.get(f"{small}metrics", headers=of(claim)).status_code == 403


def test_gradio_client_shows_that_it_is_to_wait(small):
    from gradio_client import Client

    client = Client(small, headers=of("192.0.2.6"), verbose=False)
    for _ in range(5):
        client.predict("Ann", api_name="/sample_greet")
    with pytest.raises(httpx.HTTPStatusError, match="429 Too Many Requests"):
        client.predict("Ann", api_name="/sample_greet")


def test_a_bucket_fills_again():
    now = [0.0]
    buckets = Buckets(Rate(2, 60), clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 30]
    now[0] = 29
    assert buckets.take("a") == pytest.approx(1)
    now[0] = 31
    assert buckets.take("a") == 0 and buckets.take("b") == 0
    buckets.give("a")
    assert buckets.take("a") == 0


def test_a_limiter_knows_only_so_many_clients(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CLIENTS", 10)
    buckets = Buckets(Rate(1, 60))
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets.levels) == 10


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_client_is_its_address_or_its_network(address, client):
    assert client_of({"client": (address, 1)}) == client


def test_this_machine_is_known():
    assert [is_here(one) for one in ("127.0.0.1", "::/64", "192.0.2.1", "", "unix:")] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert is_here(client_of({"client": ("::1", 1)}))


@pytest.mark.parametrize("text", ["", "5", "5/day", "-1/second", "1.5/hour", "5 / minute"])
def test_a_rate_is_a_number_in_a_time(text):
    with pytest.raises(SettingsError, match="LATENTHUB_RATE must be a number per second"):
        Rate.read("LATENTHUB_RATE", text)


# Uploads.


def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(small):
    before = temporary_files()
    answer = upload(small, MEGABYTE + 100_000, "198.51.100.1")
    assert (answer.status_code, answer.text) == (
        413,
        "An upload may have 1 MB, its files together.",
    )
    assert temporary_files() == before


def test_many_small_files_are_an_upload_too(small):
    before = temporary_files()
    files = [("files", (f"{i}.bin", bytes(100_000))) for i in range(20)]
    answer = httpx.post(f"{small}gradio_api/upload", files=files, headers=of("198.51.100.2"))
    assert answer.status_code == 413
    assert temporary_files() == before


def chunked(url, path, chunks, address, kind):
    """Send a body without telling its length; return the status and the text of the answer."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    headers = {**of(address), "content-type": kind, "transfer-encoding": "chunked"}
    with contextlib.closing(connection):
        connection.putrequest("POST", f"/{path}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                connection.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            connection.send(b"0\r\n\r\n")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


@pytest.mark.parametrize("head", [HEAD, FIELD], ids=["file", "field"])
def test_an_upload_that_tells_no_length_is_cut_off(small, head):
    before = temporary_files()
    chunks = [head] + [bytes(100_000)] * 40
    address = f"198.51.100.{10 + len(head) % 7}"
    kind = "multipart/form-data; boundary=x"
    status, text = chunked(small, "gradio_api/upload", chunks, address, kind)
    assert (status, text) == (413, "An upload may have 1 MB, its files together.")
    assert temporary_files() == before


def test_a_call_that_tells_no_length_is_cut_off(small):
    chunks = [b'{"name": "'] + [b"a" * 100_000] * 40
    status, text = chunked(small, CALL, chunks, "198.51.100.20", "application/json")
    assert status == 413 and "A request may have 1.6 MB. Upload files instead." in text


def test_a_login_is_short(small):
    form = {"username": "ann", "password": "a" * 11_000}
    assert httpx.post(f"{small}login", data=form).status_code == 413


def test_a_client_that_hangs_up_leaves_no_half_file(small):
    before = temporary_files()
    place = urlsplit(small)
    with socket.create_connection((place.hostname, place.port)) as line:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {place.netloc}\r\n"
        head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n\r\n"
        line.sendall(head.encode() + HEAD + bytes(300_000))
        deadline = time.monotonic() + 10
        while temporary_files() == before:
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.02)
    while temporary_files() != before:
        assert time.monotonic() < deadline + 10, "the half file stays"
        time.sleep(0.02)


def test_a_client_that_stops_sending_is_given_up(roomy, monkeypatch):
    monkeypatch.setattr(limits, "IDLE", 0.3)
    place = urlsplit(roomy)
    with socket.create_connection((place.hostname, place.port), timeout=10) as line:
        head = f"POST /{CALL} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 900\r\n\r\n"
        line.sendall(head.encode() + b'{"na')
        assert line.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_one_client_uploads_only_so_much_in_an_hour(roomy):
    codes = [upload(roomy, 900_000, "198.51.100.30").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    answer = upload(roomy, 900_000, "198.51.100.30")
    assert answer.text.startswith("One client may upload 3 MB in an hour; try again in ")
    assert upload(roomy, 900_000, "198.51.100.31").status_code == 200


def test_large_requests_at_once_are_held_back(roomy, monkeypatch):
    """A half-sent body of nearly 1.6 MB is held for each; six have room."""
    place = urlsplit(roomy)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            line = stack.enter_context(socket.create_connection((place.hostname, place.port)))
            head = (
                f"POST /{CALL} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 1590000\r\n\r\n"
            )
            line.sendall(head.encode() + b" " * 1_580_000)
        deadline = time.monotonic() + 30
        while (answer := httpx.post(f"{roomy}{CALL}", content=b" " * 1_500_000)).status_code != 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        assert "Too many large requests are being read" in answer.json()["error"]
        assert answer.headers["retry-after"] == "2"
        assert httpx.post(f"{roomy}{CALL}", json=JSON).status_code == 200  # a small one has room
    while httpx.post(f"{roomy}{CALL}", content=b" " * 1_500_000).status_code != 400:  # no JSON
        assert time.monotonic() < deadline + 10, "what was held was not let go"
        time.sleep(0.05)


def test_a_full_disk_takes_no_uploads(roomy, monkeypatch):
    monkeypatch.setattr(limits, "ROOM", 10**12)
    answer = upload(roomy, 10, "198.51.100.40")
    assert (answer.status_code, answer.text) == (
        507,
        "The hub has no room for uploads. Try again later.",
    )


# What unpacks to more than it is.


def test_a_list_of_pictures_is_refused_before_all_are_unpacked(monkeypatch):
    monkeypatch.setattr(kinds, "MAX_LIST", 50 * MEGABYTE)
    content = io.BytesIO()
    from PIL import Image as Pictures

    Pictures.new("L", (4096, 4096)).save(content, "PNG")  # 16 kB, of 17 MB
    began = time.monotonic()
    with pytest.raises(InputError, match="unpacked, they are too large together"):
        ListOf(Image()).check("pictures", [content.getvalue()] * 10_000)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("rate", [0, 1, 999, 4_294_967_295])
def test_a_sound_s_rate_makes_no_filter_larger_than_the_memory(rate):
    header = b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + rate.to_bytes(4, "little")
    content = header + b"\0\0\0\0\2\0\x10\0data\x08\0\0\0" + bytes(8)
    with pytest.raises(InputError, match="samples a second|no sound that can be read"):
        Sound().check("sound", content)
    if rate:
        with pytest.raises(InputError, match=f"{rate} samples a second"):
            Sound().check("sound", (rate, np.zeros(8, np.float32)))


@pytest.mark.parametrize(
    "value",
    [
        b"a," * 20_000_000 + b"\n1",
        b"a" * 2_000_000,
        [{f"column{i}": 1} for i in range(100_000)],
        [{}] * 200_000,
    ],
    ids=["columns", "one line", "keys", "rows"],
)
def test_a_table_of_too_many_columns_is_refused_at_once(value):
    began = time.monotonic()
    with pytest.raises(InputError, match="must be a CSV table"):
        Table().check("table", value)
    assert time.monotonic() - began < 2


def test_pictures_of_other_formats_are_not_opened():
    """PIL would run a program for some: Ghostscript for PostScript."""
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
    with pytest.raises(InputError, match="its content is no picture"):
        Image().check("image", content)


def test_a_drawing_has_few_layers_and_editors_keep_few_drawings():
    import gradio as gr
    from gradio.components.image_editor import AcceptBlobs, BlobData

    from hub.site import drawings

    with gr.Blocks():
        editor = gr.ImageEditor()
    drawings.bound(editor)
    assert editor.accept_blobs._is_server_fn  # browsers may still call it

    def send(drawing, index, size):
        data = BlobData(type="layer", index=index, file="", id=drawing)
        data = AcceptBlobs.model_construct(
            data={"type": "layer", "index": index, "id": drawing}, files=[("f", bytes(size))]
        )
        editor.accept_blobs(data)

    for index in ("32", "1000000000", "-1", "x"):
        with pytest.raises(gr.Error, match="A drawing may have 32 layers"):
            send("a", index, 1)
    for number in range(30):
        send(str(number), "1", 10 * MEGABYTE)
    assert list(editor.blob_storage) == [str(number) for number in range(10, 30)]


# What lies on the disk.


def write(path, size, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age, time.time() - age))


def test_old_files_go_and_the_oldest_beyond_the_limit(tmp_path):
    for name, size, age in [
        ("a/old", 1, 90_000),
        ("b/oldest", 400, 3000),
        ("c/older", 400, 2000),
        ("d/new", 400, 10),
        ("e/page", 1, 99_999),
    ]:
        write(tmp_path / name, size, age)
    kept.tidy(tmp_path, 1000, {str(tmp_path / "e/page")})
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"older", "new", "page"}
    assert not (tmp_path / "a").exists()


def test_the_folder_is_this_hub_s_own_and_goes_with_it(tmp_path):
    """So does the folder of a hub that was killed, when the next one starts."""
    code = f"import runpy; kept = runpy.run_path({kept.__file__!r})"
    code += "; print(kept['folder'](), flush=True); input()"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("GRADIO_TEMP_DIR", None)

    def begin():
        run = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return run, Path(run.stdout.readline().strip())

    killed, first = begin()
    assert first.parent == tmp_path and first.stat().st_mode & 0o777 == 0o700
    lives, second = begin()
    killed.kill()
    killed.communicate()
    for folder in (first, second):
        os.utime(folder, (time.time() - 3600,) * 2)
    third_run, third = begin()
    assert not first.exists() and second.exists()  # the second one lives
    third_run.communicate("\n", timeout=30)
    assert not third.exists()
    lives.communicate("\n", timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_the_operator_names_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert kept.folder() == str(tmp_path)


def test_tidying_goes_on_after_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "EVERY", 0.01)
    looks = threading.Semaphore(0)

    def needed():
        looks.release()
        raise OSError("gone")

    tidy = kept.Tidy(tmp_path, 1, needed)
    assert looks.acquire(timeout=5) and looks.acquire(timeout=5)
    tidy.close()
    assert not tidy.thread.is_alive()
