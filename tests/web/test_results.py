"""The files of answers."""

import os
import threading

from hub.site.api import save


def test_an_answer_given_again_does_not_disturb_who_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    content = os.urandom(300_000)
    path = save(content, ".png")["path"]
    seen, done = [], threading.Event()

    def read():
        while not done.is_set():
            with open(path, "rb") as file:
                seen.append(file.read() == content)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(300):
        assert save(content, ".png")["path"] == path
    done.set()
    reader.join()
    assert all(seen) and len(seen) > 10
    assert os.listdir(os.path.dirname(path)) == ["result.png"], "no part of a file is left"


def test_an_answer_given_again_is_kept_from_then(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = save(b"sound", ".wav")["path"]
    os.utime(path, (1, 1))
    assert save(b"sound", ".wav")["path"] == path
    assert os.stat(path).st_mtime > 1000


def test_a_damaged_file_is_written_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = save(b"picture", ".png")["path"]
    with open(path, "wb") as file:
        file.write(b"pic")
    save(b"picture", ".png")
    with open(path, "rb") as file:
        assert file.read() == b"picture"
