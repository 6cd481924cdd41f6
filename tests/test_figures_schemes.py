import numpy as np
import pytest

from helpers.figures.schemes import QUERY, STEP_COLOURS, attended_patches
from helpers.figures.style import PAGE
from helpers.models.transformer import SCHEMES


def squares_of(fig, colour):
    """Area painted in a colour, in squares of a patch, per scheme (columns from left to right)."""
    (trace,) = (trace for trace in fig.data if trace.name == colour)
    side = (PAGE - 20 - 52 - 4 * 14) / 5 / 8
    areas, outline = [0.0] * 5, []
    for x, y in zip(trace.x, trace.y, strict=True):
        if x is not None:
            outline.append((x, y))
            continue
        a, b = np.array(outline[:-1]), np.array(outline[1:])
        area = abs((a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]).sum()) / 2
        centre = np.mean(outline[:-1], axis=0)[0]
        areas[int((centre - 52) // (8 * side + 14))] += area / side**2
        outline = []
    return np.round(areas, 6).tolist()


def test_each_scheme_has_one_query_and_as_many_coloured_squares_as_it_sees():
    fig = attended_patches()
    assert squares_of(fig, QUERY) == [1, 1, 1, 1, 1]
    assert squares_of(fig, STEP_COLOURS["time"]) == [0, 0, 3, 0, 3]
    assert squares_of(fig, STEP_COLOURS["space"]) == [63, 255, 63, 0, 0]
    # local: a quarter of 4 frames; global: every second patch of 2 frames. Both see 8 patches, the
    # query among them, and of the other 7 each colour has a half.
    assert squares_of(fig, STEP_COLOURS["local"]) == [0, 0, 0, 64 - 1 - 3.5, 7]
    assert squares_of(fig, STEP_COLOURS["global"]) == [0, 0, 0, 32 - 1 - 3.5, 7]


def test_above_each_scheme_its_steps_stand_in_order_with_their_numbers():
    texts = [a.text for a in attended_patches().layout.annotations]
    axial = next(text for text in texts if text.startswith("<b>axial"))
    lines = [line.split("</span> ")[-1] for line in axial.split("<br>")]
    assert lines == ["<b>axial</b>", "1 time: 4", "2 width: 8", "3 height: 8"]
    assert [text for text in texts if text.startswith("<i>")] == [
        "<i>t</i> − 1", "<i>t</i>", "<i>t</i> + 1", "<i>t</i> + 2",
    ]  # fmt: skip


def test_steps_of_one_scheme_differ_in_colour_from_each_other_and_from_the_query():
    for steps in SCHEMES.values():
        colours = {STEP_COLOURS[step.name] for step in steps} | {QUERY}
        assert len(colours) == len(steps) + 1


def test_frames_lie_under_every_sheet():
    frames = np.full((2, 32, 64, 3), 90, np.uint8)
    fig = attended_patches((2, 4, 8), (0, 1, 1), frames)
    assert len(fig.layout.images) == 5 * 2
    image = fig.layout.images[0]
    assert image.sizex == pytest.approx(2 * image.sizey)
    assert fig.layout.width == PAGE


def test_frames_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ValueError, match="has 2 frames, got 3"):
        attended_patches((2, 4, 4), (0, 0, 0), np.zeros((3, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="8 × 12 pixels are no 4 × 4"):
        attended_patches((2, 4, 4), (0, 0, 0), np.zeros((2, 8, 12, 3), np.uint8))
