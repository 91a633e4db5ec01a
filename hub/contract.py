"""The tests that every plugin must pass, as a pytest plugin.

    pytest --latenthub-demo DEMO    your own tests, and the contract for your demo
    pytest --pyargs hub.contract    the contract for every installed demo

What needs a checkpoint or a data set is skipped, with the reason, where there is none. pytest finds
this module by its entry point; it does nothing until one of the two asks for it.
"""

from __future__ import annotations

import functools
import io
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from hub.demo import Demo, resolve
from hub.endpoints import Endpoint, endpoints_of
from hub.errors import CheckpointError, DataError, HubError, InputError
from hub.kinds import Boolean, Choice, Integer, Kind, ListOf, Maybe, Number, Text
from hub.plugins import Discovered, discover

FRAMEWORKS = ("torch", "gradio", "numpy")  # importing one costs 0.1 s to several
THUMBNAIL = (320, 240)  # pixels at least; the gallery shows it twice as small on a sharp screen
MAX_THUMBNAIL = 400_000  # bytes


# pytest's side.


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("latenthub")
    group.addoption(
        "--latenthub-demo",
        metavar="DEMO",
        action="append",
        default=[],
        help="also run the hub's contract tests for this installed demo; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    config.addinivalue_line(
        "markers", "timeout(seconds): for pytest-timeout, where it is installed"
    )
    if config.getoption("latenthub_demo") and __file__ not in config.args:
        config.args.append(__file__)


