"""`latenthub space`: the folder, what it installs and serves, and its upload over real HTTP."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import gradio
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from hub.checkpoints import WEIGHTS, Folders
from hub.demo import resolve
from hub.endpoints import endpoints_of
from hub.errors import CheckpointError, HubError, PluginError, SettingsError
from hub.files import file_sha256
from hub.lock import Locked, read_lock, write_entry
from hub.plugins import discover
from hub.space import Settings, make, upload

SMALL = Path(__file__).parent / "small"
REPO = "somebody/studio"


def make_space(folder, checkpoints, **settings):
    """Return what is made, of the small plugin and its checkpoint."""
    demos = [discover(only=["small"]).demos["small"]]
    return make(folder, Settings(REPO, **settings), demos, Folders.standard(checkpoints))


@pytest.fixture(scope="module")
def first_space(tmp_path_factory):
    """The folder of a Space with the small plugin, made once for all tests."""
    folder = tmp_path_factory.mktemp("made")
    environment = {**os.environ, "PYTHONPATH": str(SMALL)}
    for command in (
        ["train", "small", "--out", folder / "checkpoints" / "small"],
        ["space", REPO, "--only", "small", "--dry-run", folder / "space"]
        + ["--checkpoints", folder / "checkpoints"],
    ):
        run = [sys.executable, "-m", "hub", *map(str, command)]
        done = subprocess.run(run, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "checkpoints in it: small" in done.stdout and "app.py" in done.stdout
    return folder / "space"


@pytest.fixture
def space(first_space, tmp_path):
    """A copy of the folder of a Space with the small plugin."""
    return Path(shutil.copytree(first_space, tmp_path / "space"))


def front_of(folder):
    return yaml.safe_load((folder / "README.md").read_text("utf-8").split("---\n")[1])


def required(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    return {one.name: one for one in map(Requirement, lines)}


@contextmanager
def served(folder, port, python=sys.executable, **environment):
    """Serve a Space's folder as a Space does, with nothing but itself and what is installed."""
    quiet = {"PYTHONPATH", "LATENTHUB_CHECKPOINTS"}
    kept = {name: value for name, value in os.environ.items() if name not in quiet}
    log = folder.with_name(folder.name + ".log")
    with log.open("w") as out:
        process = subprocess.Popen(
            [python, "app.py"],
            cwd=folder,
            env={
                **kept,
                "GRADIO_SERVER_PORT": str(port),
                "SYSTEM": "spaces",
                "SPACE_ID": REPO,
                "SPACE_HOST": "somebody-studio.hf.space",
                **environment,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            for _ in range(600):
                assert process.poll() is None, log.read_text()
                if "Latenthub is on" in log.read_text():
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def page(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def called(url, name, **arguments):
    """Return what an endpoint answers over the API."""
    request = urllib.request.Request(
        f"{url}gradio_api/call/v2/{name}", json.dumps(arguments).encode(), method="POST"
    )
    number = json.loads(urllib.request.urlopen(request, timeout=30).read())["event_id"]
    told = page(f"{url}gradio_api/call/v2/{name}/{number}")
    assert told.startswith("event: complete"), told
    return json.loads(told.split("data: ", 1)[1])


# The folder.


def test_the_front_matter_configures_the_space(space):
    front = front_of(space)
    assert front["sdk"] == "gradio" and front["sdk_version"] == gradio.__version__
    assert front["python_version"] == "{}.{}".format(*sys.version_info)
    assert (space / front["app_file"]).is_file()
    assert front["title"] == "A small demo" and front["license"] == "apache-2.0"
    assert front["suggested_hardware"] == "cpu-basic"
    assert {"latenthub", "tests"} <= set(front["tags"])
    assert len(front["short_description"]) <= 60  # the Hub's limit
    assert "preload_from_hub" not in front and "models" not in front
    assert "https://somebody-studio.hf.space/small" in (space / "README.md").read_text("utf-8")


def test_requirements_name_versions_and_nothing_of_ours(space):
    needed = required(space)
    assert "psutil" in needed and "pytest" not in needed  # the plugin asks for latenthub[bench]
    assert {"gradio", "huggingface-hub", "numpy", "spaces", "typer"} <= set(needed)
    assert not [name for name in needed if name.startswith("latenthub")]
    assert all(str(one.specifier).startswith("==") for one in needed.values())
    assert "+" not in (space / "requirements.txt").read_text()  # a build of this machine's
    assert not [one for one in needed.values() if one.url or one.marker]


def test_the_folder_has_the_packages_as_they_are_installed(space):
    assert (space / "hub" / "site" / "assets" / "hub.js").is_file()
    assert (space / "hub_small" / "service.py").is_file()
    [metadata] = space.glob("latenthub_small-*.dist-info")
    assert "small = hub_small" in (metadata / "entry_points.txt").read_text()
    assert not (space / "hub" / "_checkpoints").exists()
    files = [path.name for path in space.rglob("*")]
    assert not {"__pycache__", "RECORD", "direct_url.json"} & set(files)


def test_a_checkpoint_goes_along_with_its_hashes(space):
    files = read_lock(space / "checkpoints/lock.toml")["small"].files
    assert set(files) == {"config.json", WEIGHTS}
    assert files[WEIGHTS] == file_sha256(space / "checkpoints/small" / WEIGHTS)
    Folders.standard(space / "checkpoints").find("small")


def test_a_zerogpu_space_has_what_that_runs(small, checkpoints, tmp_path):
    make_space(tmp_path / "space", checkpoints, hardware="zero-a10g")
    front, needed = front_of(tmp_path / "space"), required(tmp_path / "space")
    assert front["python_version"] == "3.12" and front["suggested_hardware"] == "zero-a10g"
    if "torch" in needed:
        [pin] = needed["torch"].specifier
        assert Version(pin.version) <= Version("2.11.0")


def test_a_plugin_on_zerogpu_has_a_torch_that_it_runs(tmp_path):
    demos = discover().demos
    needing = [demo for demo in demos.values() if "torch" in str(needs_of(demo))]
    if not needing:
        pytest.skip("no plugin that needs torch is installed")
    make(tmp_path / "s", Settings(REPO, "zero-a10g"), needing[:1], Folders.standard())
    [pin] = required(tmp_path / "s")["torch"].specifier
    assert Version(pin.version) <= Version("2.11.0")


def needs_of(demo):
    from hub.space import distribution_of

    return distribution_of(demo).requires


@pytest.fixture
def mirror(checkpoints, tmp_path, monkeypatch):
    """Install a plugin of somebody else's for one test, with a checkpoint; return its metadata."""
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    source = Path(__file__).parent / "third_party" / "acme_mirror"
    done = subprocess.run([*install, "--target", site, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.copytree(checkpoints / "small", checkpoints / "mirror")
    (checkpoints / "mirror" / "config.json").write_text('{"demo": "mirror", "format": 1}')
    monkeypatch.syspath_prepend(site)
    yield next(site.glob("*.dist-info"))
    sys.modules.pop("acme_mirror", None)


def make_mirror(folder, checkpoints):
    demos = [discover(only=["mirror"]).demos["mirror"]]
    return make(folder, Settings(REPO), demos, Folders.standard(checkpoints))


def test_a_plugin_that_was_installed_from_a_folder_goes_along(mirror, checkpoints, tmp_path):
    make_mirror(tmp_path / "space", checkpoints)
    assert (tmp_path / "space/acme_mirror/__init__.py").is_file()
    metadata = tmp_path / "space" / mirror.name
    assert (metadata / "METADATA").is_file() and not (metadata / "direct_url.json").exists()
    assert "acme-mirror" not in required(tmp_path / "space")


def test_a_plugin_from_an_index_goes_along_where_the_hub_is_on_none(mirror, checkpoints, tmp_path):
    (mirror / "direct_url.json").unlink()  # what pip writes for what is not from an index
    make_mirror(tmp_path / "space", checkpoints)
    assert (tmp_path / "space/acme_mirror/__init__.py").is_file()
    assert "acme-mirror" not in required(tmp_path / "space")


def test_what_an_index_has_is_named(mirror, checkpoints, tmp_path):
    (mirror / "direct_url.json").unlink()
    about = (mirror / "METADATA").read_text()
    (mirror / "METADATA").write_text(about.replace("Requires-Dist: latenthub", "X: latenthub"))
    made = make_mirror(tmp_path / "space", checkpoints)
    assert not (tmp_path / "space/acme_mirror").exists()
    assert str(required(tmp_path / "space")["acme-mirror"]) == "acme-mirror==1.0"
    assert "acme-mirror 1.0" in made.packages


# Checkpoints from the Hub.


def pin(checkpoints, server):
    """Put the small plugin's checkpoint onto the fixture's Hub, and its pin into the lock."""
    repo = server.create("somebody/small")
    files = {path.name: path.read_bytes() for path in (checkpoints / "small").iterdir()}
    sha = repo.commit(files)
    hashes = {path.name: file_sha256(path) for path in (checkpoints / "small").iterdir()}
    entry = Locked(hashes, "somebody/small", sha, sum(map(len, files.values())))
    write_entry(checkpoints / "lock.toml", "small", entry)
    return entry


def test_a_pinned_checkpoint_is_preloaded_where_that_is_asked(
    small, checkpoints, tmp_path, hub_server
):
    entry = pin(checkpoints, hub_server)
    made = make_space(tmp_path / "with", checkpoints)
    assert list(made.bundled) == ["small"]
    assert front_of(tmp_path / "with")["models"] == ["somebody/small"]
    folder = tmp_path / "without"
    make_space(folder, checkpoints, preload=True)
    front = front_of(folder)
    assert front["preload_from_hub"] == [
        f"somebody/small README.md,config.json,model.safetensors {entry.revision}"
    ]
    assert front["models"] == ["somebody/small"]
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["lock.toml"]


def test_a_preloaded_checkpoint_is_found_in_the_cache(small, checkpoints, tmp_path, hub_server):
    from huggingface_hub import hf_hub_download

    pin(checkpoints, hub_server)
    shutil.rmtree(checkpoints / "small")  # it is only on the Hub
    folder = tmp_path / "space"
    make_space(folder, checkpoints)
    [line] = front_of(folder)["preload_from_hub"]
    folders = Folders.standard(folder / "checkpoints")
    with pytest.raises(CheckpointError, match="is not in the Hugging Face cache yet"):
        folders.find("small")
    repo_id, names, revision = line.split()  # what the build does with it
    for name in names.split(","):
        hf_hub_download(repo_id, name, revision=revision)
    assert (folders.find("small") / WEIGHTS).is_file()


# What is refused.


def test_a_demo_without_checkpoint_is_refused(small, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(CheckpointError, match="small"):
        make_space(tmp_path / "space", tmp_path / "none")


def test_a_folder_that_is_in_use_is_refused(small, space, checkpoints):
    with pytest.raises(SettingsError, match="is not empty; name a new folder"):
        make_space(space, checkpoints)


def test_wrong_settings_are_told():
    with pytest.raises(SettingsError, match="a repository on the Hub is named OWNER/NAME"):
        Settings("studio")
    with pytest.raises(SettingsError, match="--hardware must be one of cpu-basic, .*got 'gpu'"):
        Settings(REPO, hardware="gpu")


def test_a_package_that_cannot_be_built_is_told(small, checkpoints, tmp_path, monkeypatch):
    metadata = next(small.glob("*.dist-info"))
    project = tmp_path / "project"
    shutil.copytree(small, project)
    (project / "pyproject.toml").write_text("[build-system]\nrequires = ['hatchling']\nno = ")
    about = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (project / metadata.name / "direct_url.json").write_text(json.dumps(about))
    monkeypatch.syspath_prepend(project)
    with pytest.raises(PluginError, match="the wheel of latenthub-small cannot be built: "):
        make_space(tmp_path / "space", checkpoints)


# Serving it.


def test_the_folder_serves(space, port):
    with served(space, port) as url:
        assert "A small demo" in page(url)
        assert "<gradio-app" in page(url + "small")
        assert called(url, "small_shout", text="hello") == ["HELLO"]
        # what the proxy of Spaces says of the address that a visitor asked for
        host = "somebody-studio.hf.space"
        told = {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "https"}
        assert f'"root":"https://{host}"' in page(url + "small", **told)


def test_a_space_that_lost_its_checkpoint_says_so(space, port):
    (space / "checkpoints/small" / WEIGHTS).unlink()
    with served(space, port) as url:
        assert "No checkpoint" in page(url)
        assert "has no model.safetensors" in page(url + "small")


def test_a_space_listens_where_its_platform_says(monkeypatch):
    from hub import launch

    for name in ("LATENTHUB_HOST", "LATENTHUB_PORT", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SPACE_ID", "PORT"):
        monkeypatch.delenv(name, raising=False)
    assert (launch.host(), launch.port()) == ("127.0.0.1", "7860")
    monkeypatch.setenv("SPACE_ID", REPO)
    assert (launch.host(), launch.port()) == ("0.0.0.0", "7860")
    monkeypatch.setenv("PORT", "8001")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "127.0.0.2")
    assert (launch.host(), launch.port()) == ("127.0.0.2", "8001")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "8002")
    assert launch.port() == "8002"
    monkeypatch.setenv("LATENTHUB_HOST", "127.0.0.3")
    monkeypatch.setenv("LATENTHUB_PORT", "8003")
    assert (launch.host(), launch.port()) == ("127.0.0.3", "8003")


def test_on_a_space_its_proxy_and_its_page_are_trusted(monkeypatch):
    from hub.site.guard import Policy

    for name in ("LATENTHUB_FRAMES", "LATENTHUB_TRUSTED_PROXIES", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    assert Policy.read("0.0.0.0").proxies == "127.0.0.1,::1"
    monkeypatch.setenv("SPACE_ID", REPO)
    policy = Policy.read("0.0.0.0")
    assert policy.proxies == "*" and policy.hosts == ("*",)
    assert policy.frames == "'self' https://huggingface.co https://*.hf.space"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_folder_is_all_that_a_clean_machine_needs(tmp_path, port):
    """As a Space's build does it: what `requirements.txt` names, and nothing else."""
    demos = discover().demos
    chosen = [name for name in demos if not name.startswith("small")][:1]
    if not chosen:
        pytest.skip("no plugin is installed")
    folder, environment = tmp_path / "space", tmp_path / "environment"
    made = make(folder, Settings(REPO), [demos[name] for name in chosen], Folders.standard())
    assert list(made.bundled) == chosen
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    where = "import hub, sys; print(hub.__file__); print(sys.path)"
    told = subprocess.run(
        [python, "-c", where], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith(str(folder)) and str(Path(__file__).parents[1]) not in told
    demo = demos[chosen[0]]
    with served(folder, port, python) as url:
        assert demo.title in page(url)
        assert "<gradio-app" in page(url + demo.name)
        described = json.loads(page(url + "gradio_api/openapi.json"))
        names = [path.rsplit("/", 1)[1] for path in described["paths"]]
        ready = {
            f"{demo.prefix}_{name}": one.examples[0] if one.examples else {}
            for name, one in endpoints_of(resolve(demo.service)).items()
            if not any(parameter.required for parameter in one.parameters)
        }
        name, given = next(iter(ready.items()))
        assert name in names and called(url, name, **given)


# The upload.


@pytest.fixture
def signed_in(hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    return hub_server


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_space_is_uploaded_in_one_commit(space, signed_in):
    address = upload(space, Settings(REPO))
    repo = signed_in.repos[f"spaces/{REPO}"]
    assert address == f"{signed_in.url}/spaces/{REPO}"
    assert repo.sdk == "gradio" and not repo.private
    assert {name: repo.files[name] for name in contents(space)} == contents(space)
    assert len(repo.messages) == 2 and "by latenthub" in repo.messages[1]


def test_another_upload_leaves_nothing_of_the_old_hub(space, signed_in):
    repo = signed_in.create(REPO, kind="space", sdk="gradio")
    old = ("hub/old.py", "hub_gone/page.py", "hub_small/old.py", "latenthub-0.0.dist-info/METADATA")
    repo.commit({**dict.fromkeys(old, b""), "notes.txt": b"mine"})
    upload(space, Settings(REPO))
    files = set(repo.files)
    assert files == {*contents(space), "notes.txt", ".gitattributes"}


def test_a_private_space_stays_private(space, signed_in):
    upload(space, Settings(REPO, private=True))
    assert signed_in.repos[f"spaces/{REPO}"].private
    signed_in.create("somebody/open", kind="space", sdk="gradio")
    with pytest.raises(HubError, match="somebody/open is public; make it private"):
        upload(space, Settings("somebody/open", private=True))


def test_a_space_is_given_its_hardware(space, signed_in):
    upload(space, Settings(REPO, hardware="zero-a10g"))
    assert signed_in.repos[f"spaces/{REPO}"].hardware == "zero-a10g"


def test_hardware_that_is_refused_is_told(space, signed_in):
    signed_in.faults.statuses["/hardware$"] = 403
    with pytest.raises(HubError, match="is uploaded, but the Hub refuses it t4-small") as told:
        upload(space, Settings(REPO, hardware="t4-small"))
    assert str(told.value).endswith(f"/spaces/{REPO}/settings")
    assert set(contents(space)) <= set(signed_in.repos[f"spaces/{REPO}"].files)


def test_without_a_token_the_upload_says_how_to_log_in(space, hub_server):
    with pytest.raises(HubError, match="log in with `hf auth login`, or name a token in HF_TOKEN"):
        upload(space, Settings(REPO))


def test_a_token_that_may_only_read_is_told(space, hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.reader)
    with pytest.raises(HubError, match=f"the token may not write to {REPO}"):
        upload(space, Settings(REPO))


def test_a_hub_that_cannot_be_reached_is_told(space, signed_in):
    signed_in.close()
    with pytest.raises(HubError, match="cannot be reached"):
        upload(space, Settings(REPO))


def test_the_command_makes_and_uploads(small, checkpoints, signed_in, tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "hub", "space", *arguments],
            env={**os.environ, "PYTHONPATH": str(small)},
            capture_output=True,
            text=True,
            timeout=100,
        )

    done = run(REPO, "--only", "small", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["space"] == f"{signed_in.url}/spaces/{REPO}" and told["bundled"] == ["small"]
    assert "app.py" in signed_in.repos[f"spaces/{REPO}"].files
    done = run(REPO, "--only", "smal", "--dry-run", str(tmp_path / "space"))
    assert done.returncode == 2 and "no demo 'smal'" in done.stderr
