"""What can be asked of the denoisers: each endpoint, and what each refuses."""

import io

import numpy as np
import pytest
from PIL import Image

from hub import audio
from hub.errors import InputError
from hub.media import Recording
from hub_denoise import example
from hub_denoise.ways import WAYS, ways_of

RATE = 16_000
GREY = example.photograph("photographer")[:72, :90]
COLOUR = example.photograph("rocket")[:72, :90]
DIGIT = example.digits()[3]
VOICE = 0.9 * audio.read(example.voice("ben"))[: 2 * RATE]
TEXT = "The green frogs sing at night in the pond."


def saved(array, ending="PNG", mode=None, **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, ending, **options)
    return buffer.getvalue()


# Spoiling.


@pytest.mark.parametrize("way", ways_of("picture"))
@pytest.mark.parametrize("picture", [GREY, COLOUR, DIGIT], ids=["grey", "colour", "digit"])
def test_a_picture_is_spoilt_the_same_way_again(ask, way, picture):
    first, sound, text = ask("corrupt", way=way, image=picture)
    second, _, _ = ask("corrupt", way=way, image=picture)
    assert sound is None and text is None and np.array_equal(first, second)
    if way == "halve":
        assert first.shape[:2] == (picture.shape[0] // 2, picture.shape[1] // 2)
        return
    assert first.shape == picture.shape and (first != picture).any()
    other, _, _ = ask("corrupt", way=way, image=picture, seed=1)
    assert way == "downscale" or (other != first).any()


def test_the_amount_is_how_much_is_spoilt(ask):
    plain = np.full((300, 300), 128, np.uint8)
    noisy = ask("corrupt", way="gaussian", image=plain, amount=20)[0]
    assert noisy.std() == pytest.approx(20, rel=0.02)
    masked = ask("corrupt", way="masking", image=plain, amount=0.3)[0]
    assert (masked == 0).mean() == pytest.approx(0.3, abs=0.01)
    square = ask("corrupt", way="occlusion", image=plain + 1, amount=0.5)[0]
    assert (square != plain + 1).sum() == 150 * 150
    for way in ("gaussian", "masking", "occlusion", "shift"):
        assert np.array_equal(ask("corrupt", way=way, image=plain, amount=0)[0], plain)


def test_channels_are_spoilt_at_the_same_places_and_have_noise_of_their_own(ask):
    light = np.full((64, 64, 3), 200, np.uint8) + np.arange(3, dtype=np.uint8)
    masked = ask("corrupt", way="masking", image=light)[0] == 0
    assert np.array_equal(masked[..., 0], masked[..., 2])
    noisy = ask("corrupt", way="gaussian", image=light)[0].astype(float)
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.1


def test_transparency_is_left_as_it_is(ask):
    clear = np.dstack([COLOUR, GREY])
    assert np.array_equal(ask("corrupt", way="gaussian", image=clear)[0][..., 3], GREY)
    assert ask("corrupt", way="halve", image=clear)[0].shape == (36, 45, 4)


@pytest.mark.parametrize("kind", ways_of("sound"))
def test_noise_is_as_loud_as_it_is_asked_for(ask, kind):
    _, (rate, noisy), _ = ask("corrupt", way=kind, sound=(RATE, VOICE), amount=0)
    assert (rate, noisy.shape, noisy.dtype) == (RATE, VOICE.shape, np.int16)
    from hub_denoise.speech.data import speech_level

    gain = np.dot(noisy, VOICE) / np.dot(VOICE, VOICE)
    left = noisy / gain - VOICE
    ratio = 20 * np.log10(speech_level(VOICE) / left.std())
    assert ratio == pytest.approx(0, abs=2)  # a part of the noise may look like the voice


def test_a_sound_of_any_rate_and_channels_is_spoilt(ask):
    both = np.stack([VOICE, 0 * VOICE], axis=1)
    _, (rate, noisy), _ = ask("corrupt", way="white", sound=(44_100, both), seed=3)
    assert rate == 44_100 and noisy.shape == both.shape
    assert noisy[:, 1].any()
    _, (rate, noisy), _ = ask("corrupt", way="hum", sound=(8000, np.zeros(100)))
    assert rate == 8000 and noisy.any()


def test_words_are_spoilt(ask):
    assert ask("corrupt", way="hide", text=TEXT, amount=1)[2].count("____") == 9
    assert ask("corrupt", way="swap", text=TEXT, amount=0)[2] == TEXT
    assert ask("corrupt", way="blank", text="好的 😀 1984", amount=1)[2] == "好的 😀 1984"


@pytest.mark.parametrize(
    ("arguments", "argument", "told"),
    [
        ({}, "image", "got none of them"),
        ({"image": GREY, "text": TEXT}, "image", "only one; got image and text"),
        ({"text": TEXT}, "way", "a text can be spoilt in, hide, blank, .*; got 'gaussian'"),
        ({"image": GREY, "way": "hum"}, "way", "a picture can be spoilt in, gaussian, "),
        ({"image": GREY, "amount": -1}, "amount", r"0 to 255 for gaussian \(grey levels"),
        ({"image": GREY, "way": "shift", "amount": 0.6}, "amount", r"0 to 0\.5 for shift"),
        ({"image": GREY[:1], "way": "halve"}, "image", "2x2 pixels or more.*90x1 pixels"),
        ({"sound": (8000, np.zeros(8000 * 601)), "way": "hum"}, "sound", "at most 600 seconds"),
        ({"text": "", "way": "hide"}, "text", "a text of 1 to 20000 characters"),
    ],
)
def test_what_cannot_be_spoilt_is_told(ask, arguments, argument, told):
    with pytest.raises(InputError, match=told) as error:
        ask("corrupt", **{"way": "gaussian", **arguments})
    assert error.value.argument == argument and str(error.value).startswith(argument)


def test_a_usual_amount_is_allowed():
    assert all(way.least <= way.default <= way.most for way in WAYS.values())


# Pictures.


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 3), (72, 90)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_any_size_comes_back_as_large(ask, size, channels):
    picture = COLOUR[: size[0], : size[1]] if channels == 3 else GREY[: size[0], : size[1]]
    found, info = ask("denoise_image", image=picture, sigma=20)
    assert found.shape == picture.shape and found.dtype == np.uint8
    assert info["size"] == [size[1], size[0]] and info["psnr"] is None


