"""What can be asked of the search: each endpoint, and what each refuses."""

import io
import wave

import numpy as np
import pytest

from hub.errors import HubError, InputError
from hub.media import Upload, wav
from hub_search.service import marked

RATE = 16_000


@pytest.fixture
def archive(service, say):
    """Return the id and the key of an archive of two recordings, made for one test."""
    files = [
        Upload("one.wav", wav(say(["mado", "siki", "talo"]), RATE)),
        Upload("two.wav", wav(say(["rune", "mado", "siki"], pitch=150), RATE)),
    ]
    made = service.index(files, name="Made up")
    assert not made["left_out"] and len(made["indexed"]) == 2
    return made["archive"], made["key"]


# What is said.


def test_a_vector_has_length_one_and_tells_where_the_voice_is(service, say):
    [found] = service.embed([say(["mado"])], ["contrastive"], [None])
    assert np.linalg.norm(found["vector"]) == pytest.approx(1, abs=1e-4)
    assert 0.35 < found["start"] < 0.45 and 0.9 < found["end"] < 1.1


def test_silence_around_a_word_changes_little(service, say):
    word = say(["siki"])
    more = np.concatenate([np.zeros(RATE, np.float32), word, np.zeros(RATE, np.float32)])
    one, other = service.embed([word, more], ["contrastive"] * 2, [None, None])
    assert np.dot(one["vector"], other["vector"]) > 0.98
    assert other["start"] == pytest.approx(one["start"] + 1, abs=0.03)


def test_a_bad_sound_fails_alone(service, say):
    found = service.embed(
        [say(["mado"]), np.zeros(RATE, np.float32), say(["talo"])],
        ["contrastive", "sa", "sa"],
        [None] * 3,
    )
    assert isinstance(found[1], InputError) and "says nothing" in str(found[1])
    assert [found[i]["system"] for i in (0, 2)] == ["contrastive", "sa"]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(RATE, np.float32), "audio says nothing: its loudest part is at -100 dB"),
        (1e-4 * np.ones(RATE, np.float32), "audio says nothing: its loudest part is at -80 dB"),
        (0.3 * np.sin(np.arange(320)).astype(np.float32), "0.1 to 10 seconds of voice"),
        (np.zeros(100, np.float32), "audio is too short: a word takes 0.1 seconds"),
    ],
)
def test_what_is_no_word_is_told(service, samples, message):
    with pytest.raises(InputError, match=message) as told:
        service.search(samples)
    assert told.value.argument == "audio"


def test_a_long_speech_is_no_query(service, say):
    with pytest.raises(InputError, match="0.1 to 10 seconds of voice; found 1"):
        service.search(say(["mado", "siki", "talo", "rune"] * 5))


def test_a_search_without_alignment_is_by_the_vectors_alone(service, say, archive):
    aligned = service.search(say(["mado"]), archive[0], k=3)["hits"][0]
    alone = service.search(say(["mado"]), archive[0], k=3, align=False)["hits"][0]
    assert alone["recording"] == aligned["recording"] and alone["score"] != aligned["score"]


def test_a_part_of_a_long_sound_is_a_query(service, say, archive):
    long = say(["mado", "siki", "talo", "rune"] * 5)
    found = service.search(long, archive[0], span=[0.4, 1.0])
    assert found["query"] == {"start": 0.4, "end": 1.0} and found["hits"]


@pytest.mark.parametrize("span", [[1.0, 1.0], [2.0, 1.0], [50.0, 60.0]])
def test_a_span_outside_the_sound_is_told(service, say, span):
    with pytest.raises(InputError, match="span must be .* within the sound's 1.52"):
        service.search(say(["mado"]), span=span)


# Searching.


def test_a_stretch_of_a_recording_finds_itself(service, say):
    """By encoders that learned nothing: the same sound is the same still."""
    whole = say(["mado", "siki", "talo", "rune", "siki", "mado"] * 5)
    made = service.index([Upload("long.wav", wav(whole, RATE))])
    some = service.search(whole, made["archive"], k=1, span=[3.0, 3.6])["hits"][0]
    found = service.search(whole, made["archive"], k=1, span=[some["start"], some["end"]])
    [best] = found["hits"]
    assert best["start"] == pytest.approx(some["start"], abs=0.05)
    assert best["end"] == pytest.approx(some["end"], abs=0.05)
    assert best["score"] > 0.8  # the pauses' noise is not quite what is kept in 16 bits


