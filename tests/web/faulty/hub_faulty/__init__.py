"""A plugin for the tests of faults: what services do wrong, and calls that take their time."""

from hub import Demo, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="faulty",
        title="Faults",
        summary="Run, wait, hang and fail on request.",
        service="hub_faulty.service:Faulty",
        page="hub_faulty.page:page",
    )
