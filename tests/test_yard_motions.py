"""The motions of the simulated yard: pairs of classes that only the order of time tells apart."""

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from helpers.profiles import YardSize
from helpers.yard import LABELS, YardError, make_yard, motions, zones
from helpers.yard.__main__ import main
from helpers.yard.folders import BEGUN, MARKER
from helpers.yard.make import draw, plan, sample_situation
from helpers.yard.motions import CLASSES, Course, measure
from helpers.yard.movers import TRAIN_SHIFT
from helpers.yard.objects import ExcavatorMotion, WorkerMotion
from helpers.yard.pairs import label_of, run_backwards
from helpers.yard.trains import Train, Vehicle, gap
from helpers.yard.video import FRAME_BY_FRAME, write_video
from helpers.yard.walks import SHIFT

TINY = YardSize(clips=20, cameras=2, frames=4, fps=2, width=96, height=72)
SHORT = YardSize(clips=80, cameras=8, frames=12, fps=6, width=96, height=72)
PAIRS = tuple(motions.RULES)
PARTNER = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
FRAMES = 5


@pytest.fixture(scope="module")
def situations():
    """Eight situations of each class, by eight cameras."""
    return [sample_situation(clip, SHORT, seed=3) for clip in plan(SHORT, "motions")]


@pytest.fixture(scope="module")
def yard(tmp_path_factory) -> Path:
    """A finished yard of two clips of each class."""
    folder = tmp_path_factory.mktemp("motions") / "tiny"
    return make_yard(folder, TINY, seed=1, workers=1, labels="motions")


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def course(height=1.0, outside=5.0, way=0.0, bucket=1.0, machine=6.0, train=(), apart=()) -> Course:
    """A course of five frames with a worker near the bucket; a number stays the same."""
    values = (np.broadcast_to(np.asarray(one, float), FRAMES) for one in (height, outside, way))
    workers = (np.broadcast_to(np.asarray(one, float), (1, FRAMES)) for one in (bucket, machine))
    trains = (np.reshape(np.asarray(one, float), (-1, FRAMES)) for one in (train, apart))
    return Course(*values, *workers, *trains)


def named(known: Course) -> str | None:
    return motions.label_of(known)


def test_rules_of_machine_ask_for_the_stated_metres():
    assert named(course(height=[0.6, 0.8, 1.0, 1.3, 1.6])) == "Bucket-Lifting"
    assert named(course(height=[1.6, 1.6, 1.6, 0.6, 0.6])) == "Bucket-Lowering"
    assert named(course(height=[0.6, 0.8, 1.0, 1.3, 1.5])) is None
    assert named(course(outside=[0.25, 0.2, 0.0, -0.1, -0.25])) == "Excavator-Entering"
    assert named(course(outside=[-1.0, -0.2, 0.0, 0.1, 0.3])) == "Excavator-Leaving"
    assert named(course(outside=[0.25, 0.2, 0.0, -0.1, -0.2])) is None
    assert named(course()) is None


def test_a_bucket_lifts_over_somebody_only_if_somebody_is_near():
    rising = [0.6, 0.8, 1.0, 1.3, 1.6]
    assert named(course(height=rising, bucket=2.5)) == "Bucket-Lifting"
    assert named(course(height=rising, bucket=[2.4, 2.4, 2.6, 2.4, 2.4])) is None


def test_rules_of_trains_ask_for_the_stated_metres():
    assert named(course(apart=[1.0, 0.5, 0.1, 0.05, 0.0])) == "Wagons-Coupling"
    assert named(course(apart=[0.0, 0.0, 0.3, 0.9, 1.5])) == "Wagons-Uncoupling"
    assert named(course(apart=[0.9, 0.5, 0.1, 0.0, 0.0])) is None
    assert named(course(apart=[1.0, 0.5, 0.2, 0.1, 0.0])) is None  # does not stay coupled
    assert named(course(train=[2.0, 1.0, 0.6, 0.5, 0.5])) == "Train-Arriving"
    assert named(course(train=[0.5, 0.5, 0.6, 1.0, 2.0])) == "Train-Departing"
    assert named(course(train=[2.0, 1.6, 1.2, 0.8, 0.4])) is None  # does not stand
    assert named(course(train=[1.9, 1.0, 0.6, 0.5, 0.5])) is None


