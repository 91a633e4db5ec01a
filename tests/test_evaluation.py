"""The model card: what is written is what is read."""

from __future__ import annotations

import json

import pytest
import yaml

from hub.errors import CheckpointError
from hub.evaluation import (
    Card,
    Evaluation,
    Metric,
    card_metrics,
    read_card_facts,
    read_card_metrics,
    write_card,
)

NLL = Metric(80.5, "nats", False, "the 10,000 test images, 1,000 samples")
QUICK = Metric(81.25, "nats", False, "every 20th test image")
CARD = Card("Small", "A small model.", tags=("vae",), datasets=(("images/mnist", "MIT"),))


@pytest.fixture
def checkpoint(tmp_path):
    settings = {"lr": 0.1}
    training = {"binary": {"steps": 10, "minutes": 1.5, "device": "CPU", "settings": settings}}
    config = {"demo": "small", "format": 1, "training": training}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_a_card_gives_back_the_metrics_it_was_written_with(checkpoint):
    metrics = {"nll_nats": NLL, "nll_nats_quick": QUICK}
    write_card(checkpoint, CARD, Evaluation(metrics, "images/mnist, test split"))
    assert card_metrics(checkpoint) == metrics
    assert read_card_metrics(checkpoint) == {"nll_nats": NLL}
    assert read_card_metrics(checkpoint, quick=True) == {"nll_nats_quick": QUICK}


def test_a_quick_evaluation_leaves_the_full_one_on_the_card(checkpoint):
    write_card(checkpoint, CARD, Evaluation({"nll_nats": NLL}, "test"))
    write_card(checkpoint, CARD, Evaluation({"nll_nats_quick": QUICK}, "test"))
    assert card_metrics(checkpoint).keys() == {"nll_nats", "nll_nats_quick"}


def test_a_card_before_any_evaluation_has_no_metrics(checkpoint):
    write_card(checkpoint, CARD, Evaluation({}, ""))
    assert card_metrics(checkpoint) == {}
    text = (checkpoint / "README.md").read_text()
    assert "Not measured yet." in text and '`{"lr": 0.1}`' in text


def test_a_card_tells_licence_data_and_training(checkpoint):
    write_card(checkpoint, CARD, Evaluation({"nll_nats": NLL}, "images/mnist, test split"))
    assert read_card_facts(checkpoint) == {
        "Licence": "apache-2.0",
        "Measured on": "images/mnist, test split",
        "Training of binary": "10 steps, 1.5 minutes on CPU",
    }


def test_the_hub_can_read_the_front_matter(checkpoint):
    write_card(checkpoint, CARD, Evaluation({"nll_nats": NLL}, "images/mnist"))
    text = (checkpoint / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "apache-2.0" and front["tags"] == ["vae"]
    from huggingface_hub import ModelCard

    (result,) = ModelCard(text).data.eval_results
    assert (result.metric_type, result.metric_value) == ("nll_nats", 80.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no README.md"),
        ("# No front matter\n", "no YAML front matter"),
        ("---\na: [\n---\n", "not YAML"),
        ("---\nmodel-index: [{}]\n---\n", "not one that latenthub wrote"),
    ],
)
def test_a_card_that_cannot_be_read_is_one_clear_error(checkpoint, text, message):
    if text is not None:
        (checkpoint / "README.md").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        card_metrics(checkpoint)
