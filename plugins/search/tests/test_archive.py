"""Archives: what is added is found, and whatever happens meanwhile, they stay whole."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from hub.errors import BusyError, InputError, ServiceError
from hub_search import archive as module
from hub_search import dtw, places
from hub_search.archive import Archives, Entry, Query, distinct

RATE = 16_000


class Projection:
    """Stands for networks where what they learned is beside the point: the mean of each quarter of
    a segment, by a fixed random matrix."""

    systems = ("first", "second")

    def __init__(self, sha256="a" * 64, seed=0):
        self.sha256 = sha256
        self.matrix = np.random.default_rng(seed).normal(size=(160, 32))
        self.calls = 0

    def embed(self, segments, system="first"):
        self.calls += 1
        quarters = [
            np.concatenate([part.mean(0) for part in np.array_split(np.asarray(one), 4)])
            for one in segments
        ]
        found = np.stack(quarters) @ (self.matrix if system == "first" else self.matrix[::-1])
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def speech(seed=0, seconds=4.0):
    """Return noise in bursts like syllables, each of its own colour, (samples,)."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        time_of = np.arange(rng.integers(2500, 6000)) / RATE
        tones = sum(
            np.sin(2 * np.pi * pitch * time_of + rng.uniform(0, 6))
            for pitch in rng.uniform(150, 4000, 5)
        )
        parts.append(0.05 * tones * np.hanning(len(time_of)))
        parts.append(1e-4 * rng.normal(size=int(rng.integers(200, 2500))))
    return np.concatenate(parts)[: round(seconds * RATE)].astype(np.float32)


@pytest.fixture
def networks():
    return Projection()


@pytest.fixture
def archives(tmp_path, networks):
    return Archives(tmp_path / "state", networks.sha256, spare=0)


@pytest.fixture
def filled(archives, networks):
    """Return an archive of three recordings: its id and key."""
    made = archives.create("My talks")
    for number in range(3):
        archives.add(made.id, made.key, f"talk {number}", speech(number), networks)
    return made


def query(archives, id, number=5):
    vectors, spans = archives.vectors(id, 20)
    return vectors[number] / np.linalg.norm(vectors[number]), spans[number]


# What an archive does.


def test_a_span_is_found_where_it_is(archives, filled):
    vector, span = query(archives, filled.id)
    hits = archives.search(filled.id, vector, 5)
    assert (hits[0].recording, hits[0].start, hits[0].end) == (span.recording, span.start, span.end)
    assert hits[0].score == pytest.approx(1, abs=1e-4)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_an_archive_is_described(archives, filled):
    told = archives.describe(filled.id)
    assert told["name"] == "My talks" and not told["built_in"] and told["current"]
    assert [one["name"] for one in told["recordings"]] == ["talk 0", "talk 1", "talk 2"]
    assert told["hours"] == pytest.approx(12 / 3600, abs=1e-4)
    assert told["segments"] == sum(one["segments"] for one in told["recordings"]) > 30
    assert told["bytes"] > 12 * RATE // 10


def test_the_same_content_again_is_skipped(archives, filled, networks):
    calls = networks.calls
    again = archives.add(filled.id, filled.key, "another name", speech(1), networks)
    assert again.skipped and again.name == "talk 1" and networks.calls == calls
    assert len(archives.describe(filled.id)["recordings"]) == 3


