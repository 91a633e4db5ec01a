"""The tests that every plugin must pass, as a pytest plugin.

    pytest --latenthub-demo DEMO    your own tests, and the contract for your demo
    pytest --pyargs hub.contract    the contract for every installed demo

What needs a checkpoint or a data set is skipped, with the reason, where there is none. Nothing but
latenthub and pytest is needed. pytest finds this module by its entry point; it does nothing until
one of the two asks for it, but for a fixture of recipes' own tests, `survives_a_kill`.
"""

from __future__ import annotations

import functools
import html
import importlib.metadata
import io
import json
import math
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from hub.demo import Demo, resolve
from hub.endpoints import Endpoint, endpoints_of
from hub.errors import (
    CallTimeoutError,
    CheckpointError,
    DataError,
    HubError,
    InputError,
    SettingsError,
)
from hub.executors.registry import KINDS
from hub.plugins import GROUP, Discovered, discover
from hub.samples import limits, plain_call, wrong

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
    if "executor" in metafunc.fixturenames:
        metafunc.parametrize("executor", list(KINDS))


@functools.cache
def installed(only: tuple[str, ...] = ()) -> Discovered:
    return discover(only=only, strict=bool(only))


@pytest.fixture(scope="session")
def contract_hub(contract_state: None) -> Iterator[Any]:
    """The hub as it would be served here, its models loaded as they are called."""
    from hub.app import Hub

    with Hub.open() as hub:
        yield hub


@pytest.fixture(scope="session")
def contract_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for what these tests bring to a demo, that the user's own stays as it is."""
    from hub.settings import STATE

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE.name, str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def contract_site(contract_hub: Any) -> Iterator[Any]:
    """That hub, served on a free port of this machine."""
    from hub.site.server import start

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with start(contract_hub, port=port) as running:
        yield running


# For a plugin's own tests.


class Killed(BaseException):
    """Ends a training within a step."""


