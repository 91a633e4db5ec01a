"""A demo whose model needs more memory than there is."""

from hub import Demo, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="greedy",
        title="Greed",
        summary="Take more memory than there is.",
        service="hub_faulty.service:Greedy",
        page="hub_faulty.page:page",
    )
