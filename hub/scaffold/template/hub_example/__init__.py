"""Rebuild a handwritten digit from a handful of numbers, and draw new ones."""

from hub import Demo, Paper, Published, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="example",
        title="An example",
        summary="Rebuild a handwritten digit from a handful of numbers, and draw new ones.",
        service="hub_example.service:Example",
        page="hub_example.page:page",
        train="hub_example.train:train",
        evaluate="hub_example.evaluate:evaluate",
        card="hub_example.train:CARD",
        headline="error",
        tags=("images",),
        papers=(
            Paper(
                "Reducing the Dimensionality of Data with Neural Networks",
                "10.1126/science.1127647",
                "Hinton and Salakhutdinov, 2006",
            ),
        ),
        published=(
            Published("the mean picture", "error", 18.82, "the variance of the test half"),
            Published(
                "8 principal components", "error", 6.30, "scikit-learn's PCA, the same halves"
            ),
        ),
    )
