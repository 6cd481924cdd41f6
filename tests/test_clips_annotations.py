"""Lists of clips in the forms that people have become manifests, and nothing is lost on the way."""

import json
import os
import unicodedata

import pytest
from clip_makers import make_data, make_video
from list_makers import make_pictures, make_videos, write

from helpers.clips.annotations import (
    AnnotationError,
    data_state,
    find_lists,
    list_clips,
    published_parts,
)
from helpers.clips.folder import find_files
from helpers.clips.lists import part_of, read_names
from helpers.clips.manifest import ManifestError, build_manifest, load_or_build_manifest

NAMES = ("Pose de voie", "Élingue à terre")


@pytest.fixture
def flat(tmp_path):
    """Four videos in one folder, a list for training and one for testing, and class names."""
    make_videos(tmp_path, *(f"videos/{name}.mp4" for name in "abcd"), frames=9)
    write(tmp_path / "annotations" / "label_map.txt", *NAMES)
    write(tmp_path / "some_train_list_videos.txt", "videos/a.mp4 0", "videos/b.mp4 1")
    write(tmp_path / "some_test_list_videos.txt", "videos/c.mp4 0")
    return tmp_path


def used(folder, **settings) -> dict[str, str]:
    """Class of each usable clip, by path."""
    manifest = build_manifest(folder, workers=1, **settings).manifest
    return dict(zip(manifest["path"], manifest["label"], strict=True))


def listed(folder, annotations="") -> dict[str, tuple[str, str]]:
    """Class and problem of each line."""
    clips = list_clips(folder, annotations).clips
    return {clip.path: (clip.label, clip.problem) for clip in clips}


class TestVideoLists:
    def test_lists_at_the_top_are_found_and_their_classes_named(self, flat):
        tables = build_manifest(flat, workers=1)
        assert used(flat) == dict(
            zip(("videos/a.mp4", "videos/b.mp4", "videos/c.mp4"), (*NAMES, NAMES[0]), strict=True)
        )
        assert dict(tables.ignored.to_numpy()) == {
            "annotations/label_map.txt": "accompanies clips (.txt)",
            "some_test_list_videos.txt": "names the clips",
            "some_train_list_videos.txt": "names the clips",
            "videos/d.mp4": "named in no list",
        }
        assert tables.count == "7 files found = 3 clips used + 0 quarantined + 4 ignored"

    @pytest.mark.parametrize("delimiter", [" ", "\t", ",", ", ", "  "])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_delimiters_line_ends_and_a_byte_order_mark_make_no_difference(
        self, flat, delimiter, end
    ):
        lines = [f"videos/{name}.mp4{delimiter}{place % 2}" for place, name in enumerate("abcd")]
        write(flat / "all.txt", *lines, "", end=end, start="\ufeff")
        write(flat / "annotations" / "label_map.txt", *NAMES, end=end, start="\ufeff")
        assert [label for label, _ in listed(flat, flat / "all.txt").values()] == [*NAMES, *NAMES]

    def test_paths_with_spaces_numbers_commas_and_accents_are_found_as_they_lie(self, tmp_path):
        names = ["clip 12.mp4", "2024 01 7", "a, b.mp4", unicodedata.normalize("NFD", "é.mp4")]
        make_videos(tmp_path / "v", *names, codec="mpeg4", container="avi", frames=8)
        written = [*names[:3], unicodedata.normalize("NFC", "é.mp4")]
        write(tmp_path / "train.txt", *(f"v/{name} {k % 2}" for k, name in enumerate(written)))
        assert {path: problem for path, (_, problem) in listed(tmp_path).items()} == {
            f"v/{name}": "" for name in names
        }

    def test_paths_may_start_elsewhere(self, tmp_path):
        data, other = tmp_path / "data", tmp_path / "other"
        make_videos(data, "videos_train/x/a.mp4", "videos_val/x/a.mp4", "deep/b.mp4", frames=8)
        make_video(other / "c.mp4")
        write(
            data / "val.txt",
            *("x/a.mp4 0", f"{data}/deep/b.mp4 1", "../other/c.mp4 1", "videos_train\\x\\a.mp4 1"),
        )
        clips = {clip.path: clip for clip in list_clips(data).clips}
        outside = str(other / "c.mp4")
        assert set(clips) == {"videos_val/x/a.mp4", "deep/b.mp4", outside, "videos_train/x/a.mp4"}
        assert not any(clip.problem for clip in clips.values())
        assert clips[outside].note == "lies outside the data folder"
        manifest = build_manifest(data, workers=1).manifest.set_index("path")
        assert manifest.loc[outside, "note"] == "lies outside the data folder"

    def test_a_name_in_several_folders_is_not_guessed(self, tmp_path):
        make_videos(tmp_path, "one/a.mp4", "two/a.mp4")
        write(tmp_path / "train.txt", "a.mp4 0")
        assert (
            "a.mp4 lies in several folders (one/a.mp4, two/a.mp4)" in listed(tmp_path)["a.mp4"][1]
        )

    def test_class_folders_beside_lists_that_say_the_same_stay_class_folders(
        self, tmp_path, caplog
    ):
        make_data(tmp_path)
        write(tmp_path / "train.txt", "a/cam0_a.mp4 0", "b/cam0_b.mp4 1")
        assert list_clips(tmp_path) == find_files(tmp_path)
        assert "train.txt tell the same classes as the folders" in caplog.text
        assert len(listed(tmp_path, tmp_path)) == 2

    def test_other_texts_beside_class_folders_are_none_of_this(self, tmp_path):
        make_data(tmp_path)
        write(tmp_path / "test_notes.txt", "Filmed in May.", "Rain on day 2")
        write(tmp_path / "numbers.txt", "a/cam0_a.mp4 0")
        (tmp_path / "train.txt").write_bytes(b"\xe9t\xe9 1")
        assert find_lists(tmp_path) == []
        assert data_state(tmp_path) == data_state(tmp_path, "")


