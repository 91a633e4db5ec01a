"""A plugin for tests: every kind of value, no model to speak of, no torch."""

from hub import Demo, Paper, Published, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="small",
        title="A small demo",
        summary="Take and give a value of every kind.",
        service="hub_small.service:Small",
        page="hub_small.page:page",
        train="hub_small.recipe:train",
        evaluate="hub_small.recipe:evaluate",
        benchmark="hub_small.recipe:benchmark",
        card="hub_small.recipe:CARD",
        headline="error",
        tags=("tests",),
        papers=(
            Paper("A Mathematical Theory of Communication", "10.1002/j.1538-7305.1948.tb01338.x"),
        ),
        published=(Published("a coin", "error", 0.5, "one throw"),),
    )
