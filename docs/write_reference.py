"""Write what the reference can take from the code: `python docs/write_reference.py`.

In reference.md, the parts between `<!-- NAME -->` and `<!-- end of NAME -->` are made here: the
commands, the environment variables, the hooks, what a Demo says, the tree of errors. endpoints.md
is made wholly: what can be called of the plugins in this repository, and their recipes' settings.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

import hub.errors
from hub import hookspecs, settings
from hub.cli import app
from hub.demo import Demo, Paper, Published, resolve
from hub.endpoints import Endpoint, endpoints_of
from hub.kinds import Json, Kind
from hub.plugins import discover
from hub.training import parse_settings

DOCS = Path(__file__).resolve().parent
PLUGINS = DOCS.parent / "plugins"
CHECKPOINTS = PLUGINS.parent / "checkpoints"
FIELD = re.compile(r"^    (\w+): ([^=#\n]+?)(?: = ([^#\n]+?))?(?:  # (.*))?$", re.MULTILINE)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; a '|' in a cell is kept from parting it."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells).replace("|  |", "| |")


# The parts of reference.md.


def commands() -> str:
    group = typer.main.get_command(app)
    found: dict[str, Any] = getattr(group, "commands")  # noqa: B009 - typer's own type has none
    rows = [[f"`{usage(name, one)}`", first_line(one.help)] for name, one in found.items()]
    return table(["command", "what it does"], rows)


def usage(name: str, command: Any) -> str:
    """Return a command's name and its arguments, as its help shows them."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [one.metavar or one.name.upper() for one in arguments]
    return " ".join([name, *("DEMO" if word == "NAME" else word for word in words)])


def first_line(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


def variables() -> str:
    rows = [
        [f"`{one.name}`", quoted(one.default) if one.default else "", one.about]
        for one in settings.VARIABLES
    ]
    return table(["variable", "default", "what it does"], rows)


def quoted(default: str) -> str:
    """Return a default as code, unless it is a sentence."""
    return default if " " in default else f"`{default}`"


def hooks() -> str:
    rows = [
        [f"`{name}{inspect.signature(one)}`".replace("'", ""), first_line(one.__doc__)]
        for name, one in vars(hookspecs).items()
        if hasattr(one, "latenthub_spec")
    ]
    return table(["hook", "what it does"], rows)


def demo() -> str:
    parts = []
    for one in (Demo, Paper, Published):
        rows = [[f"`{name}`", f"`{kind}`", about] for name, kind, about in fields_of(one)]
        parts += [f"`{one.__name__}`: {first_line(one.__doc__)}", "", table(HEAD, rows), ""]
    return "\n".join(parts).strip()


HEAD = ["field", "type", "what it is"]


def fields_of(one: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, type with default, and comment of each field of a dataclass."""
    found = {m[1]: m for m in FIELD.finditer(inspect.getsource(one))}
    for field in dataclasses.fields(one):  # type: ignore[arg-type]
        _, kind, default, about = found[field.name].groups()
        yield field.name, f"{kind} = {default}" if default else kind, about or ""


def errors() -> str:
    doc = hub.errors.__doc__ or ""
    return "```text\n" + doc.partition("\n\n")[2].strip() + "\n```"


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "variables": variables,
    "hooks": hooks,
    "demo": demo,
    "errors": errors,
}


def rewritten(reference: str) -> str:
    """Return reference.md with each of its parts as it should be now."""
    for name, make in PARTS.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = reference.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise SystemExit(f"reference.md has no part between {begin.strip()} and {end.strip()}")
        reference = f"{before}{begin}\n{make()}\n\n{end}{after}"
    return reference


# endpoints.md.


def endpoints_page() -> str:
    lines = [
        "# Endpoints and settings",
        "",
        "What can be called of the plugins in this repository, and what their recipes can be told.",
        "Made by `python docs/write_reference.py` from the code; the kinds of values are explained",
        "in [reference.md](reference.md#kinds).",
    ]
    for folder in sorted(PLUGINS.iterdir()):
        if (CHECKPOINTS / folder.name).is_dir():  # else it is not installed
            lines += demo_section(discover(only=[folder.name]).demos[folder.name])
    return "\n".join(lines) + "\n"


def demo_section(one: Demo) -> Iterator[str]:
    yield from ["", f"## {one.name}", "", one.summary]
    for endpoint in endpoints_of(resolve(one.service)).values():
        yield from ["", f"### `/{one.prefix}_{endpoint.name}`", "", endpoint.summary, ""]
        yield from endpoint_section(endpoint)
    if one.train is None:
        return
    yield from ["", f"### Settings of `latenthub train {one.name}`", ""]
    for argument, config in parse_settings(resolve(one.train), {}).items():
        rows = [
            [f"`{name}`", f"`{getattr(config, name)}`", about]
            for name, _, about in fields_of(type(config))
        ]
        yield from [f"`{argument}`", "", table(["setting", "default", "what it is"], rows), ""]


def endpoint_section(endpoint: Endpoint) -> Iterator[str]:
    rows = [
        [
            f"`{parameter.name}`",
            "" if parameter.required else f"`{json.dumps(parameter.default)}`",
            endpoint.about(parameter.name),
            parameter.kind.describe(),
        ]
        for parameter in endpoint.parameters
    ]
    if rows:
        yield from [table(["argument", "default", "what it is", "what it may be"], rows), ""]
    many = endpoint.options.max_batch
    batched = f" Up to {many} calls become one forward pass." if many > 1 else ""
    given = "; ".join(told(kind) for kind in endpoint.results)
    yield f"Gives {given}. Takes at most {endpoint.options.timeout:g} s.{batched}"


def told(kind: Kind) -> str:
    """Return what a result is; of a JSON object, its members."""
    if isinstance(kind, Json) and kind.fields:
        return "; ".join(f"`{name}`: {text}" for name, text in kind.fields.items())
    return kind.describe()


if __name__ == "__main__":
    reference = DOCS / "reference.md"
    reference.write_text(rewritten(reference.read_text("utf-8")), "utf-8")
    (DOCS / "endpoints.md").write_text(endpoints_page(), "utf-8")
