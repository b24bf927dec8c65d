"""The agent: a small process that starts one task at a time, watches it, and ends its whole tree.

It never runs user code and imports the standard library, rules.messages and the psutil-free parts of machine
only:
it starts in some 30 ms and stays under 8 MB.
"""
