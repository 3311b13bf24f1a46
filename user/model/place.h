/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.h - where a process lives, told from the path of its control group. Pure: no I/O. Who may
 * make groups may name them as he likes: this is what the path says, no more.
 */
#ifndef ORPHAND_PLACE_H
#define ORPHAND_PLACE_H

struct control_image;

#define CONTAINER_LEN 72 /* 64 hexadecimal digits, or a name of LXC's or nspawn's */
#define POD_LEN 40
#define UNIT_LEN 256

/* The innermost of each that the path names; "" where it names none. */
struct place {
	char container[CONTAINER_LEN]; /* its id; less than all of it where the path was cut */
	const char *runtime; /* "docker", "containerd", "cri-o", "podman", "lxc", "nspawn" */
	char pod[POD_LEN];   /* uid of the Kubernetes pod */
	char unit[UNIT_LEN]; /* systemd's, as systemd prints it; a slice if there is no other */
};

struct place place__of(const char *cgroup);

/* By a record, whose path a NUL ends only where it is not full. */
struct place place__of_image(const struct control_image *image);

#endif
