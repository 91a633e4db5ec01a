"""One endpoint of a service in a plain gr.Interface, as one writes it without the hub:

    python interface.py --port 7861 --service hub_x.service:X --checkpoint DIR --endpoint rebuild \
        --arguments image --device cpu

The model is loaded once and its method called directly, one call at a time, which is Gradio's
default. Arguments that are not named keep their defaults.
"""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from hub.demo import resolve
from hub.endpoints import Endpoint, endpoints_of
from hub.kinds import Boolean, Choice, Integer, Kind, Maybe, Number, Text
from hub.media import Image, Images, Sound, WholeSound


def component(kind: Kind, label: str) -> Any:
    """Return the Gradio component that one takes for values of `kind`."""
    if isinstance(kind, Maybe):
        return component(kind.kind, label)
    if isinstance(kind, Image):
        return gr.Image(image_mode=kind.mode, label=label)
    if isinstance(kind, Images):
        return gr.Gallery(label=label)
    if isinstance(kind, Sound):
        return gr.Audio(type="filepath", label=label)
    if isinstance(kind, Integer):
        return gr.Number(precision=0, label=label)
    if isinstance(kind, Number):
        return gr.Number(label=label)
    if isinstance(kind, Boolean):
        return gr.Checkbox(label=label)
    if isinstance(kind, Choice):
        return gr.Dropdown(list(kind.values), label=label)
    if isinstance(kind, Text):
        return gr.Textbox(label=label)
    return gr.JSON(label=label)


def received(kind: Kind, value: Any) -> Any:
    """Return what a component hands over as the service's method takes it."""
    if isinstance(kind, Image) and kind.size is not None:
        from PIL import Image as Pictures

        return np.array(Pictures.fromarray(value).resize(kind.size))
    if isinstance(kind, Sound):
        return kind.check("sound", value and Path(value))
    return value


def given(kind: Kind, value: Any) -> Any:
    """Return what a method answers as the component of `kind` takes it."""
    if isinstance(kind, Images):
        return list(value)
    if isinstance(kind, WholeSound):
        return value
    return (kind.rate, value) if isinstance(kind, Sound) else value


def plain(service: Any, endpoint: Endpoint, names: list[str]) -> Any:
    """Return the method as a function of one call's values."""
    method = getattr(service, endpoint.name)
    kinds = {parameter.name: parameter.kind for parameter in endpoint.parameters}
    batched = endpoint.options.max_batch > 1

    def run(*values: Any) -> Any:
        arguments = {
            name: received(kinds[name], value) for name, value in zip(names, values, strict=True)
        }
        if batched:
            rest = {p.name: p.default for p in endpoint.parameters if p.name not in names}
            answer = method(**{name: [one] for name, one in (rest | arguments).items()})[0]
            if isinstance(answer, Exception):
                raise answer
        else:
            answer = method(**arguments)
        if len(endpoint.results) == 1:
            return given(endpoint.results[0], answer)
        return [given(kind, one) for kind, one in zip(endpoint.results, answer, strict=True)]

    parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--arguments", nargs="*", default=[])
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    service_type = resolve(chosen.service)
    endpoint = endpoints_of(service_type)[chosen.endpoint]
    kinds = {parameter.name: parameter.kind for parameter in endpoint.parameters}
    service = service_type(chosen.checkpoint, chosen.device)
    app = gr.Interface(
        plain(service, endpoint, chosen.arguments),
        [component(kinds[name], name) for name in chosen.arguments],
        [component(kind, f"result {i}") for i, kind in enumerate(endpoint.results)],
        api_name="predict",
    )
    app.queue().launch(server_port=chosen.port, quiet=True)


if __name__ == "__main__":
    main()
