"""The fixture Hub answers the real client as the Hub does."""

import io
import os

import httpx
import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

FILES = {"config.json": b"{}", "model.safetensors": os.urandom(300_000), "README.md": b"# A\n"}


@pytest.fixture
def api(hub_server):
    return HfApi(endpoint=hub_server.url, token=hub_server.token)


@pytest.mark.filterwarnings("ignore:Use 'content=")  # the client's own, when it sends through LFS
@pytest.mark.parametrize("xet", [True, False])
@pytest.mark.parametrize("lfs", [True, False])
def test_a_folder_goes_up_and_comes_down(api, hub_server, tmp_path, monkeypatch, xet, lfs):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    hub_server.lfs = lfs
    folder = tmp_path / "up"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    api.create_repo("somebody/waves")
    sha = api.upload_folder(repo_id="somebody/waves", folder_path=folder).oid
    repo = hub_server.repos["somebody/waves"]
    assert repo.head == sha and {n: repo.files[n] for n in FILES} == FILES
    assert bool(hub_server.asked("PUT", "/lfs-upload/")) == (lfs and not xet)
    assert bool(hub_server.asked("POST", "/xet/v1/xorbs/")) == (lfs and xet)
    down = snapshot_download("somebody/waves", revision=sha, endpoint=hub_server.url)
    for name, content in FILES.items():
        with open(f"{down}/{name}", "rb") as file:
            assert file.read() == content


def test_a_space_is_created_once_and_filled(api, hub_server):
    for _ in range(2):
        api.create_repo("somebody/show", repo_type="space", space_sdk="gradio", exist_ok=True)
    api.upload_file(
        path_or_fileobj=io.BytesIO(b"print()"),
        path_in_repo="app.py",
        repo_id="somebody/show",
        repo_type="space",
    )
    space = hub_server.repos["spaces/somebody/show"]
    assert space.sdk == "gradio" and space.files["app.py"] == b"print()"
    assert api.space_info("somebody/show").sdk == "gradio"


def test_what_is_not_there_is_told_apart(api, hub_server):
    hub_server.create("somebody/waves")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("somebody/trees")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("somebody/waves", revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("somebody/waves", "config.json", endpoint=hub_server.url)


def test_private_and_gated_repositories_need_a_token(hub_server):
    hub_server.create("somebody/secret", private=True)
    hub_server.create("somebody/gate").gated = True
    hub_server.repos["somebody/gate"].commit(FILES)
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub_server.url).model_info("somebody/secret")
    HfApi(endpoint=hub_server.url, token=hub_server.reader).model_info("somebody/secret")
    with pytest.raises(GatedRepoError):
        hf_hub_download(
            "somebody/gate", "config.json", endpoint=hub_server.url, token=hub_server.reader
        )
    with pytest.raises(HfHubHTTPError) as refused:
        HfApi(endpoint=hub_server.url, token=hub_server.reader).create_repo("somebody/more")
    assert refused.value.response.status_code == 403


def test_a_part_of_a_file_can_be_asked_for_and_the_connection_cut(hub_server):
    hub_server.create("somebody/waves").commit(FILES)
    address = f"{hub_server.url}/somebody/waves/resolve/main/model.safetensors"
    part = httpx.get(address, headers={"Range": "bytes=10000-"})
    assert part.status_code == 206 and part.content == FILES["model.safetensors"][10000:]
    assert hub_server.asked("GET", "model.safetensors")[-1].range == "bytes=10000-"
    hub_server.faults.cut_after = 5000
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(address)
    hub_server.faults.cut_after = None
    hub_server.faults.statuses[r"GET .*\.safetensors"] = 503
    assert httpx.get(address).status_code == 503
