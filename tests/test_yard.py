"""The simulated yard: labels are facts, clips are repeatable, nothing gives the class away."""

import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.profiles import YardSize
from helpers.yard import YardError, make_yard, zones
from helpers.yard.arrange import keeps_clear
from helpers.yard.boxes import boxes_of, visible_shares
from helpers.yard.cycles import Cycle
from helpers.yard.folders import BEGUN, MARKER
from helpers.yard.habits import LONGEST_WALK
from helpers.yard.make import clip_times, draw, make_clip, plan, sample_situation
from helpers.yard.objects import ExcavatorMotion
from helpers.yard.site import sample_site
from helpers.yard.trains import Train, Vehicle
from helpers.yard.zones import CLASSES, label_of

TINY = YardSize(clips=8, cameras=2, frames=4, fps=4, width=96, height=72)
SHORT = YardSize(clips=32, cameras=8, frames=8, fps=8, width=96, height=72)


@pytest.fixture(scope="module")
def situations():
    """Eight situations of each class, by eight cameras."""
    return [sample_situation(clip, SHORT, seed=3) for clip in plan(SHORT)]


@pytest.fixture(scope="module")
def yard(tmp_path_factory) -> Path:
    """A finished yard of eight clips."""
    return make_yard(tmp_path_factory.mktemp("yard") / "tiny", TINY, seed=1, workers=1)


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_every_label_agrees_with_the_distances_in_every_frame(situations):
    for situation in situations:
        far = situation.distances
        first_bucket, first_body = far.worker_bucket[0], far.worker_body[0]
        assert label_of(far) == situation.label
        if situation.label == "Bucket-Worker":
            # A machine at work may take its bucket away for a while.
            assert (first_bucket < zones.BUCKET_ZONE - 0.5).mean() >= zones.WELL_FOR
            assert first_body.min() > zones.BODY_ZONE + 0.5
        elif situation.label == "Cabin-Worker":
            assert first_body.max() < zones.BODY_ZONE - 0.5
            assert first_bucket.min() > zones.BUCKET_ZONE + 0.5
        else:
            assert min(first_bucket.min(), first_body.min()) > zones.CLEAR_OF_ZONES
        assert (far.worker_bucket[1:] > zones.CLEAR_OF_ZONES).all()
        assert (far.worker_body[1:] > zones.CLEAR_OF_ZONES).all()
        if situation.label == "Track-Excavator":
            assert far.excavator_track.max() <= zones.WELL_ON_TRACK
        else:
            assert far.excavator_track.min() >= zones.CLEAR_OF_GAUGE


def test_every_class_is_made_as_often():
    counts = pd.Series([clip.label for clip in plan(SHORT)]).value_counts()
    assert counts.to_dict() == dict.fromkeys(CLASSES, 8)


def test_who_takes_part_and_what_they_do_has_nothing_to_do_with_the_class():
    both = 0
    for clip in plan(SHORT)[::6]:
        first, *others = (
            sample_situation(replace(clip, label=name), SHORT, seed=3) for name in CLASSES
        )
        both += first.cast.train is not None and first.cast.machine.cycle is not None
        for situation in others:
            assert situation.cast.train == first.cast.train
            assert situation.cast.machine.cycle == first.cast.machine.cycle
            assert situation.cast.workers == first.cast.workers
            assert len(situation.trains) == len(first.trains)
            np.testing.assert_allclose(situation.machine.lift, first.machine.lift)
    assert both


def test_machines_work_in_cycles_and_trains_pass_on_tracks_that_nobody_guards(situations):
    at_work = [s for s in situations if s.cast.machine.cycle]
    with_trains = [s for s in situations if s.trains]
    assert 4 <= len(at_work) <= 20 and 3 <= len(with_trains) <= 16
    for situation in at_work:
        poses = situation.cast.machine.cycle.poses(np.arange(SHORT.frames) / SHORT.fps)
        np.testing.assert_allclose(situation.machine.lift, np.maximum(poses[:, 2], 0.92))
    for situation in with_trains:
        (train,), side = situation.trains, situation.site.side
        assert train.track in situation.site.tracks[1:]
        assert abs(train.track) >= zones.GAUGE + 2.0
        nearest = side * train.track + zones.GAUGE
        assert (side * situation.machine.bucket_middle[:, 1] >= nearest).all()
        for person in situation.workers:
            assert (side * person.position[:, 1] >= nearest).all()
        speed = np.diff(train.low) * SHORT.fps
        np.testing.assert_allclose(speed, situation.cast.train.speed)
        parked = [thing for thing in situation.beyond if thing.name == "wagon"]
        assert all(abs(p.poses["root"].shift[0, 1]) > abs(train.track) + 1 for p in parked)


