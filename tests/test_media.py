"""What a service gets of sounds and of files that callers send."""

import base64
import io

import numpy as np
import pytest
from PIL import Image as Pictures

from hub import audio
from hub.errors import InputError
from hub.media import Files, Sound, Upload, WholeImage, WholeSound, files_in

SECOND = (0.5 * np.sin(np.arange(16_000) / 5)).astype(np.float32)


def file_data(path, name=None):
    return {"path": str(path), "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def data_url(content):
    return "data:audio/wav;base64," + base64.b64encode(content).decode()


# Pictures as they are.


def saved(array, ending="PNG", mode=None, **options):
    buffer = io.BytesIO()
    picture = Pictures.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, ending, **options)
    return buffer.getvalue()


GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
RED = np.dstack([GREY, 0 * GREY, 0 * GREY])
CLEAR = np.dstack([RED, GREY])


@pytest.mark.parametrize(
    ("content", "pixels", "alpha"),
    [
        (saved(GREY), GREY, None),
        (saved(RED), RED, None),
        (saved(CLEAR), RED, GREY),
        (saved(np.dstack([GREY, 255 - GREY])), GREY, 255 - GREY),
        (saved(GREY > 100), 255 * (GREY > 100), None),
        (saved(GREY, mode="P"), np.dstack([GREY] * 3), None),
        (saved(GREY.astype(np.uint16) * 257), GREY, None),
        (saved(GREY.astype(np.int32) * 257, "TIFF"), GREY, None),
        (saved(GREY.astype(np.float32) / 255, "TIFF"), GREY, None),
        (saved(GREY.astype(np.float32), "TIFF"), GREY, None),
        (saved(np.dstack([RED, 0 * GREY + 255])), RED, None),
    ],
    ids=["L", "RGB", "RGBA", "LA", "1", "P", "16", "32", "unit floats", "floats", "opaque"],
)
def test_a_whole_picture_is_as_it_was(content, pixels, alpha):
    found = WholeImage().check("image", content)
    assert found.pixels.dtype == np.uint8 and np.array_equal(found.pixels, pixels)
    assert (found.alpha is None) == (alpha is None)
    assert alpha is None or np.array_equal(found.alpha, alpha)


