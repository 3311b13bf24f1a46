// SPDX-License-Identifier: GPL-2.0
/* place_test.c - paths of control groups as container engines and systemd really make them. */
#include <assert.h>
#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <orphand/control.h>

#include "model/place.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID "12345678-9abc-def0-1234-56789abcdef0"
#define UID_ "12345678_9abc_def0_1234_56789abcdef0"

TestSuite(place, .timeout = 30);

#define POD_SLICE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define USER "/user.slice/user-1000.slice/user@1000.service"
#define KIND                                                       \
	"/docker/" OTHER64 "/kubelet.slice/kubelet-kubepods.slice" \
	"/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" UID_ ".slice"

struct expectation {
	const char *cgroup, *container, *runtime, *pod, *unit;
};

static void see(const struct expectation *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct place place = place__of(cases[i].cgroup);

		cr_expect_str_eq(place.container, cases[i].container, "%s", cases[i].cgroup);
		cr_expect_str_eq(place.runtime, cases[i].runtime, "%s", cases[i].cgroup);
		cr_expect_str_eq(place.pod, cases[i].pod, "%s", cases[i].cgroup);
		cr_expect_str_eq(place.unit, cases[i].unit, "%s", cases[i].cgroup);
	}
}

#define SEE(cases) see(cases, sizeof(cases) / sizeof(*(cases)))

Test(place, containers)
{
	static const struct expectation cases[] = {
		/* Docker: by itself, by systemd, rootless, with systemd inside, in each other */
		{ "/docker/" ID64, ID64, "docker", "", "" },
		{ "/system.slice/docker-" ID64 ".scope", ID64, "docker", "",
		  "docker-" ID64 ".scope" },
		{ USER "/user.slice/docker-" ID64 ".scope", ID64, "docker", "",
		  "docker-" ID64 ".scope" },
		{ "/system.slice/docker-" ID64 ".scope/init.scope", ID64, "docker", "",
		  "init.scope" },
		{ "/system.slice/docker-" ID64 ".scope/system.slice/nginx.service", ID64, "docker",
		  "", "nginx.service" },
		{ "/docker/" OTHER64 "/docker/" ID64, ID64, "docker", "", "" },
		{ "/system.slice/docker-" OTHER64 ".scope/docker/" ID64, ID64, "docker", "",
		  "docker-" OTHER64 ".scope" },
		{ "/docker/" ID64 "/system.slice/containerd.service", ID64, "docker", "",
		  "containerd.service" },
		/* as seen from another cgroup namespace */
		{ "/../../docker/" ID64, ID64, "docker", "", "" },
		/* containerd without Kubernetes */
		{ "/default/" ID64, ID64, "containerd", "", "" },
		{ "/k8s.io/" ID64, ID64, "containerd", "", "" },
		{ "/system.slice/nerdctl-" ID64 ".scope", ID64, "containerd", "",
		  "nerdctl-" ID64 ".scope" },
		/* Podman: by systemd, by itself, rootless, in a pod, in the unit that started it */
		{ "/machine.slice/libpod-" ID64 ".scope", ID64, "podman", "",
		  "libpod-" ID64 ".scope" },
		{ "/machine.slice/libpod-" ID64 ".scope/container", ID64, "podman", "",
		  "libpod-" ID64 ".scope" },
		{ "/machine.slice/machine-libpod_pod_" OTHER64 ".slice/libpod-" ID64
		  ".scope/container",
		  ID64, "podman", "", "libpod-" ID64 ".scope" },
		{ USER "/user.slice/libpod-" ID64 ".scope/container", ID64, "podman", "",
		  "libpod-" ID64 ".scope" },
		{ USER "/user.slice/user-libpod_pod_" OTHER64 ".slice/libpod-" ID64 ".scope", ID64,
		  "podman", "", "libpod-" ID64 ".scope" },
		{ "/libpod_parent/libpod-" ID64, ID64, "podman", "", "" },
		{ "/libpod_parent/" OTHER64 "/libpod-" ID64, ID64, "podman", "", "" },
		{ "/system.slice/web.service/libpod-payload-" ID64 "/container", ID64, "podman", "",
		  "web.service" },
		{ "/machine.slice:libpod:" ID64, ID64, "podman", "", "" },
		/* nobody says whose it is */
		{ "/ecs/0123456789abcdef0123456789abcdef/" ID64, ID64, "", "", "" },
		/* LXC, of three ages; nspawn */
		{ "/lxc/web1", "web1", "lxc", "", "" },
		{ "/lxc/101/ns/system.slice/ssh.service", "101", "lxc", "", "ssh.service" },
		{ "/lxc.payload/web1/init.scope", "web1", "lxc", "", "init.scope" },
		{ "/lxc.payload.web1/system.slice/ssh.service", "web1", "lxc", "", "ssh.service" },
		{ "/lxc.payload.web1/docker/" ID64, ID64, "docker", "", "" },
		{ "/machine.slice/systemd-nspawn@web.service/payload", "web", "nspawn", "",
		  "systemd-nspawn@web.service" },
		{ "/machine.slice/machine-my\\x2dweb.scope/payload/init.scope", "my\\x2dweb",
		  "nspawn", "", "init.scope" },
		/* the group is no more */
		{ "/system.slice/docker-" ID64 ".scope (deleted)", ID64, "docker", "",
		  "docker-" ID64 ".scope" },
	};

	SEE(cases);
}