def test_an_arm_stays_out_of_the_gauge_of_a_track_on_which_a_train_moves():
    site = replace(sample_site(0, 1), side=1, tracks=(0.0, -4.7))
    train = Train(-4.7, (Vehicle("wagon", 9.0, (90, 90, 90), False),), np.zeros(1))
    still = np.zeros(1)
    for slew, clear in ((0.5 * np.pi, True), (0.0, True), (-0.5 * np.pi, False)):
        reach, lift = np.full(1, 4.5), np.ones(1)
        machine = ExcavatorMotion(
            np.zeros((1, 2)), still, np.full(1, slew), reach, lift, curl=still
        )
        assert keeps_clear(site, machine, (train,)) is clear
        assert keeps_clear(site, machine, ())
    beside = ExcavatorMotion(np.array([[0, 3.0]]), still, still + 1.5, reach, lift, still)
    on_guarded = replace(train, track=0.0)
    assert not keeps_clear(site, beside, (on_guarded,))  # its crawlers reach to 1.9 m
    farther = replace(beside, position=np.array([[0, 3.2]]))
    assert keeps_clear(site, farther, (on_guarded,))


def test_a_cycle_digs_low_swings_high_and_comes_back():
    cycle = Cycle(swing=1.2, seconds=10.0, start=0.0)
    slew, reach, lift, curl = cycle.poses(np.array([0.0, 2.4, 3.8, 5.8, 7.0, 10.0])).T
    np.testing.assert_allclose(slew, [0, 0, 0, 1.2, 1.2, 0])
    assert lift[1] < 1.0 < 2.0 < lift[2] <= lift[3]
    assert reach[1] < reach[0] and curl[1] > curl[0] and curl[4] < curl[3]
    times = np.linspace(0, 20, 401)
    np.testing.assert_allclose(cycle.poses(times)[:200], cycle.poses(times)[200:400], atol=1e-9)
    # Rests at every station: nothing jumps, and the fastest slewing is 1.5 times the mean.
    steps = np.abs(np.diff(cycle.poses(times)[:, 0])) / 0.05
    assert steps.max() == pytest.approx(1.5 * 1.2 / 2.0, rel=0.02)


def test_workers_walk_then_stand_or_bend_over_something():
    size = replace(SHORT, clips=40, frames=48, fps=12)
    walked = []
    for clip in plan(size):
        habit = sample_situation(clip, size, seed=8).cast.workers[0]
        times = np.arange(48) / 12
        motion = habit.along(
            habit.path(np.zeros((1, 2)), np.zeros(1), times)[0], np.zeros(48), times
        )
        far = np.linalg.norm(np.diff(motion.position, axis=0), axis=1).sum()
        walked.append(far)
        assert far <= LONGEST_WALK + 1e-6
        standing = np.abs(motion.stride) < 0.061
        assert standing.all() if not habit.speed else not standing.all()
        if habit.speed and habit.stoop and standing.any():
            assert motion.bend[standing].max() > 0.4 > motion.bend[~standing].min()
    assert 8 <= (np.array(walked) > 0.3).sum() <= 24


def test_lengths_of_clips_differ_and_say_nothing_about_the_class(tmp_path):
    size = replace(TINY, clips=400, frames=8, most_frames=24)
    lengths = pd.DataFrame(
        {"label": clip.label, "frames": len(clip_times(clip, size, 1))} for clip in plan(size)
    )
    assert lengths["frames"].agg(["min", "max"]).tolist() == [8, 24]
    means = lengths.groupby("label")["frames"].mean()
    assert (means - 16).abs().max() < 1.6  # three standard deviations of a mean of 100
    folder = make_yard(tmp_path / "long", replace(size, clips=4), seed=1, workers=1)
    for path in folder.rglob("*.mp4"):
        known = json.loads(path.with_suffix(".json").read_text())
        index = int(path.stem.split("_")[1])
        frames = len(clip_times(plan(size)[index], size, 1))
        assert len(decode(path)) == len(known["boxes"]["worker"]) == frames
        assert np.shape(known["distances"]["excavator_track"]) == (frames,)


