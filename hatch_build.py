"""Put the bundled checkpoints and the tested versions into the wheel.

An editable install finds them beside its source.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BESIDE = {"checkpoints": "hub/_checkpoints", "constraints.txt": "hub/_constraints.txt"}


class Beside(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for name, inside in BESIDE.items():
            path = Path(self.root) / name
            if version != "editable" and path.exists():
                build_data["force_include"][str(path)] = inside
