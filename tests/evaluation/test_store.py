"""Prepared films follow the table that annotates them and the pictures that it names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mammoview.evaluation.store import build, load, prepared_among
from mammoview.readers.datasets import open_dataset

TABLE = "image,patient_id,tissue,abnormality,severity,column,row,radius\n"


def dataset(folder: Path, column: int, seed: int = 0) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:900, :700]
    breast = np.hypot((y - 450) / 350, x / 400) < 1
    texture = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 90, breast.shape), (0, 0), 5)
    cv2.imwrite(
        str(folder / "images" / "mdb001.png"), np.clip(10 + breast * (110 + texture), 0, 255).astype(np.uint8)
    )
    (folder / "lesions.csv").write_text(f"{TABLE}mdb001.png,mias_001,G,CIRC,B,{column},400,30\n")
    return folder


def test_a_corrected_row_is_prepared_anew(tmp_path):
    store = tmp_path / "store"
    build(open_dataset(dataset(tmp_path / "films", 100)), store, 0.3)
    (before,) = load(["mdb001"], store)
    touched = (store / "mdb001.json").stat().st_mtime_ns
    build(open_dataset(tmp_path / "films"), store, 0.3)
    assert (store / "mdb001.json").stat().st_mtime_ns == touched  # nothing changed, nothing done
    build(open_dataset(dataset(tmp_path / "films", 150)), store, 0.3)
    (after,) = load(["mdb001"], store)
    # 50 pixels of 0.2 mm are 200 reference pixels.
    assert_allclose(after.boxes - before.boxes, [[0, 200, 0, 200]], atol=1e-6)
    assert_allclose(before.boxes[0, 2] - before.boxes[0, 0], 2 * 30 * 4, atol=1)


def test_a_film_that_cannot_be_read_is_left_out_and_counted(tmp_path, capsys):
    folder = dataset(tmp_path / "films", 100)
    with (folder / "lesions.csv").open("a") as table:
        table.write("mdb002.png,mias_001,G,NORM,,,,\nmdb003.png,mias_002,G,NORM,,,,\n")
    (folder / "images" / "mdb002.png").write_bytes(b"no picture")
    kept = build(open_dataset(folder), tmp_path / "store", 0.3)
    assert [f.film.source for f in kept] == ["mdb001"]
    told = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert [line.split(": ")[2].split(" ")[0] for line in told] == ["mdb002", "mdb003", "2"]
    assert "2 of 3 films are left out" in told[2]
    (film,) = load((f.film.source for f in kept), tmp_path / "store")
    assert film.patient == "mias_001"


def test_a_replaced_picture_is_prepared_anew(tmp_path):
    """Though it has the time of the one before, as a copy that keeps times may have."""
    store, picture = tmp_path / "store", tmp_path / "films" / "images" / "mdb001.png"
    build(open_dataset(dataset(tmp_path / "films", 100)), store, 0.3)
    (before,) = load(["mdb001"], store)
    old = {reduction: np.array(image) for reduction, image in before.images.items()}
    times = picture.stat().st_atime_ns, picture.stat().st_mtime_ns
    dataset(tmp_path / "films", 100, seed=1)
    os.utime(picture, ns=times)
    build(open_dataset(tmp_path / "films"), store, 0.3)
    (after,) = load(["mdb001"], store)
    assert not any(np.array_equal(after.images[reduction], image) for reduction, image in old.items())
    for reduction, image in before.images.items():
        assert_array_equal(image, old[reduction])  # whoever had it mapped keeps what it was


def test_a_copy_of_the_dataset_is_the_same_dataset(tmp_path):
    films = open_dataset(dataset(tmp_path / "films", 100))
    shutil.copytree(tmp_path / "films", tmp_path / "copy", copy_function=shutil.copyfile)
    assert [f.digest for f in open_dataset(tmp_path / "copy")] == [f.digest for f in films]


def test_a_picture_too_large_to_be_read_through_is_known_by_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setattr("mammoview.readers.annotated.LARGEST_READ", 100)
    (before,) = open_dataset(dataset(tmp_path / "films", 100))
    (same,) = open_dataset(tmp_path / "films")
    os.utime(tmp_path / "films" / "images" / "mdb001.png", ns=(1, 1))
    (touched,) = open_dataset(tmp_path / "films")
    assert before.digest == same.digest != touched.digest


@pytest.mark.parametrize("name", ["mdb001.json", "mdb001.2.npy", "mdb001.inside.npy"])
@pytest.mark.parametrize("harm", ["cut", "empty", "gone", "overwritten", "another kind"])
def test_what_is_broken_in_the_store_is_prepared_again(tmp_path, name, harm):
    store, films = tmp_path / "store", open_dataset(dataset(tmp_path / "films", 100))
    build(films, store, 0.3)
    broken, whole = store / name, (store / name).read_bytes()
    if harm == "gone":
        broken.unlink()
    elif harm == "another kind":
        shutil.copyfile(store / "mdb001.3.npy" if name.endswith(".inside.npy") else __file__, broken)
    else:
        broken.write_bytes(
            {"cut": whole[: len(whole) * 2 // 3], "empty": b"", "overwritten": b"[" * 9000}[harm]
        )
    assert prepared_among(films, store) == ()
    assert len(build(films, store, 0.3)) == 1
    assert broken.read_bytes() == whole
    load(["mdb001"], store)


def test_several_processes_prepare_the_same_and_tell_the_same(tmp_path, capsys):
    folder = dataset(tmp_path / "films", 100)
    with (folder / "lesions.csv").open("a") as table:
        table.write("mdb002.png,mias_001,G,NORM,,,,\nmdb003.png,mias_002,G,NORM,,,,\n")
    (folder / "images" / "mdb002.png").write_bytes(b"no picture")
    shutil.copyfile(folder / "images" / "mdb001.png", folder / "images" / "mdb003.png")
    told = []
    for workers in (1, 2):
        store = tmp_path / f"store{workers}"
        kept = build(open_dataset(folder), store, 0.3, workers)
        assert [f.film.source for f in kept] == ["mdb001", "mdb003"]
        told.append([line for line in capsys.readouterr().err.splitlines() if "warning" in line])
    assert told[0] == told[1]
    assert ["mdb002 is left out" in line for line in told[0]] == [True, False]
    files = [{p.name: p.read_bytes() for p in (tmp_path / f"store{n}").iterdir()} for n in (1, 2)]
    assert files[0] == files[1]
