"""Sound from files of every kind, and what is told of those that hold none."""

import io
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soxr
from scipy.signal import chirp

from hub import audio
from hub.errors import AudioError, HubError, InputError
from hub.fuzz.sounds import AV, SNDFILE, made, muxed, silent_film

soundfile = pytest.importorskip("soundfile", reason="the extra latenthub[audio] is not installed")
pytest.importorskip("av", reason="the extra latenthub[audio] is not installed")
RATES = {"opus": 48_000, "webm": 48_000, "mp3": 44_100}  # others than 16 kHz where a codec wants it
ALL = [*SNDFILE, *AV]
EXACT = {  # by ending: how far a sample may be off; the others lose more
    "8.wav": 1 / 100,
    **dict.fromkeys(["wav", "rf64", "w64", "au", "caf", "flac", "alac.m4a", "mka", "mov"], 1e-4),
    **dict.fromkeys(["24.wav", "32.wav", "float.wav", "double.wav", "aiff", "24.flac"], 1e-6),
    "mulaw.wav": 0.03,
}


def sweep(rate, seconds=2.0, low=100.0, high=3000.0, level=0.5):
    """Return a tone that rises from `low` to `high`, Hz, its ends faded, (samples,)."""
    time = np.arange(round(rate * seconds)) / rate
    fade = np.clip(np.minimum(time, seconds - time) / 0.05, 0, 1)
    return (level * fade * chirp(time, low, seconds, high)).astype(np.float32)


def lag(heard, said):
    """Return by how many samples `heard` comes after `said`, where they correlate most."""
    size = 2 ** int(np.ceil(np.log2(len(heard) + len(said))))
    cross = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)))
    place = int(cross.argmax())
    return place if place < size // 2 else place - size


@pytest.mark.parametrize("ending", ALL)
def test_every_format_gives_the_sound_back_in_time_and_in_level(ending):
    rate = RATES.get(ending, 16_000)
    said = sweep(rate)
    heard = audio.read(made(ending, said, rate), rate)
    assert heard.dtype == np.float32
    assert len(heard) == len(said) or ending == "aac"  # which has no word for its delay
    if ending in EXACT:
        assert np.abs(heard - said).max() < EXACT[ending]
    elif ending != "aac":
        assert abs(lag(heard, said)) <= rate // 1000
        assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(said**2)), rel=0.05)
    told = audio.seconds_of(made(ending, said, rate))
    assert told == pytest.approx(2, abs=0.1) if ending != "aac" else told is None


@pytest.mark.parametrize("ending", ["flac", "wav", "mp3", "m4a", "webm"])
def test_channels_are_mixed_by_their_mean(ending):
    said = sweep(48_000, 0.5)
    heard = audio.read(made(ending, np.stack([said, 0 * said], axis=1), 48_000), 48_000)
    assert np.abs(heard).max() == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("rate", [1000, 8000, 11_025, 22_051, 44_100, 48_000, 192_000, 384_000])
def test_any_rate_becomes_the_one_asked_for_at_the_same_place(rate):
    said, wanted = sweep(rate, high=300), sweep(16_000, high=300)
    heard = audio.read(made("float.wav", said, rate), 16_000)
    assert len(heard) == 32_000
    assert np.abs(heard - wanted).max() < 2e-3


def test_what_a_lower_rate_cannot_hold_is_taken_out():
    high = sweep(192_000, low=5000, high=90_000)
    assert np.abs(audio.read(made("float.wav", high, 192_000), 8000)).max() < 1e-3


def test_a_file_read_block_by_block_is_as_one_resampled_at_once():
    said = np.random.default_rng(0).uniform(-0.5, 0.5, 300_001).astype(np.float32)
    heard = audio.read(made("float.wav", said, 44_100), 16_000)
    assert heard == pytest.approx(soxr.resample(said, 44_100, 16_000), abs=1e-5)


def test_sound_beyond_one_is_made_quieter_and_not_clipped():
    said = sweep(16_000, level=3.0)
    assert audio.read(made("float.wav", said, 16_000)) == pytest.approx(said / 3, abs=1e-3)


def test_one_sample_is_a_sound_and_none_is_not():
    assert len(audio.read(made("wav", np.ones(1, np.float32) / 2, 16_000))) == 1
    with pytest.raises(AudioError, match="it holds no sound"):
        audio.read(made("wav", np.zeros(0), 16_000))


