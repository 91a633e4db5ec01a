"""Pictures: made-up defects, the network that undoes them, what a detector says of a picture."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hub import data as data_sets
from hub.errors import InputError
from hub.training import part_facts
from hub_anomaly.pictures import data, peers
from hub_anomaly.pictures import evaluate as evaluation
from hub_anomaly.pictures import train as recipe
from hub_anomaly.pictures.data import Tiles, likeness, same_tile, surfaces, tiles
from hub_anomaly.pictures.detector import (
    Detector,
    Memory,
    as_inputs,
    coreset,
)
from hub_anomaly.pictures.evaluate import evaluate_pictures
from hub_anomaly.pictures.examine import examine, grey_of, with_heat
from hub_anomaly.pictures.model import ModelConfig, Restorer
from hub_anomaly.pictures.spoil import bands, clouds, spoilt, strokes
from hub_anomaly.pictures.train import (
    TrainConfig,
    fitted,
    parts_of,
    task,
    train_part,
)

SMALL = ModelConfig(side=32, width=4)
needs_tiles = pytest.mark.skipif(not data_sets.available(data.TILES), reason="no data set")


def stripes(count: int, side: int = 32, seed: int = 0) -> torch.Tensor:
    """Return pictures of upright stripes, (count, side, side) uint8, each moved and lit anew."""
    rng = np.random.default_rng(seed)
    across = np.arange(side) / 4 + rng.uniform(0, 2 * np.pi, (count, 1))
    rows = 110 + rng.uniform(20, 60, (count, 1)) * np.sin(across)
    noise = rng.normal(0, 4, (count, side, side))
    return torch.from_numpy(rows[:, None] + noise).clamp(0, 255).byte()


def spotted(images: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures with a dark spot each, and where it is."""
    rng = np.random.default_rng(seed)
    masks = torch.zeros(images.shape, dtype=torch.bool)
    for mask in masks:
        top, left = rng.integers(4, images.shape[1] - 10, 2)
        mask[top : top + 6, left : left + 6] = True
    return torch.where(masks, images // 4, images), masks


@pytest.fixture(scope="module")
def detector():
    """A detector of stripes, trained for some seconds."""
    torch.manual_seed(0)
    usual, held_out = (as_inputs(stripes(count, seed=count), 32) for count in (120, 40))
    model = ModelConfig(side=32, width=8)
    work = recipe.Task(usual, held_out, model, "texture", steps=90, batch=12)
    config = TrainConfig(lr=1e-2, warmup=10, ema=0.95, validate_every=45)
    run = fitted(None, "stripes", work, usual, held_out, config)
    network = Restorer(model)
    network.load_state_dict(run.best_weights)
    return Detector.of("stripes", "texture", network.eval(), usual, held_out)


# Made-up defects.


@pytest.mark.parametrize("draw", [strokes, bands, clouds])
def test_shapes_cover_a_part_of_a_picture(draw):
    found = draw(40, (24, 32), np.random.default_rng(0))
    assert found.shape == (40, 1, 24, 32) and found.min() >= 0 and found.max() <= 1
    assert 0.005 < found.mean() < 0.5
    assert draw(0, (24, 32), np.random.default_rng(0)).shape == (0, 1, 24, 32)


def test_defects_are_marked_where_they_are_seen():
    clean = as_inputs(stripes(60), 32)
    made, changed = spoilt(clean, np.random.default_rng(0))
    assert made.shape == changed.shape == clean.shape
    assert made.min() >= 0 and made.max() <= 1 and set(changed.unique().tolist()) == {0, 1}
    apart = (made - clean).abs()
    assert apart[changed > 0].mean() > 4 * apart[changed == 0].mean()
    assert 0.02 < changed.mean() < 0.4
    untouched = changed.flatten(1).sum(1) == 0
    assert 0 < untouched.sum() < 30
    again, _ = spoilt(clean, np.random.default_rng(0))
    assert torch.equal(made, again)


# The network.


def test_an_untrained_network_changes_nothing():
    images = torch.rand(2, 1, 16, 24)
    restored, logits = Restorer(SMALL)(images)
    assert restored.shape == logits.shape == images.shape
    assert torch.allclose(restored, images, atol=0.2)


def test_light_does_not_matter():
    torch.manual_seed(0)
    network = Restorer(SMALL)
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    images = 0.3 * torch.rand(2, 1, 16, 16)
    dark, light = network(images), network(images + 0.4)
    assert torch.allclose(dark[0] + 0.4, light[0], atol=1e-4)
    assert torch.allclose(dark[1], light[1], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 3, 16, 16), (1, 1, 15, 16)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 8, got"):
        Restorer(SMALL)(torch.zeros(shape))


@pytest.mark.parametrize("wrong", [{"side": 20}, {"side": 8}, {"width": 0}, {"blocks": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        ModelConfig(**wrong)


# A memory.


def test_distances_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    rows, asked = (rng.normal(size=(count, 5)).astype(np.float32) for count in (30, 7))
    far = np.sort(np.linalg.norm(asked[:, None] - rows, axis=2), 1)
    np.testing.assert_allclose(Memory(rows).nearest(asked), far[:, 0], rtol=1e-4)
    np.testing.assert_allclose(Memory(rows).nearest(asked, 3), far[:, :3].mean(1), rtol=1e-4)
    np.testing.assert_allclose(Memory(rows[:2]).nearest(asked, 3).shape, (7,))


def test_a_coreset_leaves_nothing_far_away():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(1000, 3)).astype(np.float32)
    rows = np.concatenate([dense, [[30, 0, 0], [0, -30, 0]]]).astype(np.float32)
    kept = coreset(rows, 40, rng)
    assert kept.shape == (40, 3) and len(np.unique(kept, axis=0)) == 40
    assert Memory(kept).nearest(rows).max() < Memory(rows[:40]).nearest(rows).max() / 5
    assert coreset(rows[:10], 40, rng) is not None and len(coreset(rows[:10], 40, rng)) == 10


# A detector.


def test_spots_are_unusual_where_they_are(detector):
    usual = stripes(60, seed=7)
    odd, masks = spotted(usual)
    plain, found = (detector.findings(as_inputs(one, 32)) for one in (usual, odd))
    above = (found.score[:, None] > plain.score).mean()
    assert above > 0.8
    truth = masks.numpy()
    assert found.heat[truth].mean() > found.heat[~truth].mean() + 0.1
    for name in ("spoilt", "places"):
        one = evaluation.map_of(found, name)
        assert one[truth].mean() > 1.5 * one[~truth].mean(), name


def test_rarity_is_a_rank_beside_held_out_pictures(detector):
    usual = detector.findings(as_inputs(stripes(60, seed=8), 32))
    assert 0.2 < detector.rarity(usual.score).mean() < 0.8
    assert detector.rarity(np.array([1e9]))[0] == pytest.approx(1 / 41)
    assert detector.rarity(np.array([-1e9]))[0] == 1
    assert (usual.heat.max((1, 2)) < 1).mean() > 0.7


@pytest.mark.parametrize("kind", ["texture", "object"])
def test_a_detector_that_was_packed_says_the_same(detector, kind):
    images, others = (as_inputs(stripes(20, seed=seed), 32) for seed in (9, 10))
    mine = Detector.of("stripes", kind, detector.network, images, others)
    tensors, settings = mine.packed()
    assert sum(one.numel() * one.element_size() for one in tensors.values()) < 2_000_000
    loaded = Detector.unpacked(tensors, settings)
    mine, theirs = mine.findings(images), loaded.findings(images)
    assert loaded.kind == kind
    np.testing.assert_allclose(mine.score, theirs.score, rtol=0.05, atol=0.05)
    np.testing.assert_allclose(mine.heat, theirs.heat, atol=0.1)


# Pictures of visitors.


@pytest.mark.parametrize(
    "image",
    [
        stripes(1)[0].numpy(),
        np.repeat(stripes(1, 100)[0].numpy()[..., None], 3, 2),
        np.zeros((8, 300), np.uint8),
        np.full((40, 50, 4), 65535, np.uint16),
        np.random.default_rng(0).random((30, 41, 1)),
        np.ones((20, 20, 2), bool),
    ],
)
def test_pictures_of_any_size_and_kind_are_scored(detector, image):
    found = examine(detector, image)
    assert found.heat.shape == found.restored.shape == image.shape[:2]
    assert found.heat.dtype == np.float32 and found.restored.dtype == np.uint8
    assert np.isfinite([found.score, found.rarity]).all() and found.heat.min() >= 0
    drawn = with_heat(image, found.heat)
    assert drawn.shape == (*image.shape[:2], 3) and drawn.dtype == np.uint8


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 40), np.uint8), "at least 8x8 pixels, got 40x4"),
        (np.zeros((5000, 4000), np.uint8), "at most 16 million pixels, got 4000x5000"),
        (np.zeros((40, 40, 5), np.uint8), "1 to 4 channels, got 5"),
        (np.zeros(40, np.uint8), r"\(height, width\).*got uint8 of shape \(40,\)"),
        (np.full((40, 40), np.nan), "not in"),
        (np.full((40, 40), 255.0), "not in"),
        (np.zeros((9, 9), np.complex64), "complex64"),
        ([[1, 2]], "got list"),
    ],
)
def test_what_is_no_picture_is_refused(image, message):
    with pytest.raises(InputError, match=message) as error:
        grey_of(image)
    assert error.value.argument == "image"


