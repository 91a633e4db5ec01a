"""Write the README's table of demos from the bundled checkpoints: `python docs/demo_table.py`.

Nothing in it is typed by hand: metrics are the model card's, parameters are counted in the weights.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path

from hub.checkpoints import WEIGHTS, read_config
from hub.demo import Demo
from hub.evaluation import read_card_metrics
from hub.plugins import discover

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- demos -->\n", "<!-- end of demos -->\n"
HEAD = "| demo | what it does | parameters | training | `latenthub eval` gives | published |"


def table() -> str:
    lines = [HEAD, "|---|---|---|---|---|---|"]
    for demo in discover().demos.values():
        folder = ROOT / "checkpoints" / demo.name
        if folder.is_dir():  # else there is nothing to show yet
            lines.append("| " + " | ".join(cells(demo, folder)) + " |")
    return "\n".join(lines) + "\n"


def cells(demo: Demo, folder: Path) -> Iterator[str]:
    yield f"`{demo.name}`"
    yield demo.summary.rstrip(".")
    training = read_config(folder).get("training", {})
    parts = {name: facts for name, facts in training.items() if "device" in facts}
    yield ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in parameters(folder, parts))
    yield "; ".join(f"{name} {f['minutes']:.0f} min on {f['device']}" for name, f in parts.items())
    metrics = read_card_metrics(folder)
    if demo.headline not in metrics:
        yield from ("not measured yet", "")
        return
    ours = metrics[demo.headline]
    value = f"{ours.value:.2f} {ours.unit}".rstrip()
    yield f"`{demo.headline}` {value}: {ours.protocol}"
    rows = [row for row in demo.published if row.metric == demo.headline]
    rows.sort(key=lambda row: row.value, reverse=ours.higher_is_better)
    yield ", ".join(f"{row.system} {row.value:g}" for row in rows)


def parameters(folder: Path, parts: dict[str, object]) -> Iterator[tuple[str, int]]:
    """Yield each trained part and how many weights it has, by the config, for weights may be
    compressed; else by the header of the safetensors file."""
    if told := read_config(folder).get("parameters"):
        yield from told.items()
        return
    with (folder / WEIGHTS).open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    for part in parts:
        shapes = [
            one["shape"]
            for key, one in header.items()
            if f".{part}." in f".{key}" and "F" in one["dtype"]  # tables of bytes are no weights
        ]
        yield part, sum(map(math.prod, shapes))


def rewritten(readme: str) -> str:
    """Return the README with its table as it should be now."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + table() + "\n" + END + after


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
