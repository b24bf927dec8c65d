"""A start-up script that PyInstaller runs before its own: a worker begins here, and never goes further.

PyInstaller's scripts import inspect, zipfile and multiprocessing for every process of the program, which
costs a worker as much as all else that it does to start.
"""

import sys

if sys.argv[1:2] == ["worker"]:
    from steelyard.worker.agent import main

    sys.exit(main())