def test_what_is_played_is_what_was_added(archives, filled):
    id = archives.describe(filled.id)["recordings"][1]["id"]
    whole = archives.samples(filled.id, id)
    assert np.abs(whole - speech(1)).max() < 1e-4
    part = archives.samples(filled.id, id, 1.0, 1.5)
    assert part.tolist() == whole[RATE : RATE + RATE // 2].tolist()
    assert len(archives.samples(filled.id, id, 3.5, 99)) == RATE // 2


def test_a_removed_recording_is_not_found_any_more(archives, filled):
    vector, span = query(archives, filled.id)
    archives.remove(filled.id, filled.key, span.recording)
    hits = archives.search(filled.id, vector, 50)
    assert hits and span.recording not in {hit.recording for hit in hits}
    with pytest.raises(InputError, match="has no recording"):
        archives.samples(filled.id, span.recording)
    with pytest.raises(InputError, match="has no recording"):
        archives.remove(filled.id, filled.key, span.recording)


def test_files_shrink_when_most_was_removed(archives, filled):
    told = archives.describe(filled.id)["recordings"]
    left = archives.samples(filled.id, told[2]["id"])
    before = {(hit.start, hit.score) for hit in by_recording(archives, filled.id, told[2]["id"])}
    for one in told[:2]:
        archives.remove(filled.id, filled.key, one["id"])
    folder = archives.folder / filled.id
    (file,) = folder.glob("vectors-*")
    assert file.stat().st_size == told[2]["segments"] * 64
    assert archives.samples(filled.id, told[2]["id"]).tolist() == left.tolist()
    after = {(hit.start, hit.score) for hit in by_recording(archives, filled.id, told[2]["id"])}
    assert after == before


def by_recording(archives, id, recording):
    probe = np.ones(32, np.float32) / np.sqrt(32)
    return [hit for hit in archives.search(id, probe, 10_000) if hit.recording == recording]


def test_a_deleted_archive_is_gone(archives, filled):
    archives.delete(filled.id, filled.key)
    for call in (
        lambda: archives.describe(filled.id),
        lambda: archives.search(filled.id, np.ones(32), 3),
        lambda: archives.delete(filled.id, filled.key),
    ):
        with pytest.raises(InputError, match="it was deleted, or the id is wrong"):
            call()
    assert [one.name for one in archives.folder.iterdir()] == [".locks"]


def test_an_empty_archive_says_so(archives):
    made = archives.create("Nothing")
    with pytest.raises(InputError, match="is empty; add recordings"):
        archives.search(made.id, np.ones(32), 3)


def test_nothing_changes_without_the_key(archives, filled, networks):
    for key in ("", "wrong", filled.id, None):
        for call in (
            lambda key=key: archives.add(filled.id, key, "x", speech(9), networks),
            lambda key=key: archives.delete(filled.id, key),
            lambda key=key: archives.remove(filled.id, key, "x"),
        ):
            with pytest.raises(InputError, match="not the key of archive") as error:
                call()
            assert error.value.argument == "key"
    assert filled.key not in (archives.folder / filled.id / "manifest.json").read_text()


@pytest.mark.parametrize("id", ["../x", "a/b", "..", "", "A", "a" * 65, ".locks", "x\n", None, 3])
def test_an_id_that_leads_elsewhere_is_refused(archives, id):
    with pytest.raises(InputError, match="no archive's id"):
        archives.describe(id)


@pytest.mark.parametrize("recording", ["../manifest.json", "x", "", None])
def test_only_recordings_of_the_archive_are_read(archives, filled, recording):
    with pytest.raises(InputError, match="has no recording"):
        archives.samples(filled.id, recording)


def test_ids_of_others_are_not_told(archives, filled):
    assert archives.builtin() == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_must_be_one(archives, name):
    with pytest.raises(InputError, match="1 to 100 characters"):
        archives.create(name)


def test_silence_is_refused_and_leaves_nothing(archives, filled, networks):
    before = contents(archives, filled.id)
    with pytest.raises(InputError, match="hush: nobody says anything"):
        archives.add(filled.id, filled.key, "hush", np.zeros(RATE, np.float32), networks)
    assert contents(archives, filled.id) == before


def test_limits_are_named(archives, filled, networks, monkeypatch):
    monkeypatch.setattr(module, "MAX_SECONDS", 3.0)
    with pytest.raises(InputError, match="at most one hour"):
        archives.add(filled.id, filled.key, "x", speech(7), networks)
    monkeypatch.setattr(module, "MAX_SECONDS", 3600.0)
    monkeypatch.setattr(module, "MAX_RECORDINGS", 3)
    with pytest.raises(InputError, match="has 3 recordings"):
        archives.add(filled.id, filled.key, "x", speech(7), networks)
    monkeypatch.setattr(module, "MAX_HOURS", 14 / 3600)
    with pytest.raises(InputError, match="hours; make another"):
        archives.add(filled.id, filled.key, "x", speech(7), networks)
    archives.max_bytes = 1000
    with pytest.raises(ServiceError, match="no more than 1.0 kB is kept"):
        archives.create("One more")


def test_what_progress_raises_ends_the_work_and_changes_nothing(archives, filled, networks):
    class Gone(Exception):
        pass

    def gone(part):
        raise Gone

    before = contents(archives, filled.id)
    with pytest.raises(Gone):
        archives.add(filled.id, filled.key, "x", speech(7), networks, gone)
    assert contents(archives, filled.id) == before


def contents(archives, id):
    folder = archives.folder / id
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


# Overlapping hits.


def test_of_overlapping_hits_the_best_is_kept():
    found = [
        (0, 100, 150, 0.9),
        (0, 110, 160, 0.8),  # the first, a little later
        (1, 110, 160, 0.7),  # another recording
        (0, 145, 200, 0.6),  # touches the first
        (0, 0, 300, 0.5),  # has the first in it
        (0, 300, 350, 0.4),
    ]
    table = np.array(found)
    some = places.Places(table[:, 0].astype(int), table[:, 1:3].astype(int), table[:, 3])
    assert distinct(some, 9).scores.tolist() == [0.9, 0.7, 0.6, 0.4]
    assert distinct(some, 2).scores.tolist() == [0.9, 0.7]
    assert len(distinct(some[:0], 2)) == 0


def test_no_two_hits_of_a_search_overlap_much(archives, filled):
    vector, _ = query(archives, filled.id)
    hits = archives.search(filled.id, vector, 100)
    for i, one in enumerate(hits):
        for other in hits[:i]:
            both = min(one.end, other.end) - max(one.start, other.start)
            shorter = min(one.end - one.start, other.end - other.start)
            assert one.recording != other.recording or both <= 0.3 * shorter + 1e-9


# Restarts, and damage.


def test_an_archive_that_is_opened_again_answers_the_same(archives, filled, networks):
    vector, _ = query(archives, filled.id)
    again = Archives(archives.folder, networks.sha256)
    assert again.search(filled.id, vector, 8) == archives.search(filled.id, vector, 8)
    assert again.describe(filled.id) == archives.describe(filled.id)


def test_an_archive_changed_elsewhere_is_searched_as_it_is_now(archives, filled, networks):
    vector, span = query(archives, filled.id)
    other = Archives(archives.folder, networks.sha256)
    assert other.search(filled.id, vector, 3)[0].recording == span.recording
    archives.add(filled.id, filled.key, "late", speech(11), networks)
    added = archives.describe(filled.id)["recordings"][-1]["id"]
    assert added in {hit.recording for hit in other.search(filled.id, vector, 500)}
    archives.remove(filled.id, filled.key, span.recording)
    assert span.recording not in {hit.recording for hit in other.search(filled.id, vector, 500)}


@pytest.fixture
def large(tmp_path, networks):
    """Return archives that take to an inverted file early, one of them, and its key."""
    import faiss

    faiss.omp_set_num_threads(1)
    archives = Archives(tmp_path / "large", networks.sha256, large=60, spare=0)
    made = archives.create("Large")
    for number in range(3):
        archives.add(made.id, made.key, f"talk {number}", speech(number, 6), networks)
    return archives, made


def test_a_large_archive_finds_what_a_small_one_finds(large, networks):
    archives, made = large
    vector, span = query(archives, made.id)
    hits = archives.search(made.id, vector, 5)
    assert archives.open(made.id).index.inverted is not None
    assert (hits[0].recording, hits[0].start) == (span.recording, span.start)
    small = Archives(archives.folder, networks.sha256)
    assert [hit.start for hit in small.search(made.id, vector, 5)][:1] == [span.start]


@pytest.mark.parametrize("harm", ["missing", "cut off", "altered", "none"])
def test_the_index_is_made_again_where_it_is_missing_or_damaged(large, networks, harm):
    archives, made = large
    vector, _ = query(archives, made.id)
    before = archives.search(made.id, vector, 8)
    (file,) = (archives.folder / made.id).glob("index-*.faiss")
    content = file.read_bytes()
    if harm == "missing":
        file.unlink()
    elif harm == "cut off":
        file.write_bytes(content[: len(content) // 2])
    elif harm == "altered":
        file.write_bytes(content[:200] + b"\xff" * 50 + content[250:])
    again = Archives(archives.folder, networks.sha256, large=60)
    assert again.search(made.id, vector, 8) == before
    assert len(list((archives.folder / made.id).glob("index-*.faiss"))) == 1


def test_a_large_archive_grows_and_shrinks(large, networks):
    archives, made = large
    vector, span = query(archives, made.id)
    archives.search(made.id, vector, 3)
    added = archives.add(made.id, made.key, "late", speech(21), networks)
    archives.remove(made.id, made.key, span.recording)
    again = Archives(archives.folder, networks.sha256, large=60)
    for one in (archives, again):
        heard = {hit.recording for hit in one.search(made.id, vector, 500)}
        assert added.id in heard and span.recording not in heard


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"rows": ', '"rows": 1'),
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "surprise": 1}),
        lambda text: "\x00" * len(text),
    ],
)
def test_a_damaged_manifest_is_one_clear_error(archives, filled, networks, harm):
    path = archives.folder / filled.id / "manifest.json"
    path.write_text(harm(path.read_text()))
    for call in (
        lambda: archives.describe(filled.id),
        lambda: archives.search(filled.id, np.ones(32), 3),
        lambda: archives.add(filled.id, filled.key, "x", speech(7), networks),
    ):
        with pytest.raises(ServiceError, match=f"archive {filled.id} is damaged") as error:
            call()
        assert str(archives.folder) not in str(error.value)


