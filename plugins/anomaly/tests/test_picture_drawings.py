"""Pictures and their scores as HTML."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from hub_anomaly import drawings
from hub_anomaly.pictures.examine import heat_as_grey, with_heat

TOLD = {
    "score": 2.0,
    "rarity": 0.25,
    "usual": {"count": 3, "scores": [0.5, 1.0, 2.5]},
    "size": [28, 28],
    "notes": ["Its <ink> is light."],
}


def told(above: int, count: int = 100) -> dict:
    return {"rarity": (above + 1) / (count + 1), "usual": {"count": count}}


@pytest.mark.parametrize(
    ("above", "name", "words"),
    [
        (0, "Very unusual", "none of 100 usual pictures scores as high"),
        (1, "Very unusual", "1 of 100 usual pictures scores as high or higher"),
        (5, "Unusual", "5 of 100 usual pictures score as high or higher"),
        (6, "A little unusual", "6 of 100"),
        (21, "Usual", "21 of 100"),
        (100, "Usual", "100 of 100"),
    ],
)
def test_rarity_is_told_in_words(above, name, words):
    found = drawings.verdict_of(told(above))
    assert found[0] == name and found[1].startswith(words)


def test_thousands_of_pictures_are_told_with_commas():
    assert drawings.verdict_of(told(1_200, 2_400))[1].startswith("1,200 of 2,400")


def test_heat_on_the_page_is_the_heat_of_the_service():
    picture = np.full((9, 40), 90, np.uint8)
    heat = np.linspace(0, 2, 360, dtype=np.float32).reshape(9, 40)
    layer = drawings.heat_over(heat_as_grey(heat)).astype(float)
    share = layer[..., 3:] / 255
    laid = picture[..., None] * (1 - share) + layer[..., :3] * share
    assert np.abs(laid - with_heat(picture, heat, 1.0)).mean() < 2
    assert (layer[heat < 0.3, 3] == 0).all() and (layer[heat > 1.31, 3] == 255).all()


@pytest.mark.parametrize("sort", ["tiles", "digits"])
def test_a_picture_stands_beside_what_would_be_usual(sort):
    seen = np.zeros((28, 28, 3), np.uint8)
    html = drawings.looked(seen, seen[..., 0], seen[..., 0] + 9, TOLD, sort)
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(found) == 4 and html.count("<figure>") == 3 == html.count("</figure>")
    last = Image.open(io.BytesIO(base64.b64decode(found[-1])))
    assert last.size == (28, 28) and np.asarray(last).max() == 9
    assert drawings.CAPTIONS[sort] in html and ("looks pixels" in html) == (sort == "digits")


def test_a_score_stands_among_those_of_usual_pictures():
    html = drawings.beside(TOLD, "digit 4")
    assert html.count("<i ") == 8 and "3 usual pictures (digit 4)" in html
    at = float(re.search(r"--at: ([\d.]+)%", html)[1])
    assert 70 < at < 80 and "own left" in html
    assert "Its &lt;ink&gt; is light." in html
    alone = {"score": 1.0, "usual": {"count": 1, "scores": [1.0]}, "notes": []}
    assert "--at: 50.0%" in drawings.beside(alone, "tiles")