def test_a_picture_of_20000_pixels_is_restored(ask):
    long = np.tile(GREY[:2], (1, 223))[:, :20_000]
    found, info = ask("denoise_image", image=saved(long))
    assert found.shape == (2, 20_000) and info["size"] == [20_000, 2]
    for large in ((4001, 4000), (1, 20_001)):
        with pytest.raises(InputError, match="20000x20000 pixels, and 16 million pixels in all"):
            ask("denoise_image", image=saved(np.zeros(large, np.uint8)))


@pytest.mark.parametrize(
    ("content", "shape", "note"),
    [
        (saved(GREY), (72, 90), None),
        (saved(COLOUR), (72, 90, 3), None),
        (saved(np.dstack([GREY] * 3)), (72, 90), None),
        (saved(np.dstack([COLOUR, GREY])), (72, 90, 4), None),
        (saved(np.dstack([GREY, GREY])), (72, 90, 4), None),
        (saved(GREY.astype(np.uint16) * 257), (72, 90), "16 bits were brought to 8"),
        (saved(COLOUR, "PNG", "P"), (72, 90, 3), None),
        (saved(COLOUR, "TIFF", "CMYK"), (72, 90, 3), "CMYK"),
        (saved(GREY > 128), (72, 90), None),
    ],
    ids=["L", "RGB", "grey RGB", "RGBA", "LA", "16 bits", "palette", "CMYK", "1 bit"],
)
def test_pictures_of_every_kind_are_restored(ask, content, shape, note):
    found, info = ask("denoise_image", image=content)
    assert found.shape == shape
    assert note in info["notes"][0] if note else info["notes"] == []
    if shape[-1] == 4:
        assert np.array_equal(found[..., 3], GREY)