Test(place, pods)
{
	static const struct expectation cases[] = {
		{ "/kubepods/burstable/pod" UID "/" ID64, ID64, "containerd", UID, "" },
		{ "/kubepods/pod" UID "/" ID64, ID64, "containerd", UID, "" },
		{ "/kubepods/pod" UID "/crio-" ID64, ID64, "cri-o", UID, "" },
		{ "/kubepods/pod0123456789abcdef0123456789abcdef/" ID64, ID64, "containerd",
		  "0123456789abcdef0123456789abcdef", "" },
		{ POD_SLICE "/cri-containerd-" ID64 ".scope", ID64, "containerd", UID,
		  "cri-containerd-" ID64 ".scope" },
		{ POD_SLICE "/crio-" ID64 ".scope/container", ID64, "cri-o", UID,
		  "crio-" ID64 ".scope" },
		{ POD_SLICE "/docker-" ID64 ".scope", ID64, "docker", UID,
		  "docker-" ID64 ".scope" },
		{ "/system.slice/containerd.service/kubepods-besteffort-pod" UID_
		  ".slice:cri-containerd:" ID64,
		  ID64, "containerd", UID, "containerd.service" },
		{ "/kubepods-pod" UID_ ".slice:crio:" ID64, ID64, "cri-o", UID, "" },
		/* kind, which is Kubernetes in Docker, with both managers of groups */
		{ "/docker/" OTHER64 "/kubelet/kubepods/besteffort/pod" UID "/" ID64, ID64,
		  "containerd", UID, "" },
		{ KIND "/cri-containerd-" ID64 ".scope", ID64, "containerd", UID,
		  "cri-containerd-" ID64 ".scope" },
		{ "/docker/" OTHER64 "/kubelet.slice/kubelet.service", OTHER64, "docker", "",
		  "kubelet.service" },
		/* Docker in a pod: the innermost container, and the pod around it */
		{ "/kubepods/pod" UID "/" OTHER64 "/docker/" ID64, ID64, "docker", UID, "" },
		/* Kubernetes in a pod */
		{ "/kubepods/pod0123456789abcdef0123456789abcdef/" OTHER64 "/kubepods/pod" UID
		  "/" ID64,
		  ID64, "containerd", UID, "" },
		/* in a pod, but in none of its containers */
		{ POD_SLICE "/crio-conmon-" ID64 ".scope", "", "", UID,
		  "crio-conmon-" ID64 ".scope" },
		{ POD_SLICE, "", "", UID, "kubepods-burstable-pod" UID_ ".slice" },
	};

	SEE(cases);
}

