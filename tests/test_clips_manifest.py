"""Which files become clips, what is said of the others, and of which recording a clip is."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from clip_makers import damage_packet, make_data, make_video

from helpers.clips import manifest as manifest_module
from helpers.clips.folder import folder_state
from helpers.clips.groups import GroupError, find_groups
from helpers.clips.manifest import (
    MANIFEST_COLUMNS,
    ManifestError,
    build_manifest,
    load_manifest,
    load_or_build_manifest,
)
from helpers.clips.tables import count_reasons, load_ignored
from helpers.files import write_table

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
COLUMNS = [
    "path",
    "label",
    "group",
    "frames",
    "fps",
    "duration",
    "width",
    "height",
    "codec",
    "bytes",
    "container_frames",
    "damaged",
    "note",
]


@pytest.fixture
def probed(monkeypatch) -> list[str]:
    """Names of the files that are decoded from now on."""
    names = []

    def counted(path, **settings):
        names.append(path.name)
        return original(path, **settings)

    original = manifest_module.try_probe
    monkeypatch.setattr(manifest_module, "try_probe", counted)
    return names


def test_manifest_has_one_row_per_clip_with_the_agreed_columns(tmp_path):
    make_data(tmp_path, frames=12)
    manifest, quarantine, ignored = build_manifest(tmp_path, r"(cam\d)")
    assert list(manifest) == COLUMNS
    assert list(ignored) == ["path", "reason"]
    assert ignored.empty
    assert list(quarantine) == ["path", "reason", "frames"]
    assert quarantine.empty
    row = manifest.iloc[1]
    assert row["path"] == "a/cam1_a.mp4"
    assert (row["label"], row["group"], row["frames"], row["fps"]) == ("a", "cam1", 12, 8.0)
    assert (row["duration"], row["width"], row["height"], row["codec"]) == (1.5, 48, 32, "h264")
    assert row["bytes"] == (tmp_path / "a/cam1_a.mp4").stat().st_size
    assert (row["container_frames"], row["damaged"], row["note"]) == (12, 0, "")


def test_every_file_found_is_used_quarantined_or_ignored(tmp_path, caplog):
    make_data(tmp_path)
    make_video(tmp_path / "a" / "deep" / "er" / "no_extension", container="mp4")
    make_video(tmp_path / "a" / "short.mp4", frames=7)
    make_video(tmp_path / "b" / "just.mp4", frames=8)
    (tmp_path / "b" / "empty.mp4").touch()
    (tmp_path / "b" / "Words").write_text("no video at all")
    (tmp_path / "b" / "dangling.mp4").symlink_to("nowhere")
    for name in ("cam0_a.json", "x.CSV", "notes.txt", "README.md", "still.PNG", ".hidden.mp4"):
        (tmp_path / "a" / name).touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.mp4").touch()
    (tmp_path / "yard.json").touch()
    (tmp_path / "loose.mp4").touch()
    with caplog.at_level(logging.INFO):
        tables = build_manifest(tmp_path, r"(\w+)")
    manifest, quarantine, ignored = tables
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    found -= {"a", "b", "a/deep", "a/deep/er", ".cache"}
    listed = [path for table in tables for path in table["path"]]
    assert sorted(listed) == sorted(found)
    assert tables.count == "19 files found = 6 clips used + 4 quarantined + 9 ignored"
    assert tables.count in caplog.text
    assert "1 files lie beside the class folders and belong to no class: loose.mp4" in caplog.text
    reasons = dict(zip(quarantine["path"], quarantine["reason"], strict=True))
    assert sorted(reasons) == ["a/short.mp4", "b/Words", "b/dangling.mp4", "b/empty.mp4"]
    assert reasons["a/short.mp4"] == "7 frames decode, 8 are needed"
    assert "empty" in reasons["b/empty.mp4"]
    assert "cannot be opened" in reasons["b/Words"]
    assert "leads nowhere (nowhere: No such file" in reasons["b/dangling.mp4"]
    assert quarantine.set_index("path").loc["a/short.mp4", "frames"] == 7
    assert "a/deep/er/no_extension" in set(manifest["path"])
    reasons = dict(zip(ignored["path"], ignored["reason"], strict=True))
    assert reasons["a/.hidden.mp4"] == reasons[".cache/x.mp4"] == "hidden"
    assert reasons["a/x.CSV"] == "accompanies clips (.csv)"
    assert reasons["loose.mp4"] == "lies beside the class folders, in no class"


def test_partly_readable_clip_is_used_with_a_warning_and_a_note(tmp_path, caplog):
    make_data(tmp_path)
    damage_packet(make_video(tmp_path / "a" / "hurt.mp4", every_frame_whole=True), 4)
    manifest = build_manifest(tmp_path, "(cam|hurt)").manifest
    row = manifest.set_index("path").loc["a/hurt.mp4"]
    assert (row["frames"], row["container_frames"], row["damaged"]) == (11, 12, 1)
    assert row["note"] == "11 of 12 frames decode, damaged in 1 place, from frame 4 on"
    assert f"a/hurt.mp4 is partly readable and used: {row['note']}" in caplog.text


def test_too_short_a_clip_is_quarantined_with_what_is_unusual_about_it(tmp_path):
    make_data(tmp_path)
    make_video(tmp_path / "a" / "turned.mp4", frames=1, turn=(180, False, False))
    quarantine = build_manifest(tmp_path, "(cam)").quarantine
    assert quarantine.loc[0, "reason"] == (
        "1 frame decodes, 8 are needed (a still picture; rotated by 180 degrees)"
    )


def test_reasons_are_counted_by_kind():
    notes = pd.Series(
        [
            "",
            "9 of 12 frames decode; rotated by 90 degrees",
            "7 of 8 frames decode",
            "x1 (.a)",
            "x1",
        ]
    )
    counts = count_reasons(notes)
    assert counts.to_dict("list") == {
        "reason": ["N of N frames decode", "x1", "rotated by N degrees"],
        "files": [2, 2, 1],
    }
    assert count_reasons(pd.Series([], dtype=str)).empty


def test_a_manifest_of_before_the_notes_is_read_and_built_anew(tmp_path, probed, caplog):
    data, files = make_data(tmp_path / "data"), (tmp_path / "m.csv", tmp_path / "q.csv")
    first = load_or_build_manifest(data, *files, r"(cam\d)")
    write_table(files[0], first.manifest[MANIFEST_COLUMNS])
    probed.clear()
    pd.testing.assert_frame_equal(load_manifest(files[0]), first.manifest[MANIFEST_COLUMNS])
    with caplog.at_level(logging.INFO):
        second = load_or_build_manifest(data, *files, r"(cam\d)")
    assert len(probed) == 4
    assert "is of a version without notes; every file is decoded again" in caplog.text
    pd.testing.assert_frame_equal(second.manifest, first.manifest)
    pd.testing.assert_frame_equal(load_manifest(files[0]), first.manifest)


def test_notes_and_ignored_files_are_kept_and_loaded(tmp_path, probed):
    data, files = make_data(tmp_path / "data"), (tmp_path / "m.csv", tmp_path / "q.csv")
    make_video(data / "a" / "cam2.mp4", turn=(180, False, False))
    (data / "a" / "cam2.json").touch()
    for _ in range(2):
        tables = load_or_build_manifest(data, *files, r"(cam\d)", ignored_file=tmp_path / "i.csv")
    assert len(probed) == 5
    assert tables.manifest.set_index("path").loc["a/cam2.mp4", "note"] == "rotated by 180 degrees"
    assert (
        tmp_path / "i.csv"
    ).read_text() == "path,reason\na/cam2.json,accompanies clips (.json)\n"
    pd.testing.assert_frame_equal(load_ignored(tmp_path / "i.csv"), tables.ignored)
    (data / "a" / "cam2.json").unlink()
    load_or_build_manifest(data, *files, r"(cam\d)", ignored_file=tmp_path / "i.csv")
    assert load_ignored(tmp_path / "i.csv").empty


def test_a_manifest_that_lacks_a_column_names_it_and_the_remedy(tmp_path):
    (tmp_path / "m.csv").write_text("path,label\na/1.mp4,a\n")
    with pytest.raises(ManifestError, match=r"no column group, frames.*remove it to build it anew"):
        load_manifest(tmp_path / "m.csv")


def test_processes_find_what_one_process_finds(tmp_path):
    make_data(tmp_path, classes=3, clips=7, frames=8)
    (tmp_path / "c" / "broken.mp4").write_bytes(b"broken")
    alone = build_manifest(tmp_path, r"(cam\d)", workers=1)
    together = build_manifest(tmp_path, r"(cam\d)", workers=2)
    pd.testing.assert_frame_equal(together.manifest, alone.manifest)
    pd.testing.assert_frame_equal(together.quarantine, alone.quarantine)


def test_class_named_like_a_missing_value_keeps_its_name(tmp_path):
    for label in ("NA", "007"):
        make_video(tmp_path / "data" / label / "1.mp4")
    first = load_or_build_manifest(
        tmp_path / "data", tmp_path / "m.csv", tmp_path / "q.csv", r"/(\d)"
    )
    read = load_manifest(tmp_path / "m.csv")
    assert list(read["label"]) == ["007", "NA"]
    assert list(read["group"]) == ["1", "1"]
    pd.testing.assert_frame_equal(read, first.manifest)


def test_unchanged_folder_is_loaded_without_decoding_or_writing(tmp_path, probed):
    data, files = make_data(tmp_path / "data"), (tmp_path / "m.csv", tmp_path / "q.csv")
    first = load_or_build_manifest(data, *files, r"(cam\d)")
    written = [file.stat().st_mtime_ns for file in files]
    assert len(probed) == 4
    second = load_or_build_manifest(data, *files, r"(cam\d)")
    assert len(probed) == 4
    assert [file.stat().st_mtime_ns for file in files] == written
    pd.testing.assert_frame_equal(second.manifest, first.manifest)


def test_changed_folder_is_decoded_only_where_it_changed(tmp_path, probed, caplog):
    data, files = make_data(tmp_path / "data"), (tmp_path / "m.csv", tmp_path / "q.csv")
    (data / "b" / "later.mp4").touch()
    load_or_build_manifest(data, *files, "(cam|later|new)")
    probed.clear()
    make_video(data / "a" / "new.mp4")
    make_video(data / "a" / "cam0_a.mp4", frames=20)
    make_video(data / "b" / "later.mp4")
    os.utime(data / "b" / "later.mp4", (1, 1))  # copied with its old date
    (data / "b" / "cam1_b.mp4").unlink()
    with caplog.at_level(logging.INFO):
        manifest, quarantine, _ = load_or_build_manifest(data, *files, "(cam|later|new)")
    assert sorted(probed) == ["cam0_a.mp4", "later.mp4", "new.mp4"]
    assert "1 clips came: a/new.mp4" in caplog.text
    assert "1 clips went: b/cam1_b.mp4" in caplog.text
    assert "1 clips changed: a/cam0_a.mp4" in caplog.text
    assert manifest.set_index("path").loc["a/cam0_a.mp4", "frames"] == 20
    assert quarantine.empty
    pd.testing.assert_frame_equal(load_manifest(files[0]), manifest)


def test_rewritten_clip_of_equal_size_is_decoded_again(tmp_path, probed):
    data, files = make_data(tmp_path / "data"), (tmp_path / "m.csv", tmp_path / "q.csv")
    load_or_build_manifest(data, *files, r"(cam\d)")
    probed.clear()
    later = files[0].stat().st_mtime_ns + 10**9
    os.utime(data / "a" / "cam0_a.mp4", ns=(later, later))
    load_or_build_manifest(data, *files, r"(cam\d)")
    assert probed == ["cam0_a.mp4"]


def test_folder_state_follows_clips_and_groups_but_not_sidecars(tmp_path):
    make_data(tmp_path)
    states = [folder_state(tmp_path)]
    (tmp_path / "a" / "cam0_a.json").write_text("{}")
    assert folder_state(tmp_path) == states[0]
    (tmp_path / "groups.csv").write_text("path,group\n")
    states.append(folder_state(tmp_path))
    os.utime(tmp_path / "a" / "cam0_a.mp4", (1, 1))
    states.append(folder_state(tmp_path))
    (tmp_path / "a" / "cam0_a.mp4").unlink()
    states.append(folder_state(tmp_path))
    assert len(set(states)) == 4


def test_folders_that_do_not_serve_are_refused_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        build_manifest(tmp_path / "nowhere")
    make_video(tmp_path / "loose.mp4")
    with pytest.raises(ManifestError, match=r"no class folders \(1 files lie in it\)"):
        build_manifest(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(ManifestError, match="no video in the folders a"):
        build_manifest(tmp_path)
    make_video(tmp_path / "a" / "x.mp4")
    with pytest.raises(ManifestError, match="only one class, a"):
        build_manifest(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "empty.mp4").touch()
    with pytest.raises(ManifestError, match=r"two classes are needed.*b/empty\.mp4: the file is"):
        build_manifest(tmp_path)


def test_class_without_usable_clips_is_named(tmp_path, caplog):
    make_data(tmp_path)
    (tmp_path / "c").mkdir()
    assert set(build_manifest(tmp_path, "(cam)").manifest["label"]) == {"a", "b"}
    assert "no usable clip of c" in caplog.text


def test_without_groups_each_clip_is_its_own_and_the_risk_is_said(tmp_path, caplog):
    assert find_groups(tmp_path, ["a/1.mp4", "b/1.mp4"]) == {
        "a/1.mp4": "a/1.mp4",
        "b/1.mp4": "b/1.mp4",
    }
    assert "too good" in caplog.text


def test_groups_file_comes_first_and_its_other_columns_are_joined(tmp_path, caplog):
    file = tmp_path / "groups.csv"
    file.write_text("path,label,set,sequence\na/1.mp4,a,set1,3\nb/1.mp4,b,set1,4\nx,x,x,x\n")
    paths = ["b/1.mp4", "a/1.mp4"]
    assert find_groups(tmp_path, paths, "(1)") == {"b/1.mp4": "set1-4", "a/1.mp4": "set1-3"}
    assert "'(1)' is unused" in caplog.text
    file.write_text("path,camera,group\na/1.mp4,7,007\nb/1.mp4,7,NA\n")
    assert find_groups(tmp_path, paths) == {"b/1.mp4": "NA", "a/1.mp4": "007"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("path,group\na/1.mp4,x\n", "no group for 1 of 2 clips: b/1.mp4"),
        ("path,group\na/1.mp4,x\nb/1.mp4,\n", "no group for 1 of 2 clips: b/1.mp4"),
        ("path,group\na/1.mp4,x\na/1.mp4,y\nb/1.mp4,y\n", "a/1.mp4 in two groups"),
        ("clip,group\na/1.mp4,x\n", "no column 'path'"),
        ("path,label\na/1.mp4,x\n", "add a column 'group'"),
    ],
)
def test_unusable_groups_file_is_refused_in_words(tmp_path, content, words):
    (tmp_path / "groups.csv").write_text(content)
    with pytest.raises(GroupError, match=words):
        find_groups(tmp_path, ["a/1.mp4", "b/1.mp4"])


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"a/(\d)", r"fits 1 of 8 clips, not b/0.mp4, .* and 2 more"),
        (r"(x)?/", "fits 0 of 8 clips"),
        (r"a/\d", r"has no \(group\)"),
        (r"a/(\d", "no regular expression"),
    ],
)
def test_unusable_group_pattern_is_refused_in_words(tmp_path, pattern, words):
    paths = ["a/1.mp4", *(f"b/{number}.mp4" for number in range(7))]
    with pytest.raises(GroupError, match=words):
        find_groups(tmp_path, paths, pattern)


def test_workers_import_little():
    heavy = "{'torch', 'mmaction', 'sklearn', 'cv2'}"
    code = f"import sys, helpers.clips.manifest; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    heavy = "{'torch', 'mmaction', 'sklearn', 'cv2', 'pandas'}"
    code = "import sys, helpers.clips.folder, helpers.clips.video; "
    code += f"sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the videos in {DATA}")
def test_interactions_come_from_twenty_recordings():
    manifest, quarantine, ignored = build_manifest(DATA / "ut-interaction")
    assert (len(manifest), len(quarantine)) == (120, 0)
    assert list(ignored["path"]) == ["groups.csv"]
    assert manifest["group"].nunique() == 20
    assert manifest.set_index("path").loc["hand_shaking/set1_17_3_0.avi", "group"] == "set1-3"
    assert manifest["frames"].between(52, 183).all()
    missing = manifest["container_frames"] - manifest["frames"]
    assert missing.between(0, 3).all()
    assert (missing > 0).sum() == 119
    said = manifest["note"].str.contains(r"\d+ of \d+ frames decode")
    assert (said == (missing > 0)).all()
