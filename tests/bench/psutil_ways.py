# SPDX-License-Identifier: GPL-2.0
"""What job platforms do that have psutil, by commands on standard input.

walk PID    kills a process and all who are under it; tells "done"
watch PID   looks each 100 ms who is under it; when it is gone, kills all who ever were
recall PID  the same, by bare pids
look        tells "done" once it has looked at all of them
"""
import os
import select
import signal
import time

import psutil

PERIOD = 0.1
watched = {}  # a root: what is done at its end, to all who were ever seen under it


def tell_done():
    print("done", flush=True)


def kill(processes):
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass


def kill_pids(processes):
    for process in processes:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def family(root):
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def look_at_all():
    for root in list(watched):
        end, seen = watched[root]
        if root.is_running():
            seen.update(dict.fromkeys(family(root)))
        else:
            del watched[root]
            end(seen)


def do(words):
    if words[0] == "walk":
        root = psutil.Process(int(words[1]))
        kill([root] + family(root))
        tell_done()
    elif words[0] in ("watch", "recall"):
        end = kill if words[0] == "watch" else kill_pids
        watched[psutil.Process(int(words[1]))] = end, {}


# Not buffered: of two lines that come as one, select would see none of the second.
commands = open(0, "rb", buffering=0)
due = time.monotonic()
asked = False
while True:
    wait = max(0, due - time.monotonic()) if watched or asked else None
    if select.select([commands], [], [], wait)[0]:
        line = commands.readline()
        if not line:
            break
        words = line.decode().split()
        asked |= words[0] == "look"
        do(words)
        continue
    look_at_all()
    if asked:
        tell_done()
    asked = False
    due = max(due + PERIOD, time.monotonic())