def test_grey_is_luma_without_what_is_transparent():
    image = np.zeros((8, 8, 4), np.uint8)
    image[..., 1], image[:4, :, 3] = 255, 255
    grey = grey_of(image)
    assert grey[0, 0] == round(0.587 * 255) and grey[7, 7] == 0
    assert grey_of(np.full((8, 8), 65535, np.uint16)).min() == 255


def test_heat_is_drawn_where_it_is():
    image, heat = np.full((10, 12), 100, np.uint8), np.zeros((10, 12), np.float32)
    heat[:5] = 2
    drawn = with_heat(image, heat, 1.0)
    assert (drawn[5:] == 100).all() and (drawn[:5] == (214, 20, 60)).all()
    assert (with_heat(image, heat, 0.0) == 100).all()
    with pytest.raises(InputError, match="opacity must be in"):
        with_heat(image, heat, 1.5)


def test_a_large_picture_is_drawn_in_strips_as_in_one():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (300, 20, 4), np.uint8)
    heat = rng.uniform(0, 2, (300, 20)).astype(np.float32)
    whole, rows = with_heat(image, heat), slice(250, 270)
    np.testing.assert_array_equal(whole[rows], with_heat(image[rows], heat[rows]))
    np.testing.assert_array_equal(grey_of(image)[rows], grey_of(image[rows]))
    assert whole.shape == (300, 20, 3)
    with pytest.raises(InputError, match="not in"):
        grey_of(np.pad(np.zeros((290, 9)), ((0, 9), (0, 0)), constant_values=2))