@pytest.hookimpl(specname="pytest_generate_tests")
def pytest_run_for_every_demo(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__ != __name__ or "demo" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("latenthub_demo")
    found = installed(tuple(chosen))
    metafunc.parametrize("demo", found.demos.values(), ids=list(found.demos))


@functools.cache
def installed(only: tuple[str, ...] = ()) -> Discovered:
    return discover(only=only, strict=bool(only))


@pytest.fixture(scope="session")
def contract_hub() -> Iterator[Any]:
    """The hub as it would be served here, its models loaded as they are called."""
    from hub.app import Hub

    with Hub.open() as hub:
        yield hub


# What a demo says of itself.


def test_a_demo_describes_itself(demo: Demo) -> None:
    assert demo.title.strip() and demo.title == demo.title.strip()
    assert demo.summary.endswith("."), "a summary is a sentence"
    assert "\n" not in demo.summary and len(demo.summary) <= 160, "a summary fits its card"
    assert all(tag == tag.lower() for tag in demo.tags), "tags are in lower case"
    assert len(set(demo.tags)) == len(demo.tags), "a tag comes once"


def test_papers_and_published_numbers_have_sources(demo: Demo) -> None:
    for paper in demo.papers:
        assert paper.title.strip() and paper.id.strip()
    for row in demo.published:
        assert row.system.strip() and row.source.strip(), f"{row} needs a source"
        assert math.isfinite(row.value)
    rows = [(row.system, row.metric) for row in demo.published]
    assert len(set(rows)) == len(rows), "a system has one number a metric"


def test_listing_stays_light(demo: Demo) -> None:
    script = f"from hub.plugins import discover; assert {demo.name!r} in discover().demos"
    assert frameworks_after(script) == [], "importing the plugin's package imports a framework"


def test_the_service_is_described_without_torch_or_gradio(demo: Demo) -> None:
    script = "from hub.demo import resolve; from hub.endpoints import endpoints_of; "
    script += f"assert endpoints_of(resolve({demo.service!r}))"
    heavy = [name for name in frameworks_after(script) if name != "numpy"]
    assert heavy == [], "import torch in the service's __init__: the site reads its endpoints first"


def test_every_part_can_be_imported(demo: Demo) -> None:
    for field in ("service", "page", "train", "evaluate", "benchmark"):
        reference = getattr(demo, field)
        assert reference is None or callable(resolve(reference)), field


def test_endpoints_are_documented(demo: Demo) -> None:
    endpoints = endpoints_of(resolve(demo.service))
    assert endpoints, "a service has at least one @endpoint"
    for one in endpoints.values():
        assert one.summary.endswith("."), f"{one.name}: the docstring opens with a sentence"
        for parameter in one.parameters:
            assert parameter.name in one.doc, f"{one.name}: the docstring tells of {parameter.name}"


def test_endpoints_refuse_what_is_not_theirs(demo: Demo) -> None:
    for one in endpoints_of(resolve(demo.service)).values():
        with pytest.raises(InputError, match="has no argument 'not_an_argument'"):
            one.check({"not_an_argument": 1})
        for parameter in one.parameters:
            with pytest.raises(InputError, match=f"^{parameter.name} must be "):
                parameter.kind.check(parameter.name, object())


def test_defaults_are_what_their_kinds_allow(demo: Demo) -> None:
    for one in endpoints_of(resolve(demo.service)).values():
        for parameter in one.parameters:
            if not parameter.required and parameter.default is not None:
                parameter.kind.check(parameter.name, parameter.default)


def test_a_thumbnail_is_there(demo: Demo) -> None:
    from PIL import Image

    picture = resources.files(demo.service.split(".")[0]) / "thumbnail.png"
    assert picture.is_file(), f"{picture.name} beside the package's __init__.py shows the demo"
    content = picture.read_bytes()
    assert len(content) <= MAX_THUMBNAIL
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.width >= THUMBNAIL[0] and image.height >= THUMBNAIL[1]


# What it does.


def test_a_page_opens_before_its_checkpoint_is_there(demo: Demo, tmp_path: Path) -> None:
    import gradio as gr

    with hub_without_checkpoints(demo, tmp_path) as hub:
        assert isinstance(resolve(demo.page)(hub.service(demo.name)), gr.Blocks)


def test_a_missing_checkpoint_is_told(demo: Demo, tmp_path: Path) -> None:
    with hub_without_checkpoints(demo, tmp_path) as hub:
        for one in hub.endpoints(demo.name).values():
            if not any(parameter.required for parameter in one.parameters):
                with pytest.raises(CheckpointError, match="there is no checkpoint|train"):
                    hub.call(demo.name, one.name, {})


@pytest.mark.slow
def test_every_endpoint_answers(demo: Demo, contract_hub: Any) -> None:
    """With its defaults, and an example for what has none, where one can be made."""
    needs_checkpoint(demo, contract_hub)
    for one in contract_hub.endpoints(demo.name).values():
        arguments = example(one)
        if arguments is None:
            continue
        try:
            result = contract_hub.call(demo.name, one.name, arguments)
        except InputError:
            # Only what was made up here may be refused: a picture of nothing the demo knows.
            assert arguments, f"{one.name} refuses its own defaults"
            continue
        told = one.encode(result, lambda content, suffix: f"{len(content)}{suffix}")
        json.dumps(told, allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["deleted", "truncated", "one bit", "another demo's"])
def test_a_damaged_checkpoint_is_told_until_it_is_mended(
    demo: Demo, contract_hub: Any, tmp_path: Path, damage: str
) -> None:
    from hub.app import Hub
    from hub.checkpoints import CONFIG, WEIGHTS, update_lock

    sound = needs_checkpoint(demo, contract_hub)
    folder = tmp_path / demo.name
    shutil.copytree(sound, folder)
    update_lock(tmp_path, demo.name)
    damaged = folder / (CONFIG if damage == "another demo's" else WEIGHTS)
    damaged.unlink()
    if damage != "deleted":
        damaged.write_bytes(DAMAGES[damage]((sound / damaged.name).read_bytes()))
    with Hub.open(only=[demo.name], checkpoint_folder=tmp_path) as hub:
        ready = [
            one
            for one in hub.endpoints(demo.name).values()
            if not any(parameter.required for parameter in one.parameters)
        ]
        for one in ready[:1]:
            with pytest.raises(CheckpointError) as told:
                hub.call(demo.name, one.name, {})
            assert f"/{demo.name}" in str(told.value) and str(tmp_path) not in str(told.value)
            shutil.copy(sound / damaged.name, damaged)
            hub.call(demo.name, one.name, {})


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "another demo's": lambda content: json.dumps(
        {**json.loads(content), "demo": "another"}
    ).encode(),
}


