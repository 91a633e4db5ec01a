"""The hooks a plugin may implement."""

from pluggy import HookimplMarker, HookspecMarker

from hub.demo import Demo

hookspec = HookspecMarker("latenthub")
hookimpl = HookimplMarker("latenthub")


@hookspec
def hub_demo() -> Demo:  # type: ignore[empty-body]
    """Return the demo this package contributes.

    Called once, when the app starts: build nothing, read no weights, open no connection.
    """
