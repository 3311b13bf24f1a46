// SPDX-License-Identifier: GPL-2.0
/* place_test.c - paths of control groups as container engines and systemd really make them. */
#include <criterion/criterion.h>
#include <string.h>

#include "model/place.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID "12345678-9abc-def0-1234-56789abcdef0"
#define UID_ "12345678_9abc_def0_1234_56789abcdef0"

TestSuite(place, .timeout = 30);

Test(place, containers_pods_and_units)
{
	static const struct {
		const char *cgroup, *container, *runtime, *pod, *unit;
	} cases[] = {
		{ "/docker/" ID64, ID64, "docker", "", "" },
		{ "/system.slice/docker-" ID64 ".scope", ID64, "docker", "",
		  "docker-" ID64 ".scope" },
		{ "/system.slice/docker-" ID64 ".scope/init.scope", ID64, "docker", "",
		  "init.scope" },
		{ "/kubepods/burstable/pod" UID "/" ID64, ID64, "containerd", UID, "" },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
		  ".slice/cri-containerd-" ID64 ".scope",
		  ID64, "containerd", UID, "cri-containerd-" ID64 ".scope" },
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID64, ID64, "cri-o", UID,
		  "kubepods-pod" UID_ ".slice" },
		{ "/system.slice/containerd.service/kubepods-besteffort-pod" UID_
		  ".slice:cri-containerd:" ID64,
		  ID64, "containerd", UID, "containerd.service" },
		{ "/kubepods/pod0123456789abcdef0123456789abcdef/" ID64, ID64, "containerd",
		  "0123456789abcdef0123456789abcdef", "" },
		{ "/machine.slice/libpod-" ID64 ".scope/container", ID64, "podman", "",
		  "libpod-" ID64 ".scope" },
		{ "/libpod_parent/" ID64, ID64, "podman", "", "" },
		{ "/docker/" OTHER64 "/docker/" ID64, ID64, "docker", "", "" },
		{ "/other/" ID64, ID64, "", "", "" },
		{ "/lxc/web1", "web1", "lxc", "", "" },
		{ "/lxc.payload.web1", "web1", "lxc", "", "" },
		{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "session-3.scope" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.scope", "", "", "",
		  "foo.scope" },
		{ "/system.slice/job@a\\x2db.service/worker", "", "", "", "job@a\\x2db.service" },
		{ "/jobs.slice/a", "", "", "", "jobs.slice" },
		{ "/_memory.service", "", "", "", "memory.service" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct place place = place__of(cases[i].cgroup);

		cr_expect_str_eq(place.container, cases[i].container, "%s", cases[i].cgroup);
		cr_expect_str_eq(place.runtime, cases[i].runtime, "%s", cases[i].cgroup);
		cr_expect_str_eq(place.pod, cases[i].pod, "%s", cases[i].cgroup);
		cr_expect_str_eq(place.unit, cases[i].unit, "%s", cases[i].cgroup);
	}
}

Test(place, what_is_no_container_is_none)
{
	static const char *const paths[] = {
		"",
		"/",
		"//",
		"/machine.slice/libpod-conmon-" ID64 ".scope",
		"/machine.slice/crio-conmon-" ID64 ".scope",
		"/docker/" ID64 "0",
		"/docker/0123456789abcdef",
		"/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
		"/system.slice/docker-" ID64 ".service",
		"/system.slice/other-" ID64 ".scope",
		"/kubepods-pod1.slice:cri-containerd:",
		"/lxc.payload.",
		"/pod",
		"/-pod",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct place place = place__of(paths[i]);

		cr_expect_str_eq(place.container, "", "%s", paths[i]);
		cr_expect_str_eq(place.pod, "", "%s", paths[i]);
	}
}

/* Nothing is read or written past an end. */
Test(place, of_a_path_without_sense_is_cut)
{
	char path[5000];
	struct place place;

	memset(path, 'p', sizeof(path));
	strcpy(path + sizeof(path) - 7, ".scope"); // NOLINT: it fits
	place = place__of(path);
	cr_expect_eq(strlen(place.unit), UNIT_LEN - 1);
}