class TestProblems:
    def test_each_line_that_is_no_clip_is_quarantined_with_its_place_and_reason(self, flat):
        make_video(flat / "videos" / "short.mp4", frames=3)
        write(flat / "videos" / "broken.mp4", "no video")
        write(
            flat / "list.txt",
            *("videos/a.mp4 0", "videos/b.mp4 1", "videos/gone.mp4 1", "videos/c.mp4 7"),
            *("videos/d.mp4", "videos/a.mp4 0", "videos/short.mp4 0", "videos/broken.mp4 1"),
            *("videos/c.mp4 -1", "videos/d.mp4 0 1"),
        )
        manifest, quarantine, ignored = build_manifest(flat, annotations="list.txt", workers=1)
        assert manifest["path"].tolist() == ["videos/a.mp4", "videos/b.mp4"]
        reasons = quarantine["reason"].tolist()
        for words in (
            "list.txt, line 3: no file videos/gone.mp4; correct the path or fetch the clip",
            "list.txt, line 4: label 7 is unknown, label_map.txt has 2 names (0 to 1)",
            "list.txt, line 5: no label behind 'videos/d.mp4'; write its place among",
            "list.txt, line 6: listed already in list.txt, line 1; keep one of the lines",
            "list.txt, line 7: 3 frames decode, 8 are needed",
            "list.txt, line 9: label -1 names no class; write one, from 0",
            "list.txt, line 10: 'videos/d.mp4 0 1' has several numbers behind a video",
        ):
            assert sum(reason.startswith(words) for reason in reasons) == 1, words
        assert len(manifest) + len(quarantine) == 10
        assert dict(ignored.to_numpy())["some_train_list_videos.txt"] == "accompanies clips (.txt)"

    def test_clips_of_two_classes_are_used_for_neither(self, flat):
        write(flat / "list.txt", "videos/a.mp4 0", "videos/a.mp4 1", "videos/b.mp4 1")
        problems = [clip.problem for clip in list_clips(flat, "list.txt").clips]
        words = "the same clip is listed as Pose de voie and Élingue à terre; keep one of the lines"
        assert sorted(problems) == ["", f"list.txt, line 1: {words}", f"list.txt, line 2: {words}"]

    def test_a_clip_in_two_parts_stays_in_the_first(self, flat):
        write(flat / "some_test_list_videos.txt", "videos/c.mp4 0", "videos/a.mp4 0")
        problems = {clip.problem for clip in list_clips(flat).clips}
        assert problems == {
            "",
            "some_train_list_videos.txt, line 1: listed already in some_test_list_videos.txt, "
            "line 2 (test, here train); keep one of the lines",
        }

    def test_absent_names_are_numbers_in_words_and_said(self, flat, caplog):
        (flat / "annotations" / "label_map.txt").unlink()
        write(flat / "some_train_list_videos.txt", "videos/a.mp4 2", "videos/b.mp4 10")
        assert set(used(flat).values()) == {"class 00", "class 02", "class 10"}
        assert "no label_map.txt names the classes; they are called by their numbers" in caplog.text

    def test_names_are_read_with_their_numbers_or_without(self, tmp_path):
        assert read_names(write(tmp_path / "a", *NAMES, "", "x ", "", "")) == [*NAMES, "", "x"]
        assert read_names(write(tmp_path / "b", "0 a b", "1\tc", "2,d")) == ["a b", "c", "d"]
        assert read_names(write(tmp_path / "c", "3 steps", "4 steps")) == ["3 steps", "4 steps"]
        with pytest.raises(AnnotationError, match=r"'a' stands in the lines 1, 3; name each"):
            read_names(write(tmp_path / "d", "a", "b", "a"))
        with pytest.raises(AnnotationError, match="holds no class name"):
            read_names(write(tmp_path / "e", "", ""))

    def test_a_label_without_a_name_is_not_guessed(self, flat):
        write(flat / "annotations" / "label_map.txt", "a", "", "c")
        problem = listed(flat)["videos/b.mp4"][1]
        assert problem.endswith("line 2: label 1 has no name, line 2 of label_map.txt")

    def test_several_files_of_names_are_refused(self, flat):
        (flat / "annotations" / "label_map.txt").unlink()
        write(flat / "annotations" / "label_map_k400.txt", "a", "b")
        assert used(flat)["videos/b.mp4"] == "b"
        write(flat / "annotations" / "label_map_k600.txt", "a", "b")
        with pytest.raises(AnnotationError, match="several files of class names"):
            list_clips(flat)

    @pytest.mark.parametrize(
        ("annotations", "words"),
        [
            ("gone.txt", "ANNOTATIONS=gone.txt: no such file or folder"),
            ("videos", r"ANNOTATIONS=videos: no list of clips \(no .txt"),
            ("annotations/label_map.txt", r"no list of clips \(label_map.txt\); a list has lines"),
        ],
    )
    def test_what_is_no_list_is_refused_by_name(self, flat, annotations, words):
        with pytest.raises(AnnotationError, match=words):
            list_clips(flat, annotations)

    def test_two_lists_for_one_part_are_not_mixed(self, flat):
        write(flat / "some_train_list_rawframes.txt", "frames/a 9 0")
        with pytest.raises(AnnotationError, match=r"several lists for train .*ANNOTATIONS='"):
            list_clips(flat)
        assert len(list_clips(flat, "*_list_videos.txt").clips) == 3
        assert len(list_clips(flat, str(flat / "*test_list_v*")).clips) == 1

    def test_other_encodings_are_named_with_their_line(self, flat):
        (flat / "list.txt").write_bytes(b"videos/a.mp4 0\nvideos/\xe9.mp4 1\n")
        with pytest.raises(AnnotationError, match=r"list.txt, line 2: byte 0xe9 is not UTF-8"):
            list_clips(flat, "list.txt")

    def test_one_class_is_too_few(self, flat):
        write(flat / "list.txt", "videos/a.mp4 0", "videos/b.mp4 0")
        with pytest.raises(ManifestError, match="two classes are needed"):
            build_manifest(flat, annotations="list.txt", workers=1)

    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("kinetics400_train_list_videos.txt", "train"),
            ("ucf101_val_split_1_rawframes.txt", "val"),
            ("validate.csv", "val"),
            ("testlist01.txt", "test"),
            ("Testing.txt", "test"),
            ("list.txt", ""),
            ("latest.txt", ""),
        ],
    )
    def test_the_part_is_told_by_the_lists_name(self, name, part):
        assert part_of(name) == part


