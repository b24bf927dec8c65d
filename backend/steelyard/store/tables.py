"""The tables, their indexes and triggers, as peewee models. Nobody makes instances: rows stay rows.

Moments are Unix seconds (REAL), memory is bytes, durations are seconds, JSON columns hold text. The tables
are STRICT: SQLite refuses a value of another type.
"""

from __future__ import annotations

import sqlite3

from peewee import (
    SQL,
    AutoField,
    BooleanField,
    Check,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    SchemaManager,
    SqliteDatabase,
    TextField,
)

SCHEMA_VERSION = 5
"""PRAGMA user_version of what create_schema() makes."""

APPLICATION_ID = 0x5354_4C59
"""PRAGMA application_id ("STLY"): tells our file from another program's."""


class Table(Model):
    """What all tables share."""

    class Meta:
        legacy_table_names = False
        strict_tables = True


class Worker(Table):
    """One row a worker ever started; `listed` until cleanup takes it off the panel."""

    id = TextField(primary_key=True)
    state = TextField()
    pid = IntegerField(null=True)
    identity = TextField(null=True)
    executable = TextField(null=True)
    queue = TextField()
    started_at = DoubleField()
    heartbeat_at = DoubleField(null=True)
    ended_at = DoubleField(null=True)
    reason = TextField(null=True)
    error_tail = TextField(default="")
    forced = BooleanField(default=False)
    tasks_done = IntegerField(default=0)
    tasks_failed = IntegerField(default=0)
    listed = BooleanField(default=True)

    class Meta:
        indexes = ((("listed", "started_at"), False),)


class Task(Table):
    """One row a task. `serial` is the order of submission (pages), `position` the place in the queue."""

    serial = AutoField()
    id = TextField(unique=True)
    position = IntegerField(index=True)
    simulation = TextField()
    parameters = TextField()
    label = TextField()
    state = TextField()
    cause = TextField(null=True)
    priority = IntegerField()
    queue = TextField()
    tags = TextField()
    predecessors = TextField()
    sweep_id = TextField(null=True)
    ordered = BooleanField()
    key = TextField(null=True, unique=True)
    queued_at = DoubleField()
    started_at = DoubleField(null=True)
    finished_at = DoubleField(null=True)
    not_before = DoubleField(null=True)
    held_until = DoubleField(null=True)
    blockers = IntegerField()
    worker_id = TextField(null=True)
    attempt = IntegerField()
    budget_from = IntegerField()
    max_attempts = IntegerField()
    timeout = DoubleField()
    claim = IntegerField()
    claim_source = TextField()
    cores = IntegerField()
    passes = IntegerField()
    forced = BooleanField()
    cancel_requested = BooleanField()
    peak = IntegerField(null=True)
    cpu_seconds = DoubleField(null=True)
    progress = DoubleField(null=True)
    message = TextField()
    checkpoint_at = DoubleField(null=True)
    result = TextField(null=True)

    class Meta:
        # So the index on held_until alone finds the waiting ones, however many others are READY.
        constraints = (Check("held_until IS NULL OR state = 'READY'"),)
        # Each ends in the row id, which is `serial`: pages walk them in the order of submission.
        indexes = (
            (("state",), False),
            (("simulation", "state"), False),
            (("simulation",), False),
        )


class TaskText(Table):
    """What the search of the task list looks through: a narrow copy, so that a scan stays short."""

    serial = IntegerField(primary_key=True)
    text = TextField()


class Attempt(Table):
    """One row an attempt; `cause` and `finished_at` stand once it has ended. `remarks`: a JSON list."""

    task = ForeignKeyField(Task, field=Task.id, column_name="task_id", on_delete="CASCADE", index=False)
    number = IntegerField()
    worker_id = TextField()
    pid = IntegerField(null=True)
    identity = TextField(null=True)
    executable = TextField(null=True)
    started_at = DoubleField()
    finished_at = DoubleField(null=True)
    cause = TextField(null=True)
    exit_code = IntegerField(null=True)
    signal = IntegerField(null=True)
    evidence = TextField(default="")
    error_tail = TextField(default="")
    claim = IntegerField()
    peak_memory = IntegerField(null=True)
    cpu_seconds = DoubleField(null=True)
    progress = DoubleField(null=True)
    duration = DoubleField(null=True)
    checkpointed = BooleanField(default=False)
    progressed = BooleanField(default=False)
    remarks = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("task", "number")
        without_rowid = True


