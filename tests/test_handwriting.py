"""What is written by hand, as digits' pictures have it."""

import numpy as np
import pytest
from PIL import Image

from hub import InputError
from hub.handwriting import centred, fitted, painted


def test_strokes_are_painted_where_they_are():
    drawn = np.asarray(painted("20208020-5050"))
    assert drawn.shape == (400, 400) and set(np.unique(drawn)) == {0, 255}
    assert drawn[80, 80:320].all() and drawn[200, 200] and not drawn[150].any()


@pytest.mark.parametrize("text", ["123", "12a4", "1234--5678", "٠١٢٣", "1010" * 2001])
def test_what_are_no_strokes_is_told(text):
    with pytest.raises(InputError, match="strokes must") as error:
        painted(text)
    assert error.value.argument == "strokes"


def test_what_there_is_of_ink_is_fitted_and_the_rest_is_cut_off():
    ink = Image.new("L", (60, 50))
    ink.paste(200, (10, 5, 50, 15))
    found = np.asarray(fitted(ink, 28))
    assert found.shape == (7, 28) and (found == 200).all()


def test_a_digit_fits_its_box_with_its_mass_in_the_middle():
    drawn = np.asarray(centred(painted("20101080-10808080")), float)
    rows, columns = np.nonzero(drawn)
    assert drawn.shape == (28, 28) and max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis in (0, 1):
        along = drawn.sum(1 - axis)
        assert (along * np.arange(28)).sum() / along.sum() == pytest.approx(13.5, abs=0.55)
