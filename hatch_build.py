"""Put the bundled checkpoints into the wheel; an editable install finds them beside its source."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Checkpoints(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root) / "checkpoints"
        if version != "editable" and folder.is_dir():
            build_data["force_include"][str(folder)] = "hub/_checkpoints"