def test_a_link_holds_a_state_the_page_restores(demo: Demo, tmp_path: Path) -> None:
    from hub.site.links import read, shared, written

    with hub_without_checkpoints(demo, tmp_path) as hub:
        for group in shared(resolve(demo.page)(hub.service(demo.name))):
            state = {
                key: component.value
                for key, component in group.components.items()
                if component.value is not None
            }
            query = {key: written(value) for key, value in state.items()}
            values, problems = read(group, query)
            assert problems == []
            assert {key: written(value) for key, value in values.items()} == query


# What its model card says.


def test_the_headline_is_in_the_model_card(demo: Demo, contract_hub: Any) -> None:
    from hub.evaluation import read_card_metrics

    folder = needs_checkpoint(demo, contract_hub)
    if demo.headline is None:
        pytest.skip(f"{demo.name} has no headline")
    metrics = read_card_metrics(folder)
    assert demo.headline in metrics
    for row in demo.published:
        assert row.metric in metrics, f"{row.system} is compared with what was not measured"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_model_card_tells_what_a_quick_evaluation_finds(demo: Demo, contract_hub: Any) -> None:
    from hub.evaluation import differences

    folder = needs_checkpoint(demo, contract_hub)
    if demo.evaluate is None:
        pytest.skip(f"{demo.name} brings no evaluation")
    try:
        evaluation = resolve(demo.evaluate)(folder, device=contract_hub.executor.device, quick=True)
    except DataError as error:
        pytest.skip(str(error))
    assert differences(folder, evaluation) == []


# What the tests share.


def frameworks_after(script: str) -> list[str]:
    """Return which frameworks a fresh interpreter has imported after `script`."""
    script += f"; import sys; print([name for name in {FRAMEWORKS!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = eval(done.stdout)
    return found


def hub_without_checkpoints(demo: Demo, folder: Path) -> Any:
    """Return a hub of one demo that looks for checkpoints in an empty folder."""
    from hub.app import Hub
    from hub.checkpoints import Folders, Root
    from hub.executors.local import LocalExecutor

    folders = Folders(Root(folder, bundled=False))
    return Hub(discover(only=[demo.name]), folders, LocalExecutor)


def needs_checkpoint(demo: Demo, hub: Any) -> Path:
    """Return the demo's checkpoint; skip the test, with the reason, where it cannot be used."""
    try:
        folder: Path = hub.checkpoint(demo.name)
        return folder
    except HubError as error:
        pytest.skip(str(error))


def example(endpoint: Endpoint) -> dict[str, Any] | None:
    """Return a value for each argument without a default; None where one cannot be made up."""
    found = {}
    for parameter in endpoint.parameters:
        if parameter.required:
            value = example_of(parameter.kind)
            if value is None:
                return None
            found[parameter.name] = value
    return found


def example_of(kind: Kind) -> Any:
    """Return a value that `kind` allows; None where one cannot be made up."""
    import numpy as np

    from hub.media import Image, Sound

    if isinstance(kind, Maybe):
        return example_of(kind.kind)
    if isinstance(kind, ListOf):
        item = example_of(kind.kind)
        return None if item is None else [item] * max(1, kind.low)
    if isinstance(kind, (Integer, Number)):
        return min(max(0, kind.low), kind.high)
    if isinstance(kind, Text):
        return ("The quick brown fox jumps over the lazy dog. " * (1 + kind.low // 45))[: kind.high]
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Choice):
        return kind.values[0]
    if isinstance(kind, Image):
        picture = np.zeros((64, 64), np.uint8)
        picture[8:56, 29:35] = 255  # an upright stroke
        return picture
    if isinstance(kind, Sound):
        return np.sin(np.arange(kind.rate) * 440 * 2 * np.pi / kind.rate).astype(np.float32)
    return None
