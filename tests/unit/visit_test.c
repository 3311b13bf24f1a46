// SPDX-License-Identifier: GPL-2.0
/* visit_test.c - a connection that takes too long to ask is hung up on, and no other. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "recorder/visit.h"

#define SECONDS(n) ((uint64_t)(n)*NS_PER_SEC)

TestSuite(visit, .timeout = 10);

struct pair {
	int fd[2];
	struct visit *visit;
};

static struct pair come(struct visits *visits, uint64_t now)
{
	struct pair pair;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.fd),
		     0);
	pair.visit = visit__new(visits, pair.fd[0], now);
	cr_assert_not_null(pair.visit);
	return pair;
}

/* 0: the other end has hung up; -1: it has not. */
static bool is_hung_up(const struct pair *pair)
{
	char byte;

	return read(pair->fd[1], &byte, 1) == 0;
}

static void leave(struct visits *visits, struct pair *pair)
{
	visit__free(visits, pair->visit);
	close(pair->fd[0]);
	close(pair->fd[1]);
}

Test(visit, only_the_slow_are_hung_up_on)
{
	struct visits visits = TAILQ_HEAD_INITIALIZER(visits);
	struct pair slow = come(&visits, SECONDS(1)), quick = come(&visits, SECONDS(2)),
		    again = come(&visits, SECONDS(3));

	cr_expect_eq(visits__due(&visits), SECONDS(1 + VISIT_S));
	visit__asked(&visits, quick.visit);
	visit__asked(&visits, again.visit);
	visit__answered(&visits, again.visit, SECONDS(5)); /* and asks once more */
	visits__turn(&visits, SECONDS(1 + VISIT_S) - 1);
	cr_expect_not(is_hung_up(&slow));
	visits__turn(&visits, SECONDS(1 + VISIT_S));
	cr_expect(is_hung_up(&slow));
	cr_expect_not(is_hung_up(&quick));
	cr_expect_not(is_hung_up(&again));
	cr_expect_eq(visits__due(&visits), SECONDS(5 + VISIT_S));
	visits__turn(&visits, SECONDS(1000));
	cr_expect(is_hung_up(&again));
	cr_expect_not(is_hung_up(&quick), "an answer may take as long as it does");
	cr_expect_eq(visits__due(&visits), UINT64_MAX);
	leave(&visits, &slow);
	leave(&visits, &quick);
	leave(&visits, &again);
	cr_expect(TAILQ_EMPTY(&visits));
}