def test_who_has_the_key_can_delete_a_damaged_archive(archives, filled):
    path = archives.folder / filled.id / "manifest.json"
    path.write_text(path.read_text().replace('"rows": ', '"rows": 1'))
    with pytest.raises(ServiceError, match="is damaged"):
        archives.delete(filled.id, "wrong")
    archives.delete(filled.id, filled.key)
    assert not path.exists()


def test_vectors_that_are_cut_off_are_one_clear_error(archives, filled, networks):
    (path,) = (archives.folder / filled.id).glob("vectors-*")
    os.truncate(path, 100)
    with pytest.raises(ServiceError, match="its vectors are cut off"):
        Archives(archives.folder, networks.sha256).search(filled.id, np.ones(32), 3)


def test_what_a_cut_off_write_left_is_taken_away_by_the_next(archives, filled, networks):
    folder = archives.folder / filled.id
    (folder / "sound" / "0123456789abcdef.flac").write_bytes(b"left over")
    (folder / "manifest.json.partial").write_bytes(b"{")
    (folder / "vectors-9.f16").write_bytes(b"left over")
    with next(folder.glob("vectors-1*")).open("ab") as file:
        file.write(b"left over")
    vector, _ = query(archives, filled.id)
    before = Archives(archives.folder, networks.sha256).search(filled.id, vector, 8)
    archives.add(filled.id, filled.key, "late", speech(12), networks)
    names = {one.name for one in folder.iterdir()}
    assert names == {"manifest.json", "sound", "vectors-1.f16", "spans-1.i32"}
    assert len(list((folder / "sound").iterdir())) == 2 * 4
    assert archives.search(filled.id, vector, 1) == before[:1]