def test_a_phrase_longer_than_any_stretch_finds_the_whole_of_itself(service, say):
    whole = say(["mado", "siki", "talo", "rune", "siki", "mado"])
    made = service.index([Upload("long.wav", wav(whole, RATE))])
    found = service.search(whole, made["archive"], k=3, span=[1.12, 3.28])  # three words
    spans = [(hit["start"], hit["end"]) for hit in found["hits"]]
    assert spans[0] == pytest.approx((1.12, 3.28), abs=0.07)


def test_hits_are_sorted_and_do_not_overlap(service, say, archive):
    found = service.search(say(["mado"], pitch=200), archive[0], k=20)
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True) and all(-1 <= one <= 1 for one in scores)
    assert found["segments"] >= len(scores)
    assert found == service.search(say(["mado"], pitch=200), archive[0], k=20)


@pytest.mark.parametrize("system", ["true_pairs", "cae", "cae_true_pairs", "dsa", "sa"])
def test_every_encoder_searches(service, say, archive, system):
    found = service.search(say(["siki"]), archive[0], 3, system)
    assert found["system"] == system and 1 <= len(found["hits"]) <= 3


def test_an_encoder_that_the_checkpoint_lacks_is_told(service, say, archive, monkeypatch):
    monkeypatch.setattr(service.networks, "systems", ("contrastive", "sa"))
    with pytest.raises(InputError, match="system must be one that the checkpoint holds: contr"):
        service.search(say(["siki"]), archive[0], 3, "dsa")


def test_an_empty_a_deleted_and_no_archive_are_told(service, say):
    empty = service.archives("create", name="Nothing yet")["archives"][0]
    with pytest.raises(InputError, match="is empty; add recordings"):
        service.search(say(["mado"]), empty["id"])
    assert service.archives("delete", empty["id"], empty["key"]) == {"archives": []}
    for id in (empty["id"], "no-such-archive"):
        with pytest.raises(InputError, match="it was deleted, or the id is wrong") as told:
            service.search(say(["mado"]), id)
        assert told.value.argument == "archive"


# Comparing.


def test_a_sound_is_most_like_itself(service, say):
    same = service.similar(say(["mado"]), say(["mado"]))
    other = service.similar(say(["mado"]), say(["siki"]))
    assert same["score"] == pytest.approx(1, abs=1e-3) and same["cost"] < 1e-3 < other["cost"]
    assert all(one == two for one, two in same["path"])


def test_an_alignment_goes_from_the_first_moments_to_the_last(service, say):
    slow = np.repeat(say(["rune"]).reshape(-1, 80), 2, axis=0).reshape(-1)  # twice as long
    found = service.similar(say(["rune"]), slow)
    path = np.array(found["path"])
    assert (np.diff(path, axis=0) >= 0).all()
    assert path[0].tolist() == pytest.approx([found["first"]["start"], found["second"]["start"]])
    assert path[-1].tolist() == pytest.approx(
        [found["first"]["end"] - 0.01, found["second"]["end"] - 0.01]
    )
    picture = service.alignment(say(["rune"]), slow)
    lengths = [
        round(100 * (found[one]["end"] - found[one]["start"]))
        for one in found
        if one in ("first", "second")
    ]
    assert picture.shape == tuple(lengths) and picture.dtype == np.uint8


def test_which_of_two_sounds_is_silent_is_told(service, say):
    with pytest.raises(InputError, match="^second says nothing") as told:
        service.similar(say(["mado"]), np.zeros(RATE, np.float32))
    assert told.value.argument == "second"
    with pytest.raises(InputError, match="^first_span must be"):
        service.similar(say(["mado"]), say(["mado"]), first_span=[3.0, 2.0])


def test_a_spectrogram_shows_low_sounds_below(service):
    time = np.arange(RATE) / RATE
    low, high = (service.spectrogram(np.sin(2 * np.pi * f * time)) for f in (200.0, 5000.0))
    assert low.shape == high.shape == (64, 100)
    assert low[:, 50].argmax() > 48 and high[:, 50].argmax() < 16
    with pytest.raises(InputError, match="a hundredth of a second"):
        service.spectrogram(np.ones(100, np.float32))


# Archives.


