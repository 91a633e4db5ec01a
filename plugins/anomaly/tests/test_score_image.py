"""What the service says of pictures."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from hub import InputError
from hub.endpoints import endpoints_of
from hub_anomaly.pictures.made import brushed_metal
from hub_anomaly.service import Anomaly


@pytest.fixture(scope="module")
def service(seeing):
    return Anomaly(seeing, "cpu")


def score(service, image, **given):
    """Call the endpoint as the hub does, arguments checked."""
    known = endpoints_of(Anomaly)["score_image"]
    return service.score_image(**known.check({"image": image, **given}))


def file(picture, kind="PNG", **options):
    """Return a picture as the content of a file."""
    held = io.BytesIO()
    picture.save(held, kind, **options)
    return held.getvalue()


def test_a_scratch_is_hotter_than_the_plate_around_it(service):
    over, heat, restored, told = score(service, brushed_metal(scratched=True, seed=99))
    assert over.shape == (80, 80, 3) and heat.shape == restored.shape == (80, 80)
    assert over.dtype == heat.dtype == restored.dtype == np.uint8
    plain = score(service, brushed_metal(seed=99))
    assert told["score"] > plain[3]["score"] and told["rarity"] <= plain[3]["rarity"]
    assert heat.max() > plain[1].max()
    assert told["size"] == [80, 80] and told["notes"] == [] and json.dumps(told)
    usual = told["usual"]
    assert usual["count"] == 20 == len(usual["scores"]) and usual["scores"] == sorted(
        usual["scores"]
    )


def test_without_opacity_the_picture_is_as_it_was(service):
    plate = brushed_metal(seed=3)
    over = score(service, plate, opacity=0.0)[0]
    np.testing.assert_array_equal(over, plate[..., None].repeat(3, 2))
    assert (score(service, brushed_metal(True, 3), opacity=1.0)[0].std(2) > 20).any()


@pytest.mark.parametrize("ground", [0, 255])
def test_a_digit_is_brought_to_the_form_that_was_learned(service, ground):
    drawn = np.full((300, 200), ground, np.uint8)
    drawn[40:240, 90:110] = 255 - ground
    over, heat, _, told = score(service, drawn, usual="digit 1")
    assert over.shape == (28, 28, 3) and heat.shape == (28, 28) and told["size"] == [28, 28]
    assert told["notes"] == ["Brought to 28 x 28 pixels, light on black."]
    lying = score(service, drawn.T, usual="digit 1")[3]
    assert lying["score"] > told["score"] and lying["rarity"] <= told["rarity"]


@pytest.mark.parametrize(
    ("picture", "size", "note"),
    [
        (Image.new("RGBA", (90, 40), (200, 20, 20, 128)), [90, 40], "Squeezed"),
        (Image.fromarray(np.full((60, 60), 40_000, np.uint16)), [60, 60], "16 bits"),
        (Image.new("CMYK", (50, 50)), None, None),
        (Image.new("1", (20, 20)), [20, 20], None),
        (Image.new("P", (20, 20)), [20, 20], None),
    ],
)
def test_pictures_of_other_kinds_are_scored(service, picture, size, note):
    if picture.mode == "CMYK":
        content = file(picture, "JPEG")
    else:
        content = file(picture)
    over, heat, restored, told = score(service, content)
    assert over.shape[:2] == heat.shape == restored.shape
    assert size is None or told["size"] == size
    assert note is None or note in " ".join(told["notes"])


@pytest.mark.parametrize(
    ("image", "given", "message", "argument"),
    [
        (b"no picture", {}, "its content is no picture", "image"),
        (file(Image.new("L", (5000, 4000))), {}, "16 million pixels in all", "image"),
        (np.zeros((5, 90), np.uint8), {}, "at least 8x8 pixels, got 90x5", "image"),
        (np.full((60, 60), 7, np.uint8), {"usual": "digit 1"}, "shows nothing", "image"),
        (np.zeros((60, 60), np.uint8), {"usual": "digit"}, "usual must be one of 'tiles'", "usual"),
        (
            np.zeros((60, 60), np.uint8),
            {"usual": "digit 3"},
            "no detector to which 'digit 3' is usual; it has tiles, digit 1, bag",
            "usual",
        ),
        (np.zeros((60, 60), np.uint8), {"opacity": 1.2}, "opacity must be", "opacity"),
    ],
)
def test_what_cannot_be_scored_is_told(service, image, given, message, argument):
    with pytest.raises(InputError, match=message) as error:
        score(service, image, **given)
    assert error.value.argument == argument


def test_without_detectors_of_pictures_that_is_told(bare):
    with pytest.raises(InputError, match="it has none for pictures"):
        score(Anomaly(bare, "cpu"), brushed_metal())