def test_of_an_animation_the_first_frame_is_taken_and_told(ask):
    frames = [Image.fromarray(one) for one in (GREY, 255 - GREY, GREY // 2)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found, info = ask("denoise_image", image=buffer.getvalue())
    assert info["notes"] == ["This is the first of 3 frames."]
    assert np.array_equal(found, ask("denoise_image", image=GREY)[0])


def test_the_measures_are_of_what_came_in_and_of_what_came_out(ask):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    noisy = ask("corrupt", way="gaussian", image=COLOUR)[0]
    found, info = ask("denoise_image", image=noisy, clean=COLOUR)
    for ending, one in (("", found), ("_before", noisy)):
        assert info[f"psnr{ending}"] == pytest.approx(
            peak_signal_noise_ratio(COLOUR, one), abs=1e-3
        )
        similar = structural_similarity(
            COLOUR, one, channel_axis=2, gaussian_weights=True, use_sample_covariance=False
        )
        assert info[f"ssim{ending}"] == pytest.approx(similar, abs=0.02)  # it has borders too
    _, info = ask("denoise_image", image=GREY, clean=GREY)
    assert info["psnr_before"] is None and info["ssim_before"] == 1


def test_a_grey_original_is_that_of_a_colour_picture_too(ask):
    _, info = ask("denoise_image", image=GREY, clean=np.dstack([GREY] * 3))
    assert info["ssim_before"] == 1
    assert ask("denoise_image", image=COLOUR, clean=GREY)[1]["psnr"] is not None


@pytest.mark.parametrize(
    ("arguments", "argument", "told"),
    [
        ({"clean": GREY[:-1]}, "clean", "as large as image, 90x72 pixels; got 90x71 pixels"),
        ({"sigma": 101}, "sigma", "0 to 100"),
        ({"image": b"no picture"}, "image", "its content is no picture"),
        ({"image": saved(GREY)[:200]}, "image", "the picture is damaged"),
        ({"image": np.zeros((2001, 2000), np.uint8), "ensemble": True}, "ensemble", "4 million"),
    ],
)
def test_what_cannot_be_restored_is_told(ask, arguments, argument, told):
    with pytest.raises(InputError, match=told) as error:
        ask("denoise_image", **{"image": GREY, **arguments})
    assert error.value.argument == argument and str(error.value).startswith(argument)


def test_a_digit_of_any_size_and_ground_is_brought_to_28_pixels(ask):
    plain, _ = ask("denoise_image", image=DIGIT, model="digit")
    large, info = ask("denoise_image", image=DIGIT.repeat(5, 0).repeat(5, 1), model="digit")
    assert np.array_equal(plain, large) and info["notes"] == []
    dark, info = ask("denoise_image", image=255 - DIGIT, model="digit", clean=255 - DIGIT)
    assert np.abs(dark.astype(int) - (255 - plain.astype(int))).max() <= 1
    assert info["notes"] == ["It is dark on light; the network saw it light on dark."]
    assert info["psnr_before"] is None and info["psnr"] is not None
    for odd in (np.zeros((1, 1), np.uint8), COLOUR, np.zeros((2, 300), np.uint8)):
        assert ask("denoise_image", image=odd, model="digit")[0].shape == (28, 28)


@pytest.mark.parametrize("shape", [(1, 1), (5, 8), (36, 45)])
def test_a_picture_is_doubled(ask, shape):
    for picture in (GREY, COLOUR, np.dstack([COLOUR, GREY])):
        found, info = ask("upscale_image", image=picture[: shape[0], : shape[1]])
        assert found.shape == (2 * shape[0], 2 * shape[1], *picture.shape[2:])
        assert info["size"] == [2 * shape[1], 2 * shape[0]]


def test_a_doubled_picture_is_measured_beside_bicubic(ask):
    odd = COLOUR[:71, :89]
    small = ask("corrupt", way="halve", image=odd)[0]
    _, info = ask("upscale_image", image=small, clean=odd)
    assert info["psnr_bicubic"] > 20 and 0.5 < info["ssim_bicubic"] <= 1
    with pytest.raises(InputError, match="twice as large as image, 88x70 pixels; got 90x72"):
        ask("upscale_image", image=small, clean=COLOUR)
    with pytest.raises(InputError, match="4 million pixels in all"):
        ask("upscale_image", image=np.zeros((2001, 2000), np.uint8))


# Speech.


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_comes_back_as_long_at_its_rate(ask, rate, channels):
    samples = np.stack([VOICE] * channels, axis=1)[: rate // 3]
    found, removed, info = ask("denoise_speech", sound=(rate, samples))
    shape = (len(samples),) if channels == 1 else (len(samples), channels)
    for one in (found, removed):
        assert isinstance(one, Recording)
        assert (one.rate, one.samples.shape, one.samples.dtype) == (rate, shape, np.int16)
    whole = found.samples.astype(int) + removed.samples
    assert np.abs(whole - 32767 * samples.reshape(shape)).max() <= 1.01
    assert info["rate"] == rate and info["seconds"] == pytest.approx(len(samples) / rate, abs=1e-3)


def test_what_is_taken_away_depends_on_the_strength(ask):
    levels = [
        np.abs(ask("denoise_speech", sound=(RATE, VOICE), strength=one)[1].samples).mean()
        for one in (0, 0.5, 1)
    ]
    assert levels[0] < 2 and levels[1] == pytest.approx(levels[2] / 2, rel=0.05)


def test_a_long_sound_is_cleaned_as_in_one_piece_and_tells_how_far_it_is(service):
    from hub_denoise.speech.stream import denoise

    samples = np.tile(VOICE, 13)[:, None]
    told = []
    found, _, _ = service.denoise_speech(
        Recording(RATE, samples), progress=lambda share, text: told.append((share, text))
    )
    whole = denoise(service.speech, samples, RATE)[:, 0]
    assert np.abs(found.samples / 32767 - whole.clip(-1, 1)).max() < 1e-3
    assert told[-1] == (1.0, "26 of 26 seconds") and len(told) >= 3
    assert [share for share, _ in told] == sorted(share for share, _ in told)


def test_silence_stays_silence(ask):
    found, removed, info = ask("denoise_speech", sound=(RATE, np.zeros(RATE)))
    assert not found.samples.any() and not removed.samples.any()
    assert info["level_before_db"] is None and info["level_after_db"] is None
    assert info["notes"] == ["It is silent from beginning to end."]
    found, _, _ = ask("denoise_speech", sound=(RATE, np.zeros(1)))
    assert found.samples.shape == (1,)


def test_clipping_and_what_is_above_8_khz_are_told(ask):
    loud = (20 * VOICE).clip(-1, 1)
    _, _, info = ask("denoise_speech", sound=(RATE, loud))
    assert "clipped" in info["notes"][0]
    _, _, info = ask("denoise_speech", sound=(48_000, VOICE))
    assert info["notes"] == ["What is above 8 kHz counts as noise."]


def test_speech_is_measured_against_its_original(ask):
    pytest.importorskip("pesq")
    noisy = ask("corrupt", way="white", sound=(RATE, VOICE), amount=5)[1]
    _, _, info = ask("denoise_speech", sound=noisy, clean=(RATE, VOICE))
    assert info["si_sdr_before"] == pytest.approx(4, abs=3)
    assert 1 <= info["pesq_before"] <= 4.7 and 0 < info["stoi_before"] <= 1
    assert {"si_sdr", "pesq", "stoi"} <= set(info)
    _, _, info = ask("denoise_speech", sound=noisy, clean=(RATE, 0 * VOICE))
    assert info["pesq"] is None and info["stoi"] is None and info["si_sdr"] is None
    _, _, info = ask("denoise_speech", sound=(RATE, VOICE[:100]), clean=(RATE, VOICE[:100]))
    assert info["pesq"] is None and info["si_sdr_before"] > 60


@pytest.mark.parametrize(
    ("arguments", "argument", "told"),
    [
        ({"clean": (RATE, VOICE[:RATE])}, "clean", r"as long as sound, 2\.0 seconds; got 1\.0"),
        ({"sound": (2000, VOICE)}, "sound", "4 to 384 kHz"),
        ({"sound": (RATE, np.zeros((80, 9)))}, "sound", "1 to 8 channels.*9 channels"),
        ({"sound": (4000, np.zeros(4000 * 3601, np.int8))}, "sound", "at most 3600 seconds"),
        ({"sound": b"not a sound"}, "sound", "no sound that can be read"),
        ({"sound": (RATE, np.full(9, np.nan))}, "sound", "not all finite"),
    ],
)
def test_what_cannot_be_cleaned_is_told(ask, arguments, argument, told):
    with pytest.raises(InputError, match=told) as error:
        ask("denoise_speech", **{"sound": (RATE, VOICE), **arguments})
    assert error.value.argument == argument and str(error.value).startswith(argument)


# Text.


def test_words_that_are_marked_are_restored_and_told(ask):
    text = "The green ____ sing at [MASK] in the p_nd."
    restored, info = ask("restore_text", text=text, known_places=True, clean=TEXT)
    assert info["text"] == "The green ____ sing at ____ in the p_nd."
    assert [one["seen"] for one in info["words"]] == ["____", "____", "p_nd"]
    for one in info["words"]:
        assert info["text"][one["start"] :].startswith(one["seen"])
        assert restored[one["restored_start"] :].startswith(one["restored"])
        assert 0 <= one["probability"] <= 1 and one["alternatives"][0][0] == one["restored"]
    originals = ["frogs", "night", "pond"]
    told = [one["right"] for one in info["words"]]
    assert told == [
        one["restored"] == word for one, word in zip(info["words"], originals, strict=True)
    ]
    right = sum(told)
    assert info["spoilt"] == 3 and info["accuracy"] == pytest.approx(right / 3, abs=1e-4)


def test_slips_are_looked_at_unless_the_places_are_known(ask):
    text = "The green frogs sing at nigth in the pond."
    _, info = ask("restore_text", text=text)
    assert [one["seen"] for one in info["words"]] == ["nigth"]
    assert info["accuracy"] is None and info["words"][0]["right"] is None
    restored, info = ask("restore_text", text=text, known_places=True)
    assert restored == text and info["words"] == []
    restored, info = ask("restore_text", text=text, known_places=True, clean=TEXT)
    assert restored == TEXT and info["accuracy"] == 1


@pytest.mark.parametrize(
    "text",
    ["好的，没有问题。", "😀😀 🎉", " ", "\0\u202e", "x" * 20_000, "_", "1984 ?", "' _' __'s"],
)
@pytest.mark.parametrize("known_places", [False, True])
def test_any_text_is_answered(ask, text, known_places):
    restored, info = ask("restore_text", text=text, known_places=known_places)
    if "_" not in text:
        assert restored == text
    assert bool(info["notes"]) == ("好" in text)


@pytest.mark.parametrize(
    ("arguments", "argument", "told"),
    [
        ({"text": ""}, "text", "a text of 1 to 20000 characters; got ''"),
        ({"text": "word " * 100_000}, "text", r"1 to 20000 characters.*\(500\d+ characters\)"),
        ({"clean": "The frogs sing."}, "clean", "of as many words as text, 9; got 3"),
    ],
)
def test_what_cannot_be_restored_of_a_text_is_told(ask, arguments, argument, told):
    with pytest.raises(InputError, match=told) as error:
        ask("restore_text", **{"text": TEXT, **arguments})
    assert error.value.argument == argument and str(error.value).startswith(argument)


def test_what_features_are_worth_is_told_where_it_is_known(ask):
    assert ask("few_labels") == {}


# The checkpoint that comes with the hub.


def test_the_bundled_networks_take_noise_away(ask, bundled):
    noisy = ask("corrupt", bundled, way="gaussian", image=GREY, amount=25)[0]
    _, info = ask("denoise_image", bundled, image=noisy, clean=GREY)
    assert info["psnr"] > info["psnr_before"] + 6
    assert info["sigma_estimated"] == pytest.approx(25, abs=5)
    noisy = ask("corrupt", bundled, way="salt_and_pepper", image=DIGIT)[0]
    _, info = ask("denoise_image", bundled, image=noisy, model="digit", clean=DIGIT)
    assert info["psnr"] > info["psnr_before"]


def test_the_bundled_network_doubles_better_than_bicubic(ask, bundled):
    clean = example.photograph("photographer")[80:208, 100:260]  # GREY is sky, with no detail
    small = ask("corrupt", bundled, way="halve", image=clean)[0]
    _, info = ask("upscale_image", bundled, image=small, clean=clean)
    assert info["psnr"] > info["psnr_bicubic"] + 0.3


def test_the_bundled_network_cleans_speech(ask, bundled):
    for way in ("white", "engine"):
        noisy = ask("corrupt", bundled, way=way, sound=example.voice("ben"))[1]
        _, _, info = ask("denoise_speech", bundled, sound=noisy, clean=example.voice("ben"))
        assert info["si_sdr"] > info["si_sdr_before"] + 3
        assert "pesq" not in info or info["pesq"] > info["pesq_before"] + 0.1


def test_the_bundled_network_restores_words(ask, bundled):
    text = example.TEXTS["market"]
    spoilt = ask("corrupt", bundled, way="swap", text=text, amount=0.3)[2]
    _, info = ask("restore_text", bundled, text=spoilt, known_places=True, clean=text)
    assert info["accuracy"] > 0.7