def test_what_was_done_to_a_whole_picture_is_told():
    frames = [Pictures.fromarray(GREY + step) for step in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = WholeImage().check("image", buffer.getvalue())
    assert found.notes == ("This is the first of 3 frames.",)
    assert np.array_equal(found.pixels.reshape(6, 8, -1)[..., 0], GREY)
    found = WholeImage().check("image", saved(RED, "TIFF", "CMYK"))
    assert found.pixels.shape == RED.shape and "CMYK" in found.notes[0]
    found = WholeImage().check("image", saved(GREY.astype(np.uint16) * 257))
    assert found.notes == ("Its 16 bits were brought to 8.",)


def test_a_photograph_is_turned_as_its_camera_says():
    exif = Pictures.Exif()
    exif[274] = 6  # a quarter turn
    found = WholeImage().check("image", saved(GREY, exif=exif))
    assert np.array_equal(found.pixels, np.rot90(GREY, -1))


def test_a_whole_picture_may_have_so_many_pixels():
    kind = WholeImage(max_side=100, max_pixels=1000)
    assert kind.check("image", np.zeros((10, 100), np.uint8)).pixels.shape == (10, 100)
    for value in (np.zeros((11, 100), np.uint8), saved(np.zeros((40, 40), np.uint8))):
        with pytest.raises(InputError, match=r"100x100 pixels, and 0\.001 million pixels in all"):
            kind.check("image", value)


# Sound.


@pytest.mark.parametrize("ending", ["wav", "flac", "opus"])
@pytest.mark.parametrize("way", ["bytes", "path", "file", "data URL"])
def test_a_sound_comes_in_any_format_and_way(ending, way, tmp_path):
    pytest.importorskip("soundfile")
    content = audio.encode(SECOND, 16_000, ending)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    ways = {"bytes": content, "path": path, "file": file_data(path), "data URL": data_url(content)}
    heard = Sound().check("sound", ways[way])
    assert heard.shape == (16_000,) and heard.dtype == np.float32
    if ending != "opus":
        assert heard == pytest.approx(SECOND, abs=1e-4)


def test_a_page_s_sound_is_resampled():
    heard = Sound(rate=16_000).check("sound", (48_000, np.repeat(SECOND, 3)))
    assert heard.shape == (16_000,)


@pytest.mark.parametrize("rate", [0, 500, 400_000, 16_000.5, True, "16000", None])
def test_a_page_s_sound_has_a_rate_that_recordings_have(rate):
    with pytest.raises(InputError, match="samples a second"):
        Sound().check("sound", (rate, SECOND))


def test_the_limits_of_a_sound_are_named():
    kind = Sound(min_seconds=0.1, max_seconds=0.5)
    assert kind.describe() == "a sound of 0.1 to 0.5 seconds"
    for value in (SECOND, audio.encode(SECOND, 16_000)):
        with pytest.raises(
            InputError, match=r"sound must be a sound of 0\.1 to 0\.5 seconds.*1\.0"
        ):
            kind.check("sound", value)
    with pytest.raises(InputError, match=r"of 0\.1 to 0\.5 seconds; got .* \(0\.02 seconds\)"):
        kind.check("sound", SECOND[:320])
    assert kind.check("sound", SECOND[:1600]).shape == (1600,)


def test_what_is_no_sound_is_named_by_its_sender_s_name(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"Dear all,\n")
    with pytest.raises(InputError, match="got the file 'talk.mp3' .*it looks like text") as caught:
        Sound().check("sound", file_data(path, "talk.mp3"))
    assert str(tmp_path) not in str(caught.value)


def test_a_loud_sound_is_sent_quieter_not_clipped():
    suffix, content = Sound().encode(3 * SECOND, lambda content, suffix: (suffix, content))
    assert suffix == ".wav"
    assert audio.read(content) == pytest.approx(2 * SECOND, abs=1e-3)


def test_a_sound_is_sent_in_the_format_its_kind_names():
    pytest.importorskip("soundfile")
    suffix, content = Sound(format="flac").encode(SECOND, lambda content, suffix: (suffix, content))
    assert (suffix, content[:4]) == (".flac", b"fLaC")


# Sound as it is.


def test_a_whole_sound_keeps_its_rate_and_channels():
    pytest.importorskip("soundfile")
    both = np.stack([SECOND, 0.5 * SECOND], axis=1)
    for content in (audio.encode(both, 44_100), audio.encode(both, 44_100, "flac")):
        rate, heard = WholeSound().check("sound", content)
        assert rate == 44_100 and heard.dtype == np.float32
        assert heard == pytest.approx(both, abs=1e-4)
    rate, heard = WholeSound().check("sound", (8000, (32768 * SECOND).astype(np.int16)))
    assert rate == 8000 and heard == pytest.approx(SECOND[:, None], abs=1e-4)


def test_a_whole_sound_beyond_one_is_made_quieter_in_all_its_channels():
    _, heard = WholeSound().check("sound", (8000, np.stack([4 * SECOND, SECOND], axis=1)))
    assert np.abs(heard).max() == pytest.approx(1)
    assert heard[:, 0] == pytest.approx(4 * heard[:, 1], abs=1e-6)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((16_000, np.zeros((10, 3))), "3 channels"),
        ((4000, np.zeros(10)), "4000 samples a second"),
        ((16_000, np.zeros((1001, 2))), "2,002 samples"),
        (audio.encode(np.zeros((1001, 2)), 16_000), "more than 2,000 samples"),
        ((16_000, np.zeros(20_000)), "1.2 seconds"),
        (audio.encode(np.zeros(20_000), 16_000), "1.2 seconds"),
    ],
)
def test_the_limits_of_a_whole_sound_are_named(value, reason):
    kind = WholeSound(min_rate=8000, max_seconds=1, max_channels=2, max_samples=2000)
    with pytest.raises(InputError, match=reason) as told:
        kind.check("sound", value)
    assert "8 to 384 kHz, with 1 to 2 channels" in str(told.value)


def test_a_service_gives_a_whole_sound_as_it_has_it():
    said = (32767 * np.stack([SECOND, -SECOND], axis=1)).astype(np.int16)
    content = WholeSound().encode((48_000, said), lambda content, suffix: content)
    rate, heard = WholeSound().check("sound", content)
    assert rate == 48_000 and np.array_equal((heard * 32768).astype(np.int16), said)


# Files.


def test_files_come_with_their_names_and_unread(tmp_path):
    (tmp_path / "1").write_bytes(b"some")
    found = Files().check("files", [file_data(tmp_path / "1", "A talk.mp3"), data_url(b"more")])
    assert [(one.name, one.read()) for one in found] == [
        ("A talk.mp3", b"some"),
        ("file 2", b"more"),
    ]
    assert found[0].source == tmp_path / "1"


