"""Untrimmed recordings of the simulated yard: what happens moves on, and events are facts."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from helpers.profiles import PROFILES, RecordingSize
from helpers.yard import YardError, make_recordings, recordings, staging, zones
from helpers.yard.__main__ import main
from helpers.yard.boxes import boxes_of
from helpers.yard.camera import look_at
from helpers.yard.cycles import Cycle
from helpers.yard.detours import CLEAR_OF_PEOPLE, find_way
from helpers.yard.events import HYSTERESIS, SHORTEST, Event, find_events, label_frames
from helpers.yard.folders import BEGUN, MARKER
from helpers.yard.plans import MachinePlan, WorkerPlan
from helpers.yard.recordings import CHUNK
from helpers.yard.site import sample_site
from helpers.yard.staging import SELDOM, plan_recordings, sample_recording
from helpers.yard.stream import encode
from helpers.yard.zones import Distances

TINY = RecordingSize(
    recordings=2, cameras=2, first_camera=8, seconds=(12, 20), fps=4, width=64, height=48
)
LONG = replace(TINY, recordings=6, cameras=6, seconds=(90, 120), width=160, height=120)
FAR = 9.0


@pytest.fixture(scope="module")
def situations():
    """What happens in six recordings of one and a half to two minutes; nothing is drawn."""
    return [sample_recording(one, LONG, seed=2) for one in plan_recordings(LONG)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two finished recordings."""
    return make_recordings(tmp_path_factory.mktemp("recordings") / "tiny", TINY, 1, workers=1)


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def distances(bucket=FAR, body=FAR, track=FAR) -> Distances:
    """Distances of one worker; a number stays the same in all frames."""
    frames = max(np.size(one) for one in (bucket, body, track))
    series = [np.broadcast_to(np.asarray(one, float), frames) for one in (bucket, body, track)]
    return Distances(series[0][None], series[1][None], series[2])


def test_an_event_begins_in_its_zone_and_ends_a_little_outside_of_it():
    near = zones.BUCKET_ZONE
    bucket = np.array([9, near + 0.1, near, near + 0.2, near + HYSTERESIS, near + 0.31, near + 0.1])
    assert label_frames(distances(bucket)).tolist() == [
        "Other", "Other", *["Bucket-Worker"] * 3, "Other", "Other",
    ]  # fmt: skip
    track = np.array([0.1, -0.1, 0.2, HYSTERESIS + 0.01, 0.2])
    expected = ["Other", "Track-Excavator", "Track-Excavator", "Other", "Other"]
    assert label_frames(distances(track=track)).tolist() == expected


def test_of_several_relations_the_first_counts_as_in_clips():
    bucket, body, track = np.array([9, 9, 2.0, 9]), np.array([9, 1.0, 1.0, 1.0]), np.full(4, -1.0)
    labels = label_frames(distances(bucket, body, track)).tolist()
    assert labels == ["Track-Excavator", "Cabin-Worker", "Bucket-Worker", "Cabin-Worker"]
    each = [zones.label_of(distances(*one)) for one in zip(bucket, body, track, strict=True)]
    assert labels == each


def test_events_are_the_intervals_of_the_frames_and_leave_no_gap():
    bucket = np.array([FAR] * 6 + [1.0] * 10 + [FAR] * 8)
    assert find_events(distances(bucket), fps=4) == [
        Event(0.0, 1.5, "Other"),
        Event(1.5, 4.0, "Bucket-Worker"),
        Event(4.0, 6.0, "Other"),
    ]
    assert find_events(distances(np.full(8, FAR)), fps=4) == [Event(0.0, 2.0, "Other")]


def test_a_stretch_that_is_too_short_goes_to_its_longer_neighbour():
    short, fps = 3, 4
    assert short < SHORTEST * fps
    bucket = np.array([FAR] * 8 + [1.0] * 8 + [FAR] * short + [1.0] * 8)
    assert find_events(distances(bucket), fps) == [
        Event(0.0, 2.0, "Other"),
        Event(2.0, 6.75, "Bucket-Worker"),
    ]
    body = np.array([FAR] * 6 + [1.0] * short + [FAR] * 9)
    assert find_events(distances(body=body), fps) == [Event(0.0, 4.5, "Other")]


def test_events_agree_with_the_distances_in_nearly_every_frame(situations):
    for situation in situations:
        events = find_events(situation.distances, LONG.fps)
        assert events[0].start == 0 and events[-1].end == situation.frames / LONG.fps
        assert all(a.end == b.start for a, b in pairwise(events))
        assert all(event.end - event.start >= SHORTEST for event in events)
        by_rule = [
            zones.label_of(situation.distances.at(slice(t, t + 1))) for t in range(situation.frames)
        ]
        told = [
            next(e.label for e in events if e.start <= t / LONG.fps < e.end)
            for t in range(situation.frames)
        ]
        assert np.mean([a == b for a, b in zip(by_rule, told, strict=True)]) > 0.95