# Data.


def test_photographs_of_one_tile_are_found_under_another_light():
    rng = np.random.default_rng(0)
    plates = rng.normal(0, 12, (5, 60, 60)).cumsum(1) / 3
    lit = [
        np.roll(plate, (move, 1 - move), (0, 1)) * gain + base
        for plate in plates
        for move, gain, base in ((0, 0.6, 80), (1, 1.0, 120), (2, 1.2, 150))
    ]
    images = (np.stack(lit) + rng.normal(0, 1, (15, 60, 60))).clip(0, 255).astype(np.uint8)
    alike = likeness(surfaces(images))
    np.testing.assert_allclose(alike, alike.T)
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-4)
    found = same_tile(images)
    assert len(set(found)) == 5 and (found.reshape(5, 3) == found[::3, None]).all()


@needs_tiles
@pytest.mark.slow
def test_no_tile_is_in_two_splits():
    train, validation, test = (tiles(one) for one in ("train", "validation", "test"))
    assert len(train) + len(validation) + len(test) == 1344
    assert (train.labels == 0).all() and not train.masks.any()
    for one, other in ((train, validation), (train, test), (validation, test)):
        assert not set(one.tiles) & set(other.tiles)
    for one in (validation, test):
        assert (one.labels == 0).sum() >= 90 and (one.labels > 0).sum() >= 80


# Recipe and evaluation.


