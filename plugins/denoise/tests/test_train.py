"""The recipe of all parts."""

import pytest

from hub.errors import SettingsError
from hub.training import parse_settings
from hub_denoise import train as recipe
from hub_denoise.model import load
from hub_denoise.train import TrainConfig, train


@pytest.fixture
def trained(monkeypatch):
    """Let each recipe only tell what it was asked for."""
    asked = {}

    def pictures(folder, part, model, digit, config):
        asked[part] = folder.name, config.steps, config.digit_steps, config.minutes, config.seed

    def other(part):
        def telling(folder, model, config):
            asked[part] = folder.name, config.steps, config.minutes, config.seed

        return telling

    monkeypatch.setattr(recipe.picture_recipe, "train_part", pictures)
    monkeypatch.setattr(recipe.speech_recipe, "train_speech", other("speech"))
    monkeypatch.setattr(recipe.text_recipe, "train_text", other("text"))

    def measure(file, config):
        asked["few_labels"] = file.name, config.seed

    monkeypatch.setattr(recipe.few_labels, "measure", measure)
    return asked


def test_all_parts_are_trained_in_turn_with_their_share_of_steps(trained, tmp_path, capsys):
    train(tmp_path / "denoise", TrainConfig(share=0.01, minutes=3, seed=7))
    every = ["grey", "upscale", "digits", "speech", "text", "few_labels"]
    assert list(trained) == every and trained["few_labels"] == ("few_labels.json", 7)
    assert trained["grey"] == (".parts", 200, 60, 3, 7)
    assert trained["speech"] == ("speech", 60, 3, 7) and trained["text"] == ("text", 120, 3, 7)
    assert (
        "becomes a checkpoint when grey, upscale, digits, speech, text" in capsys.readouterr().out
    )
    assert not (tmp_path / "denoise" / "config.json").exists()


def test_the_checkpoint_is_written_when_all_parts_are_done(trained, tmp_path, small_parts):
    (tmp_path / "denoise" / ".parts").mkdir(parents=True)
    small_parts(tmp_path / "denoise" / ".parts")
    train(tmp_path / "denoise", TrainConfig(part="digits"))
    assert list(trained) == ["digits"]
    assert set(load(tmp_path / "denoise").pictures.parts) == {"grey", "upscale", "digits", "colour"}


def test_another_process_writes_no_checkpoint(trained, tmp_path, small_parts, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    (tmp_path / ".parts").mkdir(parents=True)
    small_parts(tmp_path / ".parts")
    train(tmp_path, TrainConfig(part="speech"))
    assert not (tmp_path / "config.json").exists()


def test_settings_are_checked(tmp_path):
    assert parse_settings(train, {"part": "text"})["config"].part == "text"
    for settings in ({"part": "sound"}, {"share": "0"}, {"minutes": "-1"}):
        with pytest.raises(SettingsError, match=next(iter(settings))):
            parse_settings(train, settings)