def test_an_archive_is_filled_described_and_emptied(service, archive):
    id, key = archive
    one = service.archives("describe", id)["archives"][0]
    assert one["name"] == "Made up" and not one["built_in"] and "key" not in one
    assert [each["name"] for each in one["recordings"]] == ["one.wav", "two.wav"]
    left = service.archives("remove", id, key, one["recordings"][0]["id"])["archives"][0]
    assert [each["name"] for each in left["recordings"]] == ["two.wav"]


def test_an_archive_of_one_s_own_is_not_listed(service, archive):
    assert archive[0] not in [one["id"] for one in service.archives()["archives"]]


def test_only_the_key_opens_changes(service, archive, say):
    id = archive[0]
    recording = service.archives("describe", id)["archives"][0]["recordings"][0]["id"]
    for call in (
        lambda: service.archives("delete", id, "wrong"),
        lambda: service.archives("remove", id, "wrong", recording),
        lambda: service.index([Upload("more.wav", wav(say(["talo"]), RATE))], id, "wrong"),
    ):
        with pytest.raises(InputError, match="not the key") as told:
            call()
        assert told.value.argument == "key"
    assert len(service.archives("describe", id)["archives"][0]["recordings"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("describe",), "archive is needed to describe one"),
        (("delete", "some"), "key is needed to delete"),
        (("remove", "some", "a key"), "recording is needed to remove one"),
    ],
)
def test_what_an_action_lacks_is_told(service, arguments, message):
    with pytest.raises(InputError, match=message):
        service.archives(*arguments)


def test_one_bad_file_is_left_out_and_told(service, say, tmp_path):
    text = tmp_path / "talk.mp3"
    text.write_text("This is a text that was renamed.\n" * 100)
    files = [
        Upload("good.wav", wav(say(["mado", "siki"]), RATE)),
        Upload("talk.mp3", text),
        Upload("silent.wav", wav(np.zeros(2 * RATE, np.float32), RATE)),
        Upload("empty.wav", b"", "it is empty"),
        Upload("also good.wav", wav(say(["rune", "talo"]), RATE)),
    ]
    made = service.index(files)
    assert [one["name"] for one in made["indexed"]] == ["good.wav", "also good.wav"]
    assert [one["name"] for one in made["left_out"]] == ["talk.mp3", "silent.wav", "empty.wav"]
    assert all(one["why"] for one in made["left_out"])
    assert service.search(say(["mado"]), made["archive"])["hits"]


def test_indexing_goes_on_where_it_was_given_up(service, say):
    files = [
        Upload(f"{i}.wav", wav(say(words), RATE))
        for i, words in enumerate((["mado"], ["siki", "rune"], ["talo"]))
    ]
    made = service.archives("create", name="Given up")["archives"][0]

    def give_up(part: float, message: str = "") -> None:
        if part > 0.5:
            raise HubError("the caller hung up")

    with pytest.raises(HubError, match="hung up"):
        service.index(files, made["id"], made["key"], progress=give_up)
    left = service.archives("describe", made["id"])["archives"][0]["recordings"]
    assert [one["name"] for one in left] == ["0.wav"]
    told = []
    again = service.index(
        files, made["id"], made["key"], progress=lambda part, message="": told.append(part)
    )
    assert again["already"] == ["0.wav"] and len(again["indexed"]) == 2
    assert told == sorted(told) and told[-1] == 1


def test_a_full_disk_leaves_the_archive_as_it_was(service, say, archive, monkeypatch):
    monkeypatch.setattr(service.kept, "spare", 1e18)
    with pytest.raises(HubError, match="disk is full"):
        service.index([Upload("more.wav", wav(say(["talo"]), RATE))], *archive)
    assert len(service.archives("describe", archive[0])["archives"][0]["recordings"]) == 2
    assert service.search(say(["mado"]), archive[0])["hits"]


def test_a_recording_longer_than_an_hour_is_left_out(service, monkeypatch, say):
    monkeypatch.setattr("hub_search.service.HOUR", 1.0)
    made = service.index([Upload("long.wav", wav(say(["mado", "siki"]), RATE))])
    [left] = made["left_out"]
    assert "long.wav" in left["why"] and "seconds" in left["why"]


# Looking.