class TaskAfter(Table):
    """An edge: `task` waits until `predecessor` has succeeded."""

    predecessor = ForeignKeyField(
        Task, field=Task.id, column_name="predecessor_id", on_delete="CASCADE", index=False
    )
    task = ForeignKeyField(Task, field=Task.id, column_name="task_id", on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("predecessor", "task")
        without_rowid = True


class TaskTag(Table):
    """A tag of a task, by the task's serial so that pages walk it in order."""

    tag = TextField()
    serial = ForeignKeyField(Task, field=Task.serial, column_name="serial", on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("tag", "serial")
        without_rowid = True


class TaskCount(Table):
    """How many tasks a simulation has in a state, kept by triggers: counting never walks the tasks."""

    state = TextField()
    simulation = TextField()
    n = IntegerField()

    class Meta:
        primary_key = CompositeKey("state", "simulation")
        without_rowid = True


class EventRow(Table):
    """The event log. AUTOINCREMENT: a number is never given twice, not even after all rows were pruned."""

    seq = AutoField(constraints=[SQL("AUTOINCREMENT")])
    at = DoubleField()
    kind = TextField()
    subject = TextField()
    data = TextField()

    class Meta:
        table_name = "event"


class Sample(Table):
    """Memory (bytes) and CPU (per cent of one core) of an attempt's tree at a moment."""

    task = ForeignKeyField(Task, field=Task.id, column_name="task_id", on_delete="CASCADE", index=False)
    number = IntegerField()
    at = DoubleField()
    memory = IntegerField()
    cpu = DoubleField()

    class Meta:
        primary_key = CompositeKey("task", "number", "at")
        without_rowid = True


class Footprint(Table):
    """What an attempt really took: later claims learn from it.

    program: which kind of run it is within its simulation (rules.footprint.program_of). fingerprint: of what
    ran under that name (settings.Simulation.fingerprint). complete: False where it did not succeed, so that
    its peak is a lower bound; starved: it was ended for want of memory.
    """

    serial = AutoField()
    task_id = TextField()
    simulation = TextField()
    program = TextField()
    parameters = TextField()
    at = DoubleField()
    peak = IntegerField()
    duration = DoubleField(null=True)
    complete = BooleanField()
    fingerprint = TextField(constraints=[SQL("DEFAULT ''")])
    starved = BooleanField(constraints=[SQL("DEFAULT 0")])

    class Meta:
        # It ends in the row id, which is `serial`: the newest are walked without sorting.
        indexes = ((("simulation", "program"), False),)


class Sweep(Table):
    """What was queued together. `digest` tells what the tasks of one with a key compute."""

    serial = AutoField()
    id = TextField(unique=True)
    simulation = TextField()
    name = TextField()
    key = TextField(null=True, unique=True)
    digest = TextField(null=True)
    queued_at = DoubleField()


class Stages(Table):
    """The stages of a program's last run that succeeded: a JSON list (store/stages.py)."""

    simulation = TextField()
    program = TextField()
    stages = TextField()

    class Meta:
        primary_key = CompositeKey("simulation", "program")
        without_rowid = True


class Pause(Table):
    """Who has paused the queue: a row while it is paused."""

    who = TextField(primary_key=True)
    at = DoubleField()

    class Meta:
        without_rowid = True


class Directory(Table):
    """Whether a run of a simulation that states no workspace wrote into its directory. `names`: JSON."""

    simulation = TextField(primary_key=True)
    digest = TextField()
    wrote = BooleanField()
    names = TextField()
    whole = BooleanField()
    at = DoubleField()

    class Meta:
        without_rowid = True


TABLES: tuple[type[Table], ...] = (
    Worker,
    Task,
    TaskText,
    Attempt,
    TaskAfter,
    TaskTag,
    TaskCount,
    EventRow,
    Sample,
    Footprint,
    Pause,
    Sweep,
    Directory,
    Stages,
)

RUNNABLE = "state = 'READY' AND blockers = 0 AND held_until IS NULL"
"""A task that may start now. Spelled alike in queries, or SQLite does not use the partial index below."""

_BESIDE_TABLES = (
    # Its last columns let the first that fits be found, behind however many that do not, in the index alone.
    f"""CREATE INDEX task_runnable
        ON task(queue, priority DESC, position, claim, cores, claim_source, forced) WHERE {RUNNABLE}""",
    "CREATE INDEX task_held ON task(held_until) WHERE held_until IS NOT NULL",
    "CREATE INDEX task_sweep ON task(sweep_id, state) WHERE sweep_id IS NOT NULL",
    "CREATE INDEX task_of_worker ON task(worker_id) WHERE worker_id IS NOT NULL",
    """CREATE TRIGGER task_counted_insert AFTER INSERT ON task BEGIN
         INSERT INTO task_count(state, simulation, n) VALUES (NEW.state, NEW.simulation, 1)
           ON CONFLICT(state, simulation) DO UPDATE SET n = n + 1;
       END""",
    """CREATE TRIGGER task_counted_update AFTER UPDATE OF state ON task WHEN OLD.state <> NEW.state BEGIN
         UPDATE task_count SET n = n - 1 WHERE state = OLD.state AND simulation = OLD.simulation;
         INSERT INTO task_count(state, simulation, n) VALUES (NEW.state, NEW.simulation, 1)
           ON CONFLICT(state, simulation) DO UPDATE SET n = n + 1;
       END""",
    """CREATE TRIGGER task_counted_delete AFTER DELETE ON task BEGIN
         UPDATE task_count SET n = n - 1 WHERE state = OLD.state AND simulation = OLD.simulation;
         DELETE FROM task_text WHERE serial = OLD.serial;
       END""",
)


def create_schema(database: SqliteDatabase, connection: sqlite3.Connection) -> None:
    """Make tables, indexes and triggers of SCHEMA_VERSION in an empty database, in the caller's transaction.

    connection is the one that database holds.
    """
    for model in TABLES:
        manager = SchemaManager(model, database)
        manager.create_table(safe=False)
        manager.create_indexes(safe=False)
    for statement in _BESIDE_TABLES:
        connection.execute(statement)
