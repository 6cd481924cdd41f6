"""Class probabilities of video files, by the model that lies beside this script.

    python predict.py clip.mp4 [more.mp4 ...] [--json]

Needs onnxruntime, PyAV, OpenCV and numpy (`pip install onnxruntime av opencv-python-headless`),
not the repository that the model comes from. What is done to a video stands in model.json, and is
what was done when the model was tested.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime
from av.video.reformatter import Interpolation, VideoReformatter

HERE = Path(__file__).resolve().parent


class Model:
    """A folder of model.onnx and model.json."""

    def __init__(self, folder: Path | str = HERE) -> None:
        """Load it; on a GPU where this onnxruntime has one."""
        folder = Path(folder)
        self.about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.session = onnxruntime.InferenceSession(
            folder / self.about["file"], providers=onnxruntime.get_available_providers()
        )

    def predict(self, path: Path | str) -> dict[str, float]:
        """Class → probability, the mean over the views that the model was tested with.

        Raises:
            OSError, ValueError: the file cannot be opened, or no frame of it decodes.
        """
        frames = read_frames(path, self.about["frames"], self.about["views"]["clips"])
        scores = [
            self.session.run(None, {self.about["input"]["name"]: self.prepare(view)})[0][0]
            for view in views(frames, self.about)
        ]
        mean = np.mean([softmax(one) for one in scores], axis=0)
        return dict(zip(self.about["classes"], mean.tolist(), strict=True))

    def prepare(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [T, H, W, 3], RGB → float32 [1, 3, T, H, W], normalised."""
        mean, std = (np.array(self.about["input"][name], np.float32) for name in ("mean", "std"))
        return ((pictures.astype(np.float32) - mean) / std).transpose(3, 0, 1, 2)[None].copy()

    def danger(self, probabilities: dict[str, float]) -> tuple[float, bool] | None:
        """Probability of a danger and whether it is an alarm; None where no threshold is known."""
        alarm = self.about["alarm"]
        if alarm is None:
            return None
        score = sum(probabilities[name] for name in alarm["dangers"])
        return score, score >= alarm["threshold"]


def decode(path: Path | str) -> Iterator[av.VideoFrame]:
    """Every frame that decodes, in the order in which they are shown; damaged packets are left."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        if stream is None:
            raise ValueError("no video stream; name a video file")
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue


def read_frames(path: Path | str, about: dict, clips: int) -> list[np.ndarray]:
    """The frames that the model sees, in two passes: one counts, one keeps those wanted.

    Args:
        path: the video.
        about: `frames` of model.json: clip_len, short_side and max_frames.
        clips: of frames, each spread over the whole video.

    Returns:
        For each clip uint8 [clip_len, H, W, 3], RGB, upright.
    """
    count = sum(1 for _ in decode(path))
    if not count:
        raise ValueError("no frame decodes; name a video file that is whole")
    kept = np.arange(count)
    if about["max_frames"] and count > about["max_frames"]:
        kept = np.linspace(0, count - 1, about["max_frames"]).round().astype(int)
    wanted = kept[sample(len(kept), about["clip_len"], clips)]
    pictures, convert = {}, Converter(about["short_side"])
    for place, frame in enumerate(decode(path)):
        if place in wanted:
            pictures[place] = convert(frame)
        if place >= wanted.max():
            break
    return [np.stack([pictures[place] for place in row]) for row in wanted]


def sample(count: int, clip_len: int, clips: int) -> np.ndarray:
    """Frames of each clip [clips, clip_len]: one of each of `clip_len` segments of equal length."""
    segment = (count - 1) / clip_len
    if clips == 1:  # as mmaction2's UniformSample does in tests
        starts = np.round(segment * np.arange(clip_len)).astype(int)
        return (starts + int(segment / 2))[None]
    within = (np.arange(clips) + 0.5) / clips
    return np.round((np.arange(clip_len) + within[:, None]) * segment).astype(int)


class Converter:
    """Frames as upright RGB pictures with the given shorter side; None for the video's own."""

    def __init__(self, short_side: int | None) -> None:
        self.short_side = short_side
        self.reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """uint8 [H, W, 3]."""
        own = (frame.width, frame.height)
        size = scaled(*own, self.short_side) if self.short_side else own
        shrinks = size[0] < own[0]
        picture = self.reformatter.reformat(
            frame,
            width=size[0] if shrinks else own[0],
            height=size[1] if shrinks else own[1],
            format="rgb24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BICUBIC,
        ).to_ndarray()
        if size[0] > own[0]:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        return np.rot90(picture, round(frame.rotation / 90))  # a phone's videos may lie on a side


def scaled(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height with the given shorter side, the longer one rounded to even."""
    longer = round(max(width, height) * short_side / min(width, height) / 2) * 2
    longer = max(longer, short_side)
    return (longer, short_side) if width >= height else (short_side, longer)


def views(frames: list[np.ndarray], about: dict) -> Iterator[np.ndarray]:
    """Every view of the clips at the network's size: uint8 [T, height, width, 3]."""
    *_, height, width = about["input"]["shape"]
    for pictures in frames:
        for crop in about["views"]["crops"]:
            cut = cropped(pictures, crop, about["views"]["share"])
            view = np.stack([cv2.resize(one, (width, height)) for one in cut])
            yield view
            if about["views"]["mirrored"]:
                yield view[:, :, ::-1]


def cropped(pictures: np.ndarray, crop: str, share: float | None) -> np.ndarray:
    """A crop of the pictures' longer side: whole, left (top), right (bottom) or middle.

    It keeps `share` of that side; None: as much as the shorter side has.
    """
    if crop == "whole":
        return pictures
    height, width = pictures.shape[1:3]
    longer, shorter = max(height, width), min(height, width)
    length = shorter if share is None else round(share * longer)
    begin = {"left": 0, "middle": (longer - length) // 2, "right": longer - length}[crop]
    part = slice(begin, begin + length)
    return np.ascontiguousarray(pictures[:, :, part] if width >= height else pictures[:, part])


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores."""
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def main(arguments: list[str] | None = None, folder: Path = HERE) -> None:
    """Predict the videos that are named, by the model in `folder`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="one line of JSON for each video")
    asked, model = parser.parse_args(arguments), Model(folder)
    for path in asked.videos:
        try:
            probabilities = model.predict(path)
        except (OSError, ValueError) as error:  # PyAV's own are of these too
            raise SystemExit(f"{path}: {error}") from None
        danger = model.danger(probabilities)
        if asked.json:
            told = {"path": str(path), "probabilities": probabilities}
            if danger:
                told |= {"danger": danger[0], "alarm": danger[1]}
            print(json.dumps(told))
            continue
        print(path)
        for name, value in sorted(probabilities.items(), key=lambda item: -item[1]):
            print(f"  {value:.4f}  {name}")
        if danger:
            threshold = model.about["alarm"]["threshold"]
            word = "alarm" if danger[1] else "no alarm"
            print(f"  {danger[0]:.4f}  any danger: {word} (from {threshold:.4f} on)")


if __name__ == "__main__":
    main()
