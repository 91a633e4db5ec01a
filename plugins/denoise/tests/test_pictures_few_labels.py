import json

import numpy as np
import pytest
import torch

from hub_denoise.model import assemble, load
from hub_denoise.pictures import few_labels as module
from hub_denoise.pictures.few_labels import FewLabelsConfig, features, few_labels, metrics, stack

SMALL = FewLabelsConfig(widths=(40, 20), pictures=200, epochs=3, draws=2)


@pytest.fixture
def shapes(monkeypatch):
    """Ten kinds of picture instead of MNIST: a bright stripe at one of ten places, and noise."""

    def labels(name, split):
        return np.arange(400) % 10

    def pictures(name, split):
        generator = torch.Generator().manual_seed(int(split == "test"))
        found = 90 * torch.rand(400, 1, 28, 28, generator=generator)
        for index, label in enumerate(labels(name, split)):
            found[index, :, 2 * label + 3 : 2 * label + 6] += 90
        return found.byte()

    monkeypatch.setattr(module, "digits_of", pictures)
    monkeypatch.setattr(module.data, "labels", labels)
    monkeypatch.setattr(module, "LABELS", (20, 100))


def test_layers_are_stacked_and_make_features():
    pictures = torch.rand(300, 784, generator=torch.Generator().manual_seed(0))
    layers = stack(pictures, 0.25, SMALL)
    assert [one.inward.out_features for one in layers] == [40, 20]
    found = features(layers, pictures)
    assert found.shape == (300, 20) and 0 < found.min() and found.max() < 1
    again = features(stack(pictures, 0.25, SMALL), pictures)
    assert np.array_equal(found, again)
    assert features([], pictures).shape == (300, 784)


def test_a_layer_learns_to_restore():
    pictures = (torch.rand(10, 784, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    pictures = pictures.repeat(40, 1)
    (layer,) = stack(pictures, 0.25, FewLabelsConfig(widths=(40,), epochs=60, rate=0.01))
    restored = torch.sigmoid(layer.restored(layer(pictures[:10])))
    assert (restored.round() == pictures[:10]).float().mean() > 0.95


def test_errors_are_told_for_each_kind_and_number_of_labels(shapes):
    found = few_labels(SMALL, test=200)
    assert set(found) == {"labels", "raw", "plain", "denoising"} and found["labels"] == [20, 100]
    assert found["raw"][1][0] < 20
    for kind in module.KINDS:
        assert all(0 <= mean <= 90 and deviation >= 0 for mean, deviation in found[kind])
    told = metrics(found, SMALL)
    assert told["digit_error_100_labels_raw"].value == found["raw"][1][0]
    assert "mean of 2 draws" in told["digit_error_20_labels_denoising"].protocol


def test_what_is_measured_goes_into_the_checkpoint(tmp_path, small_parts, monkeypatch):
    told = {"labels": [100], "raw": [[9.0, 1.0]], "plain": [[8.0, 1.0]], "denoising": [[7.0, 1.0]]}
    monkeypatch.setattr(module, "few_labels", lambda config: told)
    parts = tmp_path / "denoise" / ".parts"
    parts.mkdir(parents=True)
    small_parts(parts)
    module.measure(parts / "few_labels.json", SMALL)
    monkeypatch.setattr(module, "few_labels", lambda config: 1 / 0)
    module.measure(parts / "few_labels.json", SMALL)  # it is there
    assert json.loads((parts / "few_labels.json").read_text()) == told
    assemble(tmp_path / "denoise")
    assert load(tmp_path / "denoise").few_labels == told
