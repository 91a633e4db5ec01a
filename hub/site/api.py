"""Every endpoint of every demo as a named Gradio API, `<demo>_<endpoint>`.

The values travel as they came, without a Gradio component in between, so that the endpoint's own
kinds check them: the same message reaches gradio_client, @gradio/client, curl and MCP.
"""

from __future__ import annotations

import inspect
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import orjson
from gradio.components.api_component import Api as ApiComponent
from gradio.context import get_blocks_context
from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

from hub.app import Hub
from hub.demo import Demo
from hub.endpoints import Endpoint, Parameter, Progress
from hub.errors import PluginError, ServiceError
from hub.executors.answers import logged
from hub.kinds import Kind
from hub.media import takes_files
from hub.site.errors import told
from hub.site.uploads import addressed, only_uploads

RESERVED = ("api_name", "fn_index", "result_callbacks")  # Gradio's clients take them for themselves


@dataclass(frozen=True)
class Registered:
    """One endpoint in the API."""

    name: str  # "<demo>_<endpoint>", in one space with all others
    demo: str
    endpoint: Endpoint

    def arranged(self, arguments: Mapping[str, Any]) -> list[Any]:
        """Return the values in the endpoint's order, what is left out as its default.

        Raises:
            InputError: a name is unknown, or a required one is missing.
        """
        self.endpoint.check_names(arguments)
        return [arguments.get(p.name, p.default) for p in self.endpoint.parameters]


def register(hub: Hub, demo: Demo, taken: Mapping[str, Registered]) -> dict[str, Registered]:
    """Add the demo's endpoints to the Blocks being built; return them by their API name.

    Raises:
        PluginError: the service cannot be imported, or a name is taken or reserved; nothing was
        added.
    """
    found = {}
    for endpoint in hub.endpoints(demo.name).values():
        one = Registered(f"{demo.prefix}_{endpoint.name}", demo.name, endpoint)
        if one.name in taken:
            raise PluginError(
                f"{demo.name} and {taken[one.name].demo} both bring the API name {one.name!r}; "
                "rename an endpoint"
            )
        for parameter in endpoint.parameters:
            if parameter.name in RESERVED:
                raise PluginError(
                    f"{demo.name}: {endpoint.name} names a parameter {parameter.name!r}, "
                    "which Gradio's clients reserve"
                )
        found[one.name] = one
    for one in found.values():
        add(hub, one)
    return found


def add(hub: Hub, one: Registered) -> None:
    """Add one endpoint to the Blocks being built."""
    site = get_blocks_context()
    assert site is not None
    call = function_of(hub, one)
    call.__doc__ = documented(one.endpoint)  # MCP reads it
    inputs = [taken(p, one.endpoint.about(p.name)) for p in one.endpoint.parameters]
    outputs = [given(kind, number) for number, kind in enumerate(one.endpoint.results, 1)]
    site.set_event_trigger(  # what gr.api does, with the kinds' schemas in place of type hints
        [],
        call,
        inputs,
        outputs,
        preprocess=False,
        postprocess=False,
        api_name=one.name,
        api_description=one.endpoint.summary,
        concurrency_limit=None,  # the executor has the limits
        show_progress="hidden",
        trigger_mode=None,
    )


def documented(endpoint: Endpoint) -> str:
    """Return the docstring of an API function: what it does, and what each argument takes."""
    lines = [f"    {p.name}: {explained(p, endpoint.about(p.name))}" for p in endpoint.parameters]
    return "\n".join([endpoint.summary, "", "Args:", *lines]) if lines else endpoint.summary


def explained(parameter: Parameter, about: str) -> str:
    """Return what the docstring says of an argument, and what is allowed."""
    allowed = parameter.kind.describe()
    return f"{about.rstrip('.')}: {allowed}" if about else allowed


def taken(parameter: Parameter, about: str) -> ApiComponent:
    """Return what documents an argument."""
    text = explained(parameter, about)
    schema = {**parameter.kind.schema(), "additional_description": text}
    default = None if parameter.required else parameter.default
    return ApiComponent(default, schema, parameter.name)


def given(kind: Kind, number: int) -> ApiComponent:
    """Return what documents a result."""
    schema = kind.schema()
    return ApiComponent(None, {"description": kind.describe(), **schema}, f"result {number}")


def function_of(hub: Hub, one: Registered) -> Callable[..., Any]:
    """Return what Gradio calls: values as the caller sent them in, JSON and files out."""
    parameters = one.endpoint.parameters

    def call(*values: Any) -> Any:
        progress = progress_of(values[-1]) if one.endpoint.takes_progress else None
        with told(one.name):
            arguments = {
                # whatever way they took: hub.site.gate has seen to most of them
                p.name: only_uploads(addressed(value) if takes_files(p.kind) else value)
                for p, value in zip(parameters, values, strict=False)
            }
            result = hub.call(one.demo, one.endpoint.name, arguments, progress)
            return encoded(one, result)

    call.__name__ = one.name
    call.__doc__ = one.endpoint.doc
    call.__signature__ = signature(one.endpoint)  # type: ignore[attr-defined]
    return call


def encoded(one: Registered, result: Any) -> Any:
    """Return a result as JSON, its files saved.

    Raises:
        ServiceError: the service gave what is of another kind than it says, or what JSON cannot
            hold: Gradio would cut the connection.
    """
    try:
        answer = one.endpoint.encode(result, save)
        json.dumps(answer, allow_nan=False)
        orjson.dumps(answer)  # which refuses half a character, and numbers of more than 64 bits
    except Exception as error:
        name = f"{one.demo}.{one.endpoint.name}"
        kinds = " and ".join(kind.describe() for kind in one.endpoint.results)
        raise ServiceError(
            f"{name} gave what cannot be sent as {kinds}; {logged(name, error)}"
        ) from error
    return answer


def signature(endpoint: Endpoint) -> inspect.Signature:
    """Return what Gradio reads the parameters' names and defaults from."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(p.name, kind) for p in endpoint.parameters]
    for i, parameter in enumerate(endpoint.parameters):
        if not parameter.required:
            parameters[i] = inspect.Parameter(parameter.name, kind, default=parameter.default)
    # Python allows no required parameter after one with a default; neither does a method
    if endpoint.takes_progress:
        parameters.append(inspect.Parameter("progress", kind, default=gr.Progress()))
    return inspect.Signature(parameters)


def save(content: bytes, suffix: str) -> dict[str, Any]:
    """Put a result into Gradio's cache; return the JSON by which its clients fetch it."""
    path = Path(get_upload_folder()).resolve() / hash_bytes(content) / f"result{suffix}"
    if not kept_longer(path, len(content)):
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.parent / f".{secrets.token_hex(8)}"
        written.write_bytes(content)
        written.replace(path)  # at once: others may be reading an equal answer
    return {
        "path": str(path),
        "orig_name": path.name,
        "size": len(content),
        "meta": {"_type": "gradio.FileData"},
    }


def kept_longer(path: Path, size: int) -> bool:
    """Keep a file of that size for a day from now; False: it is not there."""
    try:
        if path.stat().st_size != size:
            return False
        os.utime(path)
    except OSError:
        return False
    return True


def progress_of(progress: gr.Progress) -> Progress:
    """Return a Gradio progress bar as an endpoint's `progress` takes it."""

    def say(fraction: float, message: str = "") -> None:
        progress(fraction, desc=message or None)

    return say