def test_recordings_hold_several_events_of_all_hazards_with_other_between(situations):
    found = [find_events(situation.distances, LONG.fps) for situation in situations]
    hazards = [[event.label for event in events if event.label != "Other"] for events in found]
    for situation, labels in zip(situations, hazards, strict=True):
        assert len(labels) >= int(situation.frames / LONG.fps / SELDOM) >= 2
    assert {label for labels in hazards for label in labels} == set(zones.CLASSES) - {"Other"}
    seconds = pd.DataFrame([vars(event) for events in found for event in events])
    total = (seconds["end"] - seconds["start"]).groupby(seconds["label"]).sum()
    assert 0.25 < total["Other"] / total.sum() < 0.8


def test_everybody_moves_on_at_a_plausible_speed(situations):
    for situation in situations:
        machine, step = situation.machine, 1 / LONG.fps
        speeds = [
            np.linalg.norm(np.diff(person.position, axis=0), axis=-1).max() / step
            for person in situation.workers
        ]
        assert 0.7 < max(speeds) <= 1.5
        assert np.linalg.norm(np.diff(machine.position, axis=0), axis=-1).max() / step <= 1.1
        for angle, fastest in ((machine.slew, 1.3), (machine.heading, 0.7)):
            assert np.abs(np.diff(angle)).max() / step <= fastest
        for length in (machine.reach, machine.lift):
            assert np.abs(np.diff(length)).max() / step <= 2.0


def test_nobody_is_run_over_and_everything_stays_in_the_picture(situations):
    for situation in situations:
        far = situation.distances
        assert far.worker_body.min() > 0.4 and far.worker_bucket.min() > 0.7
        first, second = (person.position for person in situation.workers)
        assert np.linalg.norm(first - second, axis=-1).min() > 0.6
        for points, height in ((situation.machine.position, 1.0), (first, 1.0), (second, 1.0)):
            places = np.column_stack([points, np.full(len(points), height)])
            pixels, depth = situation.camera.project(places)
            inside = ((pixels > 0) & (pixels < situation.camera.size)).all(axis=-1) & (depth > 0)
            assert inside.mean() > 0.98


def test_trains_pass_behind_on_tracks_that_nobody_guards(situations):
    trains = [(s, train) for s in situations for train in s.trains]
    assert trains
    for situation, train in trains:
        assert train.track in situation.site.tracks[1:]
        speed = np.abs(np.diff(train.low)) * LONG.fps
        assert speed.max() <= 4.0 + 1e-6
        nearest = (situation.site.side * situation.machine.bucket_middle[:, 1]).min()
        assert nearest > situation.site.side * train.track + 1.42


def test_a_machines_plan_drives_straight_and_rests_between():
    plan = MachinePlan.at(np.array([0.0, 5.0, 0.3, 0.0, 4.2, 1.9, 0.6]))
    plan.drive_to(0.0, 0.0)
    turned, arrived = plan.keys[1], plan.now
    # Across the track by the smaller turn: it drives backwards, its front to the other side.
    assert abs(turned[3] - 0.3) < np.pi / 2 and abs(np.cos(turned[3])) < 1e-9
    plan.wait_until(arrived + 2.0)
    plan.work(Cycle(1.0, 10.0, 0.0), 4.3, 12.0)
    times = np.linspace(0, plan.now, 2000)
    motion = plan.motion(times)
    assert plan.now == pytest.approx(arrived + 2.0 + 20.0)
    across = np.abs(motion.position[:, 0])
    assert across.max() < 1e-9 and motion.position[-1] == pytest.approx([0, 0])
    speed = np.gradient(motion.position[:, 1], times)
    assert abs(speed[0]) < 0.01 and abs(speed[-1]) < 1e-9 and np.abs(speed).max() < 1.1
    resting = (times > arrived + 0.02) & (times < arrived + 1.98)
    assert np.ptp(motion.slew[resting]) == 0


