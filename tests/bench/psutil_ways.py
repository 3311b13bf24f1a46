# SPDX-License-Identifier: GPL-2.0
"""What job platforms do that have psutil, by commands on standard input.

walk PID   kills a process and all who are under it; tells "done"
watch PID  looks each 100 ms who is under it; when it is gone, kills all who ever were
look       tells "done" once it has looked at all of them
"""
import select
import sys
import time

import psutil

PERIOD = 0.1
watched = {}  # a root: all who were ever seen under it


def tell_done():
    print("done", flush=True)


def kill(processes):
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass


def family(root):
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def look_at_all():
    for root in list(watched):
        if root.is_running():
            watched[root].update(dict.fromkeys(family(root)))
        else:
            kill(watched.pop(root))


def do(words):
    if words[0] == "walk":
        root = psutil.Process(int(words[1]))
        kill([root] + family(root))
        tell_done()
    elif words[0] == "watch":
        watched[psutil.Process(int(words[1]))] = {}


due = time.monotonic()
asked = False
while True:
    wait = max(0, due - time.monotonic()) if watched or asked else None
    if select.select([sys.stdin], [], [], wait)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        words = line.split()
        asked |= words[0] == "look"
        do(words)
        continue
    look_at_all()
    if asked:
        tell_done()
    asked = False
    due = max(due + PERIOD, time.monotonic())
