import base64

import cv2
import numpy as np
import pytest

from helpers.figures import pictures
from helpers.figures.pictures import Picture


def frame(height=30, width=40, value=100):
    return np.full((height, width, 3), value, np.uint8)


def test_a_frame_survives_encoding_with_red_as_red():
    red = frame()
    red[..., 0], red[..., 1:] = 250, 10
    back = cv2.imdecode(np.frombuffer(pictures.jpeg(red), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert back.mean((0, 1)) == pytest.approx([250, 10, 10], abs=3)


def test_an_array_that_is_no_frame_is_refused():
    with pytest.raises(ValueError, match=r"float64 \[30, 40, 3\]"):
        pictures.jpeg(frame() / 255)


def test_frames_are_shrunk_in_proportion_and_never_enlarged():
    assert pictures.shrink(frame(30, 40), 20).shape == (15, 20, 3)
    assert pictures.shrink(frame(30, 40), 20, 6).shape == (6, 8, 3)
    assert pictures.shrink(frame(30, 40), 80).shape == (30, 40, 3)


def test_boxes_are_drawn_where_they_are_and_absent_ones_not():
    drawn = pictures.draw_boxes(frame(), {"worker": [5, 6, 25, 20], "bucket": None})
    assert drawn[6, 15].tolist() == [0xF0, 0xE4, 0x42]
    assert drawn[13, 15].tolist() == [100] * 3
    assert (frame() == 100).all()


def test_boxes_follow_the_scale_of_their_frame():
    assert pictures.scale_boxes({"a": [2, 4, 6, 8], "b": None}, 0.5) == {
        "a": [1, 2, 3, 4],
        "b": None,
    }


def test_a_grid_places_pictures_unstretched_in_rows():
    cells = [Picture(frame(), f"t{i}") for i in range(5)]
    fig = pictures.picture_grid(cells, 3, "Grid", width=500)
    images = fig.layout.images
    assert len(images) == 5
    assert images[0].y == images[2].y < images[3].y
    assert images[0].x == images[3].x < images[1].x
    for image in images:
        assert image.sizex / image.sizey == pytest.approx(40 / 30)
        encoded = base64.b64decode(image.source.split(",")[1])
        assert cv2.imdecode(np.frombuffer(encoded, np.uint8), 1).shape == (30, 40, 3)
    assert [a.text for a in fig.layout.annotations] == [f"t{i}" for i in range(5)]


def test_a_pixel_of_the_grid_is_a_pixel_of_the_page():
    fig = pictures.picture_grid([Picture(frame(), "a")] * 4, 2, "Grid", width=500)
    margin = fig.layout.margin
    assert np.diff(fig.layout.xaxis.range)[0] == 500 - margin.l - margin.r
    assert -np.diff(fig.layout.yaxis.range)[0] == pytest.approx(
        fig.layout.height - margin.t - margin.b, abs=1
    )


def test_boxes_in_a_grid_lie_on_their_picture_and_are_named_once():
    cells = [
        Picture(frame(), "a", {"worker": [0, 0, 40, 30], "worker2": [1, 1, 9, 9]}),
        Picture(frame(), "b", {"worker": None}),
    ]
    fig = pictures.picture_grid(cells, 2, "Grid")
    image, shape = fig.layout.images[0], fig.layout.shapes[0]
    assert (shape.x0, shape.y0) == (image.x, image.y)
    assert (shape.x1 - shape.x0, shape.y1 - shape.y0) == (image.sizex, image.sizey)
    assert len(fig.layout.shapes) == 4  # a dark edge and a coloured line each
    assert [trace.name for trace in fig.data] == ["worker"]


def test_an_empty_cell_is_left_empty_and_no_cell_at_all_refused():
    fig = pictures.picture_grid([None, Picture(frame())], 2, "Grid")
    assert len(fig.layout.images) == 1 and fig.layout.images[0].x > 100
    with pytest.raises(ValueError, match="No picture"):
        pictures.picture_grid([None], 2, "Grid")


def test_heat_covers_where_the_map_is_high_and_nothing_where_it_is_zero():
    heat = np.zeros((4, 4))
    heat[0, 0] = 1.0
    over = pictures.overlay(frame(64, 64), heat, limit=1.0)
    assert (over[48:, 48:] == 100).all()
    assert np.abs(over[2, 2].astype(int) - 100).max() > 60
    assert (pictures.overlay(frame(64, 64), heat, limit=1.0, opacity=0.0) == 100).all()


def test_the_limit_of_heat_is_shared_by_the_clip_and_not_ruled_by_one_patch():
    maps = np.random.default_rng(0).random((8, 14, 14))
    maps[0, 0, 0] = 1000
    assert pictures.heat_limit(maps) == pytest.approx(1, abs=0.01)
    assert pictures.heat_limit(np.zeros((2, 2, 2))) > 0


def test_the_heat_scale_runs_from_dark_to_bright():
    lightness = pictures.heat_table().sum(1)
    assert lightness.shape == (256,)
    assert (np.diff(lightness) > -2).all() and lightness[-1] - lightness[0] > 500


def test_names_of_rows_stand_left_of_them_and_within_the_axes_where_plotly_draws_them():
    cells = [Picture(frame(), "a"), Picture(frame(), "b")]
    fig = pictures.picture_grid(cells, 1, "Grid", row_titles=["first", "second"])
    names = [a for a in fig.layout.annotations if a.text in ("first", "second")]
    assert len(names) == 2 and names[0].y < names[1].y
    for name in names:
        low, high = fig.layout.xaxis.range
        assert low <= name.x <= high and name.xshift < 0
    assert fig.layout.margin.l >= 2 * -names[0].xshift
