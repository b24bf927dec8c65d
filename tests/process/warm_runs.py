"""An agent, and short runs of functions that share one warm process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.process.agent_harness import Agent, Message, start

HELPER = Path(__file__).resolve().parents[2] / "backend" / "steelyard_task.py"
MODEL = (Path(__file__).with_name("reused_model.py")).read_text()


class Runs:
    """An agent, and attempts of functions of reused_model.py, each a task of its own."""

    def __init__(self, folder: Path, agent: Agent) -> None:
        self.folder = folder
        self.agent = agent
        self.count = 0
        (folder / "helper").mkdir()
        shutil.copy(HELPER, folder / "helper")
        (folder / "work").mkdir()
        (folder / "work" / "model.py").write_text(MODEL)
        (folder / "parameters.json").write_text("{}")

    def begin(self, function: str, key: str | None = None, **changes: object) -> int:
        """Send the start of a new task; its number."""
        self.count += 1
        place = self.folder / f"t{self.count}"
        environment = {
            "PYTHONPATH": str(self.folder / "helper"),
            "STEELYARD_TASK_ID": f"t{self.count}",
            "STEELYARD_ATTEMPT": "1",
            "STEELYARD_PARAMETERS": str(self.folder / "parameters.json"),
            "STEELYARD_OUTPUT_DIR": str(place / "output"),
            "STEELYARD_STOP_FILE": str(place / "stop"),
            **changes.pop("environment", {}),  # type: ignore[call-overload]
        }
        memory = changes.pop("memory", None)
        order = start(
            self.folder / "work",
            [sys.executable, "-m", "steelyard_task", "--serve", f"model:{function}"],
            task_id=f"t{self.count}",
            folder=str(place),
            reuse={"key": key or function, "memory": memory},
            **changes,
        )
        order["environment"] = environment
        self.agent.say(order)
        return self.count

    def run(self, function: str, key: str | None = None, **changes: object) -> Message:
        """One attempt to its end; its `ended`."""
        self.begin(function, key, **changes)
        ended = self.agent.expect("ended", within=20)
        assert ended["task_id"] == f"t{self.count}"
        return ended

    def output(self, number: int = 0) -> str:
        """What the run of a task (the last one) printed."""
        return (self.folder / f"t{number or self.count}" / "output.log").read_text()

    @property
    def pid(self) -> int:
        """The process of the last run that began."""
        return int(str(self.agent.of("started")[-1]["pid"]))

    @property
    def pids(self) -> list[int]:
        """The process of each run that began."""
        return [int(str(message["pid"])) for message in self.agent.of("started")]

    def stop(self, grace: float) -> None:
        """Cancel the last task."""
        self.agent.say(
            {"type": "stop", "task_id": f"t{self.count}", "attempt": 1, "reason": "cancelled", "grace": grace}
        )
