import pytest

from hub import Demo, Paper
from hub.demo import resolve
from hub.errors import PluginError


def demo(**changes):
    values = {"name": "waves", "title": "Waves", "summary": "Make waves.", "service": "a.b:C"}
    return Demo(**{**values, "page": "a.b:page", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Waves!"}, "lower-case letters, digits and '-', got 'Waves!'"),
        ({"name": "soak"}, "cannot be named 'soak': that is a benchmark of the hub's own"),
        ({"name": "metrics"}, "the hub keeps the address /metrics for itself; rename the demo"),
        ({"service": "a.b.C"}, "demo 'waves': service must be 'package.module:name', got 'a.b.C'"),
        ({"train": ""}, "train must be"),
    ],
)
def test_a_demo_that_breaks_the_contract_is_refused(changes, message):
    with pytest.raises(PluginError, match=message):
        demo(**changes)


def test_api_names_have_no_hyphen():
    assert demo(name="voice-conversion").prefix == "voice_conversion"


def test_a_metric_without_label_is_named_in_words():
    assert demo(metric_labels=(("nll", "NLL"),)).label("nll") == "NLL"
    assert demo().label("frechet_distance") == "frechet distance"


def test_papers_know_their_address():
    assert Paper("t", "arXiv:1312.6114").url == "https://arxiv.org/abs/1312.6114"
    assert Paper("t", "10.1126/science.1127647").url == "https://doi.org/10.1126/science.1127647"
    assert Paper("t", "ISBN 0").url is None


def test_a_reference_is_imported_when_it_is_used():
    assert resolve("hub.demo:Demo") is Demo
    for reference in ("hub.nowhere:x", "hub.demo:nothing"):
        with pytest.raises(PluginError, match=f"{reference} cannot be imported"):
            resolve(reference)