# Another checkpoint.


def test_vectors_of_another_checkpoint_are_not_searched_but_made_again(archives, filled):
    newer = Projection("b" * 64, seed=1)
    after = Archives(archives.folder, newer.sha256)
    assert after.stale(filled.id) and not after.describe(filled.id)["current"]
    with pytest.raises(InputError, match="another version of the model"):
        after.search(filled.id, np.ones(32), 3)
    parts = []
    after.reembed(filled.id, newer, parts.append)
    assert parts[-1] == 1 and not after.stale(filled.id)
    vector, span = query(after, filled.id)
    assert after.search(filled.id, vector, 1)[0].start == span.start
    calls = newer.calls
    after.reembed(filled.id, newer)  # nothing to do
    assert newer.calls == calls


def test_adding_to_an_archive_of_another_checkpoint_makes_all_vectors_again(archives, filled):
    newer = Projection("b" * 64, seed=1)
    after = Archives(archives.folder, newer.sha256)
    after.add(filled.id, filled.key, "late", speech(12), newer)
    told = after.describe(filled.id)
    assert told["current"] and len(told["recordings"]) == 4
    found = [after.samples(filled.id, one["id"]) for one in told["recordings"]]
    assert len(found) == 4


def test_another_system_searches_the_same_spans(archives, filled, networks):
    rows, vectors = archives.embed_all(filled.id, networks, "second")
    calls = networks.calls
    spans = archives.open(filled.id).spans
    asked, entry = said(archives, filled.id, *spans[rows[30]].tolist())
    hits = archives.find(
        filled.id, replace(asked, vectors=vectors[30:31]), 3, networks, system="second"
    )
    assert hits[0].score == pytest.approx(1, abs=0.02) and networks.calls == calls
    assert hits[0].recording == entry.id


