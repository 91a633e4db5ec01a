"""A plugin for the tests of the site: every kind of argument and result, and no real model."""

from hub import Demo, Paper, Published, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="sample",
        title="Sample studio",
        summary="Try every kind of value that an endpoint takes or gives.",
        service="hub_sample.service:Sample",
        page="hub_sample.page:page",
        headline="nll_nats",
        tags=("images", "sound", "testing"),
        papers=(
            Paper("Auto-Encoding Variational Bayes", "arXiv:1312.6114", "Kingma and Welling, 2014"),
        ),
        published=(
            Published("A good model", "nll_nats", 78.3, "a table"),
            Published("A plain model", "nll_nats", 89.78, "another table", "other protocol"),
        ),
        metric_labels=(("nll_nats", "Negative log-likelihood"),),
    )
