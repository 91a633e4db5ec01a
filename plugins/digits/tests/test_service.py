"""What the endpoints of the digits answer: shapes, seeds, limits; with the bundled checkpoint,
digits."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from hub import InputError
from hub_digits.drawing import ink_of, paint_strokes, prepare, read_strokes
from hub_digits.service import half


def test_the_service_can_be_described_without_torch():
    code = "import sys, hub_digits.service; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Drawings.


def test_a_drawing_fits_the_box_and_is_centred_by_mass(drawing):
    seen = prepare(drawing(200))
    rows, columns = np.nonzero(seen > 20)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    centre = [(seen.sum(axis=1 - axis) * np.arange(28)).sum() / seen.sum() for axis in (0, 1)]
    assert centre == pytest.approx([14, 14], abs=0.5)
    assert seen.max() == 255


def test_dark_on_light_is_turned_to_light_on_dark(drawing):
    assert np.array_equal(prepare(drawing(90)), prepare(drawing(90, dark_on_light=True)))


def test_ink_on_a_transparent_ground_is_found(drawing):
    picture = drawing(90)
    black_ink = np.zeros_like(picture)
    black_ink[..., 3] = picture[..., 0]
    assert np.array_equal(prepare(black_ink), prepare(picture))


def test_what_is_prepared_already_stays_as_it_is(drawing):
    seen = prepare(drawing(200))
    again = prepare(np.dstack([seen, seen, seen, np.full_like(seen, 255)]))
    assert np.abs(again.astype(int) - seen).mean() < 3


def test_the_corner_of_a_large_picture_is_enough(drawing):
    page = np.full((400, 300, 4), 255, np.uint8)
    page[:60, 20:80] = drawing(60, dark_on_light=True)
    assert np.abs(prepare(page).astype(int) - prepare(drawing(60))).max() <= 1


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_empty_drawing_is_refused(grey):
    with pytest.raises(InputError, match="start shows no drawing") as error:
        ink_of(np.full((50, 50, 4), grey, np.uint8), "start")
    assert error.value.argument == "start"


def test_strokes_are_read_and_painted():
    assert read_strokes("20203040-5060") == [[(20, 20), (30, 40)], [(50, 60)]]
    painted = paint_strokes("50105090", 100)
    assert painted[50, 50] == 255 and painted[50, 30] == 0


@pytest.mark.parametrize("text", ["", "123", "12-3456", "12ab", "²²²²", "-".join(["1234"] * 2001)])
def test_strokes_written_otherwise_are_refused(text):
    if text:
        with pytest.raises(InputError, match="strokes must"):
            read_strokes(text)
    else:
        with pytest.raises(InputError, match="strokes must"):
            paint_strokes(text)


# Endpoints.


def test_generated_digits_are_the_same_for_the_same_seed(service):
    drawn = service.generate(7, count=5, seed=3)
    assert drawn.shape == (5, 28, 28) and drawn.dtype == np.uint8
    assert np.array_equal(drawn, service.generate(7, count=5, seed=3))
    assert not np.array_equal(drawn, service.generate(7, count=5, seed=4))


def test_without_chance_all_generated_digits_are_one(service):
    drawn = service.generate(4, count=3, temperature=0.0, seed=1).astype(int)
    assert np.abs(drawn - drawn[0]).max() <= 1


def test_only_one_group_varies_and_all_begin_alike(service):
    rows = [service.vary(group, digit=4, count=4, seed=2) for group in range(len(service.shapes))]
    for row in rows:
        assert row.shape == (4, 28, 28)
        assert np.abs(row[0].astype(int) - rows[0][0]).max() <= 1
        assert not np.array_equal(row[0], row[1])
    every = service.vary(None, digit=4, count=4, seed=2)
    assert np.abs(every.astype(int) - np.concatenate(rows)).max() <= 1


def test_a_group_that_is_not_there_is_refused(service):
    with pytest.raises(InputError, match="group must be a whole number from 0 to 4"):
        service.vary(5)


def test_groups_are_listed_top_first(service):
    groups = service.groups()["groups"]
    assert [group["numbers"] for group in groups] == [6, 98, 98, 196, 196]
    assert groups[0]["level"] == "the whole digit"


def test_one_bad_drawing_of_a_batch_fails_alone(service, drawing):
    good, bad = drawing(), np.zeros_like(drawing())
    first, second, third = service.reconstruct([good, bad, good], [None, None, 0], [True] * 3)
    assert first.shape == (28, 28) and isinstance(second, InputError)
    assert not np.array_equal(first, third)


def test_the_last_layer_is_the_reconstruction(service, drawing):
    layers = service.layers(drawing())
    whole = service.reconstruct([drawing()], [None], [True])[0]
    assert len(layers) == len(service.shapes)
    assert np.abs(layers[-1].astype(int) - whole).max() <= 1


def test_only_prepared_pictures_may_stay_unprepared(service, drawing):
    with pytest.raises(
        InputError, match="image must be 28x28 pixels if prepare is false; got 100x100"
    ):
        service.layers(drawing(100), prepare=False)


def test_a_walk_begins_and_ends_at_the_drawings(service, drawing):
    start, end = drawing(), drawing()[:, ::-1].copy()
    walk = service.interpolate(start, end, steps=5)
    ends = service.reconstruct([start, end], [None, None], [True, True])
    assert walk.shape == (5, 28, 28)
    assert np.abs(walk[[0, -1]].astype(int) - np.stack(ends)).max() <= 2


def test_a_walk_between_new_digits_is_reproducible(service):
    walk = service.walk(3, 8, 1, 2, steps=6)
    assert walk.shape == (6, 28, 28)
    assert np.array_equal(walk, service.walk(3, 8, 1, 2, steps=6))


@pytest.mark.parametrize("hidden", ["lower", "upper", "left", "right"])
def test_the_seen_half_stays_and_the_hidden_one_is_not_used(service, drawing, hidden, monkeypatch):
    monkeypatch.setattr("hub_digits.service.CHAIN", 3)
    seen = prepare(drawing())
    covered = np.where(half(hidden) > 0, 0, seen).astype(np.uint8)
    whole, part = (
        service.complete(np.dstack([x, x, x, x]), hidden, count=2, prepare=False)
        for x in (seen, covered)
    )
    assert np.array_equal(whole, part)
    assert np.array_equal(whole[0][half(hidden) == 0], seen[half(hidden) == 0])


def test_completing_tells_how_far_it_is(service, drawing):
    told = []
    service.complete(drawing(), count=1, progress=lambda part, message="": told.append(part))
    assert told == sorted(told) and told[-1] == 1


def test_a_score_tells_the_bound_the_digit_and_how_usual(service, drawing):
    score = service.score(drawing(), samples=3)
    assert set(score) == {"bound", "samples", "percentile", "digit", "probabilities"}
    assert score["bound"] < 0 and 0 <= score["percentile"] <= 100
    assert sum(score["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert score == service.score(drawing(), samples=3)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_map_has_a_place_a_digit_and_a_picture_for_each_code(service, method):
    points = service.map(method)
    assert len(points["x"]) == len(points["y"]) == len(points["digit"]) == 40
    assert min(points["x"]) == -1 and max(points["y"]) == 1
    at, far = service.decode([points["x"][3], -1.0], [points["y"][3], 1.0], [method, method])
    assert at.shape == (28, 28) and not np.array_equal(at, far)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("generate", {"digit": 10}, "digit must be a whole number from 0 to 9, or null; got 10"),
        ("generate", {"count": 10**9}, "count must be a whole number from 1 to 64"),
        ("generate", {"temperature": float("nan")}, "temperature must be a number from 0 to 1.5"),
        ("generate", {"number": 3}, "generate has no argument 'number'"),
        ("reconstruct", {}, "reconstruct needs image"),
        ("reconstruct", {"image": np.full((28, 28), np.nan)}, "image must be a picture"),
        ("score", {"image": np.zeros((9000, 1))}, "image must be a picture of at most 2048x2048"),
        ("complete", {"image": np.zeros((9, 9)), "hidden": "middle"}, "hidden must be one of"),
        ("decode", {"x": 2, "y": 0}, "x must be a number from -1 to 1"),
    ],
)
def test_wrong_arguments_are_named(checked, name, arguments, message):
    with pytest.raises(InputError, match=message):
        checked(name, **arguments)


# With the bundled checkpoint.


@pytest.fixture(scope="session")
def trained():
    from hub.checkpoints import bundled_folder
    from hub_digits.service import Digits

    folder = bundled_folder()
    if folder is None or not (folder / "digits" / "model.safetensors").exists():
        pytest.skip("the bundled checkpoint of digits is not there")
    return Digits(folder / "digits", "cpu")


def classified(service, pictures) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return service.classifier(service._tensor(np.asarray(pictures))).argmax(dim=1).numpy()


def test_asked_sevens_look_like_sevens(trained):
    assert (classified(trained, trained.generate(7, count=32, seed=5)) == 7).mean() > 0.9


def test_a_drawn_seven_is_seen_kept_and_judged_a_seven(trained, drawing):
    score = trained.score(drawing(), samples=20)
    kept = trained.reconstruct([drawing()], [None], [True])
    assert score["digit"] == 7 and classified(trained, kept) == 7
    assert np.abs(kept[0].astype(int) - prepare(drawing())).mean() < 12


def test_scribbles_are_less_usual_than_digits(trained):
    scribble = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    noise = np.dstack([scribble] * 3 + [np.full_like(scribble, 255)])
    digit = trained.generate(3, count=1, seed=1)[0]
    drawn = np.dstack([digit] * 3 + [np.full_like(digit, 255)])
    scores = [trained.score(x, samples=5, prepare=False)["bound"] for x in (noise, drawn)]
    assert scores[0] < scores[1] - 100


def test_a_place_among_the_ones_decodes_to_a_one(trained):
    points = trained.map("tsne")
    ones = [i for i, digit in enumerate(points["digit"]) if digit == 1][:12]
    xs, ys = ([points[axis][i] for i in ones] for axis in "xy")
    decoded = trained.decode(xs, ys, ["tsne"] * len(ones))
    assert (classified(trained, decoded) == 1).mean() > 0.7


def test_importing_the_page_builds_nothing():
    gradio = pytest.importorskip("gradio")
    module = importlib.import_module("hub_digits.page")
    assert not [value for value in vars(module).values() if isinstance(value, gradio.Blocks)]


def test_the_thumbnail_is_a_plane_of_digits(service):
    from hub_digits.thumbnail import paint, plane

    assert paint(plane(service)).size == (960, 720)