def test_a_clip_is_a_part_of_a_recording(service, archive, say):
    recording = service.archives("describe", archive[0])["archives"][0]["recordings"][0]
    clip = service.clip(archive[0], recording["id"], 0.5, 1.0)
    assert np.allclose(clip, say(["mado", "siki", "talo"])[8000:16000], atol=1e-4)
    assert len(service.clip(archive[0], recording["id"], 0.5, 50)) < 5 * RATE
    with pytest.raises(InputError, match="end must be after start"):
        service.clip(archive[0], recording["id"], 2, 1)
    with pytest.raises(InputError, match="has no recording"):
        service.clip(archive[0], "0" * 16)


def test_an_overview_tells_when_a_recording_is_loud(service, archive):
    shown = service.overview(archive[0])
    assert [one["name"] for one in shown["recordings"]] == ["one.wav", "two.wav"]
    for one in shown["recordings"]:
        assert len(one["envelope"]) == int(10 * one["seconds"])
        assert one["envelope"][:3] == "000" and "9" in one["envelope"]


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_has_a_place_for_each_stretch(service, archive, method):
    points = service.map(archive[0], "contrastive", method)
    assert len({len(points[name]) for name in points if name != "archive"}) == 1
    assert min(points["x"]) >= -1 and max(points["y"]) <= 1 and len(points["x"]) > 3
    assert set(points["word"]) == {None}
    assert points == service.map(archive[0], "contrastive", method)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("search", {}, "search needs audio"),
        ("search", {"audio": b"This is a text."}, "audio must be a sound of at most 60 seconds"),
        ("search", {"audio": np.zeros(61 * RATE)}, "audio must be .* at most 60 seconds"),
        ("search", {"audio": np.ones(RATE), "k": 0}, "k must be a whole number from 1 to 100"),
        ("search", {"audio": np.ones(RATE), "system": "best"}, "system must be one of"),
        ("search", {"audio": np.ones(RATE), "span": [1]}, "span must be a list of 2 to 2 items"),
        ("index", {"files": []}, "files must be 1 to 500 files"),
        ("archives", {"action": "empty"}, "action must be one of"),
        ("clip", {"archive": "a", "recording": "b", "start": -1}, "start must be a number from 0"),
        ("map", {"method": "umap"}, "method must be one of"),
    ],
)
def test_wrong_arguments_are_named(checked, name, arguments, message):
    with pytest.raises(InputError, match=message):
        checked(name, **arguments)


def encoded(samples: np.ndarray, rate: int, width: int, channels: int) -> bytes:
    """Return samples as a WAV of another rate, width in bytes and number of channels."""
    import soxr

    sound = soxr.resample(samples, RATE, rate)
    whole = (sound * (2 ** (8 * width - 1) - 1)).astype("<i4")
    parts = whole.view(np.uint8).reshape(-1, 4)[:, :width]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.repeat(parts[:, None], channels, axis=1).tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(8000, 2, 1), (44_100, 3, 2), (192_000, 2, 1)]
)
def test_a_query_may_have_any_rate_and_width(checked, service, say, rate, width, channels):
    word = say(["mado"])
    taken = checked("embed", audio=[encoded(word, rate, width, channels)][0])["audio"]
    one, other = service.embed([word, taken], ["contrastive"] * 2, [None, None])
    assert other["end"] - other["start"] == pytest.approx(one["end"] - one["start"], abs=0.05)


def test_the_thumbnail_is_a_map_of_the_example_archive(service):
    from hub_search.thumbnail import paint

    points = service.map(method="pca")
    assert "morning" in points["word"] and "Anna" in points["voice"]
    assert paint(points).size == (960, 720)


def test_what_is_said_at_a_hit_of_the_example_is_told(service):
    found = service.search(service.example("morning"), k=20)
    assert all({"before", "hit", "after"} == hit["text"].keys() for hit in found["hits"])
    names = [one["name"] for one in service.examples()["examples"]]
    assert {"sheep", "ship", "bread and butter"} <= set(names)
    with pytest.raises(InputError, match="name must be one of morning"):
        service.example("goodbye")


def test_words_before_at_and_after_a_span_are_told_apart():
    words = [["a", 0.0, 0.1], ["red", 0.1, 0.4], ["boat", 0.4, 0.8], ["sank", 0.8, 1.2]]
    parts = marked(words, 0.38, 0.85)
    assert parts == {"before": "a red", "hit": "boat", "after": "sank"}