Test(place, units)
{
	static const struct expectation cases[] = {
		{ "/init.scope", "", "", "", "init.scope" },
		{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "session-3.scope" },
		{ USER "/app.slice/foo.scope", "", "", "", "foo.scope" },
		{ USER "/app.slice", "", "", "", "user@1000.service" },
		{ USER "/app.slice/app-gnome\\x2dterminal-42.scope", "", "", "",
		  "app-gnome\\x2dterminal-42.scope" },
		{ "/system.slice/job@a\\x2db.service/worker", "", "", "", "job@a\\x2db.service" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", "", "", "",
		  "getty@tty1.service" },
		{ "/system.slice/home-jobs.mount", "", "", "", "home-jobs.mount" },
		{ "/jobs.slice/a", "", "", "", "jobs.slice" },
		{ "/jobs.slice/jobs-night.slice/a", "", "", "", "jobs-night.slice" },
		{ "/_memory.service", "", "", "", "memory.service" },
		{ "/system.slice/cron.service (deleted)", "", "", "", "cron.service" },
		{ "relative.service", "", "", "", "relative.service" },
		/* none is called so */
		{ "/a.slice/a b.service", "", "", "", "a.slice" },
		{ "/a.slice/\x1b[2J.scope", "", "", "", "a.slice" },
		{ "/.service/_.scope/.slice", "", "", "", "" },
		{ "/service/a.services/scope", "", "", "", "" },
	};

	SEE(cases);
}

Test(place, what_is_no_container_is_none)
{
	static const char *const paths[] = {
		"",
		"/",
		"//",
		" (deleted)",
		"/machine.slice/libpod-conmon-" ID64 ".scope",
		"/machine.slice/crio-conmon-" ID64 ".scope",
		"/libpod_parent/" ID64 "/conmon",
		"/libpod_parent/conmon",
		"/system.slice/web.service/runtime",
		"/machine.slice/systemd-nspawn@web.service/supervisor",
		"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
		"/lxc.monitor.web1",
		"/lxc.monitor/web1",
		"/lxc/",
		"/lxc//",
		"/lxc.payload.",
		"/payload",
		"/systemd-nspawn@.service/payload",
		"/docker/" ID64 "0",
		"/docker/0123456789abcdef",
		"/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
		"/docker/buildkit/executor",
		"/system.slice/docker.service",
		"/system.slice/docker-" ID64 ".service",
		"/system.slice/docker-" ID64 ".scopes",
		"/system.slice/docker-" ID64 "0.scope",
		"/system.slice/docker-abc.scope",
		"/system.slice/docker-.scope",
		"/system.slice/docker-",
		"/system.slice/other-" ID64 ".scope",
		"/docker:" ID64,
		"/kubepods-pod1.slice:cri-containerd:",
		"/kubepods-pod1.slice:",
		"/a.slice:other:" ID64,
		"/pod",
		"/-pod",
		"/pod/-pod-/pod_pod",
		"/pod--------------------------------",
		"/pod------------------------------------",
		"/pod" UID "0",
		"/pod" UID "x",
		"/tripod" UID,
		"/pod0123456789abcdef0123456789abcde",
		"/pod0123456789abcdef0123456789abcdef0",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct place place = place__of(paths[i]);

		cr_expect_str_eq(place.container, "", "%s", paths[i]);
		cr_expect_str_eq(place.runtime, "", "%s", paths[i]);
		cr_expect_str_eq(place.pod, "", "%s", paths[i]);
	}
}

/* ---- hostile */

/* Of a record whose bytes end where the memory ends, so that reading on is a crash. */
static struct place place_at_the_edge(const char *cgroup, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (sizeof(struct control_image) + page - 1) / page * page;
	char *memory =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct control_image *image;
	struct place place;

	static_assert(offsetof(struct control_image, cgroup) + CGROUP_LEN ==
			      sizeof(struct control_image),
		      "the path is the record's last field");
	cr_assert_neq(memory, MAP_FAILED);
	cr_assert_eq(mprotect(memory + room, page, PROT_NONE), 0);
	image = (struct control_image *)(memory + room - sizeof(*image));
	cr_assert_leq(len, CGROUP_LEN);
	memcpy(image->cgroup, cgroup, len);
	place = place__of_image(image);
	munmap(memory, room + page);
	return place;
}