def test_one_file_is_a_list_of_one(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"x")
    for value in (tmp_path / "a.wav", file_data(tmp_path / "a.wav")):
        assert [one.name for one in Files().check("files", value)] == ["a.wav"]


def test_a_bad_file_does_not_fail_the_others(tmp_path):
    for name, size in {"good": 10, "empty": 0, "large": 100}.items():
        (tmp_path / name).write_bytes(bytes(size))
    paths = [tmp_path / name for name in ("good", "empty", "large", "missing")]
    found = Files(max_bytes=99).check("files", paths)
    problems = ["", "it is empty", "larger than 9.9e-05 MB", "it cannot be read"]
    assert [one.problem for one in found] == problems
    for one in found[1:]:
        with pytest.raises(InputError, match=f"^{one.name}: {one.problem}$"):
            one.read()
        with pytest.raises(InputError, match=one.problem):
            _ = one.source


def test_a_file_that_went_meanwhile_is_told_without_its_folder(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    [found] = Files().check("files", path)
    path.unlink()
    with pytest.raises(InputError, match="^a.wav: it cannot be read$"):
        found.read()


def test_a_folder_stands_for_the_files_in_it(tmp_path):
    folder, outside = tmp_path / "talks", tmp_path / "secret.wav"
    outside.write_bytes(b"x")
    for name in ("b.wav", "a.wav", "sub/c.wav", ".hidden", ".git/d.wav", "sub/.e.wav", "z/f.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "link.wav").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "near.wav").symlink_to(folder / "a.wav")
    found = Files().check("files", folder)
    names = ["a.wav", "b.wav", "near.wav", "sub/c.wav", "z/f.wav"]
    assert [one.name for one in found] == names
    assert [path.relative_to(folder).as_posix() for path in files_in(folder)] == names


def test_files_of_one_name_are_numbered(tmp_path):
    given = ["b.wav", "a.wav", "a (2).wav", "a.wav", "b/a.wav", "a.wav", "no end", "no end"]
    paths = [tmp_path / str(number) for number in range(len(given))]
    for path in paths:
        path.write_bytes(path.name.encode())
    files = [file_data(path, name) for path, name in zip(paths, given, strict=True)]
    found = Files().check("files", files)
    names = ["b.wav", "a.wav", "a (2).wav", "a (3).wav", "b/a.wav", "a (4).wav"]
    assert [one.name for one in found] == [*names, "no end", "no end (2)"]
    assert [one.read() for one in found] == [path.name.encode() for path in paths]
    assert Files().check("files", found) == found
    long = [file_data(path, "x" * 300 + ".wav") for path in paths]
    assert len({one.name for one in Files().check("files", long)}) == len(long)


def test_too_many_files_or_too_few_are_refused(tmp_path):
    for i in range(4):
        (tmp_path / f"{i}.wav").write_bytes(b"x")
    match = "files must be 1 to 3 files, each of at most 50 MB; got .*more than 3 files"
    with pytest.raises(InputError, match=match):
        Files(high=3).check("files", tmp_path)
    with pytest.raises(InputError, match="got .*0 files"):
        Files().check("files", [])


@pytest.mark.parametrize("value", [None, 3, "a.wav", "/etc/passwd", ["/etc/passwd"], [None], {}])
def test_what_is_no_file_is_refused(value):
    with pytest.raises(InputError, match=r"files\[0\] must be a file of at most 50 MB"):
        Files().check("files", value)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("talks/2024/a b.wav", "talks/2024/a b.wav"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/./passwd", "etc/passwd"),
        ("C:\\talks\\a.wav", "C:/talks/a.wav"),
        ("a\n\0\u202e\ud800b.wav", "ab.wav"),
        ("ä ö 你.wav", "ä ö 你.wav"),
        ("../", "file"),
        ("x" * 300 + ".wav", "x" * 196 + ".wav"),
        (5, "1"),
        (None, "1"),
    ],
)
def test_names_of_files_are_plain(tmp_path, given, name):
    (tmp_path / "1").write_bytes(b"x")
    [found] = Files().check("files", [file_data(tmp_path / "1", given)])
    assert found.name == name


def test_an_upload_shows_no_folder(tmp_path):
    assert repr(Upload("a.wav", tmp_path / "a.wav")) == "Upload(name='a.wav', problem='')"


def test_files_are_sent_back_under_their_ending():
    kept = Files().encode([Upload("a.txt", b"x")], lambda content, suffix: (suffix, content))
    assert kept == [(".txt", b"x")]