# Finding what is said: vectors first, then alignments.


def said(archives, id, start, end, networks=None, number=0) -> tuple[Query, Entry]:
    """Return what is said in frames of a recording as a query, and that recording."""
    entry = archives.manifest(id).recordings[number]
    _, frames = module.framed(archives.samples(id, entry.id))
    parts = places.parts(end - start)
    vectors = (networks or Projection()).embed([frames[start + a : start + b] for a, b in parts])
    return Query(vectors, dtw.features(frames)[start:end]), entry


def test_what_is_said_between_windows_is_found_from_its_start_to_its_end(archives, filled):
    spans = archives.open(filled.id)
    spans.follow()
    a, b = (int(one) for one in spans.spans[20])
    asked, entry = said(archives, filled.id, a + 5, b - 3)
    hits = archives.find(filled.id, asked, 5, Projection())
    assert hits[0].recording == entry.id
    assert hits[0].start == pytest.approx((a + 5) / 100, abs=0.04)
    assert hits[0].end == pytest.approx((b - 3) / 100, abs=0.04)
    assert hits[0].score > 0.9
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[1] + 0.03


@pytest.mark.parametrize("number", [0, 2])
def test_a_phrase_longer_than_any_window_is_found_as_a_whole(archives, filled, number):
    asked, entry = said(archives, filled.id, 60, 310, number=number)
    assert len(asked.vectors) == 8
    hits = archives.find(filled.id, asked, 3, Projection())
    assert (hits[0].recording, hits[0].start, hits[0].end) == (entry.id, 0.6, 3.1)
    assert hits[0].score > 0.8 and len(hits) > 1


def test_cepstra_that_are_missing_are_made_again(archives, filled):
    asked, entry = said(archives, filled.id, 60, 110)
    before = archives.find(filled.id, asked, 5, Projection())
    file = archives.folder / filled.id / "sound" / f"{entry.id}.mfcc"
    content = file.read_bytes()
    assert len(content) == 400 * 8 * 2
    for harm in (file.unlink, lambda: file.write_bytes(b""), lambda: file.write_bytes(b"x" * 99)):
        harm()
        archives.forget(filled.id)  # as another process does not have them in memory
        assert archives.find(filled.id, asked, 5, Projection()) == before
        assert file.read_bytes() == content


