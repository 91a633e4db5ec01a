import base64
import io
import json
import wave
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas
import pytest
from PIL import Image as Pictures

from hub import media
from hub.errors import InputError, PluginError
from hub.kinds import Json, Length, Range, kind_of
from hub.media import File, Image, Images, Sound, Table


def picture(width=28, height=28, mode="L"):
    buffer = io.BytesIO()
    Pictures.new(mode, (width, height), 255 if mode == "L" else (255,) * len(mode)).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def damaged_picture():
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    return media.png(noise)[:400]


def file_data(path: Path):
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def keep(content: bytes, suffix: str):
    return suffix, content


@pytest.mark.parametrize("value", ["4", 4.5, None, True, [4], 0, 65, float("nan"), 10**9])
def test_a_whole_number_out_of_range_or_of_another_type_is_refused(value):
    kind = kind_of(Annotated[int, Range(1, 64)], "here")
    with pytest.raises(InputError, match="count must be a whole number from 1 to 64; got"):
        kind.check("count", value)


def test_a_number_without_limits_says_so():
    with pytest.raises(InputError, match="n must be a whole number; got 9007199254740993"):
        kind_of(int, "here").check("n", 2**53 + 1)
    with pytest.raises(InputError, match="x must be a number; got inf"):
        kind_of(float, "here").check("x", float("inf"))


@pytest.mark.parametrize("value", [4, 4.0, np.int64(4)])
def test_whole_numbers_arrive_as_int(value):
    assert kind_of(Annotated[int, Range(1, 64)], "here").check("count", value) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", True, None, 2, 10**400])
def test_a_number_out_of_range_or_not_finite_is_refused(value):
    with pytest.raises(InputError, match="t must be a number from 0 to 1.5"):
        kind_of(Annotated[float, Range(0, 1.5)], "here").check("t", value)


def test_a_choice_names_what_it_allows():
    with pytest.raises(InputError, match="half must be one of 'upper', 'lower'; got 'left'"):
        kind_of(Literal["upper", "lower"], "here").check("half", "left")


def test_an_optional_value_may_be_null_and_says_so():
    kind = kind_of(Annotated[int, Range(0, 9)] | None, "here")
    assert kind.check("digit", None) is None
    with pytest.raises(InputError, match="whole number from 0 to 9, or null; got 10"):
        kind.check("digit", 10)


def test_a_list_names_the_item_that_is_wrong():
    kind = kind_of(Annotated[list[float], Length(2, 3), Range(-1, 1)], "here")
    assert kind.check("code", [0, 1]) == [0.0, 1.0]
    with pytest.raises(InputError, match=r"code\[1\] must be a number from -1 to 1; got 7"):
        kind.check("code", [0, 7])
    with pytest.raises(InputError, match="1 items"):
        kind.check("code", [0])


def test_a_text_has_limits():
    with pytest.raises(InputError, match="a text of 1 to 5 characters; got 'abcdef' .6 char"):
        kind_of(Annotated[str, Length(1, 5)], "here").check("text", "abcdef")


def test_a_limit_that_does_not_fit_its_type_is_the_plugin_authors_error():
    with pytest.raises(PluginError, match="here: Length"):
        kind_of(Annotated[int, Length(1, 5)], "here")
    with pytest.raises(PluginError, match="names no kind"):
        kind_of(set, "here")


def test_a_picture_arrives_the_same_as_file_data_url_path_and_numbers(tmp_path):
    (tmp_path / "seven.png").write_bytes(picture())
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    numbers = [[255] * 28] * 28
    for value in (file_data(tmp_path / "seven.png"), url, tmp_path / "seven.png", numbers):
        image = Image().check("image", value)
        assert image.shape == (28, 28) and image.dtype == np.uint8 and (image == 255).all()


def test_a_picture_is_brought_to_the_size_and_mode_the_service_wants():
    image = Image(mode="RGB", size=(8, 6)).check("image", picture(100, 50))
    assert image.shape == (6, 8, 3)
    assert not image[0].any() and image[3].all()  # padded above, filled in the middle


@pytest.mark.parametrize(
    "value", [[np.zeros((9, 9))] * 3, [0] * 100_000, "two\nlines", {"a": "b\n"}]
)
def test_what_was_found_is_told_in_a_line(value):
    with pytest.raises(InputError, match=r"^count must be [^\n]{1,200}$"):
        kind_of(int, "here").check("count", value)


def test_a_thin_picture_keeps_a_pixel_when_it_is_shrunk():
    image = Image(size=(8, 8)).check("image", picture(200, 3))
    assert image.shape == (8, 8) and image.any(axis=1).sum() == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a picture", "no picture"),
        (damaged_picture(), "damaged"),
        (picture(5000, 1), "5000x1 pixels"),
    ],
    ids=["empty", "text", "damaged", "wide"],
)
def test_a_bad_picture_is_refused_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "drawing.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        Image().check("image", file_data(path))
    assert "drawing.png" in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_a_decompression_bomb_is_refused_before_it_is_unpacked():
    with pytest.raises(InputError, match="too many pixels|20000x20000"):
        Image(max_side=30_000).check("image", picture(20_000, 20_000, "1"))


