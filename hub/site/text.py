"""Markdown with formulas, as HTML that needs nothing from elsewhere."""

from __future__ import annotations

import re
from importlib import resources

from latex2mathml.converter import convert
from markdown_it import MarkdownIt

from hub.demo import Demo

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^\s$](?:[^$\n]*[^\s$])?)\$", re.DOTALL)


def package_file(demo: Demo, name: str) -> bytes | None:
    """Return a file of the package that brings the demo's page; None where there is none."""
    package = demo.page.partition(":")[0].rpartition(".")[0]
    if not package:
        return None
    try:
        return (resources.files(package) / name).read_bytes()
    except (OSError, ModuleNotFoundError, TypeError):
        return None


def html_of(markdown: str) -> str:
    """Return Markdown as HTML, $…$ and $$…$$ as MathML; HTML inside it is shown, not obeyed."""
    formulas: list[str] = []

    def keep(match: re.Match[str]) -> str:
        block, inline = match.groups()
        formulas.append(convert(block or inline, display="block" if block else "inline"))
        return f"FORMULA{len(formulas) - 1}X"

    html: str = (
        MarkdownIt("commonmark", {"html": False})
        .enable("table")
        .render(FORMULA.sub(keep, markdown))
    )
    return re.sub(r"FORMULA(\d+)X", lambda found: formulas[int(found[1])], html)
