"""Show in plugins.md what `latenthub new` writes: `python docs/write_tutorial.py`.

Each block of plugins.md that is headed by the name of one of its files is made to be that file.
"""

import re
from pathlib import Path

from hub.scaffold import Plugin, files

TUTORIAL = Path(__file__).resolve().with_name("plugins.md")
BLOCK = re.compile(r"(^`([\w./]+)`:\n\n```\w+\n)(.*?)(^```)", re.MULTILINE | re.DOTALL)
PLUGIN = Plugin("codes", "Codes of digits")


def rewritten(tutorial: str) -> str:
    """Return the tutorial with the new plugin's files as they are now."""
    written = files(PLUGIN)

    def shown(block: re.Match[str]) -> str:
        head, name, text, end = block.groups()
        return head + (written[name] if name in written and "codes" in name else text) + end

    return BLOCK.sub(shown, tutorial)


if __name__ == "__main__":
    TUTORIAL.write_text(rewritten(TUTORIAL.read_text("utf-8")), "utf-8")
