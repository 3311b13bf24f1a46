# SPDX-License-Identifier: GPL-2.0
"""Looks at the known trees each 100 ms; when a root is gone, kills who was last seen under it.

A line of standard input is the pid of a root. Who is seen is told by a line on standard output.
"""
import select
import sys
import time

import psutil

PERIOD = 0.1
trees = {}  # a root: those seen under it, oldest first


def is_gone(root):
    try:
        return not root.is_running() or root.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end(members):
    for member in members:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass


def look_at(root):
    try:
        children = root.children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        if child not in trees[root]:
            trees[root][child] = None
            print(root.pid, child.pid, 1)


def poll():
    for root in list(trees):
        if is_gone(root):
            end(trees.pop(root))
        else:
            look_at(root)
    sys.stdout.flush()


# Not buffered: of two lines that come as one, select would see none of the second.
commands = open(0, "rb", buffering=0)
due = time.monotonic()
while True:
    if select.select([commands], [], [], max(0, due - time.monotonic()))[0]:
        line = commands.readline()
        if not line:
            break
        trees[psutil.Process(int(line))] = {}
        continue
    poll()
    due = max(due + PERIOD, time.monotonic())
