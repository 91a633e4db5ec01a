"""The command line, called in this process and, where start-up counts, as a process of its own."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import urllib.request

import pytest

from hub.cli import app, main
from hub.cli.common import pairs
from hub.evaluation import Card, Evaluation, Metric, write_card
from hub.plugins import discover

HEAVY = {"torch", "gradio", "numpy", "pandas", "PIL", "pyarrow", "huggingface_hub", "scipy"}


@pytest.fixture
def run(small, checkpoints, capsys, monkeypatch):
    """Return a function that runs a command and gives its exit code, its output and its errors."""
    monkeypatch.delenv("LATENTHUB_DEBUG", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


def test_list_shows_every_demo(run):
    code, out, _ = run("list", "--json")
    small = next(demo for demo in json.loads(out)["demos"] if demo["name"] == "small")
    assert code == 0
    assert small["package"] == "latenthub-small 1.0"
    assert "Take and give a value of every kind." in run("list")[1]


def test_list_tells_what_is_broken_without_a_traceback(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "hub_small", None)  # importing it raises
    code, out, err = run("list", "--json")
    assert code == 0
    assert json.loads(out)["broken"][0]["name"] == "small"
    assert "is left out: ModuleNotFoundError" in run("list")[2]
    assert "Traceback" not in err


def test_list_imports_nothing_heavy(small):
    script = "import sys; sys.argv = ['latenthub', 'list']; from hub.cli import main\n"
    script += (
        f"try: main()\nfinally: print('heavy:', {HEAVY!r} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(small)},
    )
    assert done.returncode == 0, done.stderr
    assert "small" in done.stdout
    assert "heavy: set()" in done.stderr


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="CPU time of a child is read with wait4")
def test_list_costs_less_than_a_third_of_a_second_of_cpu():
    command = [sys.executable, "-m", "hub", "list"]
    fastest = min(cpu_seconds(command) for _ in range(8))  # a busy machine inflates most of them
    bare = min(cpu_seconds([sys.executable, "-c", "pass"]) for _ in range(5))
    assert fastest - bare < 0.3


def cpu_seconds(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_info_tells_arguments_with_kinds_and_defaults(run):
    code, out, _ = run("info", "small", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["endpoints"]["draw"]["arguments"]["count"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 8,
        "required": False,
        "default": 2,
    }
    assert told["checkpoint"]["state"] == "ready"
    table = run("info", "small")[1]
    assert "latenthub call small draw" in table
    assert "a whole number from 1 to 8" in table
    assert "https://doi.org/10.1002" in table


def test_call_writes_files_and_prints_their_paths(run, tmp_path):
    folder = tmp_path / "new" / "pictures"
    code, out, _ = run("call", "small", "draw", "--set", "count=3", "--out", str(folder))
    assert code == 0
    assert json.loads(out) == [str(folder / f"draw-{i:03d}.png") for i in range(3)]
    assert (folder / "draw-002.png").read_bytes().startswith(b"\x89PNG")


def test_call_says_that_files_need_a_folder_before_it_runs(run):
    code, _, err = run("call", "small", "draw")
    assert code == 2
    assert err == "Error: draw gives files; name a folder for them with --out\n"


def test_call_prints_json_for_a_script(run):
    code, out, _ = run("call", "small", "add", "--set", "a=2", "--json")
    assert code == 0
    assert json.loads(out).keys() == {"demo", "endpoint", "result", "seconds"}
    assert json.loads(out)["result"] == 3


@pytest.mark.parametrize(
    ("word", "shouted"), [("5", "5"), ("null", "NULL"), ('"a"', '"A"'), ("a=b", "A=B")]
)
def test_call_leaves_a_text_as_it_is(run, word, shouted):
    assert json.loads(run("call", "small", "shout", "--set", f"text={word}")[1]) == shouted


def test_call_reads_files_by_their_paths(run, tmp_path):
    run("call", "small", "draw", "--out", str(tmp_path))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    run("call", "small", "measure", "--out", str(tmp_path))
    code, out, _ = run(
        *("call", "small", "measure", "--out", str(tmp_path)),
        *(
            "--set",
            f"sound={tmp_path / 'measure-000.wav'}",
            "--set",
            f"table={tmp_path / 'table.csv'}",
        ),
        *("--set", f"file={tmp_path / 'table.csv'}"),
        *("--set", f"images={json.dumps([str(tmp_path / 'draw-000.png')] * 2)}"),
    )
    assert code == 0
    assert json.loads(out)[0] == {"sound": 4000, "table": 3, "file": 16, "images": 2}


def test_call_takes_a_folder_for_the_files_in_it(run, tmp_path):
    for name in ("talks/b.wav", "talks/old/a.wav", "talks/.hidden", "c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    paths = {"c.wav": tmp_path / "c.wav", "talks": tmp_path / "talks"}
    code, out, _ = run("call", "small", "collect", "--set", f"files={paths['talks']}")
    assert (code, json.loads(out)) == (0, ["b.wav", "old/a.wav"])
    both = json.dumps([str(path) for path in paths.values()])
    code, out, _ = run("call", "small", "collect", "--set", f"files={both}")
    assert (code, json.loads(out)) == (0, ["c.wav", "b.wav", "old/a.wav"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch", "add"], "no demo 'nosuch'; installed: "),
        (["small", "nosuch"], "small has no endpoint 'nosuch'; it has: draw, add"),
        (["small", "add"], "add needs a: a number"),
        (["small", "add", "--set", "a=x"], "a must be a number; got 'x'"),
        (["small", "add", "--set", "a=NaN"], "a must be a number"),
        (["small", "add", "--set", "c=1"], "add has no argument 'c'"),
        (["small", "add", "--set", "a"], "--set takes NAME=VALUE, such as count=4; got 'a'"),
        (["small", "add", "--set", "a=1", "--set", "a=2"], "--set a is given twice"),
        (["small", "invert", "--set", "image=no.png", "--out", "."], "there is no 'no.png'"),
        (
            ["small", "collect", "--set", "files=no"],
            "files must be the path of a file or a folder; there is no 'no'",
        ),
        (["small", "shout", "--set", "text=quiet"], "text must not be 'quiet'"),
        (["small", "draw", "--nosuch"], "No such option: --nosuch"),
        (["small"], "Missing argument 'endpoint'"),
    ],
)
def test_a_wrong_call_is_told_on_one_line_and_exits_with_2(run, arguments, message):
    code, out, err = run("call", *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert message in err


def test_a_fault_in_a_model_exits_with_1_and_hides_the_traceback(run):
    code, _, err = run("call", "small", "fail")
    assert code == 1
    assert "small.fail failed" in err
    assert err.count("\n") == 1 and "/a/path" not in err


def test_debugging_shows_the_traceback(run, monkeypatch):
    monkeypatch.setenv("LATENTHUB_DEBUG", "1")
    code, _, err = run("info", "nosuch")
    assert code == 2
    assert "Traceback (most recent call last)" in err
    installed = ", ".join(sorted(discover().demos))
    assert err.endswith(f"Error: no demo 'nosuch'; installed: {installed}\n")


def test_a_missing_checkpoint_is_told_with_what_to_do(run, checkpoints):
    (checkpoints / "small" / "model.safetensors").unlink()
    code, _, err = run("call", "small", "add", "--set", "a=1")
    assert code == 1
    assert "small has no model.safetensors; make it again with `latenthub train small" in err


def test_train_makes_a_checkpoint_of_the_settings(run, tmp_path):
    code, _, err = run("train", "small", "--out", str(tmp_path / "new"), "--set", "shade=51")
    assert code == 0, err
    assert json.loads((tmp_path / "new" / "config.json").read_text())["shade"] == 51


def test_train_lists_its_settings(run):
    code, out, _ = run("train", "small", "--settings", "--set", "shade=7")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [["shade", "7"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "nosuch=1"], "no setting 'nosuch'; known: shade"),
        (["--set", "shade=x"], "shade must be of type int; got 'x'"),
        (["--set", "shade=300"], "shade must be from 0 to 255, got 300"),
        ([], "--out is needed"),
    ],
)
def test_train_refuses_wrong_settings(run, arguments, message):
    code, _, err = run("train", "small", *arguments)
    assert code == 2
    assert message in err


def test_eval_prints_exactly_what_scripts_rely_on(run, checkpoints):
    code, out, _ = run("eval", "small", "--json")
    told = json.loads(out)
    digest = hashlib.sha256((checkpoints / "small" / "model.safetensors").read_bytes()).hexdigest()
    assert code == 0
    assert told.pop("seconds") >= 0
    assert told == {
        "demo": "small",
        "checkpoint_sha256": digest,
        "data": "no data",
        "metrics": {"error": {"value": 200 / 255, "unit": "", "higher_is_better": False}},
        "published": [{"system": "a coin", "metric": "error", "value": 0.5, "source": "one throw"}],
    }


def test_eval_measures_the_folder_it_is_given(run, tmp_path):
    run("train", "small", "--out", str(tmp_path / "new"), "--set", "shade=51")
    code, out, _ = run("eval", "small", "--checkpoint", str(tmp_path / "new"), "--quick")
    assert code == 0
    assert "error_quick" in out and "0.2" in out


def test_eval_shows_published_numbers_beside_ours(run):
    out = run("eval", "small")[1]
    assert "0.7843" in out
    assert "a coin" in out and "one throw" in out


def test_eval_checks_the_model_card(run, checkpoints):
    folder = checkpoints / "small"
    measured = Evaluation({"error": Metric(200 / 255, "", False, "one picture")}, "no data")
    write_card(folder, Card("Small", "A card."), measured)
    assert run("eval", "small", "--check")[0] == 0
    (folder / "config.json").write_text('{"demo": "small", "format": 1, "shade": 100}')
    code, _, err = run("eval", "small", "--check")
    assert code == 1
    assert "error: the model card says 0.7843, measured: 0.3922" in err


def test_bench_prints_both_and_the_ratio(run):
    code, out, _ = run("bench", "small", "--json")
    assert code == 0
    assert json.loads(out)[0]["ratio"] == 2
    assert "a stone" in run("bench", "small")[1]


def test_verify_tells_each_file(run, checkpoints):
    code, out, _ = run("verify", "small", "--update-lock", "--json")
    assert code == 0
    names = [file["name"] for file in json.loads(out)["demos"][0]["files"]]
    assert names == ["README.md", "config.json", "model.safetensors"]
    assert (checkpoints / "lock.toml").is_file()


def test_verify_fails_on_a_changed_file(run, checkpoints):
    run("verify", "small", "--update-lock")
    (checkpoints / "small" / "README.md").write_text("# another\n")
    code, out, _ = run("verify", "small")
    assert code == 1
    assert "differs" in out
    assert run("verify", "nosuch")[0] == 2


def test_doctor_finds_nothing_wrong_with_a_good_plugin(run, checkpoints):
    checks = {one["name"]: one for one in json.loads(run("doctor", "--json")[1])["checks"]}
    assert checks["plugin small"] == {
        "name": "plugin small",
        "state": "ok",
        "found": "latenthub-small 1.0",
    }
    assert checks["checkpoint small"]["state"] == "ok"
    assert checks["Python"]["state"] == checks["gradio"]["state"] == "ok"


def test_doctor_exits_with_1_for_a_missing_checkpoint(run, checkpoints):
    (checkpoints / "small" / "config.json").unlink()
    code, out, _ = run("doctor")
    assert code == 1
    assert "small has no config.json" in out


def test_doctor_notes_a_port_that_is_taken(run, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        out = run("doctor", "--port", str(port))[1]
    assert f"port {port}" in out and "a hub may be running" in out


def test_serve_answers_until_it_is_told_to_end(small, checkpoints, port):
    command = [sys.executable, "-m", "hub", "serve", "--only", "small", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(small)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == f"Latenthub is on http://127.0.0.1:{port}/\n"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/small", timeout=60) as page:
                assert "A small demo" in page.read().decode()
        finally:
            server.terminate()
        assert server.wait(60) == 0


def test_serve_says_on_one_line_that_a_port_is_taken(run, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        code, _, err = run("serve", "--only", "small", "--port", str(port))
    assert code == 2
    assert f"Error: port {port} is in use" in err


def test_serve_refuses_a_broken_plugin_if_it_is_strict(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "hub_small", None)
    monkeypatch.setenv("LATENTHUB_STRICT", "1")
    code, _, err = run("serve", "--only", "small")
    assert code == 1
    assert "plugin small (latenthub-small 1.0)" in err


def test_every_command_has_help_with_an_example(run):
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        code, out, _ = run(name, "--help")
        assert code == 0
        assert f"latenthub {name}" in out.partition("Usage:")[2].partition("\n")[2]


def test_without_a_command_help_is_shown(run):
    code, out, err = run()
    assert code == 2
    assert "serve" in out + err and "Error" not in err


def test_pairs_keep_what_follows_the_first_equals_sign():
    assert pairs(["a=1", "b=c=d", "e="]) == {"a": "1", "b": "c=d", "e": ""}