def test_a_train_out_of_the_picture_is_not_drawn_and_one_in_it_has_a_box():
    size = replace(SHORT, clips=32)
    seen = unseen = 0
    for clip in plan(size):
        situation = sample_situation(clip, size, seed=3)
        if not situation.trains:
            continue
        boxes = boxes_of(situation)
        camera, train = situation.camera, situation.trains[0]
        corners = np.array(
            [[x, train.track, z] for x in np.linspace(train.low[0], train.high[0], 40)
             for z in (0.9, 1.9)]
        )  # fmt: skip
        pixels, depth = camera.project(corners)
        inside = ((pixels > 0) & (pixels < camera.size)).all(axis=-1) & (depth > 0)
        if inside.sum() > 2:
            seen += 1
            assert boxes["train"][0] is not None
        elif "train" not in boxes:
            unseen += 1
    assert seen >= 3 and unseen >= 1


def test_label_needs_most_of_the_frames():
    bucket = np.full((1, 10), 6.0)
    body, track = np.full((1, 10), 6.0), np.full(10, 1.0)
    assert label_of(zones.Distances(bucket, body, track)) == "Other"
    bucket[0, :5] = 1.0
    assert label_of(zones.Distances(bucket, body, track)) == "Other"
    bucket[0, :6] = 1.0
    assert label_of(zones.Distances(bucket, body, track)) == "Bucket-Worker"
    assert label_of(zones.Distances(body, bucket, track)) == "Cabin-Worker"
    assert label_of(zones.Distances(body, body, -track)) == "Track-Excavator"


def test_rectangle_distance_is_zero_inside_and_measured_to_the_nearest_edge():
    extent = ((-2.0, 2.0), (-1.0, 1.0))
    points = np.array([[[1.0, 0.5]], [[5.0, 0.0]], [[5.0, 5.0]]])
    found = zones.rectangle_distance(points, np.zeros((1, 2)), np.zeros(1), extent)
    np.testing.assert_allclose(found[:, 0], [0.0, 3.0, 5.0])
    turned = zones.rectangle_distance(points, np.zeros((1, 2)), np.array([np.pi / 2]), extent)
    np.testing.assert_allclose(turned[:, 0], [0.0, 4.0, 5.0])


def test_decisive_worker_and_bucket_can_be_seen(situations):
    for situation in situations:
        shares = visible_shares(situation, [0, 4, 7])
        assert np.median(shares["worker"]) >= 0.5
        assert np.median(shares["bucket"]) >= 0.3


def test_boxes_are_inside_the_picture_and_the_worker_is_large_enough(situations):
    for situation in situations:
        boxes = boxes_of(situation)
        assert {"worker", "bucket", "cabin", "excavator", "track"} <= set(boxes)
        for name, tracked in boxes.items():
            assert len(tracked) == SHORT.frames
            for x0, y0, x1, y1 in filter(None, tracked):
                assert 0 <= x0 < x1 <= SHORT.width and 0 <= y0 < y1 <= SHORT.height, name
        assert all(boxes["worker"]) and all(boxes["bucket"])
        upright = situation.cast.workers[0].stoop < 0.1
        heights = [box[3] - box[1] for box in boxes["worker"]]
        assert min(heights) > (0.14 if upright else 0.08) * SHORT.height