def test_a_removed_recording_is_not_looked_at_again(archives, filled, monkeypatch):
    asked, entry = said(archives, filled.id, 60, 110)
    real = module.Opened.cepstra

    def late(opened, one):  # removed between the two stages
        if one.id == entry.id:
            raise FileNotFoundError
        return real(opened, one)

    monkeypatch.setattr(module.Opened, "cepstra", late)
    hits = archives.find(filled.id, asked, 50, Projection())
    assert hits and entry.id not in {hit.recording for hit in hits}
    monkeypatch.undo()
    archives.remove(filled.id, filled.key, entry.id)
    assert not list((archives.folder / filled.id / "sound").glob(f"{entry.id}.*"))
    assert archives.find(filled.id, asked, 50, Projection()) == hits


def test_cepstra_stay_in_memory_while_there_is_room(archives, filled, monkeypatch):
    asked, entry = said(archives, filled.id, 60, 110)
    before = archives.find(filled.id, asked, 50, Projection())
    opened = archives.open(filled.id)
    kept = {name: len(one) for name, one in opened.sounds.items()}
    assert kept[entry.id] == 400 and opened.bytes > 16 * sum(kept.values())
    for file in (archives.folder / filled.id / "sound").glob("*.mfcc"):
        file.unlink()
    assert archives.find(filled.id, asked, 50, Projection()) == before
    assert not list((archives.folder / filled.id / "sound").glob("*.mfcc"))
    monkeypatch.setattr(module, "FRAMES_KEPT", 900)
    assert archives.find(filled.id, asked, 50, Projection()) == before
    assert len(opened.sounds) <= 2
    archives.remove(filled.id, filled.key, entry.id)
    assert archives.find(filled.id, asked, 50, Projection())
    assert entry.id not in opened.sounds


def test_without_alignment_hits_are_those_of_the_vectors(archives, filled):
    asked, entry = said(archives, filled.id, 60, 110)
    hits = archives.find(filled.id, asked, 7, Projection(), align=False)
    assert hits == archives.search(filled.id, asked.vectors[0], 7) and len(hits) == 7
    long, entry = said(archives, filled.id, 60, 310)
    found = archives.find(filled.id, long, 3, Projection(), align=False)[0]
    assert found.recording == entry.id and abs(found.start - 0.6) < 0.5 > abs(found.end - 3.1)


def test_an_archive_keeps_as_many_cepstra_as_alignments_take():
    assert module.CEPSTRA == dtw.CEPSTRA


# Built-in archives.


def test_a_built_in_archive_is_listed_and_cannot_be_changed(archives, networks):
    sound = [("one", "The one", speech(1)), ("two", "The two", speech(2))]
    archives.build("example", "Examples", "1", sound, networks)
    archives.build("example", "Examples", "1", iter(()), networks)  # it is there
    (told,) = archives.builtin()
    assert [one["id"] for one in told["recordings"]] == ["one", "two"] and told["built_in"]
    for key in ("", "x"):
        with pytest.raises(InputError, match="is built in"):
            archives.delete("example", key)
    archives.build("example", "Examples", "2", sound[:1], networks)
    assert len(archives.builtin()[0]["recordings"]) == 1


def test_a_built_in_archive_that_fails_leaves_nothing(archives, networks):
    with pytest.raises(InputError):
        archives.build("example", "E", "1", [("a", "A", np.zeros(RATE, np.float32))], networks)
    assert [one.name for one in archives.folder.iterdir()] == [".locks"]


# Several at once.


def test_searching_while_recordings_come_and_go_gives_hits_or_one_clear_error(archives, networks):
    made = archives.create("Busy")
    archives.add(made.id, made.key, "first", speech(0), networks)
    vector, _ = query(archives, made.id)
    odd, done = [], threading.Event()

    def look():
        while not done.is_set():
            try:
                hits = archives.search(made.id, vector, 5)
                assert all(-1.01 < hit.score < 1.01 for hit in hits)
            except InputError as error:
                if "deleted" not in str(error):
                    odd.append(error)
                return
            except Exception as error:
                odd.append(error)
                return

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 5):
        archives.add(made.id, made.key, f"talk {number}", speech(number), networks)
        archives.remove(made.id, made.key, archives.describe(made.id)["recordings"][0]["id"])
    archives.delete(made.id, made.key)
    done.set()
    for thread in threads:
        thread.join()
    assert odd == []


