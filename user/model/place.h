/* SPDX-License-Identifier: GPL-2.0 */
/* place.h - where a process lives, told from the path of its control group. */
#ifndef ORPHAND_PLACE_H
#define ORPHAND_PLACE_H

#define CONTAINER_LEN 72 /* 64 hexadecimal digits, or a name of LXC */
#define POD_LEN 40
#define UNIT_LEN 256

/* The innermost of each that the path names; "" where it names none. */
struct place {
	char container[CONTAINER_LEN]; /* its id */
	const char *runtime;	       /* "docker", "containerd", "cri-o", "podman", "lxc", or "" */
	char pod[POD_LEN];	       /* uid of the Kubernetes pod */
	char unit[UNIT_LEN];	       /* systemd's service or scope, else slice */
};

struct place place__of(const char *cgroup);

#endif