def test_a_path_is_read_as_its_content_is(tmp_path):
    path = tmp_path / "Rede – ä.m4a"
    path.write_bytes(made("m4a", sweep(16_000), 16_000))
    assert np.array_equal(audio.read(path), audio.read(path.read_bytes()))


# What is refused.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"Dear all, this is no sound.\n" * 9, r"\(it looks like text\); WAV, AIFF, FLAC, Ogg"),
        (b"%PDF-1.7\0\xff", "it looks like a PDF"),
        (b"PK\x03\x04\0\xff", "it looks like a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n\0\xff", "it looks like a picture"),
        (bytes(5000), "its content is no sound that can be read; WAV"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "it looks like text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "it looks like text"),
        (np.random.default_rng(0).bytes(50_000), "its content is no sound that can be read"),
        (b"RIFF\x04\0\0\0WAVE", "it is damaged or cut off"),
    ],
)
def test_what_is_no_sound_is_told_apart(content, reason):
    with pytest.raises(AudioError, match=f"^talk.mp3: .*{reason}"):
        audio.read(content, name="talk.mp3")


@pytest.mark.parametrize("part", [0.02, 0.4, 0.8])
@pytest.mark.parametrize("ending", [one for one in ALL if one not in ("rf64", "w64", "au", "aac")])
def test_half_a_file_is_refused(ending, part, capfd):
    rate = RATES.get(ending, 16_000)
    content = made(ending, sweep(rate), rate)
    with pytest.raises(AudioError, match="damaged or cut off|no sound that can be read"):
        audio.read(content[: int(part * len(content))])


def test_a_film_gives_its_sound_and_a_silent_one_is_refused():
    said = sweep(16_000)
    assert lag(audio.read(muxed("mp4", "aac", said, 16_000, film=True)), said) == 0
    with pytest.raises(AudioError, match="it holds no sound"):
        audio.read(silent_film())


def test_a_codec_nobody_knows_is_told():
    content = made("alac.m4a", sweep(16_000), 16_000).replace(b"alac", b"drms")
    with pytest.raises(AudioError, match="its codec, unknown, cannot be read; WAV"):
        audio.read(content)


@pytest.mark.parametrize("ending", ["wav", "flac", "opus", "mp3", "m4a"])
def test_what_is_too_long_is_refused_by_its_header(ending, monkeypatch):
    rate = RATES.get(ending, 16_000)
    content = made(ending, sweep(rate), rate)
    assert len(audio.read(content, rate, 2.0)) == 2 * rate
    monkeypatch.setattr(audio, "at_rate", None)  # nothing is decoded
    with pytest.raises(AudioError, match=r"talk: 2\.0 seconds, longer than 1\.5"):
        audio.read(content, max_seconds=1.5, name="talk")


def with_length(flac, frames):
    """Return a FLAC file whose header tells another length; 0 stands for one that is unknown."""
    place = (
        flac.index(b"fLaC") + 8 + 10
    )  # the rate and what else, and in the last 36 bits the length
    told = int.from_bytes(flac[place : place + 8], "big") >> 36 << 36 | frames
    return flac[:place] + told.to_bytes(8, "big") + flac[place + 8 :]


def test_a_file_of_unknown_length_does_not_fill_the_memory():
    tiny = with_length(made("flac", np.zeros(16_000 * 1200, np.float32), 16_000), 0)
    assert len(tiny) < 200_000 and audio.seconds_of(tiny) is None
    tracemalloc.start()
    try:
        with pytest.raises(AudioError, match="longer than 10 seconds"):
            audio.read(tiny, max_seconds=10)
        assert tracemalloc.get_traced_memory()[1] < 20e6  # of 77
    finally:
        tracemalloc.stop()


def test_a_header_that_tells_too_much_is_not_believed():
    content = made("flac", sweep(16_000), 16_000)
    with pytest.raises(AudioError, match="damaged or cut off"):
        audio.read(with_length(content, 48_000))
    with pytest.raises(AudioError, match="seconds, longer than 3600"):
        audio.read(with_length(content, 2**36 - 1))