/* A record's path as long as its field has no NUL. */
Test(place, nothing_is_read_past_a_record)
{
	char path[CGROUP_LEN];
	struct place place;

	memset(path, 'f', sizeof(path));
	place = place_at_the_edge(path, sizeof(path));
	cr_expect_str_eq(place.container, "");
	memcpy(path + CGROUP_LEN - 72, "/docker/" ID64, 72);
	place = place_at_the_edge(path, sizeof(path));
	cr_expect_str_eq(place.container, ID64);
	memcpy(path + CGROUP_LEN - 8, "/docker-", 8);
	place = place_at_the_edge(path, sizeof(path));
	cr_expect_str_eq(place.container, "");
}

/* A record has room for the beginning of a long path: what is there of an id is told, and never
 * the outer container's in its stead. */
Test(place, what_is_left_of_a_cut_path_is_told)
{
	static const char whole[] = KIND "/cri-containerd-" ID64 ".scope";
	static const char scope[] = POD_SLICE "/cri-containerd-" ID64 ".scope";
	struct place place = place_at_the_edge(whole, CGROUP_LEN - 1);
	size_t len = strlen(place.container);

	cr_assert_gt(sizeof(whole), CGROUP_LEN);
	cr_assert_geq(len, 12);
	cr_expect_eq(strncmp(place.container, ID64, len), 0, "%s", place.container);
	cr_expect_str_eq(place.runtime, "containerd");
	cr_expect_str_eq(place.pod, UID);
	for (size_t cut = 0; cut <= strlen(".scope"); cut++) {
		place = place_at_the_edge(scope, sizeof(scope) - 1 - cut);
		cr_expect_str_eq(place.container, ID64, "%zu off", cut);
	}
}

/* A name that is not told whole is not told. */
Test(place, names_that_are_too_long_are_none)
{
	char path[5000];
	struct place place;

	memset(path, 'p', sizeof(path));
	strcpy(path + sizeof(path) - 7, ".scope"); // NOLINT: it fits
	place = place__of(path);
	cr_expect_str_eq(place.unit, "");
	place = place__of(path + sizeof(path) - 1 - (UNIT_LEN - 1));
	cr_expect_eq(strlen(place.unit), UNIT_LEN - 1);
	memcpy(path, "/lxc/", 5);
	place = place__of(path);
	cr_expect_str_eq(place.container, "");
	path[5 + CONTAINER_LEN] = '\0';
	cr_expect_str_eq(place__of(path).container, "");
	path[5 + CONTAINER_LEN - 1] = '\0';
	cr_expect_eq(strlen(place__of(path).container), CONTAINER_LEN - 1);
}

static bool is_whole(const struct place *place)
{
	return place->runtime && memchr(place->container, '\0', sizeof(place->container)) &&
	       memchr(place->pod, '\0', sizeof(place->pod)) &&
	       memchr(place->unit, '\0', sizeof(place->unit)) &&
	       (*place->container || !*place->runtime) &&
	       (!*place->pod || strlen(place->pod) == 32 || strlen(place->pod) == 36);
}

/* Pieces of real paths in any order, cut anywhere. */
Test(place, bears_any_path)
{
	static const char *const pieces[] = {
		"/",
		"docker",
		"-",
		ID64,
		UID,
		UID_,
		"pod",
		"kubepods",
		":",
		".slice",
		".scope",
		".service",
		"libpod-",
		"payload",
		"lxc.payload.",
		"lxc",
		"crio-",
		"conmon-",
		"cri-containerd",
		"machine-",
		"systemd-nspawn@",
		"_",
		"\xff",
		" (deleted)",
	};
	unsigned seed = 1;
	size_t containers = 0;

	for (int round = 0; round < 20000; round++) {
		char path[CGROUP_LEN];
		struct control_image image;
		struct place place;
		size_t len = 0;

		while (len < sizeof(path)) {
			const char *piece =
				pieces[(size_t)rand_r(&seed) % (sizeof(pieces) / sizeof(*pieces))];
			size_t part = strnlen(piece, sizeof(path) - len);

			memcpy(path + len, piece, part);
			len += part;
		}
		memcpy(image.cgroup, path, sizeof(path));
		place = place__of_image(&image);
		cr_assert(is_whole(&place), "%.*s", CGROUP_LEN, path);
		containers += *place.container != '\0';
	}
	cr_expect_gt(containers, 100, "paths that make some sense are among them");
}
