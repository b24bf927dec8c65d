"""The types of answers about the program itself: simulations, start, preferences, system, health."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from steelyard.web.schemas.common import Bytes, Moment, PausedBy, Reply, Seconds
from steelyard.web.schemas.workers import Limits, Memory


class Resources(Reply):
    """What a simulation's file says that a run needs; null where it says nothing."""

    memory: Bytes | None
    cores: Annotated[int, Meta(ge=1)]
    cores_from: Annotated[
        str | None,
        Meta(description="The parameter that says the cores of a run; `cores` is then that of its default."),
    ]
    timeout: Seconds | None
    attempts: Annotated[int, Meta(ge=1)]
    reuse: bool


class Learned(Reply):
    """What the runs of a simulation took, whatever their parameters: the claim has the margin on top."""

    claim: Bytes
    peak: Bytes
    runs: Annotated[int, Meta(ge=1)]


class Run(Reply):
    """In which folder its runs work (`[run]` of its file), and whether they go side by side."""

    workspace: Annotated[
        Literal["fresh", "shared"] | None,
        Meta(description="fresh: a folder for each attempt; shared: all in its directory; null: not stated."),
    ]
    copy: list[str]
    link: list[str]
    keep: list[str]
    drop: list[str]
    manner: Literal["side by side", "first alone", "one at a time"]
    why: Annotated[str | None, Meta(description="Why not side by side, and what to state, for people.")]


class Seen(Reply):
    """A number among the parameters of completed runs."""

    least: float
    most: float
    falling: Annotated[bool, Meta(description="Whether memory was seen to fall with it.")]


class Simulation(Reply):
    """A simulation; `schema` is the JSON Schema of its parameters object."""

    name: str
    title: str
    description: str
    schema: dict[str, Any]
    resources: Resources
    run: Run
    file: Annotated[str | None, Meta(description="Its TOML file; null for the built-in one.")]
    directory: Annotated[
        str | None,
        Meta(description="Where relative names of files lead; null for the built-in one."),
    ]
    learned: Annotated[Learned | None, Meta(description="What its runs took; null: none has completed.")]
    usual_duration: Annotated[Seconds | None, Meta(description="Of its runs, whatever their parameters.")]
    seen: Annotated[dict[str, Seen], Meta(description="The numbers that its completed runs had.")]


class SimulationFault(Reply):
    """What is wrong in a file, and where."""

    file: str
    line: Annotated[int, Meta(ge=1)]
    message: str


class Simulations(Reply):
    """Every simulation, and the files that hold none."""

    simulations: list[Simulation]
    errors: list[SimulationFault]


class Outlook(Reply):
    """When the last task is done with so many workers, and what would have to be more for it to be sooner."""

    workers: Annotated[int, Meta(ge=1)]
    done_at: Moment
    earliest: Moment
    latest: Moment
    bound_by: Literal["memory", "cores", "workers", "tasks"]


class Program(Reply):
    """A program that holds much memory now."""

    name: str
    memory: Bytes


class KeptWaiting(Reply):
    """Tasks that cannot start as things are, and why."""

    why: Literal["queue", "time", "other_programs", "never_fits", "after"]
    tasks: Annotated[int, Meta(ge=1)]
    queue: Annotated[str | None, Meta(description="The queue that no worker serves.")]
    at: Annotated[Moment | None, Meta(description="When the first of them may start.")]
    least: Annotated[Bytes, Meta(description="The smallest claim of them.")]
    most: Bytes
    closable: Annotated[
        list[Program] | None, Meta(description="Programs whose end would make room for the smallest.")
    ]


class Forecast(Reply):
    """When what can start is done. `unknown` tasks are left out: nobody knows how long they take."""

    remaining: Annotated[int, Meta(ge=0, description="Tasks that wait or run.")]
    able: Annotated[int, Meta(ge=0, description="Those of them that run or can start.")]
    unknown: Annotated[int, Meta(ge=0)]
    workers: Annotated[int, Meta(ge=0, description="How many there are now.")]
    paused: PausedBy
    outlooks: list[Outlook]
    waiting: Annotated[list[KeptWaiting], Meta(description="The others, by what keeps them.")]


class Startup(Reply):
    """What a window asks first."""

    workers: Annotated[int, Meta(ge=0)]
    prompt: Literal["insufficient_memory"] | None
    need: Bytes
    headroom: Annotated[int, Meta(description="Bytes; below 0 where more is promised than there is.")]
    closable: list[Program] | None
    answered: Annotated[bool, Meta(description="Whether this launch has its answer.")]
    start_worker: Annotated[bool, Meta(description="Whether to start a worker without asking.")]


class StartupAnswered(Reply):
    """The answer was carried out."""

    status: Literal["success"]
    worker_id: str | None


class Preferences(Reply):
    """The settings that hold, where each comes from, and the schema that a change obeys."""

    values: dict[str, Any]
    sources: dict[str, Literal["environment", "preference", "default"]]
    schema: dict[str, Any]
    notice: str | None


class SystemMemory(Memory):
    """As in the status, and which limit it is."""

    source: Literal["machine", "cgroup v1", "cgroup v2"]
    swap_total: Annotated[Bytes | None, Meta(description="Of the machine; nothing is reckoned with it.")]
    swap_free: Bytes | None


class Storage(Reply):
    """Whether the database takes changes now."""

    state: Literal["ok", "full", "locked", "unwritable", "moved", "corrupt", "disk"]
    message: Annotated[str | None, Meta(description="What is wrong, what to do, what goes on meanwhile.")]
    since: Moment | None


class Loop(Reply):
    """How long the sidecar worked on one thing while everybody else waited, in the last minute."""

    p99: Annotated[Seconds, Meta(description="What 99 % of the time nobody would have waited longer than.")]
    most: Annotated[Seconds, Meta(description="The longest.")]
    most_cpu: Annotated[Seconds, Meta(description="The most processor time in one.")]
    most_ever: Annotated[Seconds, Meta(description="The longest since the start.")]
    slow: Annotated[int, Meta(ge=0, description="How many took 250 ms and longer, since the start.")]


class TaskEnvironment(Reply):
    """Of the environment that every task gets. No values but those that lead to programs."""

    programs: Annotated[
        dict[str, str | None],
        Meta(description="PATH, VIRTUAL_ENV and CONDA_PREFIX, without those that the preference sets."),
    ]
    source: Annotated[
        str | None,
        Meta(description="Where the desktop program has the user's variables from; null: the sidecar's own."),
    ]
    left_out: Annotated[list[str], Meta(description="Names of variables of the user that tasks do not get.")]
    note: Annotated[str | None, Meta(description="What a person should know about them.")]


class System(Reply):
    """Program and machine. No secrets."""

    version: str
    python: str
    platform: str
    libraries: dict[str, str]
    data_dir: str
    log_dir: str
    simulations_dir: str
    database_bytes: Bytes
    storage: Storage
    memory: SystemMemory
    limits: Limits
    task_environment: TaskEnvironment
    asleep_s: Seconds
    loop: Loop
    started_at: Moment


class Health(Reply):
    """It lives."""

    status: Literal["ok"]


class SignInLink(Reply):
    """A link that signs a browser in: once, within 5 minutes."""

    url: str
