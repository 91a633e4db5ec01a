"""Pictures that are drawn, brought, and made."""

import numpy as np
import pytest

from hub import InputError
from hub import data as data_sets
from hub_anomaly.pictures.drawn import as_learned
from hub_anomaly.pictures.examples import EXAMPLES, PHOTOGRAPHS, TILES, examples_of
from hub_anomaly.pictures.made import brushed_metal
from hub_anomaly.pictures.usual import CLOTHES, DETECTORS, DIGITS, sort_of


def test_a_digit_has_its_mass_in_the_middle():
    drawn = np.zeros((100, 80), np.uint8)
    drawn[5:75, 3:13] = drawn[65:75, 3:50] = 200
    found = as_learned(drawn, "digits").astype(float)
    rows, columns = np.nonzero(found)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20 and found.max() == 255
    for axis in (0, 1):
        along = found.sum(1 - axis)
        assert (along * np.arange(28)).sum() / along.sum() == pytest.approx(13.5, abs=0.55)
    np.testing.assert_array_equal(as_learned(255 - drawn, "digits"), found)


def test_clothes_fill_the_picture():
    worn = np.full((90, 60, 1), 255, np.uint8)[..., 0]
    worn[10:80, 20:45] = 90
    found = as_learned(worn, "clothes")
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max()) == (0, 27) and (columns.min(), columns.max()) == (9, 18)


def test_pictures_that_are_as_those_that_were_learned_stay():
    image = np.zeros((28, 28), np.uint8)
    image[10:20, 2:5] = 99
    assert as_learned(image, "digits") is image


def test_a_picture_of_nothing_is_told():
    with pytest.raises(InputError, match="image shows nothing"):
        as_learned(np.full((40, 40), 80, np.uint8), "clothes")


def test_metal_is_brushed_and_scratched():
    plain, scratched = brushed_metal(), brushed_metal(scratched=True)
    np.testing.assert_array_equal(plain, brushed_metal())
    assert plain.shape == (80, 80) and (plain != brushed_metal(seed=1)).any()
    changed = plain != scratched
    assert 0.01 < changed.mean() < 0.1 and (scratched[changed] < plain[changed]).all()
    down, across = (np.diff(plain.astype(float), axis=axis).std() for axis in (0, 1))
    assert down < across


def test_each_name_is_of_a_sort_and_a_detector():
    assert sort_of("tiles") == "tiles" and len(DETECTORS) == 21 == len(set(DETECTORS.values()))
    assert {sort_of(name) for name in DIGITS} == {"digits"}
    assert {sort_of(name) for name in CLOTHES} == {"clothes"}
    assert DETECTORS["ankle boot"] == "fashion_mnist_9" and DETECTORS["digit 3"] == "mnist_3"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_are_pictures(name):
    example = EXAMPLES[name]
    if not example.available:
        pytest.skip(f"no {example.needs}")
    picture = example.load()
    assert picture.dtype == np.uint8 and picture.ndim == 2 and picture.std() > 5


def test_there_are_examples_without_data_sets(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTHUB_DATA", str(tmp_path))
    assert list(examples_of("tiles")) == ["metal", "scratch"]
    assert list(examples_of("digits")) == list(DIGITS) and not examples_of("clothes")


@pytest.mark.slow
@pytest.mark.skipif(not data_sets.available(TILES), reason="no data set")
def test_tiles_that_are_shown_were_not_learned_from():
    from hub_anomaly.pictures.data import DEFECTS, tiles

    test = tiles("test")
    known = {
        image.numpy().tobytes(): label
        for image, label in zip(test.images, test.labels, strict=True)
    }
    for name in PHOTOGRAPHS:
        label = known[EXAMPLES[name].load().tobytes()]
        kind = ("faultless", *DEFECTS)[label]
        assert kind == {"fine_crack": "crack"}.get(name, name)