def test_a_workers_plan_rounds_corners_and_looks_where_it_goes(situations):
    habit = situations[0].cast.workers[0]
    plan = WorkerPlan([np.array([0.0, 0.0, 0.0])])
    plan.walk(np.array([[4.0, 0.0], [4.0, 3.0]]), speed=1.0)
    plan.stay_until(12.0)
    times = np.arange(0, 12, 0.1)
    motion = plan.motion(times, habit, facing=2.0)
    assert plan.places(np.array([2.0, 5.0]))[1] == pytest.approx([4.0, 1.0])
    assert motion.position[-1] == pytest.approx([4.0, 3.0])
    corner = np.linalg.norm(motion.position - [4.0, 0.0], axis=-1).min()
    assert 0.05 < corner < 0.4
    assert motion.heading[30] == pytest.approx(0.0, abs=0.05)
    assert motion.heading[-1] == pytest.approx(np.pi / 2, abs=0.05)
    assert np.abs(motion.stride[10:60]).max() > 0.3 and np.abs(motion.stride[90:]).max() < 0.07


def test_a_way_leads_around_the_machine_and_past_people(situations):
    machine = MachinePlan.at(np.array([0.0, 0.0, 0.0, 0.0, 4.5, 1.5, 0.0])).motion(np.zeros(1))
    start, goal, person = np.array([-6.0, 0.3]), np.array([6.5, 0.3]), np.array([[-3.5, 3.5]])
    everywhere = lambda points: np.ones(points.shape[:-1], bool)  # noqa: E731
    way = find_way(start, goal, machine, person, everywhere)
    points = np.concatenate([start[None], way])
    fine = np.concatenate(
        [a + np.linspace(0, 1, 50)[:, None] * (b - a) for a, b in zip(points, way, strict=False)]
    )
    assert way[-1] == pytest.approx(goal)
    body = zones.body_distance(fine[:, None], machine)[:, 0]
    assert body.min() > zones.BODY_ZONE + HYSTERESIS
    assert np.linalg.norm(fine - person[0], axis=-1).min() >= CLEAR_OF_PEOPLE - 0.1
    upper = lambda points: points[..., 1] > 0.2  # noqa: E731
    assert find_way(start, goal, machine, person, upper)[:, 1].min() > 0.2
    wall = lambda points: abs(points[..., 0]) > 0.5  # noqa: E731
    assert find_way(start, goal, machine, person, wall) is None


def test_folder_holds_recordings_descriptions_events_groups_and_marker(folder):
    paths = sorted(path.name for path in folder.glob("*.mp4"))
    assert paths == ["cam08_000.mp4", "cam09_001.mp4"]
    assert json.loads((folder / MARKER).read_text())["labels"] == "recordings"
    assert not (folder / BEGUN).exists()
    groups = pd.read_csv(folder / "groups.csv")
    assert groups.to_numpy().tolist() == [[paths[0], "cam08"], [paths[1], "cam09"]]
    table = pd.read_csv(folder / "events.csv")
    assert list(table.columns) == ["path", "start", "end", "label"]
    for path in paths:
        known = json.loads((folder / path).with_suffix(".json").read_text())
        frames = decode(folder / path)
        assert frames.shape == (known["frames"], TINY.height, TINY.width, 3)
        assert known["seconds"] == known["frames"] / TINY.fps and 12 <= known["seconds"] <= 20
        assert all(len(track) == known["frames"] for track in known["boxes"].values())
        assert {"worker", "worker2", "bucket", "cabin", "excavator", "track"} <= set(known["boxes"])
        told = Distances(*(np.array(value) for value in known["distances"].values()))
        assert [vars(event) for event in find_events(told, TINY.fps)] == known["events"]
        rows = table[table["path"] == path].drop(columns="path").to_dict("records")
        assert rows == [event for event in known["events"] if event["label"] != "Other"]


def test_the_same_seed_gives_the_same_frames_whatever_the_number_of_processes(folder, tmp_path):
    other = make_recordings(tmp_path / "two", TINY, 1, workers=2)
    for path in folder.glob("*.mp4"):
        np.testing.assert_array_equal(decode(path), decode(other / path.name))
        beside = path.with_suffix(".json").name
        assert (folder / beside).read_text() == (other / beside).read_text()
    assert (folder / "events.csv").read_text() == (other / "events.csv").read_text()


def test_recordings_that_were_cut_are_gone_on_with(folder, tmp_path, monkeypatch):
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / BEGUN).write_text((folder / MARKER).read_text())
    for name in ("cam08_000.mp4", "cam08_000.json", "cam09_001.mp4"):
        (cut / name).write_bytes((folder / name).read_bytes())
    before = (cut / "cam08_000.mp4").stat().st_mtime_ns
    make_recordings(cut, TINY, 1, workers=1)
    assert (cut / "cam08_000.mp4").stat().st_mtime_ns == before
    assert (cut / "events.csv").read_text() == (folder / "events.csv").read_text()
    monkeypatch.setattr(recordings, "make_all", lambda *_, **__: pytest.fail("made again"))
    assert make_recordings(cut, TINY, 1) == cut
    with pytest.raises(YardError, match="Remove that folder"):
        make_recordings(cut, TINY, 2)