class TestRawframeLists:
    def test_folders_of_pictures_are_read_as_the_list_counts_them(self, tmp_path):
        make_pictures(tmp_path / "rawframes" / "a 1", frames=12)
        make_pictures(tmp_path / "rawframes" / "b", frames=10)
        (tmp_path / "rawframes" / "empty").mkdir()
        write(tmp_path / "label_map.txt", *NAMES)
        write(
            tmp_path / "train_rawframes.txt",
            *("rawframes/a 1 12 0", "rawframes/b 9 1", "b 11 1", "empty 9 0", "rawframes/c 9 0"),
            *("rawframes/a 1 2 10 1", "rawframes/b 3 8 1"),
        )
        manifest, quarantine, ignored = build_manifest(tmp_path, workers=1, picture_rate=10)
        rows = manifest.set_index("path")
        assert rows[["label", "frames", "duration", "group"]].to_numpy().tolist() == [
            [NAMES[0], 12, 1.2, "rawframes/a 1"],
            [NAMES[1], 10, 1.0, "rawframes/a 1"],
            [NAMES[1], 9, 0.9, "rawframes/b"],
        ]
        assert rows.index.tolist()[1:] == ["rawframes/a 1#f=2,12", "rawframes/b#f=0,9"]
        assert [reason.split(": ", 1)[1].split(";")[0] for reason in quarantine["reason"]] == [
            "no folder of numbered pictures empty",
            "frames 0 to 10 are asked for, 10 numbered pictures lie in rawframes/b",
            "frames 3 to 10 are asked for, 10 numbered pictures lie in rawframes/b",
            "no folder of numbered pictures rawframes/c",
        ]
        assert set(ignored["path"]) == {"train_rawframes.txt", "label_map.txt"}

    def test_flow_beside_the_frames_does_not_count(self, tmp_path):
        folder = make_pictures(tmp_path / "rawframes" / "a")
        make_pictures(folder, name="flow_x_{:05}.jpg")
        write(tmp_path / "train.txt", "a 10 0")
        assert listed(tmp_path) == {"rawframes/a": ("class 0", "")}


