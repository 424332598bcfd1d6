"""What is written aside is there whole or not at all, whatever ends the writing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mammoview.aside import made, written_aside

REPOSITORY = Path(__file__).parents[1]


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    path = tmp_path / "card.json"
    path.write_text("before")
    with written_aside(path) as draft:
        draft.write_text("after")
        assert path.read_text() == "before"
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"card.json": "after"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writing_that_fails_leaves_what_was_there_and_no_draft(tmp_path, error):
    path = tmp_path / "card.json"
    path.write_text("before")

    def write_half() -> None:
        with written_aside(path) as draft:
            draft.write_text("hal")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"card.json": "before"}


def test_the_next_writing_overwrites_the_draft_of_a_killed_one(tmp_path):
    path = tmp_path / "card.json"
    path.write_text("before")
    program = (
        "import os, sys, signal; from pathlib import Path; from mammoview.aside import written_aside\n"
        "with written_aside(Path(sys.argv[1])) as draft:\n"
        "    draft.write_text('a long half of it')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2
    with written_aside(path) as draft:
        draft.write_text("after")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"card.json": "after"}


def test_two_files_that_differ_by_their_ending_have_drafts_of_their_own(tmp_path):
    with written_aside(tmp_path / "film.json") as one, written_aside(tmp_path / "film.npy") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "film.json").read_text() == "one"


def test_a_folder_goes_again_when_nothing_came_of_it(tmp_path):
    with pytest.raises(OSError, match="full"), made(tmp_path / "a" / "b"):
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_stays_when_it_was_there_or_something_is_in_it(tmp_path):
    (tmp_path / "old").mkdir()

    def fail_late() -> None:
        with made(tmp_path / "old" / "new") as folder:
            (folder / "kept.txt").write_text("kept")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail_late()
    assert (tmp_path / "old" / "new" / "kept.txt").is_file()
    with pytest.raises(OSError, match="full"), made(tmp_path / "old"):
        raise OSError("full")
    assert (tmp_path / "old").is_dir()
    with made(tmp_path / "other"):
        pass
    assert (tmp_path / "other").is_dir()
