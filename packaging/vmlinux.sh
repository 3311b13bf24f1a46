#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints vmlinux.h of the running kernel, with what made it.
set -eu

printf '/*\n * Made on Linux %s by %s (make vmlinux.h): every type of that kernel. CO-RE fits the\n' \
	"$(uname -r | sed 's/-.*//')" "$(bpftool version | head -n 1 | sed 's/ v/ /')"
printf ' * programs to the kernel they run on.\n */\n'
exec bpftool btf dump file /sys/kernel/btf/vmlinux format c
