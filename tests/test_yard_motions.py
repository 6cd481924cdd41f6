"""The motions of the simulated yard: pairs of classes that only the order of time tells apart."""

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from helpers.profiles import YardSize
from helpers.yard import LABELS, YardError, make_yard, motions
from helpers.yard.__main__ import main
from helpers.yard.make import BEGUN, MARKER, draw, plan, sample_situation
from helpers.yard.motions import CLASSES, Course, label_of, measure
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.pairs import SHIFT, run_backwards
from helpers.yard.video import FRAME_BY_FRAME, write_video

TINY = YardSize(clips=8, cameras=2, frames=4, fps=2, width=96, height=72)
SHORT = YardSize(clips=32, cameras=8, frames=12, fps=6, width=96, height=72)
PAIRS = tuple(motions.RULES)
PARTNER = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}


@pytest.fixture(scope="module")
def situations():
    """Eight situations of each class, by eight cameras."""
    return [sample_situation(clip, SHORT, seed=3) for clip in plan(SHORT, "motions")]


@pytest.fixture(scope="module")
def yard(tmp_path_factory) -> Path:
    """A finished yard of eight clips."""
    folder = tmp_path_factory.mktemp("motions") / "tiny"
    return make_yard(folder, TINY, seed=1, workers=1, labels="motions")


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def course(height=1.0, outside=5.0) -> Course:
    """A course of five frames; a value that is no list stays the same."""
    values = (np.asarray(value, float) for value in (height, outside))
    return Course(*(np.broadcast_to(value, 5) for value in values))


def test_rules_ask_for_the_stated_metres():
    assert label_of(course(height=[0.6, 0.8, 1.0, 1.3, 1.6])) == "Bucket-Lifting"
    assert label_of(course(height=[1.6, 1.6, 1.6, 0.6, 0.6])) == "Bucket-Lowering"
    assert label_of(course(height=[0.6, 0.8, 1.0, 1.3, 1.5])) is None
    assert label_of(course(outside=[0.25, 0.2, 0.0, -0.1, -0.25])) == "Excavator-Entering"
    assert label_of(course(outside=[-1.0, -0.2, 0.0, 0.1, 0.3])) == "Excavator-Leaving"
    assert label_of(course(outside=[0.25, 0.2, 0.0, -0.1, -0.2])) is None
    assert label_of(course()) is None


def test_a_move_that_turns_back_on_the_way_has_no_label():
    assert label_of(course(height=[0.6, 1.0, 0.95, 1.3, 1.8])) == "Bucket-Lifting"
    assert label_of(course(height=[0.6, 1.5, 1.3, 1.4, 1.8])) is None
    assert label_of(course(outside=[1.0, -0.5, 0.5, -0.5, -1.0])) is None


def test_heights_and_distances_are_those_of_bucket_and_crawlers():
    still = np.zeros(2)
    machine = ExcavatorMotion(
        position=np.array([[0.0, 5.0], [0.0, -5.0]]),
        heading=still,
        slew=still,
        reach=np.full(2, 4.5),
        lift=np.array([1.0, 3.0]),
        curl=still,
    )
    known = measure(machine)
    # The bucket's middle hangs 0.38 m below its pin; crawlers are 2.2 m wide, the gauge 4 m.
    np.testing.assert_allclose(known.bucket_height, [0.62, 2.62])
    np.testing.assert_allclose(known.excavator_track, [1.9, 1.9])


def test_every_label_is_what_the_rules_say_and_well_so(situations):
    for situation in situations:
        known = measure(situation.machine)
        forwards = (
            known if situation.label == motions.FORWARDS[situation.label] else known.backwards
        )
        height, outside = forwards.bucket_height, forwards.excavator_track
        assert label_of(known) == situation.label
        if situation.label.startswith("Bucket"):
            assert height[-1] - height[0] >= motions.WELL_LIFTED
            assert outside.min() > 0 and np.ptp(outside) < 0.01
        else:
            assert outside[0] >= motions.WELL_ACROSS and outside[-1] <= -motions.WELL_ACROSS
            assert np.ptp(height) < motions.CALM_BUCKET
    counts = pd.Series([s.label for s in situations]).value_counts()
    assert counts.to_dict() == dict.fromkeys(CLASSES, 8)


def test_a_situation_run_backwards_is_its_partner_and_twice_itself(situations):
    for situation in situations:
        back = run_backwards(situation)
        assert back.label == PARTNER[situation.label]
        np.testing.assert_array_equal(back.machine.slew, situation.machine.slew[::-1])
        assert back.camera is situation.camera and back.workers is situation.workers
        again = run_backwards(back)
        assert again.label == situation.label
        np.testing.assert_allclose(again.distances.worker_body, situation.distances.worker_body)


def test_what_is_no_motion_cannot_be_run_backwards(situations):
    idle = replace(situations[0], machine=situations[0].machine.at(slice(0, 1)))
    with pytest.raises(ValueError, match="is none of"):
        run_backwards(idle)