class TestKinetics:
    HEADER = "label,youtube_id,time_start,time_end,split"

    @pytest.fixture
    def folder(self, tmp_path):
        make_videos(tmp_path, "train/ski jump/-a_B_000001_000003.mp4", "whole/c c.mkv", frames=19)
        write(
            tmp_path / "kinetics.csv",
            *(self.HEADER, "ski jump,-a_B,1,3,train", '"saut, à ski",c c,0.5,1.625,val'),
            *("ski jump,c c,1.0,2.2,test", "ski jump,gone,1,3,train", "ski jump,c c,3,2,val"),
            *("ski jump,c c,2,9,train", ",c c,0,1,train", "ski jump,c c,x,1,train", ""),
            *("ski jump,c c,1,2.2,test", "ski jump,c c,0,2,holdout", "ski jump,c c,5,6,val"),
        )
        return tmp_path

    def test_trimmed_files_are_used_whole_and_recordings_cut_by_time(self, folder):
        manifest, quarantine, ignored = build_manifest(folder, workers=1)
        rows = manifest.set_index("path")[["label", "group", "frames"]]
        assert rows.to_dict("index") == {
            "train/ski jump/-a_B_000001_000003.mp4": {
                "label": "ski jump",
                "group": "-a_B",
                "frames": 19,
            },
            "whole/c c.mkv#t=0.5,1.625": {"label": "saut, à ski", "group": "c c", "frames": 9},
            "whole/c c.mkv#t=1,2.2": {"label": "ski jump", "group": "c c", "frames": 10},
        }
        assert len(manifest) + len(quarantine) == 11
        assert ignored["path"].tolist() == ["kinetics.csv"]

    def test_each_row_that_is_no_clip_says_why(self, folder):
        reasons = build_manifest(folder, workers=1).quarantine["reason"].tolist()
        for words in (
            "line 5: no file gone_000001_000003.mp4 or gone.mp4; fetch it",
            "line 6: the end, 2 s, is not behind the start, 3 s",
            "line 7: the stretch #t=2,9 reaches beyond the end of the video",
            "line 8: no label; name the class",
            "line 9: time_start 'x' is no number of seconds",
            "line 11: listed already in kinetics.csv, line 4",
            "line 12: split 'holdout' is none of train, val, test",
            "no frame lies in the stretch #t=5,6, the video ends at 2.3",
        ):
            assert sum(words in reason for reason in reasons) == 1, words

    def test_parts_come_from_the_column_or_else_from_the_name(self, folder):
        assert published_parts(folder) == {
            "train/ski jump/-a_B_000001_000003.mp4": "train",
            "whole/c c.mkv#t=0.5,1.625": "val",
            "whole/c c.mkv#t=1,2.2": "test",
            "whole/c c.mkv#t=2,9": "train",
            "whole/c c.mkv#t=5,6": "val",
        }
        write(
            folder / "x" / "validate.csv", "label\tyoutube_id\ttime_start\ttime_end", "a\tc c\t0\t1"
        )
        assert published_parts(folder, folder / "x") == {"whole/c c.mkv#t=0,1": "val"}

    def test_of_files_of_one_name_that_in_the_parts_folder_is_meant(self, tmp_path):
        names = [f"{part}/x_000000_000002.mp4" for part in ("train", "val")]
        make_videos(tmp_path, *names, "a/y_000000_000002.mp4", "b/y_000000_000002.mp4")
        write(
            tmp_path / "k.csv",
            *(self.HEADER, "a,x,0,2,val", "b,y,0,2,train", "c,y,0,2,train"),
        )
        found = listed(tmp_path)
        assert found["val/x_000000_000002.mp4"] == ("a", "")
        assert found["b/y_000000_000002.mp4"] == ("b", "")
        assert "several files are called y_000000_000002" in found["y_000000_000002"][1]

    def test_a_table_without_its_columns_is_named(self, tmp_path):
        make_video(tmp_path / "a.mp4")
        write(tmp_path / "x.csv", "label,id,start", "a,b,0")
        with pytest.raises(AnnotationError, match="no list of clips"):
            list_clips(tmp_path, "x.csv")