def test_rule_of_the_worker_asks_for_the_stated_metres_and_a_machine_that_stands():
    assert named(course(machine=[4.2, 4.0, 3.8, 3.4, 3.0])) == "Worker-Approaching"
    assert named(course(machine=[3.0, 3.0, 3.0, 4.0, 4.2])) == "Worker-Leaving"
    assert named(course(machine=[4.1, 4.0, 3.8, 3.4, 3.0])) is None
    driving = course(machine=[4.2, 4.0, 3.8, 3.4, 3.0], way=[0.0, 0.3, 0.6, 0.9, 1.2])
    assert named(driving) is None


def test_a_move_that_turns_back_on_the_way_has_no_label():
    assert named(course(height=[0.6, 1.0, 0.95, 1.3, 1.8])) == "Bucket-Lifting"
    assert named(course(height=[0.6, 1.5, 1.3, 1.4, 1.8])) is None
    assert named(course(outside=[1.0, -0.5, 0.5, -0.5, -1.0])) is None
    assert named(course(apart=[1.0, 0.2, 0.5, 0.0, 0.0])) is None
    assert named(course(machine=[5.0, 3.0, 3.4, 3.0, 2.0])) is None


def test_what_is_measured_are_heights_and_distances_of_the_actors():
    still = np.zeros(2)
    machine = ExcavatorMotion(
        position=np.array([[0.0, 5.0], [0.0, -5.0]]),
        heading=still,
        slew=still,
        reach=np.full(2, 4.5),
        lift=np.array([1.0, 3.0]),
        curl=still,
    )
    worker = WorkerMotion(np.array([[3.0, 1.0], [3.0, -1.0]]), *(still,) * 4, 1.8)
    one = Vehicle("wagon", 8.8, (90, 90, 90), True)
    trains = (
        Train(0.0, (one,), np.array([12.0, 3.0])),
        Train(0.0, (one, one), np.array([-22.0, -18.0])),
        Train(-4.7, (one,), np.array([-30.0, -30.0])),
    )
    known = measure(machine, [worker], trains)
    # The bucket's middle hangs 0.38 m below its pin; crawlers are 2.2 m wide, the gauge 4 m.
    np.testing.assert_allclose(known.bucket_height, [0.62, 2.62])
    np.testing.assert_allclose(known.excavator_track, [1.9, 1.9])
    np.testing.assert_allclose(known.machine_way, [0, 10])
    np.testing.assert_allclose(known.worker_machine, [[5, 5]])
    # 8.8 m and 0.6 m of buffers at either end make 10 m.
    np.testing.assert_allclose(known.train_machine, [[12, 3], [2, 0], [20, 20]])
    np.testing.assert_allclose(known.wagon_gap, [[14, 1]])
    np.testing.assert_allclose(gap(trains[1], trains[0]), [14, 1])


def test_every_label_is_what_the_rules_say_and_well_so(situations):
    for situation in situations:
        known = measure(situation.machine, situation.workers, situation.trains)
        forwards = known if situation.label in {a for a, _ in PAIRS} else known.backwards
        assert label_of(situation) == situation.label
        height, outside = forwards.bucket_height, forwards.excavator_track
        pair = motions.FORWARDS[situation.label]
        if pair == "Bucket-Lifting":
            assert height[-1] - height[0] >= motions.WELL_LIFTED
            assert forwards.worker_bucket[0].max() <= zones.BUCKET_ZONE
        elif pair == "Excavator-Entering":
            assert outside[0] >= motions.WELL_ACROSS and outside[-1] <= -motions.WELL_ACROSS
            assert np.ptp(height) < motions.CALM_BUCKET
        elif pair == "Wagons-Coupling":
            between = forwards.wagon_gap[0]
            assert between[0] >= motions.WELL_PARTED and np.abs(between[-3:]).max() < 1e-9
        elif pair == "Train-Arriving":
            away = forwards.train_machine[0]
            assert away[0] - away[-1] >= motions.WELL_ARRIVED and np.ptp(away[-3:]) < 1e-9
        else:
            away = forwards.worker_machine[0]
            assert away[0] - away[-1] >= motions.APPROACHED and np.ptp(outside) < 0.01
    counts = pd.Series([s.label for s in situations]).value_counts()
    assert counts.to_dict() == dict.fromkeys(CLASSES, 8)


