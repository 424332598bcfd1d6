"""What a reader uploads is hostile until it has been parsed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoview.domain import Given
from mammoview.errors import OversizedScan, UnreadableScan
from mammoview.ui.uploads import MOST_BYTES, MOST_FILES, harmless, new_folder, open_files, store, sweep


@dataclass
class Sent:
    """A file as a browser sends it."""

    name: str
    content: bytes = b"x"
    claimed: int | None = None

    @property
    def size(self) -> int:
        return len(self.content) if self.claimed is None else self.claimed

    def getbuffer(self) -> memoryview:
        return memoryview(self.content)


@given(st.text(max_size=300))
def test_any_name_becomes_a_harmless_one(name: str) -> None:
    plain = harmless(name)
    assert 0 < len(plain) <= 100
    assert plain.isascii()
    assert not plain.startswith((".", "-"))
    assert Path(plain).name == plain


@pytest.mark.parametrize("name", ["A-1141-1.ics", "A_1141_1.LEFT_CC.LJPEG", "A_1141_1.LEFT_CC.OVERLAY"])
def test_the_names_of_a_ddsm_case_survive(name: str) -> None:
    assert harmless(name) == name


@pytest.mark.parametrize("name", ["../../etc/cron.d/film", "..\\..\\film", "/etc/cron.d/film"])
def test_an_upload_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    (path,) = store([Sent(name)], tmp_path)
    assert path == tmp_path / "film"
    assert path.read_bytes() == b"x"


def test_a_new_upload_replaces_the_old_one(tmp_path: Path) -> None:
    store([Sent("first.png")], tmp_path)
    store([Sent("second.png")], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["second.png"]


@pytest.mark.parametrize(
    "sent", [[Sent(f"{n}.png") for n in range(MOST_FILES + 1)], [Sent("a.dcm", claimed=MOST_BYTES + 1)]]
)
def test_too_much_at_once_is_refused_before_anything_is_written(tmp_path: Path, sent: list[Sent]) -> None:
    with pytest.raises(OversizedScan):
        store(sent, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_sidecar_is_refused_since_it_could_name_files_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(UnreadableScan, match="sidecar"):
        store([Sent("film.png"), Sent("film.json", b'{"outlines": "/etc/passwd"}')], tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableScan, match="same name"):
        store([Sent("a/film.png"), Sent("b/FILM.png")], tmp_path)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.ics", "b.ics", "a.LEFT_CC.LJPEG"], "several"),
        (["a.LEFT_CC.OVERLAY"], "no film"),
        (["a.png", "b.png", "a.OVERLAY"], "which film"),
    ],
)
def test_files_that_are_not_one_case_say_what_is_missing(
    tmp_path: Path, names: list[str], words: str
) -> None:
    with pytest.raises(UnreadableScan, match=words):
        open_files(store([Sent(name) for name in names], tmp_path), Given())


def test_a_case_of_uploads_leads_nowhere_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "upload", tmp_path / "secret.csv"
    folder.mkdir()
    outside.write_text("patient_id\n")
    (path,) = store([Sent("film.png")], folder)
    (folder / "linked.csv").symlink_to(outside)
    with pytest.raises(UnreadableScan, match="leads out of the folder"):
        open_files([path], Given())


def test_what_a_killed_server_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {
        f"mammoview-{ended.pid}-left": False,
        f"mammoview-{os.getpid()}-left-before-a-restart": False,
        f"mammoview-{os.getppid()}-in-use": True,
        "mammoview-notes-x": True,
        "mammoview-": True,
        f"other-{ended.pid}-x": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "film.png").write_bytes(b"x")
    (tmp_path / f"mammoview-{ended.pid}-link").symlink_to(tmp_path / "mammoview-")
    sweep(tmp_path)
    assert {name: (tmp_path / name / "film.png").exists() for name in names} == names


def test_an_upload_folder_is_named_by_its_process_and_closed_to_others() -> None:
    with new_folder() as folder:
        assert Path(folder).name.startswith(f"mammoview-{os.getpid()}-")
        assert Path(folder).stat().st_mode & 0o077 == 0
