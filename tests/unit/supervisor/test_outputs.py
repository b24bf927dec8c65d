"""A task's log by offsets, also across what is no longer kept, and its files by ids."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from steelyard.machine import folder_walk, logs
from steelyard.machine.folder_walk import Listing
from steelyard.rules.errors import NotFound
from steelyard.rules.timestamps import iso
from steelyard.supervisor import file_lists, outputs
from tests.unit.supervisor.making import Made


async def a_task(made: Made) -> tuple[str, Path]:
    """A task that runs, and the folder of its attempt."""
    worker, task_id = await made.worker(), await made.submit()
    await made.attempt(worker, task_id)
    folder = made.yard.data.attempt(task_id, 1)
    (folder / "output").mkdir(parents=True)
    return task_id, folder


async def read_all(made: Made, task_id: str, offset: int = 0) -> list[dict[str, Any]]:
    """Page after page, as a client does."""
    pages = [await outputs.log(made.yard, task_id, None, offset)]
    while pages[-1]["text"]:
        pages.append(await outputs.log(made.yard, task_id, None, pages[-1]["next"]))
    return pages[:-1]


async def test_a_log_is_read_page_by_page_and_no_character_is_torn(made: Made) -> None:
    task_id, folder = await a_task(made)
    text = "zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich €\n" * 12_000
    (folder / "output.log").write_bytes(text.encode())
    pages = await read_all(made, task_id)
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
    pages = await read_all(made, task_id)
    assert "".join(page["text"] for page in pages) == "a" * 1_000_000 + "b" * 700_000 + "c" * 100_000
    [jump] = [n for n in range(1, len(pages)) if pages[n]["offset"] != pages[n - 1]["next"]]
    assert (pages[jump - 1]["next"], pages[jump]["offset"]) == (1_000_000, start)
    amid = await outputs.log(made.yard, task_id, None, 20_000_000)
    assert (amid["offset"], amid["text"][0], amid["size"]) == (start, "b", 50_800_000)
    beyond = await outputs.log(made.yard, task_id, None, 60_000_000)
    assert (beyond["offset"], beyond["next"], beyond["text"]) == (50_800_000, 50_800_000, "")
    tail = await outputs.log(made.yard, task_id, 100_010, None)
    assert (tail["text"], tail["offset"]) == ("b" * 10 + "c" * 100_000, 50_800_000 - 100_010)


async def test_a_log_that_is_not_there_yet_is_empty(made: Made) -> None:
    task_id = await made.submit()
    for query in ((100, None), (None, 0), (None, 5)):
        found = await outputs.log(made.yard, task_id, *query)
        assert (found["text"], found["size"], found["attempt"]) == ("", 0, 0)
    with pytest.raises(NotFound):
        await outputs.log(made.yard, "nobody", 1, None)


async def listed(made: Made, task_id: str) -> list[dict[str, Any]]:
    """The files of a task."""
    found: list[dict[str, Any]] = (await outputs.files(made.yard, task_id))["files"]
    return found


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
    (out / "etc").symlink_to("/etc")
    os.mkfifo(out / "pipe")
    found = await listed(made, task_id)
    assert [(f["name"], f["size"], f["kind"]) for f in found] == [
        ("überblick <b>.png", 7, "image"),
        ("\udcff\udcfe.txt", 1, "text"),
        ("deep/er/table.CSV", 4, "table"),
    ]
    assert await listed(made, task_id) == found
    for file in found:
        opened, about = await outputs.open_file(made.yard, task_id, file["id"])
        with opened:
            assert about == file and len(opened.read()) == file["size"]
    (out / "überblick <b>.png").unlink()
    assert len(await listed(made, task_id)) == 2
    with pytest.raises(NotFound):
        await outputs.open_file(made.yard, task_id, found[0]["id"])


def made_up(place: str | bytes) -> str:
    """The id of a file that no list shows."""
    data = place if isinstance(place, bytes) else place.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "place",
    [
        *("1/output/../parameters.json", "1/output/../../attempt-1/output/here.txt", "1/output//etc/passwd"),
        *("1/output/link", "1/output/etc/passwd", "1/output/pipe", "1/output/sub", "1/output/", "1/output"),
        *(
            "1//here.txt",
            "1/./here.txt",
            "1/../x",
            "2/output/here.txt",
            "0/output/here.txt",
            "/output/here.txt",
        ),
        *("-1/output/here.txt", "01/output/here.txt", "1/output/./here.txt", "1/output/sub/../here.txt"),
        *(
            "1/output/here.txt/",
            "1/output/a\0b",
            "1/output/x:y",
            "1/checkpoint/here.txt",
            "९/output/here.txt",
        ),
        *(b"1/output/\xff\xfe", f"1/output/{'x' * 3000}", "1" * 5000 + "/output/here.txt"),
    ],
)
async def test_no_id_leads_out_of_the_folder_of_an_attempt(made: Made, place: str | bytes) -> None:
    task_id, folder = await a_task(made)
    out = folder / "output"
    (out / "sub").mkdir()
    (out / "here.txt").write_text("here")
    (folder.parent / "parameters.json").write_text("{}")
    (out / "link").symlink_to(out / "here.txt")
    (out / "etc").symlink_to("/etc")
    os.mkfifo(out / "pipe")
    file_id = made_up("1/output/here.txt")
    file, _ = await outputs.open_file(made.yard, task_id, file_id)
    file.close()
    for wrong in (made_up(place), file_id + "=", file_id[:-1] + chr(ord(file_id[-1]) + 1)):
        with pytest.raises(NotFound):
            await outputs.open_file(made.yard, task_id, wrong)


@pytest.mark.parametrize("what", ["output", "attempt-1"])
async def test_a_folder_that_has_become_a_link_holds_no_files(made: Made, tmp_path: Path, what: str) -> None:
    task_id, folder = await a_task(made)
    (folder / "output" / "here.txt").write_text("here")
    [file] = await listed(made, task_id)
    away = folder if what == "attempt-1" else folder / "output"
    away.rename(tmp_path / "elsewhere")
    away.symlink_to(tmp_path / "elsewhere")
    assert await listed(made, task_id) == []
    with pytest.raises(NotFound):
        await outputs.open_file(made.yard, task_id, file["id"])


async def test_a_list_is_cut_and_says_so_and_a_file_beyond_it_is_had_by_its_name(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lists, "MOST", 30)
    monkeypatch.setattr(file_lists, "COUNTED", 1_000)
    task_id, folder = await a_task(made)
    for step in range(4):
        (folder / "output" / f"step{step}").mkdir()
        for cell in range(20):
            (folder / "output" / f"step{step}" / f"cell{cell:02}.vtk").touch()
    (folder / "output" / "result.json").write_text("{}")
    found = await outputs.files(made.yard, task_id)
    assert (len(found["files"]), found["total"], found["truncated"]) == (30, 81, True)
    assert found["files"][0]["name"] == "result.json"
    names = ["step3/cell19.vtk", "step9/none.vtk", "../output.log", "/etc/passwd", "\ud800"]
    found = await outputs.files(made.yard, task_id, names)
    assert [file["name"] for file in found["files"]] == ["step3/cell19.vtk"] and not found["truncated"]
    file, _ = await outputs.open_file(made.yard, task_id, found["files"][0]["id"])
    file.close()
    monkeypatch.setattr(file_lists, "COUNTED", 50)
    found = await outputs.files(made.yard, task_id)
    assert 40 < found["total"] <= 50 and found["truncated"]


async def test_a_list_of_an_attempt_that_has_ended_is_made_once_and_of_one_that_runs_anew(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []

    def walk(folder: Path, most: int, counted: int) -> Listing:
        if folder.name == "output":
            walked.append(folder.parent.name)
        return folder_walk.walk(folder, most, counted)

    monkeypatch.setattr(file_lists, "walk", walk)
    task_id, folder = await a_task(made)
    (folder / "output" / "a.txt").touch()
    assert len(await listed(made, task_id)) == 1
    (folder / "output" / "b.txt").touch()
    assert len(await listed(made, task_id)) == 2
    await made.yard.database.change(
        lambda change: change.execute("UPDATE task SET state = 'SUCCEEDED' WHERE id = ?", (task_id,))
    )
    walked.clear()
    assert [len(await listed(made, task_id)) for _ in range(3)] == [2, 2, 2] and walked == ["attempt-1"]
    both = await asyncio.gather(*(listed(made, task_id) for _ in range(5)))
    made.clocks.advance(file_lists.FRESH_ENDED + 1)
    both = await asyncio.gather(*(listed(made, task_id) for _ in range(5)))
    assert {len(one) for one in both} == {2} and walked == ["attempt-1"] * 2


async def test_a_file_tells_when_it_was_written_whatever_moment_that_claims_to_be(made: Made) -> None:
    task_id, folder = await a_task(made)
    file = folder / "output" / "plot.png"
    file.write_bytes(b"x")
    for moment, said in ((1_768_473_001.5, "2026-01-15T10:30:01.500Z"), (-9e9, "1970-01-01T00:00:00.000Z")):
        os.utime(file, (moment, moment))
        assert (await listed(made, task_id))[0]["modified_at"] == said
    os.utime(file, (4e11, 4e11))
    # Many file systems end before the calendar does.
    late = (await listed(made, task_id))[0]["modified_at"]
    assert late == (iso(file.stat().st_mtime) if file.stat().st_mtime < 4e11 else "9999-12-31T23:59:59.000Z")


async def test_who_follows_a_log_gets_what_is_new(made: Made) -> None:
    task_id, folder = await a_task(made)
    heard: list[dict[str, Any]] = []
    made.yard.feed.listen(heard.append)
    path = folder / "output.log"
    path.write_bytes(b"before\n")
    attempt = made.yard.holder(task_id).attempt  # type: ignore[union-attr]
    attempt.output_size = len(b"before\n")  # type: ignore[union-attr]
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


async def test_nobody_waits_for_a_list_but_who_asked_for_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a walk takes its time, the loop turns, and files that need no list are found and opened."""
    walking, go_on = threading.Event(), threading.Event()

    def walk(folder: Path, most: int, counted: int) -> Listing:
        walking.set()
        assert go_on.wait(30)
        return folder_walk.walk(folder, most, counted)

    task_id, folder = await a_task(made)
    (folder / "output" / "a.png").write_text("a")
    monkeypatch.setattr(file_lists, "walk", walk)
    lists = [asyncio.create_task(listed(made, task_id)) for _ in range(3)]
    await asyncio.to_thread(walking.wait, 30)
    [found] = (await outputs.files(made.yard, task_id, ["a.png"]))["files"]
    file, _ = await outputs.open_file(made.yard, task_id, found["id"])
    file.close()
    assert not any(one.done() for one in lists)
    go_on.set()
    assert await asyncio.gather(*lists) == [[found]] * 3


async def test_only_files_of_a_kind(made: Made) -> None:
    task_id, folder = await a_task(made)
    for name in ("a.png", "b.csv", "c.PNG", "d"):
        (folder / "output" / name).touch()
    found = await outputs.files(made.yard, task_id, kind="image")
    assert [file["name"] for file in found["files"]] == ["a.png", "c.PNG"] and found["total"] == 4


async def test_nothing_of_a_list_is_put_together_on_the_loop(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of files that alone takes longer than others should wait, however short the walk was."""
    threads: set[int] = set()
    of_listing, views = file_lists._of_listing, outputs._views

    def joining(*given: Any) -> file_lists.TaskFile:
        threads.add(threading.get_ident())
        return of_listing(*given)

    def viewing(*given: Any) -> list[dict[str, object]]:
        threads.add(threading.get_ident())
        return views(*given)

    monkeypatch.setattr(file_lists, "_of_listing", joining)
    monkeypatch.setattr(outputs, "_views", viewing)
    task_id, folder = await a_task(made)
    (folder / "output" / "a.txt").touch()
    assert len(await listed(made, task_id)) == 1
    assert threads and threading.get_ident() not in threads