def test_a_situation_run_backwards_is_its_partner_and_twice_itself(situations):
    for situation in situations:
        back = run_backwards(situation)
        assert back.label == PARTNER[situation.label]
        np.testing.assert_array_equal(back.machine.slew, situation.machine.slew[::-1])
        for there, here in zip(back.workers, situation.workers, strict=True):
            np.testing.assert_array_equal(there.position, here.position[::-1])
            np.testing.assert_array_equal(there.stride, here.stride[::-1])
        for there, here in zip(back.trains, situation.trains, strict=True):
            np.testing.assert_array_equal(there.low, here.low[::-1])
        assert back.camera is situation.camera
        again = run_backwards(back)
        assert again.label == situation.label
        np.testing.assert_allclose(again.distances.worker_body, situation.distances.worker_body)


def test_what_is_no_motion_cannot_be_run_backwards(situations):
    with pytest.raises(ValueError, match="is none of"):
        run_backwards(situations[0].at(slice(0, 1)))


def test_both_of_a_pair_are_looked_for_alike():
    # The same index under the partner's name: the very same frames the other way round.
    size = replace(SHORT, clips=10)
    for clip in plan(size, "motions"):
        one = sample_situation(clip, size, seed=2)
        other = sample_situation(replace(clip, label=PARTNER[clip.label]), size, seed=2)
        np.testing.assert_array_equal(one.machine.position, other.machine.position[::-1])
        np.testing.assert_allclose(one.machine.bucket_middle, other.machine.bucket_middle[::-1])
        np.testing.assert_array_equal(one.camera.axes, other.camera.axes)
        assert one.cast.bystanders == other.cast.bystanders
        for a, b in zip(one.workers, other.workers, strict=True):
            np.testing.assert_array_equal(a.position, b.position[::-1])
            np.testing.assert_array_equal(a.bend, b.bend[::-1])
        for a, b in zip(one.trains, other.trains, strict=True):
            np.testing.assert_array_equal(a.low, b.low[::-1])


def test_only_the_worker_whom_the_class_is_about_walks_and_no_machine_digs(situations):
    for situation in situations:
        assert situation.cast.machine.cycle is None
        about = int(situation.label.startswith("Worker"))
        for person in situation.workers[about:]:
            assert np.ptp(person.position, axis=0).max() == 0 and np.ptp(person.heading) == 0


def ways_ahead(prefix: str, clips: int) -> dict[str, list[float]]:
    """Per class of a pair the cosine between the way that is gone and where its actor looks."""
    size = replace(SHORT, clips=clips, cameras=24)
    found: dict[str, list[float]] = {}
    for clip in plan(size, "motions"):
        if clip.label.startswith(prefix):
            situation = sample_situation(clip, size, seed=7)
            mover = situation.machine if prefix == "Excavator" else situation.workers[0]
            way = mover.position[-1] - mover.position[0]
            ahead = np.array([np.cos(mover.heading[0]), np.sin(mover.heading[0])])
            found.setdefault(clip.label, []).append(float(way @ ahead / np.linalg.norm(way)))
    return found


def test_machines_drive_forwards_and_backwards_in_both_classes():
    for cosines in ways_ahead("Excavator", 240).values():
        assert len(cosines) == 24 and 6 <= sum(np.array(cosines) > 0.9) <= 18
        assert 6 <= sum(np.array(cosines) < -0.9) <= 18


def test_workers_walk_forwards_backwards_and_sideways_in_both_classes():
    for cosines in ways_ahead("Worker", 400).values():
        turned = np.array(cosines)
        assert len(turned) == 40
        assert sum(turned > 0.7) >= 8 and sum(turned < -0.7) >= 8 and sum(abs(turned) < 0.7) >= 4


def test_trains_come_from_both_sides_and_end_short_of_the_machine(situations):
    sides = set()
    for situation in situations:
        if situation.label == "Train-Arriving":
            train, x = situation.trains[0], situation.machine.position[0, 0]
            sides.add(bool(train.low[0] > x))
            assert (train.away(situation.machine.position[:, 0]) > 0).all()
            assert zones.track_distance(situation.machine).min() >= zones.CLEAR_OF_GAUGE
    assert sides == {True, False}


