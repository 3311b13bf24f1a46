// SPDX-License-Identifier: GPL-2.0
/* place_test.c - where a dead job lived, told to whom asks. Its group has the name that an engine
 * would have given it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "user.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SCOPE "docker-" ID64 ".scope"

TestSuite(place, .timeout = 60);

/* Of a job that was killed in a group of that name and left somebody behind there. */
static struct json_object *incident_in(struct rig *rig, const char *name)
{
	static const char script[] =
		"echo $$ > \"$0/cgroup.procs\" && exec /bin/sh -c 'sleep 80 & wait'";
	char path[256], group[512];
	pid_t job;

	if (!rig__make_group(rig, NULL, "cgroup.procs", path, sizeof(path)))
		cr_skip_test("there is no cgroup v2");
	snprintf(group, sizeof(group), "%s/%s", path, name);
	cr_assert_eq(mkdir(group, 0755), 0);
	job = user__begin(rig, "orphanctl", "run", "--", "/bin/sh", "-c", script, group);
	user__child(job, "sleep");
	user__kill(job);
	return user__closed(rig, job);
}

static void see(struct json_object *incident, const char *path, const char *text)
{
	cr_expect_str_eq(json__string(incident, path), text, "%s", path);
}

Test(place, the_container_is_told)
{
	autorig struct rig *rig = rig__start();
	autojson struct json_object *incident = incident_in(rig, SCOPE);
	const struct said *said = user__ctl(rig, "show", json__string(incident, "id"));

	see(incident, "root.container", ID64);
	see(incident, "root.runtime", "docker");
	see(incident, "root.pod", "");
	see(incident, "root.unit", SCOPE);
	see(incident, "survivors.0.container", ID64);
	see(incident, "survivors.0.runtime", "docker");
	see(incident, "survivors.0.unit", SCOPE);
	said__done(said);
	cr_expect(strstr(said->out, "/" SCOPE "\n"), "%s", said->out);
	cr_expect(strstr(said->out, "  container  docker " ID64 "\n"), "%s", said->out);
	cr_expect(strstr(said->out, "  unit       " SCOPE "\n"), "%s", said->out);
	cr_expect_null(strstr(said->out, "  pod  "), "%s", said->out);
}

/* Whoever may make groups names them as he likes, and no terminal obeys him. */
Test(place, a_name_is_never_an_order_to_the_terminal)
{
	autorig struct rig *rig = rig__start();
	autojson struct json_object *incident = incident_in(rig, "lxc.payload.\033[2J");
	const struct said *said = user__ctl(rig, "show", json__string(incident, "id"));

	see(incident, "root.container", "\033[2J");
	said__done(said);
	cr_expect(strstr(said->out, "  container  lxc "), "%s", said->out);
	cr_expect_null(strchr(said->out, '\033'), "%s", said->out);
}
