"""How a decoded frame is shown: upright, and at which size."""

import math

import av
import numpy as np

TURNS = {
    (False, False, False): "",
    (False, True, True): "rotated by 180 degrees",
    (True, True, False): "rotated by 90 degrees clockwise",
    (True, False, True): "rotated by 90 degrees counter-clockwise",
    (False, True, False): "mirrored left-right",
    (False, False, True): "mirrored top-bottom",
    (True, False, False): "mirrored left-right, then rotated by 90 degrees counter-clockwise",
    (True, True, True): "mirrored left-right, then rotated by 90 degrees clockwise",
}
"""Words for what `display_turn` gives."""

ROTATIONS = {90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}
"""Matrices (a, b, c, d) of a rotation by so many degrees counter-clockwise."""


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height in pixels with the given shorter side, the longer one rounded to even."""
    longer = round(max(width, height) * short_side / min(width, height) / 2) * 2
    longer = max(longer, short_side)
    return (longer, short_side) if width >= height else (short_side, longer)


def display_turn(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """How a frame is shown: (sides exchanged, then mirrored left-right, then top-bottom).

    FFmpeg's display matrix holds (a, b, u, c, d, v, x, y, w): the point (x, y) is shown at
    (a·x + c·y, b·x + d·y) (libavutil/display.h). Turns go to the nearest right angle.
    """
    matrix = _display_matrix(frame)
    if matrix is None:
        return False, False, False
    a, b, c, d = matrix
    if abs(a) >= abs(b):
        return False, bool(a < 0), bool(d < 0)
    return True, bool(c < 0), bool(b < 0)


def turn_words(frame: av.VideoFrame) -> str:
    """What `display_turn` does to a frame, in words; empty where it does nothing."""
    a, b, _, _ = _display_matrix(frame) or (1, 0, 0, 1)
    angle = math.degrees(math.atan2(b, a)) % 360
    if abs((angle + 45) % 90 - 45) > 1:
        return f"rotated to the nearest right angle ({angle:.0f} degrees clockwise are asked for)"
    return TURNS[display_turn(frame)]


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int] | None:
    """(a, b, c, d) of FFmpeg's display matrix, in units of 1/65536; None where there is none."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV stumbles over kinds that it has no name for, such as EXIF
        return ROTATIONS.get(frame.rotation % 360)  # a mirrored picture cannot be told from these
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return a, b, c, d


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