def test_both_of_a_pair_are_looked_for_alike():
    # The same index under the partner's name: the very same frames the other way round.
    size = replace(SHORT, clips=4)
    for clip in plan(size, "motions"):
        one = sample_situation(clip, size, seed=2)
        other = sample_situation(replace(clip, label=PARTNER[clip.label]), size, seed=2)
        np.testing.assert_array_equal(one.machine.position, other.machine.position[::-1])
        np.testing.assert_allclose(one.machine.bucket_middle, other.machine.bucket_middle[::-1])
        np.testing.assert_array_equal(one.camera.axes, other.camera.axes)
        assert one.cast.bystanders == other.cast.bystanders
        one_stands, other_stands = one.workers[0], other.workers[0]
        np.testing.assert_array_equal(one_stands.position, other_stands.position)


def test_workers_stay_where_they_are(situations):
    for situation in situations:
        for person in situation.workers:
            assert np.ptp(person.position, axis=0).max() == 0 and np.ptp(person.heading) == 0


def test_machines_drive_forwards_and_backwards_in_both_classes():
    size = replace(SHORT, clips=96, cameras=24)
    forwards = {"Excavator-Entering": [], "Excavator-Leaving": []}
    for clip in plan(size, "motions"):
        if clip.label in forwards:
            machine = sample_situation(clip, size, seed=7).machine
            way = machine.position[-1] - machine.position[0]
            ahead = np.array([np.cos(machine.heading[0]), np.sin(machine.heading[0])])
            forwards[clip.label].append(bool(way @ ahead > 0))
    assert all(6 <= sum(found) <= 18 for found in forwards.values())


def test_what_moves_is_seen_to_move_far(situations):
    for situation in situations:
        machine = situation.machine
        moved = machine.bucket_middle
        if situation.label.startswith("Excavator"):
            moved = np.column_stack([machine.position, np.full(SHORT.frames, 1.2)])
        pixels, _ = situation.camera.project(moved)
        assert np.linalg.norm(pixels[-1] - pixels[0]) >= SHIFT * SHORT.width
        assert SHIFT * 192 > 24.9


def test_coding_leaves_no_trace_of_the_order_of_frames(tmp_path):
    clip = plan(TINY, "motions")[0]
    frames = draw(sample_situation(clip, TINY, seed=1), clip, seed=1)
    ahead = write_video(tmp_path / "ahead.mp4", frames, 4, FRAME_BY_FRAME)
    back = write_video(tmp_path / "back.mp4", frames[::-1], 4, FRAME_BY_FRAME)
    np.testing.assert_array_equal(decode(ahead), decode(back)[::-1])
    assert np.abs(decode(ahead).astype(int) - frames).mean() < 8


def test_yard_of_motions_says_so_and_describes_the_buckets_height(yard):
    assert json.loads((yard / MARKER).read_text())["labels"] == "motions"
    assert not (yard / BEGUN).exists()
    paths = sorted(yard.rglob("*.mp4"))
    assert [path.parent.name for path in paths] == sorted(CLASSES * 2)
    for path in paths:
        known = json.loads(path.with_suffix(".json").read_text())
        assert known["label"] == path.parent.name
        assert len(known["boxes"]["bucket"]) == TINY.frames
        told = Course(
            np.array(known["heights"]["bucket"]), np.array(known["distances"]["excavator_track"])
        )
        assert label_of(told) == known["label"]
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            assert len(packets) == TINY.frames and all(packet.is_keyframe for packet in packets)


def test_cameras_and_classes_are_balanced():
    table = pd.DataFrame(plan(replace(TINY, clips=240, cameras=12), "motions"))
    assert (table.groupby(["camera", "label"]).size() == 5).all()


def test_label_sets_are_kept_apart(yard, tmp_path):
    assert set(LABELS) == {"hazards", "motions"} and LABELS["motions"] == CLASSES
    with pytest.raises(YardError, match="hazards, motions"):
        make_yard(tmp_path / "none", TINY, labels="colours")
    assert not (tmp_path / "none").exists()
    with pytest.raises(YardError, match="Remove that folder"):
        make_yard(yard, TINY, seed=1)
    assert make_yard(yard, TINY, seed=1, labels="motions") == yard


def test_a_yard_of_hazards_names_no_labels(tmp_path):
    settings = json.dumps({"version": 3, "seed": 5, "size": TINY.__dict__})
    (tmp_path / MARKER).write_text(settings)
    assert make_yard(tmp_path, TINY, seed=5) == tmp_path
    with pytest.raises(YardError, match="Remove that folder"):
        make_yard(tmp_path, TINY, seed=5, labels="motions")


def test_command_line_makes_motions(tmp_path):
    sizes = "--clips 4 --cameras 1 --frames 4 --fps 2 --width 64 --height 48 --workers 1"
    asked = ["--folder", str(tmp_path / "cli"), "--labels", "motions", *sizes.split()]
    folder = main(asked)
    assert sorted(path.parent.name for path in folder.rglob("*.mp4")) == list(CLASSES)