def test_threads_that_add_to_one_archive_take_turns(archives, networks):
    made = archives.create("Shared")
    sounds = [speech(number, 2) for number in (0, 1, 2, 3, 0, 1)]
    threads = [
        threading.Thread(target=archives.add, args=(made.id, made.key, f"{n}", sound, networks))
        for n, sound in enumerate(sounds)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archives.describe(made.id)["recordings"]) == 4  # two were the same again
    check(archives, made.id, networks)


def test_who_waits_too_long_is_told_that_it_is_busy(archives, filled, networks):
    impatient = Archives(archives.folder, networks.sha256, patience=0.1, spare=0)
    with archives.locked(filled.id):
        with pytest.raises(BusyError, match="busy indexing"):
            impatient.add(filled.id, filled.key, "late", speech(12), networks)


def check(archives, id, networks):
    """Check that an archive is whole: each recording's rows are what its sound gives."""
    opened = archives.open(id)
    opened.follow()
    for one in opened.manifest.recordings:
        rows = slice(one.first, one.first + one.segments)
        spans = opened.spans[rows].tolist()
        _, frames = module.framed(archives.samples(id, one.id))
        expected = networks.embed([frames[a:b] for a, b in spans], "first")
        assert np.abs(expected - opened.vectors[rows]).max() < 2e-3


# Processes that are killed, or have no room. They get spans and vectors without torch, so that they
# start fast.

PROCESS = """
    import random, signal, sys, time
    import numpy as np
    from pathlib import Path
    from hub_search import archive
    from hub_search.archive import Archives

    class Networks:
        systems, sha256 = ("first",), "a" * 64
        def embed(self, segments, system):
            return np.stack(segments)

    def cut(samples):
        # Spans and "frames" that tell from which samples they come.
        rng = np.random.default_rng(len(samples))
        starts = np.sort(rng.integers(0, len(samples) // 160 - 60, 300))
        spans = np.column_stack([starts, starts + 50]).astype(np.int32)
        class Frames:
            def __getitem__(self, part):
                vector = np.full(16, 0.1, np.float32)
                vector[:2] = part.start / 1000, len(samples) / 100000
                return vector
        return spans, Frames()

    archive.cut, archive.cepstra_of = cut, lambda frames: bytes(16)
    archives = Archives(Path({folder!r}), "a" * 64, spare=0)
    id, key, networks = {id!r}, {key!r}, Networks()

    def sound(number):
        rng = np.random.default_rng(number)
        return rng.normal(0, 0.1, 16000 + 160 * number).astype(np.float32)
"""


def process(archives, made, script, **options):
    head = PROCESS.format(folder=str(archives.folder), id=made.id, key=made.key)
    code = textwrap.dedent(head) + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        **options,
    )


def check_made_up(archives, id):
    """Check that each recording that a process added is whole; return their names."""
    opened = archives.open(id)
    opened.follow()
    for one in opened.manifest.recordings:
        samples = archives.samples(id, one.id)
        kept = (samples * 32768).round().astype("<i2").tobytes()
        assert hashlib.sha256(kept).hexdigest() == one.sha256
        rows = slice(one.first, one.first + one.segments)
        assert one.segments == 300 and len(samples) == 16000 + 160 * int(one.name)
        assert opened.vectors[rows, 0] == pytest.approx(opened.spans[rows, 0] / 1000, abs=1e-3)
        assert opened.vectors[rows, 1] == pytest.approx(len(samples) / 100_000, abs=1e-3)
    assert len(opened.index) == 300 * len(opened.manifest.recordings)
    return [one.name for one in opened.manifest.recordings]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to start fast")