def test_only_a_few_frames_are_ever_drawn_at_once(monkeypatch):
    size = replace(TINY, recordings=1, seconds=(80, 80))
    (one,) = plan_recordings(size)
    situation = sample_recording(one, size, seed=1)
    drawn = []

    def draw(part, rng, conditions, fps, start, place):
        assert start == sum(drawn) / fps
        drawn.append(part.frames)
        return np.zeros((part.frames, 2, 2, 3), np.uint8)

    monkeypatch.setattr(recordings, "render", draw)
    frames = sum(1 for _ in recordings.draw_recording(situation, one, 1, size.fps))
    assert frames == 320 == sum(drawn) and max(drawn) == CHUNK


def test_light_does_not_change_from_piece_to_piece(situations, monkeypatch):
    one = plan_recordings(LONG)[0]
    night = next(
        seed
        for seed in range(100)
        if recordings.recording_conditions(one, situations[0].site, seed).light == "night"
    )
    part = situations[0].at(slice(0, situations[0].frames, situations[0].frames // 32))

    def brightness():
        frames = recordings.draw_recording(part, one, night, LONG.fps)
        return np.array([frame.mean() for frame in frames])

    whole = brightness()
    monkeypatch.setattr(recordings, "CHUNK", 8)
    # Sway and noise differ a little; what is exposed for does not.
    np.testing.assert_allclose(brightness(), whole, atol=1.5)


def test_recordings_differ_in_light_and_weather():
    kinds = set()
    for k in range(60):
        one = recordings.Recording(k, k)
        conditions = recordings.recording_conditions(one, sample_site(0, k), 0)
        kinds |= {conditions.light, conditions.weather}
        assert not conditions.dust and not conditions.lens_drops
    assert kinds == {"day", "dusk", "night", "clear", "overcast", "rain", "fog"}


def test_boxes_of_all_pieces_are_those_of_the_whole(situations, monkeypatch):
    situation = max(situations, key=lambda one: len(one.trains))
    low = np.abs(situation.trains[0].low)
    near = int(low.argmin())
    part = situation.at(slice(near - 60, near + 60))
    whole = boxes_of(part)
    assert any(whole["train"])
    monkeypatch.setattr(recordings, "CHUNK", 16)
    pieces = recordings.describe_recording(part, plan_recordings(LONG)[0], LONG, seed=2)["boxes"]
    assert pieces == whole


def test_frames_are_encoded_as_they_come(tmp_path):
    waiting = []

    def frames():
        for k in range(120):
            waiting.append(k)
            yield np.full((48, 64, 3), 2 * k, np.uint8)

    path = encode(tmp_path / "a.mp4", frames(), (64, 48), 12)
    found = decode(path)
    assert len(found) == 120 == len(waiting)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 2 * np.arange(120), atol=4)


def test_a_recording_that_fails_leaves_no_file(tmp_path):
    def frames():
        yield np.zeros((48, 64, 3), np.uint8)
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        encode(tmp_path / "a.mp4", frames(), (64, 48), 12)
    assert not list(tmp_path.iterdir())


def test_sizes_that_cannot_be_made_are_refused(tmp_path):
    for size, complaint in (
        (replace(TINY, seconds=(20, 10)), "the shortest and the longest"),
        (replace(TINY, height=47), "even sizes"),
        (replace(TINY, recordings=0), "recordings=0"),
    ):
        with pytest.raises(YardError, match=complaint):
            make_recordings(tmp_path / "none", size)
    assert not (tmp_path / "none").exists()


def test_a_site_without_room_is_named(monkeypatch):
    away = look_at(np.array([0.0, -60.0, 5.0]), np.array([0.0, -90.0, 0.0]), 100.0, (64, 48))
    monkeypatch.setattr(staging, "_overview", lambda *_: away)
    with pytest.raises(YardError, match="camera 8 has no room"):
        sample_recording(plan_recordings(TINY)[0], TINY, seed=1)


def test_command_line_makes_recordings_by_cameras_that_no_clip_has(tmp_path):
    sizes = "--recordings 1 --seconds 4 5 --fps 4 --width 64 --height 48 --workers 1"
    asked = ["--folder", str(tmp_path / "cli"), "--profile", "smoke", *sizes.split()]
    folder = main(asked)
    first = PROFILES["smoke"].yard.cameras
    assert [path.name for path in folder.glob("*.mp4")] == [f"cam{first:02d}_000.mp4"]
    assert 16 <= len(decode(folder / f"cam{first:02d}_000.mp4")) <= 20
