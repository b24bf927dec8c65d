"""Nobody is left behind: processes that die with their parent, and trees that are ended whole.

Supervisor, recovery and the worker's agent enter here; a file a system, the same names in each:

become_subreaper()      orphans below this process come up to it instead of going to init
die_with_parent(number) the kernel sends us this signal when the thread that spawned us ends (Linux)
leave_no_one()          everything below this process ends with it (Windows; a no-op elsewhere)
task_options()          Popen keywords for a task's first process
worker_options()        Popen keywords for a worker's agent
descendants(pid)        all generations below a process, those that were re-parented to it included
end_tree(pid)           ends a process and all below it
end_descendants()       ends all below this process
end_orphans(keep)       ends what children that are gone left to this process
end_known(pid, ...)     ends what an earlier run recorded, if it is still that process
ask_to_stop(pid)        asks a task to stop by itself
press(...)              makes what lives below this process go: the large ones are ended, the others asked
is_alone(keep)          whether nobody lives below this process
suspend_tree(pid), resume_tree(pid)
begin_use(), collect(process, since)   how a child ended, with what was used since it was started
held(pid), most_held(pid), forget_most(pid)   the memory of a living process
reap_orphans(keep)      takes the exit status of adopted children, so that no zombie stays
"""

from __future__ import annotations

import sys

from steelyard.machine.containment.held import forget_most, held, most_held

if sys.platform == "win32":
    from steelyard.machine.containment.windows import (
        ask_to_stop,
        become_subreaper,
        begin_use,
        collect,
        descendants,
        die_with_parent,
        end_descendants,
        end_known,
        end_orphans,
        end_tree,
        is_alone,
        leave_no_one,
        press,
        reap_orphans,
        resume_tree,
        suspend_tree,
        task_options,
        worker_options,
    )
else:
    from steelyard.machine.containment.posix import (
        ask_to_stop,
        begin_use,
        collect,
        descendants,
        end_descendants,
        end_known,
        end_orphans,
        end_tree,
        is_alone,
        leave_no_one,
        press,
        reap_orphans,
        resume_tree,
        suspend_tree,
        task_options,
        worker_options,
    )

    if sys.platform == "linux":
        from steelyard.machine.containment.linux_ties import become_subreaper, die_with_parent
    else:
        from steelyard.machine.containment.no_ties import become_subreaper, die_with_parent

__all__ = [
    "ask_to_stop",
    "become_subreaper",
    "begin_use",
    "collect",
    "descendants",
    "die_with_parent",
    "end_descendants",
    "end_known",
    "end_orphans",
    "end_tree",
    "forget_most",
    "held",
    "is_alone",
    "leave_no_one",
    "most_held",
    "press",
    "reap_orphans",
    "resume_tree",
    "suspend_tree",
    "task_options",
    "worker_options",
]
