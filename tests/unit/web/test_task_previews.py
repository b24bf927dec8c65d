"""The beginning of a file as a page shows it, whatever the file really is."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from steelyard.rules.reasons import waits
from steelyard.web.pages import task_previews
from steelyard.web.pages.task_previews import preview
from steelyard.web.pages.task_tree import MOST, tree
from steelyard.web.pages.task_wording import plain


def made(path: Path, data: bytes | str) -> BinaryIO:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path.open("rb")


def test_a_table_of_a_million_rows_is_read_to_its_thousandth(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("w") as file:
        file.write("n,text\n")
        for first in range(0, 1_000_000, 10_000):
            file.write("".join(f"{n},row {n}\n" for n in range(first, first + 10_000)))
    began = time.perf_counter()
    found = preview(path.open("rb"), "table")
    assert time.perf_counter() - began < 1
    assert (found.kind, found.head, len(found.rows)) == ("table", ["n", "text"], 1000)
    assert found.numbers == [True, False] and "the first 1000 rows" in found.note


def test_tables_of_other_habits(tmp_path: Path) -> None:
    assert preview(made(tmp_path / "a", "\ufeffa;b\n1,5;2\n"), "table").head == ["a", "b"]
    assert preview(made(tmp_path / "b", "a\tb\n1\n"), "table").rows == [["1", ""]]
    wide = preview(made(tmp_path / "c", ",".join("x" * 500 for _ in range(200)) + "\n1\n"), "table")
    assert len(wide.head) == 50 and len(wide.head[0]) == 200 and "50 of 200 columns" in wide.note
    assert preview(made(tmp_path / "d", b"\x89PNG\0\0" * 9), "table").kind == "empty"
    # A field longer than any table's, below a heading: rows there are none, so it is shown as it is.
    assert preview(made(tmp_path / "e", 'a,b\n"' + "x" * 200_000), "table").kind == "text"


def test_json_and_what_is_none(tmp_path: Path) -> None:
    found = preview(made(tmp_path / "a", '{"a": [1, {"b": null}]}'), "json")
    assert found.root is not None and found.root.children[0].name == "a"
    assert "cannot be read as JSON" in preview(made(tmp_path / "b", "<html>"), "json").note
    for text in ("[" * 100_000, "9" * 100_000):
        assert preview(made(tmp_path / "c", text), "json").kind == "text"
    large = preview(made(tmp_path / "d", "[" + "1," * 700_000 + "1]"), "json")
    assert large.kind == "text" and "too large" in large.note


def test_text_empty_binary(tmp_path: Path) -> None:
    long = preview(made(tmp_path / "a", "x" * 100_000), "text")
    assert len(long.text) == task_previews.TEXT_BYTES and long.note == "This is its beginning."
    assert preview(made(tmp_path / "b", ""), "text").kind == "empty"
    assert preview(made(tmp_path / "c", b"a\0b"), "text").note.startswith("It is no text")


def test_a_tree_is_drawn_as_far_as_a_page_can_bear() -> None:
    wide = tree(list(range(5000)))
    assert len(wide.children) == MOST and wide.left == 5000 - MOST
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    assert tree(deep).kind == "list"
    assert len(tree("x" * 10_000).text) == 500


def test_output_in_plain_words() -> None:
    assert plain("\x1b[31mred\x1b[0m \x1b]0;title\x07a") == "red a"
    assert plain(" 1%\r 50%\r100%\ndone\r\n") == "100%\ndone\n"
    assert plain("<img src=x>") == "<img src=x>"
    assert plain("a\rb\rc\n\rd\r\r\n") == "c\nd\n"
    assert waits("needs 8.0 GiB, 3.1 GiB are free") == "waits: it needs 8.0 GiB, 3.1 GiB are free"
    assert waits("a free worker: each one has a task").startswith("waits for a free worker")


def test_a_line_that_never_ends_takes_no_time() -> None:
    # In a process of its own, so that one that takes hours is a failure and not a wait.
    program = "from steelyard.web.pages.task_wording import plain; print(len(plain('x' * 2_000_000)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "2000000\n", done.stderr