class TestChanges:
    def test_a_changed_line_changes_the_state_and_the_table_but_decodes_nothing(
        self, flat, tmp_path, monkeypatch
    ):
        from helpers.clips import manifest as module

        run = tmp_path / "run"
        files = (run / "manifest.csv", run / "quarantine.csv")
        load_or_build_manifest(flat, *files, workers=1)
        before = data_state(flat)
        assert data_state(flat) == before
        write(flat / "some_test_list_videos.txt", "videos/c.mp4 1")
        assert data_state(flat) != before
        monkeypatch.setattr(module, "try_probe", lambda path, **_: 1 / 0)
        tables = load_or_build_manifest(flat, *files, workers=1)
        assert tables.manifest["label"].tolist() == [NAMES[0], NAMES[1], NAMES[1]]

    def test_an_unchanged_stretch_is_not_decoded_again_and_a_replaced_one_is(
        self, tmp_path, monkeypatch
    ):
        from helpers.clips import manifest as module

        data, run = tmp_path / "data", tmp_path / "run"
        make_videos(data, "x.mp4", frames=19)
        header = TestKinetics.HEADER
        write(data / "k.csv", header, "a,x,0,1,train", "b,x,1,2,train")
        files = (run / "manifest.csv", run / "quarantine.csv")
        load_or_build_manifest(data, *files, workers=1)
        calls, probing = [], module.try_probe
        monkeypatch.setattr(
            module, "try_probe", lambda path, **rest: calls.append(path) or probing(path, **rest)
        )
        load_or_build_manifest(data, *files, workers=1)
        assert calls == []
        old = (data / "x.mp4").stat()
        make_video(data / "new.mp4", frames=18).replace(data / "x.mp4")
        os.utime(data / "x.mp4", ns=(old.st_atime_ns, old.st_mtime_ns))  # as cp -p leaves it
        load_or_build_manifest(data, *files, workers=1)
        assert len(calls) == 2

    def test_groups_csv_and_patterns_name_files_whole(self, tmp_path):
        make_videos(tmp_path, "x1.mp4", "y1.mp4", frames=19)
        rows = ("a,x1,0,1,train", "b,x1,1,2,train", "b,y1,1,2,train")
        write(tmp_path / "k.csv", TestKinetics.HEADER, *rows)
        groups = build_manifest(tmp_path, r"(\w)1\.mp4$", workers=1).manifest["group"]
        assert groups.tolist() == ["x", "x", "y"]
        write(tmp_path / "groups.csv", "path,group", "x1.mp4,one", "y1.mp4,two")
        groups = build_manifest(tmp_path, workers=1).manifest["group"]
        assert groups.tolist() == ["one", "one", "two"]

    def test_listing_loads_no_table_library(self):
        import subprocess
        import sys

        code = "import sys, json, helpers.clips.annotations; print(json.dumps(list(sys.modules)))"
        loaded = json.loads(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout
        )
        assert not {"pandas", "numpy", "av", "cv2"} & set(loaded)