def test_same_seed_gives_the_same_frames_and_another_seed_others():
    clip = plan(TINY)[5]
    first, again, other = (
        draw(sample_situation(clip, TINY, seed), clip, seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_cameras_and_classes_are_balanced():
    table = pd.DataFrame(plan(replace(TINY, clips=240, cameras=12)))
    assert (table.groupby(["camera", "label"]).size() == 5).all()
    uneven = pd.DataFrame(plan(replace(TINY, clips=48, cameras=8)))
    per_cell = uneven.groupby(["camera", "label"]).size()
    assert len(per_cell) == 32 and set(per_cell) == {1, 2}


def test_yard_holds_clips_descriptions_groups_and_marker(yard):
    groups = pd.read_csv(yard / "groups.csv")
    videos = sorted(path.relative_to(yard).as_posix() for path in yard.rglob("*.mp4"))
    assert sorted(groups["path"]) == videos and len(videos) == TINY.clips
    assert json.loads((yard / MARKER).read_text())["seed"] == 1
    assert not (yard / BEGUN).exists()
    for path, group in groups.itertuples(index=False):
        known = json.loads((yard / path).with_suffix(".json").read_text())
        assert known["camera"] == group and known["label"] == Path(path).parent.name
        assert known["size"] == [TINY.width, TINY.height] and known["fps"] == TINY.fps
        assert np.shape(known["distances"]["excavator_track"]) == (TINY.frames,)
        assert len(known["boxes"]["worker"]) == TINY.frames


def test_clips_are_h264_in_mp4_of_the_asked_size(yard):
    for path in yard.rglob("*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264" and stream.pix_fmt == "yuv420p"
            assert stream.average_rate == TINY.fps and stream.frames == TINY.frames
        assert decode(path).shape == (TINY.frames, TINY.height, TINY.width, 3)


def test_encoded_frames_look_like_the_drawn_ones(yard):
    clip = plan(TINY)[0]
    drawn = draw(sample_situation(clip, TINY, 1), clip, 1)
    assert np.abs(decode(yard / clip.path).astype(int) - drawn).mean() < 8


def test_a_cut_yard_is_finished_with_the_same_clips(yard, tmp_path):
    whole = {path.name: decode(path) for path in yard.rglob("*.mp4")}
    cut = tmp_path / "cut"
    make_yard(cut, TINY, seed=1, workers=1)
    settings = (cut / MARKER).read_text()
    (cut / MARKER).unlink()
    (cut / BEGUN).write_text(settings)
    clips = plan(TINY)
    kept, lost, half = (cut / clips[k].path for k in (0, 3, 6))
    made_at = kept.stat().st_mtime_ns
    lost.unlink()
    lost.with_suffix(".json").unlink()
    half.with_suffix(".json").unlink()
    make_yard(cut, TINY, seed=1, workers=2)
    assert kept.stat().st_mtime_ns == made_at
    assert (cut / MARKER).read_text() == settings
    for path in cut.rglob("*.mp4"):
        np.testing.assert_array_equal(decode(path), whole[path.name])


def test_a_finished_yard_is_returned_at_once_and_other_settings_are_refused(yard, monkeypatch):
    monkeypatch.setattr("helpers.yard.make.make_all", lambda *_: pytest.fail("made again"))
    assert make_yard(yard, TINY, seed=1) == yard
    with pytest.raises(YardError, match="Remove that folder"):
        make_yard(yard, TINY, seed=2)
    with pytest.raises(YardError, match="Remove that folder"):
        make_yard(yard, replace(TINY, frames=5), seed=1)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(YardError, match="not empty"):
        make_yard(tmp_path, TINY)
    for size, complaint in (
        (replace(TINY, width=97), "even sizes"),
        (replace(TINY, cameras=0), "cameras=0"),
        (replace(TINY, most_frames=3), "most_frames=3"),
    ):
        with pytest.raises(YardError, match=complaint):
            make_yard(tmp_path / "odd", size)
        assert not (tmp_path / "odd").exists()


def test_brightness_colour_motion_length_and_file_size_do_not_tell_the_class(tmp_path):
    size = YardSize(clips=160, cameras=20, frames=2, fps=2, width=64, height=48, most_frames=3)
    features = []
    for clip in plan(size):
        situation = sample_situation(clip, size, seed=5)
        frames = draw(situation, clip, seed=5).astype(float)
        ok, jpeg = cv2.imencode(".jpg", frames[0].astype(np.uint8))
        assert ok
        means, spreads = frames.mean((0, 1, 2)), frames.std((0, 1, 2))
        moved = np.abs(frames[1] - frames[0]).mean()
        features.append([*means, *spreads, moved, len(jpeg), len(frames)])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    labels, cameras = ([getattr(c, name) for c in plan(size)] for name in ("label", "camera"))
    accuracy = cross_val_score(model, features, labels, groups=cameras, cv=GroupKFold(4)).mean()
    assert accuracy < 0.37  # chance is 0.25, with a standard deviation of 0.034


def test_file_sizes_of_the_classes_are_alike(tmp_path):
    size = YardSize(clips=32, cameras=8, frames=4, fps=4, width=96, height=72)
    for clip in plan(size):
        make_clip(clip, tmp_path, size, seed=6)
    bytes_of = {
        name: np.mean([path.stat().st_size for path in (tmp_path / name).glob("*.mp4")])
        for name in CLASSES
    }
    assert max(bytes_of.values()) < 1.25 * min(bytes_of.values())
