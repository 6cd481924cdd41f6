"""Every file of a folder is tried as a clip or ignored with a reason, and links hold nothing up."""

import errno
import os
import unicodedata
from pathlib import Path

import pytest
from clip_makers import make_data, make_video

from helpers.clips import folder as folder_module
from helpers.clips.folder import LEAVES, find_clips, find_files, folder_state
from helpers.clips.manifest import build_manifest, load_manifest, load_or_build_manifest


def touch(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def listed(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Problems of what is tried, and reasons of what is ignored, by path."""
    files = find_files(folder)
    tried = {clip.path: clip.problem for clip in files.clips}
    ignored = {file.path: file.reason for file in files.ignored}
    assert len(tried) == len(files.clips)
    assert len(ignored) == len(files.ignored)
    return tried, ignored


class TestIgnored:
    def test_each_ignored_file_has_its_reason(self, tmp_path):
        for name in ("a/1.mp4", "a/1.json", "a/.2.mp4", "a/.x/3.mp4", ".git/4", "5.mp4"):
            touch(tmp_path / name)
        touch(tmp_path / "groups.csv")
        touch(tmp_path / "yard.json")
        tried, ignored = listed(tmp_path)
        assert tried == {"a/1.mp4": ""}
        assert ignored == {
            ".git/4": "hidden",
            "5.mp4": "lies beside the class folders, in no class",
            "a/.2.mp4": "hidden",
            "a/.x/3.mp4": "hidden",
            "a/1.json": "accompanies clips (.json)",
            "groups.csv": "names the recordings",
            "yard.json": "accompanies clips (.json)",
        }

    def test_a_folder_with_a_videos_name_is_a_folder(self, tmp_path):
        touch(tmp_path / "a" / "x.mp4" / "y.mp4")
        (tmp_path / "a" / "empty.mp4").mkdir()
        assert listed(tmp_path) == ({"a/x.mp4/y.mp4": ""}, {})


class TestLinks:
    def test_a_link_out_of_the_folder_is_used_and_noted(self, tmp_path):
        make_data(tmp_path / "data")
        make_video(tmp_path / "disk" / "clip.mp4")
        make_video(tmp_path / "disk" / "class" / "deep" / "clip.mp4")
        (tmp_path / "data" / "a" / "linked.mp4").symlink_to(tmp_path / "disk" / "clip.mp4")
        (tmp_path / "data" / "c").symlink_to(tmp_path / "disk" / "class")
        manifest, quarantine, ignored = build_manifest(tmp_path / "data", "(clip|linked|cam)")
        notes = dict(zip(manifest["path"], manifest["note"], strict=True))
        assert notes == {
            "a/cam0_a.mp4": "",
            "a/cam1_a.mp4": "",
            "a/linked.mp4": LEAVES,
            "b/cam0_b.mp4": "",
            "b/cam1_b.mp4": "",
            "c/deep/clip.mp4": LEAVES,
        }
        assert quarantine.empty
        assert ignored.empty

    def test_the_data_folder_itself_may_be_a_link(self, tmp_path):
        touch(tmp_path / "disk" / "a" / "1.mp4")
        (tmp_path / "data").symlink_to("disk")
        assert [clip.note for clip in find_clips(tmp_path / "data")] == [""]
        assert folder_state(tmp_path / "data") == folder_state(tmp_path / "disk")

    def test_no_file_is_read_twice(self, tmp_path):
        touch(tmp_path / "data" / "b" / "1.mp4")
        touch(tmp_path / "disk" / "sub" / "2.mp4")
        data = tmp_path / "data"
        (data / "a").mkdir()
        (data / "a" / "one.mp4").symlink_to("../b/1.mp4")
        (data / "all_of_b").symlink_to("b")
        (data / "c").symlink_to(tmp_path / "disk" / "sub")
        (data / "d").symlink_to(tmp_path / "disk")
        (data / "e").symlink_to(tmp_path / "disk" / "sub" / ".." / "sub")
        touch(tmp_path / "disk" / "3.mp4")
        tried, ignored = listed(data)
        assert tried == dict.fromkeys(["b/1.mp4", "c/2.mp4", "d/3.mp4"], "")
        assert ignored == {
            "a/one.mp4": "leads to what is read already (b/1.mp4)",
            "all_of_b": "leads to what is read already (b)",
            "d/sub": "leads to what is read already (c)",
            "e": "leads to what is read already (c)",
        }

    def test_clips_may_be_links_into_a_hidden_folder(self, tmp_path):
        touch(tmp_path / ".store" / "1")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "1.mp4").symlink_to("../.store/1")
        assert listed(tmp_path) == ({"a/1.mp4": ""}, {".store/1": "hidden"})
        assert find_clips(tmp_path)[0].note == ""

    def test_loops_hold_nothing_up(self, tmp_path):
        data = tmp_path / "disk" / "data"
        touch(data / "a" / "1.mp4")
        for number in range(5):  # followed blindly, these are walked 5 ** 40 times
            (data / "a" / f"up{number}").symlink_to("..")
            (data / "a" / f"here{number}").symlink_to(".")
        (data / "a" / "self.mp4").symlink_to("self.mp4")
        (data / "b").symlink_to(tmp_path)
        tried, ignored = listed(data)
        assert sorted(tried) == ["a/1.mp4", "a/self.mp4"]
        assert "link that leads nowhere (self.mp4: Too many levels" in tried["a/self.mp4"]
        assert ignored["a/up3"] == "leads to what is read already (.)"
        assert ignored["a/here3"] == "leads to what is read already (a)"
        assert ignored["b"] == "leads to a folder around the data folder"
        assert len(ignored) == 11

    def test_a_class_whose_disk_is_gone_is_noticed(self, tmp_path):
        make_data(tmp_path)
        (tmp_path / "c").symlink_to("/mnt/gone/c")
        (tmp_path / "a" / "gone.json").symlink_to("nowhere")
        tables = build_manifest(tmp_path, "(cam)")
        assert tables.quarantine["path"].tolist() == ["c"]
        assert "leads nowhere (/mnt/gone/c: No such" in tables.quarantine.loc[0, "reason"]
        assert tables.ignored["path"].tolist() == ["a/gone.json"]
        assert "leads nowhere" in tables.ignored.loc[0, "reason"]


class TestUnreadable:
    def test_pipes_are_refused_and_not_waited_for(self, tmp_path):
        make_data(tmp_path)
        os.mkfifo(tmp_path / "a" / "pipe.mp4")
        (tmp_path / "a" / "zero.mp4").symlink_to("/dev/zero")
        quarantine = build_manifest(tmp_path, "(cam)").quarantine
        assert quarantine["path"].tolist() == ["a/pipe.mp4", "a/zero.mp4"]
        assert quarantine["reason"].str.startswith("is a pipe, socket or device").all()

    def test_a_folder_that_may_not_be_listed_is_quarantined(self, tmp_path, monkeypatch):
        def scandir(place):
            if Path(place).name in ("locked", ".locked"):
                raise PermissionError(errno.EACCES, "Permission denied", place)
            return original(place)

        make_data(tmp_path)
        for name in ("a/locked", "a/.locked"):
            touch(tmp_path / name / "clip.mp4")
        original = os.scandir
        monkeypatch.setattr(folder_module.os, "scandir", scandir)
        tables = build_manifest(tmp_path, "(cam)")
        assert tables.quarantine.to_dict("list") == {
            "path": ["a/locked"],
            "reason": ["folder cannot be read (Permission denied); allow it"],
            "frames": [0],
        }
        assert tables.ignored.to_dict("list") == {"path": ["a/.locked"], "reason": ["hidden"]}

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_what_may_not_be_read_is_quarantined(self, tmp_path):
        make_data(tmp_path)
        make_video(tmp_path / "a" / "locked.mp4").chmod(0)
        (touch(tmp_path / "b" / "shut" / "x.mp4").parent).chmod(0)
        try:
            quarantine = build_manifest(tmp_path, "(cam)").quarantine
        finally:
            (tmp_path / "b" / "shut").chmod(0o700)
        assert quarantine["path"].tolist() == ["a/locked.mp4", "b/shut"]
        assert quarantine["reason"].str.contains("read").all()


class TestNames:
    def test_composed_and_decomposed_accents_are_two_files(self, tmp_path):
        make_data(tmp_path / "data")
        names = [unicodedata.normalize(form, "été.mp4") for form in ("NFC", "NFD")]
        for name in names:
            make_video(tmp_path / "data" / "a" / name)
        files = (tmp_path / "m.csv", tmp_path / "q.csv")
        tables = load_or_build_manifest(tmp_path / "data", *files)
        assert {f"a/{name}" for name in names} <= set(tables.manifest["path"])
        assert load_manifest(files[0])["path"].tolist() == tables.manifest["path"].tolist()

    @pytest.mark.parametrize(
        "name",
        [
            *("with space .mp4", "narrow\u202fspace.mp4", "no-break\u00a0space.mp4", "🚃.mp4"),
            *('quote".mp4', "comma,.mp4", "back\\slash.mp4", "\ufefffirst.mp4", "NA", "#.mp4"),
        ],
    )
    def test_unusual_names_are_kept_to_the_letter(self, tmp_path, name):
        make_data(tmp_path / "data")
        make_video(tmp_path / "plain.mp4").rename(tmp_path / "data" / "a" / name)
        files = (tmp_path / "m.csv", tmp_path / "q.csv")
        tables = load_or_build_manifest(tmp_path / "data", *files)
        assert f"a/{name}" in set(tables.manifest["path"])
        assert load_manifest(files[0])["path"].tolist() == tables.manifest["path"].tolist()

    def test_names_that_no_table_can_hold_are_quarantined(self, tmp_path):
        make_data(tmp_path / "data")
        for name in ("caf\udce9.mp4", "two\nlines.mp4", "bell\a.mp4"):
            make_video(tmp_path / "plain.mp4").rename(tmp_path / "data" / "a" / name)
        make_video(tmp_path / "data" / "caf\udce9" / "x.mp4", container="mp4")
        touch(tmp_path / "data" / "a" / "caf\udce9.json")
        files = {
            f"{table}_file": tmp_path / table for table in ("manifest", "quarantine", "ignored")
        }
        for _ in range(2):
            tables = load_or_build_manifest(tmp_path / "data", **files)
        assert tables.quarantine["path"].tolist() == [
            "a/bell\\x07.mp4",
            "a/caf\\xe9.mp4",
            "a/two\\nlines.mp4",
            "caf\\xe9/x.mp4",
        ]
        assert tables.quarantine["reason"].str.contains("no table can hold; rename it").all()
        assert tables.ignored["path"].tolist() == ["a/caf\\xe9.json"]
        assert len(tables.manifest) == 4