@pytest.fixture
def survives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what asserts that a training by hub.training.Run survives being killed.

        def test_a_killed_run_goes_on_as_if_it_had_not_been(survives_a_kill):
            survives_a_kill(lambda folder: weights(train(folder)), step=3)

    It is trained three times: to its end; in another folder, until it is killed within a step; and
    there again, to an end that must be bit for bit the same.
    """

    def check(train: Callable[[Path], Any], step: int, run: str | None = None) -> None:
        """Check `train`, which trains in a folder and returns a tensor, or tensors by name.

        Args:
            step: in which to kill it, once it has the loss; the first is 0.
            run: the name of the run to kill; None: the first that comes to that step.
        """
        from torch.testing import assert_close

        from hub.training import Run

        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        optimize, taken = Run.optimize, []

        def dying(self: Run, *args: Any, **options: Any) -> float:
            if self.step == step and run in (None, self.name):
                raise Killed
            return optimize(self, *args, **options)

        def telling(self: Run, *args: Any, **options: Any) -> float:
            taken.append(self.step)
            return optimize(self, *args, **options)

        whole = train(folder / "whole")
        with monkeypatch.context() as patch:
            patch.setattr(Run, "every", -1)  # a snapshot after every step
            patch.setattr(Run, "optimize", dying)
            with pytest.raises(Killed):
                train(folder / "killed")
            patch.setattr(Run, "optimize", telling)
            assert_close(train(folder / "killed"), whole, rtol=0, atol=0)
        assert taken[:1] == [step], "the run did not go on from its snapshot"

    return check


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
    script = f"from hub.plugins import discover; assert discover(only=[{demo.name!r}]).demos"
    assert frameworks_after(script) == [], "importing the plugin's package imports a framework"


def test_the_service_is_described_without_torch_or_gradio(demo: Demo) -> None:
    script = "from hub.demo import resolve; from hub.endpoints import endpoints_of; "
    script += f"assert endpoints_of(resolve({demo.service!r}))"
    heavy = [name for name in frameworks_after(script) if name != "numpy"]
    assert heavy == [], "import torch in the service's __init__: the site reads its endpoints first"


def test_every_part_can_be_imported(demo: Demo) -> None:
    from hub.evaluation import Card, card_of

    for field in ("service", "page", "train", "evaluate", "benchmark"):
        reference = getattr(demo, field)
        assert reference is None or callable(resolve(reference)), field
    assert isinstance(card_of(demo), Card)


def test_endpoints_are_documented(demo: Demo) -> None:
    endpoints = endpoints_of(resolve(demo.service))
    assert endpoints, "a service has at least one @endpoint"
    for one in endpoints.values():
        assert one.summary.endswith("."), f"{one.name}: the docstring opens with a sentence"
        for parameter in one.parameters:
            assert parameter.name in one.doc, f"{one.name}: the docstring tells of {parameter.name}"


def test_endpoints_have_examples(demo: Demo) -> None:
    for one in endpoints_of(resolve(demo.service)).values():
        for example in one.examples:
            one.check(example)
        assert one.examples or plain_call(one) is not None, (
            f"{one.name}: no value can be made up for its arguments; give some, "
            "as in @endpoint(examples=[{...}])"
        )


def test_endpoints_refuse_what_is_not_theirs(demo: Demo, tmp_path: Path) -> None:
    """With a message that names the argument; the model need not be there for that."""
    with hub_without_checkpoints(demo, tmp_path) as hub:
        for one in hub.endpoints(demo.name).values():
            with pytest.raises(InputError, match="has no argument 'not_an_argument'"):
                hub.call(demo.name, one.name, {"not_an_argument": 1})
            usual = {p.name: p.default for p in one.parameters if not p.required}
            usual |= first_call(one)
            for parameter in one.parameters:
                for value in wrong(parameter.kind):
                    with pytest.raises(InputError) as told:
                        hub.call(demo.name, one.name, {**usual, parameter.name: value})
                    message = str(told.value)
                    assert message.startswith(parameter.name) and " must be " in message
                    assert "\n" not in message and str(tmp_path) not in message
                    assert (told.value.argument or "").startswith(parameter.name)


def test_defaults_are_what_their_kinds_allow(demo: Demo) -> None:
    for one in endpoints_of(resolve(demo.service)).values():
        for parameter in one.parameters:
            if not parameter.required and parameter.default is not None:
                parameter.kind.check(parameter.name, parameter.default)


def test_a_thumbnail_is_there(demo: Demo) -> None:
    from PIL import Image

    picture = resources.files(re.split("[.:]", demo.service)[0]) / "thumbnail.png"
    assert picture.is_file(), f"{picture.name} beside the package's __init__.py shows the demo"
    content = picture.read_bytes()
    assert len(content) <= MAX_THUMBNAIL
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.width >= THUMBNAIL[0] and image.height >= THUMBNAIL[1]


def test_names_are_unique(demo: Demo) -> None:
    """Among all that is installed: its own, and what its endpoints are called in the API."""
    points = [p for p in importlib.metadata.entry_points(group=GROUP) if p.name == demo.name]
    assert len({point.value for point in points}) == 1, f"{demo.name} is installed twice"
    mine = api_names(demo)
    for other in installed().demos.values():
        if other.name != demo.name:
            assert other.prefix != demo.prefix, f"{other.name} has the same API names"
            assert not mine & api_names(other), f"{other.name} has these API names too"


# What it does.


def test_a_page_opens_before_its_checkpoint_is_there(demo: Demo, tmp_path: Path) -> None:
    import gradio as gr

    with hub_without_checkpoints(demo, tmp_path) as hub:
        assert isinstance(resolve(demo.page)(hub.service(demo.name)), gr.Blocks)


def test_it_is_part_of_the_site(demo: Demo, contract_site: Any) -> None:
    """Its page answers, and the API tells of each endpoint with the kind of every argument."""
    site = contract_site.site
    assert demo.name not in site.problems, site.problems[demo.name]
    page = ask(contract_site, demo.name)
    assert demo.title in html.unescape(page) and "<gradio-app" in page
    described = json.loads(ask(contract_site, "gradio_api/info"))["named_endpoints"]
    for one in contract_site.site.hub.endpoints(demo.name).values():
        told = described[f"/{demo.prefix}_{one.name}"]
        assert [p["parameter_name"] for p in told["parameters"]] == [p.name for p in one.parameters]
        assert all(parameter["type"] for parameter in told["parameters"])


def test_a_missing_checkpoint_is_told(demo: Demo, tmp_path: Path) -> None:
    with hub_without_checkpoints(demo, tmp_path) as hub:
        for one in hub.endpoints(demo.name).values():
            if not any(parameter.required for parameter in one.parameters):
                with pytest.raises(CheckpointError, match="there is no checkpoint|train"):
                    hub.call(demo.name, one.name, {})


@pytest.mark.slow
def test_every_endpoint_answers(demo: Demo, contract_hub: Any, executor: str) -> None:
    """Its examples, wherever the service runs; else its defaults, and values made up."""
    from hub.app import Hub

    folder = needs_checkpoint(demo, contract_hub)
    try:
        hub = Hub.open([demo.name], checkpoint_folder=folder.parent, executor=executor)
    except SettingsError as error:
        pytest.skip(str(error))
    with hub:
        for one in hub.endpoints(demo.name).values():
            for example in one.examples:
                answer(hub, demo, one, example)
            if not one.examples:
                try:
                    answer(hub, demo, one, first_call(one))
                except InputError as error:
                    pytest.fail(
                        f"{one.name} refuses made-up values: {error}; declare some that it takes, "
                        "as in @endpoint(examples=[{...}])"
                    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_endpoint_answers_or_refuses_at_its_limits(demo: Demo, contract_hub: Any) -> None:
    """Each argument in turn at the ends of what is allowed: an answer, or a clear refusal."""
    needs_checkpoint(demo, contract_hub)
    for one in contract_hub.endpoints(demo.name).values():
        for parameter in one.parameters:
            for value in limits(parameter.kind):
                try:
                    answer(contract_hub, demo, one, {**first_call(one), parameter.name: value})
                except (InputError, CallTimeoutError) as error:  # slow machines may need longer
                    assert str(error).strip() and "\n" not in str(error)


@pytest.mark.slow
def test_calls_that_come_together_are_answered_each(demo: Demo, contract_hub: Any) -> None:
    needs_checkpoint(demo, contract_hub)
    batched = [
        one
        for one in contract_hub.endpoints(demo.name).values()
        if one.options.max_batch > 1 and one.examples
    ]
    for one in batched:
        with ThreadPoolExecutor(8) as callers:
            jobs = [
                callers.submit(answer, contract_hub, demo, one, one.examples[0]) for _ in range(8)
            ]
        assert len([job.result() for job in jobs]) == 8


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
            (one, one.examples[0] if one.examples else {})
            for one in hub.endpoints(demo.name).values()
            if one.examples or not any(parameter.required for parameter in one.parameters)
        ]
        for one, given in ready[:1]:
            with pytest.raises(CheckpointError) as told:
                hub.call(demo.name, one.name, given)
            assert f"/{demo.name}" in str(told.value) and str(tmp_path) not in str(told.value)
            shutil.copy(sound / damaged.name, damaged)
            hub.call(demo.name, one.name, given)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "another demo's": lambda content: json.dumps(
        {**json.loads(content), "demo": "another"}
    ).encode(),
}


@pytest.mark.slow
def test_a_checkpoint_of_another_architecture_is_told_as_one(
    demo: Demo, contract_hub: Any, tmp_path: Path
) -> None:
    """A service that never reads its tensors may answer; one that does must not fail inside."""
    from hub.app import Hub
    from hub.checkpoints import WEIGHTS, update_lock

    folder = tmp_path / demo.name
    shutil.copytree(needs_checkpoint(demo, contract_hub), folder)
    (folder / WEIGHTS).write_bytes(renamed_tensors((folder / WEIGHTS).read_bytes()))
    update_lock(tmp_path, demo.name)
    with Hub.open(only=[demo.name], checkpoint_folder=tmp_path) as hub:
        for one in hub.endpoints(demo.name).values():
            if any(parameter.required for parameter in one.parameters):
                continue
            try:
                hub.call(demo.name, one.name, {})
            except CheckpointError as told:
                assert str(tmp_path) not in str(told) and "\n" not in str(told)
            break


def renamed_tensors(weights: bytes) -> bytes:
    """Return a safetensors file with the same numbers under other names."""
    begin = 8 + int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8:begin])
    other = {
        name if name == "__metadata__" else f"other.{name}": told for name, told in header.items()
    }
    text = json.dumps(other).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + weights[begin:]


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


def test_a_link_opens_the_page_as_it_was(demo: Demo, contract_site: Any) -> None:
    """Every control is set to another value, and the page is opened from the link of that."""
    from hub.site.links import TAB, written

    for group in groups_of(demo, contract_site):
        state = {key: another(component) for key, component in group.components.items()}
        query = {key: written(value) for key, value in state.items()}
        if group.tab is not None:
            query[TAB] = group.tab
        found = opened(contract_site, group, query)
        assert found[: len(state)] == list(state.values())
        if group.tab is not None:
            assert found[-1]["selected"] == group.tab


def test_a_link_that_is_wrong_opens_the_page_all_the_same(demo: Demo, contract_site: Any) -> None:
    from hub.site.links import MAX_TEXT

    for group in groups_of(demo, contract_site):
        query = dict.fromkeys(group.components, "x" * (MAX_TEXT + 1))
        for update in opened(contract_site, group, query):
            assert isinstance(update, Mapping) and "value" not in update, "it keeps its default"


@pytest.mark.slow
@pytest.mark.timeout(0)  # LATENTHUB_FUZZ_EXAMPLES decides how long it takes
def test_a_fuzz_run_finds_nothing(demo: Demo, contract_hub: Any, contract_site: Any) -> None:
    """Whatever it is sent, it ends with what it declares or one clear error, and works on."""
    pytest.importorskip("hypothesis", reason="the fuzz run needs hypothesis: pip install it")
    from hub.fuzz import fuzz_demo

    needs_checkpoint(demo, contract_hub)
    fuzz_demo(contract_site.url, demo, contract_hub.endpoints(demo.name))


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


def first_call(endpoint: Endpoint) -> dict[str, Any]:
    """Return the arguments of its first example; made up where it has none."""
    return dict(endpoint.examples[0]) if endpoint.examples else plain_call(endpoint) or {}


def answer(hub: Any, demo: Demo, endpoint: Endpoint, arguments: Mapping[str, Any]) -> Any:
    """Return what the endpoint answers, as the API would send it.

    Raises:
        InputError: it refuses values that its annotations allow.
    """
    result = hub.call(demo.name, endpoint.name, arguments)
    told = endpoint.encode(result, lambda content, suffix: f"{len(content)}{suffix}")
    return json.dumps(told, allow_nan=False)


def api_names(demo: Demo) -> set[str]:
    """Return what the demo's endpoints are called in the API; nothing where it has no service."""
    try:
        return {f"{demo.prefix}_{name}" for name in endpoints_of(resolve(demo.service))}
    except HubError:
        return set()


