"""A task's log by offsets, also across what is no longer kept, and its files by ids."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from steelyard.machine import logs
from steelyard.rules.errors import NotFound
from steelyard.rules.timestamps import iso
from steelyard.supervisor import outputs
from tests.unit.supervisor.making import Made


async def a_task(made: Made) -> tuple[str, Path]:
    """A task that runs, and the folder of its attempt."""
    worker, task_id = await made.worker(), await made.submit()
    await made.attempt(worker, task_id)
    folder = made.yard.data.attempt(task_id, 1)
    (folder / "output").mkdir(parents=True)
    return task_id, folder


def read_all(made: Made, task_id: str, offset: int = 0) -> list[dict[str, Any]]:
    """Page after page, as a client does."""
    pages = [outputs.log(made.yard, task_id, None, offset)]
    while pages[-1]["text"]:
        pages.append(outputs.log(made.yard, task_id, None, pages[-1]["next"]))
    return pages[:-1]


async def test_a_log_is_read_page_by_page_and_no_character_is_torn(made: Made) -> None:
    task_id, folder = await a_task(made)
    text = "zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich €\n" * 12_000
    (folder / "output.log").write_bytes(text.encode())
    pages = read_all(made, task_id)
    assert len(pages) > 2 and "".join(page["text"] for page in pages) == text
    assert [page["offset"] for page in pages[1:]] == [page["next"] for page in pages[:-1]]
    assert {page["size"] for page in pages} == {len(text.encode())}


async def test_a_log_is_read_across_the_gap_that_a_flood_leaves(made: Made) -> None:
    """The first 1 MB and the last 30 MB are kept; a reader from 0 on gets both, and sees the jump."""
    task_id, folder = await a_task(made)
    first, start = b"a" * 1_000_000, 50_000_000
    (folder / "output.log").write_bytes(first)
    (folder / f"output.{start:015}.log").write_bytes(b"b" * 700_000)
    (folder / f"output.{start + 700_000:015}.log").write_bytes(b"c" * 100_000)
    assert logs.size(str(folder)) == 50_800_000
    pages = read_all(made, task_id)
    assert "".join(page["text"] for page in pages) == "a" * 1_000_000 + "b" * 700_000 + "c" * 100_000
    [jump] = [n for n in range(1, len(pages)) if pages[n]["offset"] != pages[n - 1]["next"]]
    assert (pages[jump - 1]["next"], pages[jump]["offset"]) == (1_000_000, start)
    amid = outputs.log(made.yard, task_id, None, 20_000_000)
    assert (amid["offset"], amid["text"][0], amid["size"]) == (start, "b", 50_800_000)
    beyond = outputs.log(made.yard, task_id, None, 60_000_000)
    assert (beyond["offset"], beyond["next"], beyond["text"]) == (50_800_000, 50_800_000, "")
    tail = outputs.log(made.yard, task_id, 100_010, None)
    assert (tail["text"], tail["offset"]) == ("b" * 10 + "c" * 100_000, 50_800_000 - 100_010)


async def test_a_log_that_is_not_there_yet_is_empty(made: Made) -> None:
    task_id = await made.submit()
    for query in ((100, None), (None, 0), (None, 5)):
        found = outputs.log(made.yard, task_id, *query)
        assert (found["text"], found["size"], found["attempt"]) == ("", 0, 0)
    with pytest.raises(NotFound):
        outputs.log(made.yard, "nobody", 1, None)


async def test_files_have_ids_that_do_not_change_and_any_name(made: Made) -> None:
    """A name need not be text; what a link leads out to is not there."""
    task_id, folder = await a_task(made)
    out = folder / "output"
    (out / "deep" / "er").mkdir(parents=True)
    (out / "deep" / "er" / "table.CSV").write_text("a,b\n")
    (out / "überblick <b>.png").write_bytes(b"x" * 7)
    Path(os.fsdecode(os.fsencode(out) + b"/\xff\xfe.txt")).write_text("y")
    (out / "link").symlink_to("/etc/passwd")
    (out / "dangling").symlink_to("nowhere")
    os.mkfifo(out / "pipe")
    listed = outputs.files(made.yard, task_id)
    assert {(f["name"], f["size"], f["kind"]) for f in listed} == {
        ("deep/er/table.CSV", 4, "table"),
        ("überblick <b>.png", 7, "image"),
        ("\udcff\udcfe.txt", 1, "text"),
    }
    assert outputs.files(made.yard, task_id) == listed
    for file in listed:
        assert outputs.file(made.yard, task_id, file["id"]).stat().st_size == file["size"]
    with pytest.raises(NotFound):
        outputs.file(made.yard, task_id, "0" * 16)
    (out / "überblick <b>.png").unlink()
    assert len(outputs.files(made.yard, task_id)) == 2


async def test_a_file_tells_when_it_was_written_whatever_moment_that_claims_to_be(made: Made) -> None:
    task_id, folder = await a_task(made)
    file = folder / "output" / "plot.png"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"x")
    for moment, said in ((1_768_473_001.5, "2026-01-15T10:30:01.500Z"), (-9e9, "1970-01-01T00:00:00.000Z")):
        os.utime(file, (moment, moment))
        assert outputs.files(made.yard, task_id)[0]["modified_at"] == said
    os.utime(file, (4e11, 4e11))
    # Many file systems end before the calendar does.
    late = outputs.files(made.yard, task_id)[0]["modified_at"]
    assert late == (iso(file.stat().st_mtime) if file.stat().st_mtime < 4e11 else "9999-12-31T23:59:59.000Z")


async def test_who_follows_a_log_gets_what_is_new(made: Made) -> None:
    task_id, folder = await a_task(made)
    heard: list[dict[str, Any]] = []
    made.yard.feed.listen(heard.append)
    path = folder / "output.log"
    path.write_bytes(b"before\n")
    outputs.watch(made.yard, task_id)
    outputs.watch(made.yard, task_id)
    path.write_bytes("before\nüber".encode()[:-1])
    outputs.push_log(made.yard, task_id, 1)
    path.write_bytes("before\nüber €"[:-1].encode() + "€".encode()[:1])
    outputs.push_log(made.yard, task_id, 1)
    outputs.unwatch(made.yard, task_id)
    path.write_bytes("before\nüber €!".encode())
    outputs.push_log(made.yard, task_id, 1)
    outputs.unwatch(made.yard, task_id)
    outputs.push_log(made.yard, task_id, 1)
    assert made.yard.watched_logs == {}
    said = [message for message in heard if message["type"] == "log"]
    assert [message["text"] for message in said] == ["übe", "r ", "€!"]
    assert [message["offset"] for message in said] == [7, 11, 13]