def test_a_stream_that_does_not_know_its_length_is_read():
    content = made("wav", sweep(16_000), 16_000)
    place = content.index(b"data") + 4
    streamed = content[:place] + b"\xff" * 4 + content[place + 4 :]
    assert len(audio.read(streamed)) == 32_000
    assert len(audio.read(with_length(made("flac", sweep(16_000), 16_000), 0))) == 32_000


@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\0\x4e\x20" + bytes(10_016)])
def test_an_mp3_of_changing_bit_rate_is_read_to_its_end(tag):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44_100 * 2).astype(np.float32)
    buffer = io.BytesIO()
    both = np.concatenate([np.zeros(44_100 * 2, np.float32), noise])
    soundfile.write(buffer, both, 44_100, format="MP3", bitrate_mode="VARIABLE")
    content = tag + buffer.getvalue()
    assert audio.seconds_of(content) == pytest.approx(4)
    without = content.replace(b"Xing", bytes(4), 1)  # as old programs write it
    assert without != content
    assert len(audio.read(without)) == pytest.approx(64_000, abs=2000)


@pytest.mark.parametrize(("rate", "channels"), [(400, 1), (500_000, 1), (16_000, 40)])
def test_what_no_recording_has_is_refused(rate, channels):
    content = made("wav", np.zeros((2000, channels)), rate)
    with pytest.raises(AudioError, match="samples a second|40 channels"):
        audio.read(content)


def test_what_is_no_number_is_refused():
    with pytest.raises(AudioError, match="its numbers are not all finite"):
        audio.read(made("float.wav", np.array([0.0, np.nan, np.inf, -np.inf]), 16_000))


def test_no_error_names_a_folder(tmp_path):
    for content in (None, b"text", b"RIFF", b"OggS", b"fLaC\0\0", b"ID3\4\0\0\0\0\0\0" + bytes(99)):
        path = tmp_path / "a.wav"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(AudioError) as caught:
            audio.read(path)
        assert str(tmp_path) not in str(caught.value)


def test_an_error_crosses_to_another_process():
    error = AudioError("a.wav", "it is empty")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, InputError)
    assert (str(copy), copy.reason) == ("a.wav: it is empty", "it is empty")


# What is written.


@pytest.mark.parametrize("format", ["wav", "flac", "opus"])
def test_what_is_encoded_is_read_again(format):
    said = sweep(16_000)
    content = audio.encode(said, 16_000, format)
    heard = audio.read(content)
    assert len(heard) == len(said) and lag(heard, said) == 0
    if format != "opus":
        assert heard == pytest.approx(said, abs=1e-4)
    else:
        assert len(content) < 16_000  # of 64,000


def test_louder_samples_are_clipped_when_they_are_encoded():
    assert audio.read(audio.encode(np.array([2.0, -2.0]), 16_000)) == pytest.approx(
        [1, -1], abs=1e-4
    )


def test_opus_has_few_rates():
    with pytest.raises(HubError, match="Opus has rates of 8000, 12000, 16000, 24000, 48000 Hz"):
        audio.encode(np.zeros(8), 44_100, "opus")


# Without the extra `audio`.


@pytest.fixture
def bare(monkeypatch):
    """Return files by their ending; to read them, neither soundfile nor av are installed."""
    files = {
        one: made(one, sweep(8000), 8000) for one in ["8.wav", "wav", "24.wav", "32.wav", "flac"]
    }
    monkeypatch.setitem(sys.modules, "soundfile", None)
    monkeypatch.setitem(sys.modules, "av", None)
    return files


@pytest.mark.parametrize("ending", ["8.wav", "wav", "24.wav", "32.wav"])
def test_wav_is_read_without_the_extra(ending, bare):
    said = sweep(8000)
    assert np.abs(audio.read(bare[ending], 8000) - said).max() < EXACT[ending]


def test_others_say_what_to_install(bare):
    with pytest.raises(
        AudioError, match=r"WAV can be read here; for others install latenthub\[audio\]"
    ):
        audio.read(bare["flac"])
    with pytest.raises(
        HubError, match=r"flac needs the package soundfile: install latenthub\[audio\]"
    ):
        audio.encode(np.zeros(8), 8000, "flac")


def test_importing_it_imports_nothing_heavy():
    heavy = "{'numpy', 'soundfile', 'soxr', 'av', 'torch'}"
    code = f"import sys, hub.audio; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