def ask(running: Any, path: str, data: Any = None) -> str:
    """Return what the served hub answers at a path, to a GET, or to a POST of JSON."""
    content = None if data is None else json.dumps(data).encode()
    headers = {"content-type": "application/json"} if data is not None else {}
    request = urllib.request.Request(running.url + path, content, headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=60) as response:
        text: str = response.read().decode()
    return text


def groups_of(demo: Demo, running: Any) -> list[Any]:
    """Return the groups of controls that the demo's page shares."""
    assert demo.name not in running.site.problems, running.site.problems[demo.name]
    found: list[Any] = running.site.shared[demo.name]
    return found


def opened(running: Any, group: Any, query: Mapping[str, str]) -> list[Any]:
    """Return what a page's opening sets the group's components to, from the address `query`."""
    import gradio as gr

    wanted = [component._id for component in group.components.values()]
    of_tab = group.tab is not None  # its event opens the tab, too

    def restores(outputs: list[Any]) -> bool:
        found = [one._id for one in outputs if not (of_tab and isinstance(one, gr.Tabs))]
        return found == wanted and len(outputs) == len(wanted) + of_tab

    [number] = [
        number
        for number, event in running.site.blocks.fns.items()
        if restores(event.outputs) and any(trigger == "load" for _, trigger in event.targets)
    ]
    session = secrets.token_hex(8)
    data = {"data": [], "fn_index": number, "session_hash": session}
    ask(running, f"gradio_api/queue/join?{urllib.parse.urlencode(query)}", data)
    for line in ask(running, f"gradio_api/queue/data?session_hash={session}").splitlines():
        told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
        if told.get("msg") == "process_completed":
            assert told["success"], told
            found: list[Any] = told["output"]["data"]
            return found
    raise AssertionError("the page's opening did not end")


def another(component: Any) -> Any:
    """Return a value that a control allows, not the one it has, if there is another."""
    import gradio as gr

    if isinstance(component, (gr.Slider, gr.Number)):
        ends = [end for end in (component.minimum, component.maximum) if end is not None]
        return next((end for end in ends if end != component.value), (component.value or 0) + 1)
    if isinstance(component, gr.Checkbox):
        return not component.value
    if isinstance(component, (gr.Radio, gr.Dropdown)):
        values = [value for _, value in component.choices]
        return next((value for value in values if value != component.value), component.value)
    return ("a text" if component.value != "a text" else "text")[: component.max_length]
