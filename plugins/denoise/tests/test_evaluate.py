"""The three evaluations as one."""

from hub.evaluation import Metric
from hub_denoise import evaluate as evaluation


def test_what_is_measured_is_of_all_three(untrained, monkeypatch):
    seen = {}

    def measuring(name):
        def measured(network, quick=False):
            seen[name] = type(network).__name__, quick
            return {name: Metric(1.0, "dB", True, "made up")}

        return measured

    for name in ("evaluate_pictures", "evaluate_speech", "evaluate_text"):
        monkeypatch.setattr(evaluation, name, measuring(name))
    found = evaluation.evaluate(untrained / "denoise", quick=True)
    assert list(found.metrics) == ["evaluate_pictures", "evaluate_speech", "evaluate_text"]
    assert seen == {
        "evaluate_pictures": ("Networks", True),
        "evaluate_speech": ("Masker", True),
        "evaluate_text": ("Restorer", True),
    }
    assert "images/denoising" in found.data and found.data.endswith("test splits")
