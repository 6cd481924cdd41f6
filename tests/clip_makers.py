"""Tiny videos for the tests, whose pictures tell their index and which way is up."""

from pathlib import Path

import av
import numpy as np

STEP = 12
"""Grey levels between one frame and the next."""


def picture(index: int, width: int = 48, height: int = 32) -> np.ndarray:
    """Grey that tells the index, with a red top-left and a blue bottom-left corner."""
    frame = np.full((height, width, 3), 20 + STEP * index, np.uint8)
    frame[: height // 4, : width // 4] = (255, 0, 0)
    frame[-height // 4 :, : width // 4] = (0, 0, 255)
    return frame


def index_of(frame: np.ndarray) -> int:
    """The index that `picture` wrote into the middle of a frame."""
    height, width = frame.shape[:2]
    middle = frame[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
    return round((middle.mean() - 20) / STEP)


def whole_video(path: Path) -> np.ndarray:
    """Every frame, by the plainest use of PyAV."""
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.best("video"))
        return np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def make_video(
    path: Path,
    frames: int = 12,
    width: int = 48,
    height: int = 32,
    fps: int = 8,
    codec: str = "libx264",
    every_frame_whole: bool = False,
    turn: tuple = (0, False, False),
    container: str | None = None,
) -> Path:
    """Write a video; `turn` is (degrees counter-clockwise, mirrored, flipped) as metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1
        if every_frame_whole:
            stream.codec_context.gop_size = 1
        if turn != (0, False, False):
            stream.set_display_rotation(*turn)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def damage_packet(path: Path, number: int) -> Path:
    """Overwrite one packet of a video."""
    with av.open(str(path)) as file:
        packet = [packet for packet in file.demux(video=0) if packet.size][number]
        position, size = packet.pos, packet.size
    content = bytearray(path.read_bytes())
    content[position : position + size] = b"\xff" * size
    path.write_bytes(content)
    return path


def make_data(folder: Path, classes: int = 2, clips: int = 2, **settings) -> Path:
    """Write class folders "a", "b", … with `clips` videos each."""
    for label in "abcdefgh"[:classes]:
        for number in range(clips):
            make_video(folder / label / f"cam{number}_{label}.mp4", **settings)
    return folder