@pytest.mark.timeout(600)
def test_an_archive_survives_kill_9_at_any_moment(tmp_path):
    archives = Archives(tmp_path, "a" * 64, spare=0)
    made = archives.create("Killed")
    script = """
        import os
        for line in sys.stdin:
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                continue
            print("process", os.getpid(), flush=True)
            for number in range(100 * int(line), 100 * int(line) + 100):
                archives.add(id, key, str(number % 50), sound(number % 50), networks)
                told = archives.describe(id)["recordings"]
                if number % 3 == 2 or len(told) > 8:
                    archives.remove(id, key, told[number % len(told)]["id"])
                print(number, flush=True)
            os._exit(0)
    """
    parent = process(archives, made, script, stdin=subprocess.PIPE)
    chance, seen = random.Random(0), 0
    for round_of in range(16):
        print(round_of, file=parent.stdin, flush=True)
        lines = iter(parent.stdout.readline, "")  # the one before had more to say, maybe
        child = int(next(one for one in lines if one.startswith("process")).split()[1])
        began, count = time.perf_counter(), chance.randint(1, 5)
        for _ in range(count):  # machines differ: killed after so many, somewhere in the next
            assert parent.stdout.readline()
        time.sleep(chance.random() * (time.perf_counter() - began) / count)
        os.kill(child, signal.SIGKILL)
        again = Archives(tmp_path, "a" * 64, spare=0)
        seen += len(check_made_up(again, made.id))
    assert parent.communicate()[1] == "" and seen > 16  # they did get somewhere
    child = process(archives, made, "archives.add(id, key, '60', sound(60), networks)")
    assert child.communicate() == ("", "")
    names = {one.name.split("-")[0] for one in (tmp_path / made.id).iterdir()}
    assert names == {"manifest.json", "sound", "vectors", "spans"}
    told = archives.describe(made.id)["recordings"]
    assert len(list((tmp_path / made.id / "sound").iterdir())) == 2 * len(told)
    assert "60" in check_made_up(archives, made.id)


def test_two_processes_that_add_to_one_archive_take_turns(tmp_path):
    archives = Archives(tmp_path, "a" * 64, spare=0)
    made = archives.create("Shared")
    children = [
        process(
            archives,
            made,
            f"""
            for number in range({first}, {first + 8}):
                archives.add(id, key, str(number), sound(number), networks)
            """,
        )
        for first in (0, 4)  # four of them are the same
    ]
    for child in children:
        assert child.communicate() == ("", "") and child.returncode == 0
    assert sorted(check_made_up(archives, made.id), key=int) == [str(n) for n in range(12)]


FULL = """
    from hub.errors import ServiceError
    try:
        for number in range(50):
            archives.add(id, key, str(number), sound(number), networks)
    except ServiceError as error:
        print(number, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_disk_that_is_full_in_mid_write_is_one_clear_error(tmp_path):
    archives = Archives(tmp_path, "a" * 64, spare=0)
    made = archives.create("Full")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (48_000, 48_000))\n"
    out, err = process(archives, made, limit + textwrap.dedent(FULL)).communicate()
    number, _, message = out.partition(" ")
    assert "the server's disk is full" in message, err
    assert f"archive {made.id} is as it was" in message and str(tmp_path) not in message
    assert check_made_up(archives, made.id) == [str(n) for n in range(int(number))]
    assert not list((tmp_path / made.id).rglob("*.partial"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_small_disk_fills_up_and_the_archive_stays_whole(tmp_path):
    size = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(tmp_path)]
    if subprocess.run(size, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        archives = Archives(tmp_path, "a" * 64, spare=0)
        made = archives.create("Full")
        out, err = process(archives, made, FULL).communicate()
        number, _, message = out.partition(" ")
        assert "the server's disk is full" in message, err
        assert check_made_up(archives, made.id) == [str(n) for n in range(int(number))]
        first = archives.describe(made.id)["recordings"][0]["id"]
        archives.remove(made.id, made.key, first)  # what makes room still works
        assert len(check_made_up(archives, made.id)) == int(number) - 1
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)  # files are mapped still
