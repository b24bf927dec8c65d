"""The preferences that only a desktop has: where they stand, what they do, and the colours of every page."""

from __future__ import annotations

import json
from pathlib import Path

from tests.desktop.conftest import Launch, keep_picture
from tests.desktop.program import Desktop
from tests.helpers.waiting import eventually

DESKTOP = ("theme", "notifications", "keep_awake", "finish_in_tray")
FOOT = "window.scrollTo({ top: document.body.scrollHeight, behavior: 'instant' })"


def pane(desktop: Desktop) -> None:
    """The preferences pane, by the menu."""
    desktop.panel()
    desktop.menu("preferences")
    desktop.shows(lambda page: page.url.endswith("/preferences/") and page.text("#preferences"))
    desktop.panel()


def colours(desktop: Desktop) -> str:
    """What the page has made of the system's wish, "light" or "dark"."""
    return str(desktop.page.evaluate("document.documentElement.dataset.bsTheme"))


def test_the_pane_has_what_only_a_desktop_has_and_no_browser_sees_it(launch: Launch) -> None:
    desktop = launch()
    pane(desktop)
    assert desktop.page.evaluate(
        f"{json.dumps(DESKTOP)}.every((key) => document.querySelector(`[data-field=${{key}}]`))"
    )
    with desktop.client() as client:
        text = client.get("/preferences/").text
    assert "worker_max_count" in text and not any(f'data-field="{key}"' in text for key in DESKTOP)


def test_what_is_saved_in_the_pane_holds_at_once_and_after_a_restart(launch: Launch) -> None:
    desktop = launch()
    pane(desktop)
    assert colours(desktop) == "light"
    desktop.page.evaluate(
        """(() => {
            const set = (name, value) => {
                const field = document.querySelector(`[name=${name}]`);
                field.value = value;
                field.dispatchEvent(new Event('input', { bubbles: true }));
            };
            set('theme', 'dark'); set('keep_awake', 'never');
            document.querySelector('#preferences button[type=submit]').click();
        })()"""
    )
    eventually(lambda: desktop.run("return electron.nativeTheme.themeSource") == "dark")
    desktop.shows(lambda page: colours(desktop) == "dark")
    stored = json.loads((desktop.data / "preferences.json").read_text())
    assert (stored["theme"], stored["keep_awake"]) == ("dark", "never")
    desktop.shows(lambda page: "Set here: dark" in page.text("#preference-theme-source"))
    desktop.page.evaluate(FOOT)
    desktop.page.evaluate("document.querySelector('.notice .btn-close')?.click()")
    keep_picture(desktop.page, "preferences-dark")
    desktop.menu("quit")
    desktop.leaves()
    again = launch()
    again.panel()
    assert again.run("return electron.nativeTheme.themeSource") == "dark"
    assert colours(again) == "dark"
    again.prefer(theme=None)
    eventually(lambda: again.run("return electron.nativeTheme.themeSource") == "system")
    pane(again)
    again.page.evaluate(FOOT)
    keep_picture(again.page, "preferences")


def test_what_was_written_by_hand_never_keeps_the_window_from_opening(launch: Launch, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "preferences.json").write_text('{"theme": "dark", "keep_awake": 5, "notifications": "no"}')
    desktop = launch(data)
    desktop.lost("bad_preferences", within=30)
    assert desktop.run("return electron.nativeTheme.themeSource") == "dark"
    assert "keep_awake" in desktop.page.text("body")


def watch_tray(desktop: Desktop) -> None:
    desktop.run(
        """
        electron.Tray.prototype.setToolTip = (text) => { globalThis.trayLine = text; };
        electron.Tray.prototype.setContextMenu = (menu) => { globalThis.trayMenu = menu; };
        """
    )


def tray(desktop: Desktop) -> str:
    """What the tray says, since watch_tray()."""
    return str(desktop.run("return globalThis.trayLine ?? ''"))


def test_closing_the_window_finishes_in_the_tray_by_preference(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    watch_tray(desktop)
    desktop.prefer(finish_in_tray=True)
    desktop.answer_dialogs(2)
    go = desktop.data / "go"
    task = desktop.submit(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)")
    desktop.runs(task)
    eventually(lambda: "1 running" in tray(desktop))
    desktop.family()
    desktop.run("window.close()")
    eventually(lambda: "finishing" in tray(desktop))
    assert desktop.run("return asked") == [] and not desktop.run("return window.isVisible()")
    go.touch()
    assert desktop.leaves() == 0


def test_the_queue_is_paused_from_menu_and_tray(launch: Launch) -> None:
    desktop = launch()
    desktop.panel().says("RUNNING", "#worker-status")
    watch_tray(desktop)
    desktop.menu("pause-queue")
    eventually(lambda: "paused" in tray(desktop))
    desktop.shows(lambda page: "Paused: nothing new starts." in page.text("#worker-overview"))
    task = desktop.submit("pass")
    eventually(lambda: "0 running, 1 waiting; paused" in tray(desktop))
    assert desktop.task(task)["waiting_for"] == "the queue, which is paused"
    shown = "const menu = electron.Menu.getApplicationMenu(); return "
    assert desktop.run(f"{shown}menu.getMenuItemById('resume-queue').visible")
    assert not desktop.run(f"{shown}menu.getMenuItemById('pause-queue').visible")
    desktop.run("trayMenu.items.find((item) => item.label === 'Resume queue').click()")
    eventually(lambda: desktop.task(task)["state"] == "SUCCEEDED", within=30)
    eventually(lambda: "paused" not in tray(desktop))


def test_another_data_directory_from_the_next_start_on(launch: Launch, tmp_path: Path) -> None:
    share, chosen = tmp_path / "share", tmp_path / "größe b"
    first = launch(STEELYARD_DATA_DIR="", XDG_DATA_HOME=str(share))
    first.data = share / "Steelyard"
    first.panel()
    first.answer_dialogs(0)
    first.run(
        "electron.dialog.showOpenDialog = async () => "
        f"({{ canceled: false, filePaths: [{json.dumps(str(chosen))}] }})"
    )
    first.menu("choose-data")
    eventually(
        lambda: first.run("return asked").count(
            f"From its next start on Steelyard keeps its data in {chosen}."
        )
    )
    assert first.record["url"] and not chosen.exists(), "nothing has changed yet"
    first.menu("quit")
    first.leaves()
    second = launch(STEELYARD_DATA_DIR="", XDG_DATA_HOME=str(share))
    second.data = chosen
    second.panel()
    assert (chosen / "steelyard.db").exists()


def test_the_environment_locks_the_data_directory(launch: Launch) -> None:
    desktop = launch()
    desktop.panel()
    item = desktop.run(
        "const { label, enabled } = electron.Menu.getApplicationMenu().getMenuItemById('choose-data');"
        "return { label, enabled };"
    )
    assert item == {"label": "Data Directory Is Set by STEELYARD_DATA_DIR", "enabled": False}
