"""The recipe as a whole, with detectors that are learned in no time."""

import pytest

from hub.checkpoints import read, read_config, write
from hub.errors import CheckpointError
from hub.training import save_part
from hub_anomaly import model, train
from hub_anomaly.model import assemble, load
from hub_anomaly.train import TrainConfig

PICTURES = ("tiles", "mnist_1", "fashion_mnist_8")


@pytest.fixture
def small(monkeypatch, seeing, quickly):
    """Learn the table that is everywhere, and take pictures' detectors from a fixture."""
    config, tensors = read(seeing)
    made = []

    def train_part(folder, part, own):
        made.append((part, own.steps))
        facts = {"detector": config["pictures"][part], "training": {"minutes": 1.5}}
        facts["training"] |= {"cpu_minutes": 1.0, "steps": own.steps, "device": "CPU"}
        held = model.own(tensors, f"pictures.{part}.")
        save_part(folder / f"{part}.safetensors", held, facts)

    def parts_of(part):
        return [one for one in PICTURES if part in ("all", one, one.rpartition("_")[0])]

    for module in (model, train):
        monkeypatch.setattr(module, "BUNDLED", ("cancer",))
    monkeypatch.setattr(model, "parts", lambda: {"pictures": PICTURES, "tables": ("cancer",)})
    monkeypatch.setattr(train.picture_recipe, "train_part", train_part)
    monkeypatch.setattr(train.picture_recipe, "parts_of", parts_of)
    return made


def test_a_recipe_makes_a_checkpoint_part_by_part(small, tmp_path, capsys):
    out = tmp_path / "anomaly"
    train.train(out, TrainConfig(part="tiles", share=0.5))
    assert small == [("tiles", 1000)]
    assert "becomes a checkpoint when mnist_1, fashion_mnist_8, cancer" in capsys.readouterr().out
    train.train(out, TrainConfig())
    detectors = load(out)
    assert set(detectors.pictures) == {*PICTURES} and set(detectors.tables) == {"cancer"}
    assert detectors.tables["cancer"].judged.auroc > 85
    config = read_config(out)
    assert set(config["training"]) == {"tiles", "mnist", "fashion_mnist", "cancer"}
    assert config["training"]["mnist"]["minutes"] == 1.5
    network = detectors.pictures["tiles"].network
    count = sum(one.numel() for one in network.parameters())
    assert config["parameters"]["tiles"] == count
    before = (out / ".parts" / "tables" / "cancer.safetensors").stat().st_mtime_ns
    train.train(out, TrainConfig(part="all"))
    assert before == (out / ".parts" / "tables" / "cancer.safetensors").stat().st_mtime_ns


def test_classes_are_told_together():
    names = ["tiles", "mnist_3", "fashion_mnist_0", "fraud"]
    assert [model.group_of(one) for one in names] == ["tiles", "mnist", "fashion_mnist", "fraud"]
    parts = model.parts()
    assert len(parts["pictures"]) == 21 and parts["tables"] == ("fraud", "intrusion")


def test_what_was_not_trained_is_told(tmp_path):
    with pytest.raises(CheckpointError, match="has no detectors; make them with"):
        assemble(tmp_path)


def test_a_checkpoint_whose_files_do_not_fit_is_told(seeing, tmp_path):
    config, tensors = read(seeing)
    folder = tmp_path / "anomaly"
    write(folder, {**config}, {"one": next(iter(tensors.values()))}, "# none")
    with pytest.raises(CheckpointError, match="do not fit each other"):
        load(folder)


def test_settings_of_the_whole_recipe_are_checked():
    with pytest.raises(ValueError, match="share must be above 0"):
        TrainConfig(share=0)
