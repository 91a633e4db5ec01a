"""Is made for a hub to come; importing it would fail."""

raise RuntimeError("it was imported")