@pytest.mark.parametrize("value", [[[1, 2], [3]], [[300]], [[float("nan")]], [], 7, [["a"]]])
def test_numbers_that_are_no_picture_are_refused(value):
    with pytest.raises(InputError, match="image must be a picture"):
        Image().check("image", value)


def test_files_in_the_wrong_place_are_told_without_their_folders():
    file = {"path": "/tmp/secret/a.csv", "orig_name": "mine.csv", "meta": {}}
    for value in (file, [file], {"file": file, "more": [file]}):
        with pytest.raises(InputError, match="mine.csv") as told:
            kind_of(Literal["one", "two"], "here").check("name", value)
        assert "secret" not in str(told.value)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "big.bin").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match="larger than"):
        File(max_bytes=99).check("file", file_data(tmp_path / "big.bin"))


def test_a_file_of_another_ending_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x")
    with pytest.raises(InputError, match="a file ending in .npz"):
        File(suffixes=(".npz",)).check("file", file_data(tmp_path / "a.txt"))


def test_sound_makes_the_round_trip_and_is_resampled():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    suffix, content = Sound(rate=8000).encode(tone, keep)
    heard = Sound(rate=16_000).check("sound", content)
    assert suffix == ".wav" and heard.shape == (16_000,)
    assert np.abs(np.fft.rfft(heard)).argmax() == 440
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.02)


def test_sound_from_a_page_is_mixed_to_mono():
    stereo = np.stack([np.full(100, 16384), np.zeros(100)], axis=1).astype(np.int16)
    assert Sound(rate=16_000).check("sound", (16_000, stereo)) == pytest.approx(0.25)


@pytest.mark.parametrize("value", [b"RIFFnothing", (16_000, np.zeros(0)), "x", b""])
def test_what_is_no_sound_is_refused(value):
    with pytest.raises(InputError, match="sound must be a sound of at most 60 seconds"):
        Sound().check("sound", value)


def test_a_wav_that_ends_within_a_sample_of_all_channels_is_refused():
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16))
    with pytest.raises(InputError, match="it is damaged or cut off"):
        Sound().check("sound", buffer.getvalue()[:-2])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([[1, 2], [3]], "rows differ in length"),
        ([10**400], "it holds what is no number"),
        ([1e300], "not all finite"),
        ([[[1.0]]], "an array of shape"),
        ([], "it is empty"),
    ],
)
def test_numbers_that_are_no_sound_are_refused(value, reason):
    with pytest.raises(InputError, match=reason):
        Sound().check("sound", value)


def test_half_of_a_character_is_no_text():
    with pytest.raises(InputError, match="it holds half of a character"):
        kind_of(str, "a test").check("name", "Ann\ud83d")
    with pytest.raises(InputError, match="about must be a JSON value"):
        Json().check("about", {"name": "\ud83d"})


def test_a_number_beyond_any_float_is_no_picture():
    with pytest.raises(InputError, match="rows differ in length or hold no numbers"):
        media.Image().check("image", [[0, 10**400]])


def test_sound_that_is_too_long_is_refused_from_its_header():
    content = media.wav(np.zeros(16_000 * 3), 16_000)
    with pytest.raises(InputError, match="3.0 seconds"):
        Sound(max_seconds=2).check("sound", content)


def test_a_table_arrives_as_csv_or_rows():
    rows = [{"a": 1, "b": 2.5}, {"a": 3, "b": 4.5}]
    suffix, content = Table().encode(pandas.DataFrame(rows), keep)
    assert suffix == ".csv"
    assert Table().check("table", content).equals(Table().check("table", rows))


@pytest.mark.parametrize("value", [b"a\n1\n2\n3\n", [], b"\xff\xfe\x00", [1]])
def test_a_table_with_too_many_rows_or_none_is_refused(value):
    with pytest.raises(InputError, match="table must be a CSV table of 1 to 2 rows"):
        Table(max_rows=2).check("table", value)


def test_pictures_are_sent_as_png():
    [(suffix, content)] = Images().encode(np.zeros((1, 4, 6), np.uint8), keep)
    assert suffix == ".png" and Pictures.open(io.BytesIO(content)).size == (6, 4)


def test_json_has_plain_numbers_only():
    value = {"a": np.float32(0.5), "b": np.arange(2), "c": float("nan")}
    assert json.dumps(Json().encode(value, keep)) == '{"a": 0.5, "b": [0, 1], "c": null}'
