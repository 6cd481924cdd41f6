"""How a decoded frame is shown: upright, and at which size."""

import av
import numpy as np


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height in pixels with the given shorter side, the longer one rounded to even."""
    longer = round(max(width, height) * short_side / min(width, height) / 2) * 2
    longer = max(longer, short_side)
    return (longer, short_side) if width >= height else (short_side, longer)


def display_turn(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """How a frame is shown: (sides exchanged, then mirrored left-right, then top-bottom).

    FFmpeg's display matrix holds (a, b, u, c, d, v, x, y, w): the point (x, y) is shown at
    (a·x + c·y, b·x + d·y) (libavutil/display.h). Turns by other than right angles are left out.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(a) >= abs(b):
        return False, bool(a < 0), bool(d < 0)
    return True, bool(c < 0), bool(b < 0)


def turned(picture: np.ndarray, turn: tuple[bool, bool, bool]) -> np.ndarray:
    """Apply `display_turn` to an array [H, W, 3]."""
    exchanged, mirrored, flipped = turn
    if exchanged:
        picture = picture.swapaxes(0, 1)
    return picture[:: -1 if flipped else 1, :: -1 if mirrored else 1]


def displayed_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height of a frame in pixels, as displayed."""
    exchanged = display_turn(frame)[0]
    return (frame.height, frame.width) if exchanged else (frame.width, frame.height)