def test_what_moves_is_seen_to_move_far(situations):
    for situation in situations:
        machine, pair = situation.machine, motions.FORWARDS[situation.label]
        shift = SHIFT
        if pair == "Bucket-Lifting":
            moved = machine.bucket_middle
        elif pair == "Excavator-Entering":
            moved = np.column_stack([machine.position, np.full(SHORT.frames, 1.2)])
        elif pair == "Worker-Approaching":
            place = situation.workers[0].position
            moved = np.column_stack([place, np.zeros(SHORT.frames)])
        else:
            trains, shift = situation.trains, TRAIN_SHIFT
            train = max(trains, key=lambda one: np.ptp(one.low))
            towards = (
                trains[trains[0] is train].low[0] if len(trains) > 1 else machine.position[0, 0]
            )
            end = train.high if train.low[0] < towards else train.low
            moved = np.column_stack([end, np.full((SHORT.frames, 2), [train.track, 1.6])])
        pixels, _ = situation.camera.project(moved)
        assert np.linalg.norm(pixels[-1] - pixels[0]) >= shift * SHORT.width
        assert ((pixels > 0) & (pixels < situation.camera.size)).all()


def test_coding_leaves_no_trace_of_the_order_of_frames(tmp_path):
    clip = plan(TINY, "motions")[0]
    frames = draw(sample_situation(clip, TINY, seed=1), clip, seed=1)
    ahead = write_video(tmp_path / "ahead.mp4", frames, 4, FRAME_BY_FRAME)
    back = write_video(tmp_path / "back.mp4", frames[::-1], 4, FRAME_BY_FRAME)
    np.testing.assert_array_equal(decode(ahead), decode(back)[::-1])
    assert np.abs(decode(ahead).astype(int) - frames).mean() < 8


def test_yard_of_motions_says_so_and_describes_the_course(yard):
    assert json.loads((yard / MARKER).read_text())["labels"] == "motions"
    assert not (yard / BEGUN).exists()
    paths = sorted(yard.rglob("*.mp4"))
    assert [path.parent.name for path in paths] == sorted(CLASSES * 2)
    for path in paths:
        known = json.loads(path.with_suffix(".json").read_text())
        assert known["label"] == path.parent.name
        assert len(known["boxes"]["bucket"]) == TINY.frames
        told = Course(
            **{
                name: np.reshape(values, (-1, TINY.frames)) if name.count("_") and not values
                else np.array(values)
                for name, values in known["course"].items()
            }
        )  # fmt: skip
        assert motions.label_of(told) == known["label"]
        if known["label"].startswith(("Train", "Wagons")):
            assert any(known["boxes"]["train"])
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            assert len(packets) == TINY.frames and all(packet.is_keyframe for packet in packets)


def test_cameras_and_classes_are_balanced():
    table = pd.DataFrame(plan(replace(TINY, clips=240, cameras=12), "motions"))
    assert (table.groupby(["camera", "label"]).size() == 2).all()


def test_the_first_pairs_alone_may_be_made():
    few = replace(TINY, pairs=2)
    assert tuple(dict.fromkeys(clip.label for clip in plan(few, "motions"))) == CLASSES[:4]
    assert {PARTNER[name] for name in CLASSES[:4]} == set(CLASSES[:4])
    with pytest.raises(YardError, match="there are 5 of them"):
        plan(replace(TINY, pairs=6), "motions")
    with pytest.raises(YardError, match="motions alone come in pairs"):
        plan(few, "hazards")


def test_label_sets_are_kept_apart(yard, tmp_path):
    assert set(LABELS) == {"hazards", "motions"} and LABELS["motions"] == CLASSES
    with pytest.raises(YardError, match="hazards, motions"):
        make_yard(tmp_path / "none", TINY, labels="colours")
    assert not (tmp_path / "none").exists()
    with pytest.raises(YardError, match="Remove that folder"):
        make_yard(yard, TINY, seed=1)
    assert make_yard(yard, TINY, seed=1, labels="motions") == yard


def test_command_line_makes_motions_of_different_lengths(tmp_path):
    sizes = "--clips 10 --cameras 1 --seconds 1 2 --fps 4 --width 64 --height 48 --workers 1"
    asked = ["--folder", str(tmp_path / "cli"), "--labels", "motions", *sizes.split()]
    folder = main(asked)
    paths = sorted(folder.rglob("*.mp4"))
    assert [path.parent.name for path in paths] == list(CLASSES)
    lengths = {len(decode(path)) for path in paths}
    assert len(lengths) > 1 and lengths <= set(range(4, 9))


def test_command_line_refuses_what_does_not_go_together(tmp_path, capsys):
    folder = ["--folder", str(tmp_path / "none")]
    for options, complaint in (
        ("--seconds 1 2 --frames 8", "give one"),
        ("--first-camera 3", "goes with --recordings"),
        ("--recordings 2 --clips 5", "are of clips"),
    ):
        with pytest.raises(SystemExit):
            main([*folder, *options.split()])
        assert complaint in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
