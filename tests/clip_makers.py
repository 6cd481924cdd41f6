"""Tiny videos for the tests, whose pictures tell their index and which way is up."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

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


def encode(file, stream, pictures, stamps=None) -> None:
    """Encode pictures [H, W, 3] into a stream of an open container, at these ticks of 1/1000 s."""
    for place, image in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        if stamps is not None:
            frame.pts, frame.time_base = stamps[place], Fraction(1, 1000)
        file.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
    file.mux(stream.encode())


def make_timed(path: Path, stamps: list[int], codec: str = "mpeg4") -> Path:
    """Write a video whose frames are shown at these milliseconds."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=1000)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        encode(file, stream, [picture(index % 19) for index in range(len(stamps))], stamps)
    return path


def make_streams(path: Path, *streams: tuple[int, int, int], default: int = 0) -> Path:
    """Write video streams, each (frames, width, height), into one file; one is the default."""
    with av.open(str(path), "w") as file:
        opened = []
        for _, width, height in streams:
            stream = file.add_stream("mpeg4", rate=8)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = Disposition.default if len(opened) == default else 0
            opened.append(stream)
        for stream, (frames, width, height) in zip(opened, streams, strict=True):
            encode(file, stream, [picture(index, width, height) for index in range(frames)])
    return path


def make_sound(path: Path, codec: str, container: str | None = None) -> Path:
    """Write a tenth of a second of silence."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=44100, layout="mono")
        kind = stream.codec_context.format.name
        samples = np.zeros((1, 4608), {"fltp": np.float32, "s32p": np.int32}.get(kind, np.int16))
        frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
        frame.sample_rate = 44100
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def still(codec: str = "png", width: int = 48, height: int = 32) -> bytes:
    """One picture as a file's content."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.time_base = width, height, Fraction(1)
    context.pix_fmt = "rgb24" if codec == "png" else "yuvj420p"
    frame = av.VideoFrame.from_ndarray(picture(3, width, height), format="rgb24")
    packets = context.encode(frame.reformat(format=context.pix_fmt)) + context.encode()
    return b"".join(bytes(packet) for packet in packets)