@pytest.fixture
def small_sets(monkeypatch):
    """Put stripes in the place of tiles, and of two classes of digits."""
    odd, masks = spotted(stripes(24, seed=3))
    plain = stripes(24, seed=4)

    def mixed(split):
        if split == "train":
            nothing = torch.zeros(60, 32, 32, dtype=torch.bool)
            return Tiles(stripes(60), nothing, np.zeros(60, int), np.arange(60))
        both, where = torch.cat([plain, odd]), torch.cat([torch.zeros_like(masks), masks])
        return Tiles(both, where, np.repeat([0, 1], 24), np.arange(48))

    lying = stripes(40, 28).transpose(1, 2)
    digits, labels = torch.cat([stripes(40, 28), lying]), np.repeat([0, 1], 40)
    for module in (recipe, evaluation):
        monkeypatch.setattr(module, "tiles", mixed)
        monkeypatch.setattr(module, "SETS", {"mnist": "digits"})
        monkeypatch.setattr(module, "CLASSES", 2)
        monkeypatch.setattr(
            module,
            "one_class",
            lambda name, split, usual: digits[torch.from_numpy(labels == usual)],
        )
    monkeypatch.setattr(evaluation, "pictures_of", lambda name, split: digits)
    monkeypatch.setattr(evaluation, "labels_of", lambda name, split: labels)
    monkeypatch.setattr(recipe, "MODELS", {"tiles": SMALL, "class": SMALL})
    monkeypatch.setattr(peers, "COMPONENTS", {"texture": 8, "object": 8})


def test_parts_are_named():
    assert parts_of("tiles") == ["tiles"] and len(parts_of("all")) == 21
    assert parts_of("mnist") == [f"mnist_{one}" for one in range(10)]
    assert parts_of("fashion_mnist")[9] == "fashion_mnist_9"


def test_the_recipe_leaves_detectors_that_can_be_measured(small_sets, tmp_path):
    config = TrainConfig(steps=12, class_steps=8, batch=8, class_batch=8, validate_every=6)
    files = {part: train_part(tmp_path, part, config) for part in parts_of("all")}
    detectors = {
        part: Detector.unpacked(load_file(file), part_facts(file)["detector"])
        for part, file in files.items()
    }
    assert sorted(detectors) == ["mnist_0", "mnist_1", "tiles"]
    assert detectors["tiles"].kind == "texture" and detectors["mnist_0"].kind == "object"
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    for part in parts_of("all"):  # all of it is done
        train_part(tmp_path, part, config)
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}

    metrics = evaluate_pictures(detectors)
    ours = {f"auroc_tiles{part}" for part in ("", "_spoilt", "_places", "_reconstruction")}
    assert {*ours, "auroc_tiles_pca", "auroc_tiles_knn", "ap_tiles_pixels"} <= set(metrics)
    assert {f"auroc_mnist{one}" for one in ("", "_code", "_pca", "_knn", "_iforest")} <= set(
        metrics
    )
    assert all(0 <= one.value <= 100 and one.unit == "%" for one in metrics.values())
    assert metrics["auroc_mnist"].value > 90  # lying stripes are no upright ones
    assert metrics["auroc_tiles_pca"].value > 80
    quick = evaluate_pictures(detectors, quick=True)
    assert all(name.endswith("_quick") for name in quick) and "auroc_tiles_knn_quick" not in quick


def test_training_lowers_the_error(small_sets):
    config = TrainConfig(steps=40, batch=8, warmup=2, validate_every=20, ema=0.9)
    work = task("tiles", config)
    usual, held_out = (as_inputs(one, 32) for one in (work.usual, work.held_out))
    run = fitted(None, "tiles", work, usual, held_out, config)
    judge = recipe.judge_of(run, held_out)
    after = judge(0)
    run.average.model.load_state_dict(Restorer(SMALL).state_dict())
    assert after < judge(0)


@pytest.mark.parametrize("part", ["tiles", "mnist_1"])
def test_a_killed_run_goes_on_as_if_it_had_not_been(part, small_sets, survives_a_kill):
    config = TrainConfig(steps=5, class_steps=5, batch=8, class_batch=8, validate_every=2)
    survives_a_kill(lambda folder: load_file(train_part(folder, part, config)), step=3)


def test_settings_of_the_recipe_are_checked():
    with pytest.raises(ValueError, match="steps must be positive, got 0"):
        TrainConfig(steps=0)
