// SPDX-License-Identifier: GPL-2.0
/* cmd_top.c - a live full-screen view: keys, time, and what the daemon tells, in one loop. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "ctl/top.h"
#include "ctl/top_terminal.h"

#define NOTICE_NS (8 * NS_PER_SEC)
#define TICK_MS 250
/* What happens in a storm is drawn so often at most. */
#define FRAME_NS (100 * NS_PER_MS)

/* ---- signals: taken only while the loop waits */

static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static volatile sig_atomic_t caught;

static void on_ending(int sig)
{
	caught = sig;
}

/* outside: as they were before, which is how the loop waits. */
static void catch_signals(sigset_t *outside)
{
	struct sigaction action = { .sa_handler = on_ending };
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGWINCH);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		sigaddset(&held, endings[i]);
		sigaction(endings[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &held, outside);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		sigdelset(outside, endings[i]);
	sigdelset(outside, SIGWINCH);
}

/* The terminal is as it was: now it ends as one does of that signal. */
static void end_by(int sig, const sigset_t *outside)
{
	signal(sig, SIG_DFL);
	raise(sig);
	sigprocmask(SIG_SETMASK, outside, NULL);
}

/* ---- what is told in between */

void top__why(char why[NOTICE_LEN], const char *complaint)
{
	static const char own[] = "orphanctl: ";

	if (strncmp(complaint, own, strlen(own)) == 0)
		complaint += strlen(own);
	text__copy(why, NOTICE_LEN, complaint);
	why[strcspn(why, "\n")] = '\0';
}

void top__notice(struct top *top, const char *text)
{
	top__why(top->notice, text);
	top->notice_until = top->now + NOTICE_NS;
}

/* Standard error, while the screen is ours. */
static ssize_t take_complaint(void *data, const char *bytes, size_t size)
{
	char line[NOTICE_LEN];

	snprintf(line, sizeof(line), "%.*s", (int)size, bytes);
	top__notice(data, line);
	return (ssize_t)size;
}

static FILE *catch_complaints(struct top *top)
{
	FILE *stream = fopencookie(top, "w", (cookie_io_functions_t){ .write = take_complaint });

	if (stream)
		setvbuf(stream, NULL, _IOLBF, BUFSIZ);
	return stream;
}

/* ---- what is selected */

/* The rows have changed: what was selected still is, wherever it stands now. */
static void follow_selection(struct top *top)
{
	struct pane *trees = &top->panes[PANE_TREES], *incidents = &top->panes[PANE_INCIDENTS];
	size_t at;

	trees->scroll.count = top->link.trees.shown.count;
	at = trees__find(&top->link.trees, trees->tree);
	if (trees->tree && at < trees->scroll.count)
		trees->scroll.at = at;
	scroll__settle(&trees->scroll, trees->page);
	incidents->scroll.count = top->link.incidents.count;
	at = incidents__find(&top->link.incidents, incidents->incident);
	if (*incidents->incident && at < incidents->scroll.count)
		incidents->scroll.at = at;
	scroll__settle(&incidents->scroll, incidents->page);
}

/* Who stands at the top of the list wants to see what comes in there: nothing is followed. */
static void note_selection(struct top *top)
{
	struct pane *trees = &top->panes[PANE_TREES], *incidents = &top->panes[PANE_INCIDENTS];
	size_t at = trees->scroll.at;

	trees->tree = at && at < trees->scroll.count ? top->link.trees.order[at]->row.id : 0;
	at = incidents->scroll.at;
	*incidents->incident = '\0';
	if (at && at < incidents->scroll.count)
		text__copy(incidents->incident, sizeof(incidents->incident),
			   top->link.incidents.order[at]->row.id);
}

static const struct control_tree_row *selected_tree(const struct top *top)
{
	const struct scroll *scroll = &top->panes[PANE_TREES].scroll;

	if (top->focus != PANE_TREES || scroll->at >= top->link.trees.shown.count)
		return NULL;
	return &top->link.trees.order[scroll->at]->row;
}

static const struct control_incident_row *selected_incident(const struct top *top)
{
	const struct scroll *scroll = &top->panes[PANE_INCIDENTS].scroll;

	if (top->focus != PANE_INCIDENTS || scroll->at >= top->link.incidents.count)
		return NULL;
	return &top->link.incidents.order[scroll->at]->row;
}

/* ---- keys */

static void open_selected(struct top *top)
{
	const struct control_tree_row *tree = selected_tree(top);
	const struct control_incident_row *incident = selected_incident(top);

	if (tree)
		reader__open(top, "tree", tree->id, "");
	else if (incident)
		reader__open(top, "show", 0, incident->id);
}

static void ask_to_spare(struct top *top)
{
	const struct control_tree_row *tree = selected_tree(top);

	if (top->reader.open)
		top->asked = reader__pid(&top->reader);
	else if (tree && tree->root_alive)
		top->asked = tree->root.pid;
	if (!top->asked)
		top__notice(top, "select a living process: a tree's root, or one in an opened "
				 "tree");
}

static void spare(struct top *top, int key)
{
	uint32_t pid = top->asked;
	int err;

	top->asked = 0;
	if (key != 'y' && key != 'Y') {
		top__notice(top, "nobody was spared");
		return;
	}
	err = job__start(&top->sparing, top->ctl, "spare", pid, "");
	if (err)
		complain("cannot start another process: %s", strerror(-err));
}

static bool move(struct top *top, int key)
{
	static const struct {
		int key;
		enum move move;
	} moves[] = {
		{ KEY_OF_UP, MOVE_UP },		  { KEY_OF_DOWN, MOVE_DOWN },
		{ KEY_OF_PAGE_UP, MOVE_PAGE_UP }, { KEY_OF_PAGE_DOWN, MOVE_PAGE_DOWN },
		{ KEY_OF_HOME, MOVE_HOME },	  { KEY_OF_END, MOVE_END },
	};
	struct pane *pane = &top->panes[top->focus];
	struct reader *reader = &top->reader;

	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		if (moves[i].key != key)
			continue;
		if (reader->open)
			scroll__move(&reader->scroll, moves[i].move, reader->page);
		else
			scroll__move(&pane->scroll, moves[i].move, pane->page);
		note_selection(top);
		return true;
	}
	return false;
}

#define SIDESTEP 8

static void shift(struct reader *reader, int key)
{
	if (key == KEY_OF_RIGHT)
		reader->skip += SIDESTEP;
	else if (reader->skip)
		reader->skip -= SIDESTEP;
}

/* False: nothing is left to go back from. */
static bool go_back(struct top *top)
{
	if (top->help)
		top->help = false;
	else if (top->reader.open)
		reader__close(&top->reader);
	else
		return false;
	return true;
}

/* False: that was the last one. */
static bool take_key(struct top *top, int key)
{
	/* a new size is no answer */
	if (key == KEY_OF_OTHER)
		return true;
	if (top->asked) {
		spare(top, key);
		return true;
	}
	if (key == 'q' || key == KEY_OF_ESCAPE)
		return go_back(top);
	if (key == '?')
		top->help = !top->help;
	if (top->help || move(top, key))
		return true;
	if (key == 'x')
		ask_to_spare(top);
	if (top->reader.open) {
		if (key == KEY_OF_LEFT || key == KEY_OF_RIGHT)
			shift(&top->reader, key);
		return true;
	}
	if (key == '\t')
		top->focus = top->focus == PANE_TREES ? PANE_INCIDENTS : PANE_TREES;
	else if (key == '\n')
		open_selected(top);
	else if (key == 's') {
		top__sort(top);
		follow_selection(top);
	}
	return true;
}

/* What was typed, and SIGWINCH, which curses makes a key of. False: the last one was among it. */
static bool take_keys(struct top *top, bool *seen)
{
	int key;

	while ((key = terminal__key()) != KEY_OF_NONE) {
		*seen = true;
		if (!take_key(top, key))
			return false;
	}
	return true;
}

/* ---- the loop */

static bool take_sparing(struct top *top)
{
	if (!top->sparing.pid || !job__take(&top->sparing))
		return false;
	if (top->sparing.text)
		top__notice(top, top->sparing.text);
	/* the tree that is open tells of it */
	top->link.changed_at = top->reader.due = top->now;
	return true;
}

static bool take_news(struct top *top)
{
	bool lost = top->link.lost_at, news;

	top->now = clock__boottime();
	news = link__take(&top->link, top->now);
	link__step(&top->link, top->now);
	if (lost && !top->link.lost_at)
		top__notice(top, "the daemon is back");
	if (news)
		follow_selection(top);
	news |= reader__step(top);
	news |= reader__take(top);
	return take_sparing(top) || news;
}

/* The keyboard went away: nobody is there any more. */
static bool wait_for_news(struct top *top, const sigset_t *outside)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = top->link.following.fd, .events = POLLIN },
		{ .fd = top->link.asking.fd, .events = POLLIN },
		{ .fd = top->reader.job.fd, .events = POLLIN },
		{ .fd = top->sparing.fd, .events = POLLIN },
	};
	struct timespec tick = { .tv_nsec = TICK_MS * (long)NS_PER_MS };

	if (ppoll(fds, sizeof(fds) / sizeof(*fds), &tick, outside) <= 0)
		return true;
	return !(fds[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void run(struct top *top, const sigset_t *outside)
{
	uint64_t drawn_at = 0;
	bool seen = true, typed = false;

	while (!caught && take_keys(top, &typed)) {
		seen |= take_news(top);
		if (typed || top->now - drawn_at >= (seen ? FRAME_NS : NS_PER_SEC)) {
			top__draw(top);
			drawn_at = top->now;
			seen = typed = false;
		}
		if (!wait_for_news(top, outside))
			return;
	}
}

static void clear_top(struct top *top)
{
	reader__close(&top->reader);
	job__stop(&top->sparing);
	link__clear(&top->link);
	if (top->pad)
		fclose(top->pad);
	free(top->pad_text);
}

static enum exit_status show_top(struct top *top)
{
	FILE *usual = stderr;
	autofclose FILE *notices = catch_complaints(top);
	enum exit_status status;
	sigset_t outside;

	top->pad = open_memstream(&top->pad_text, &top->pad_size);
	if (!notices || !top->pad) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	catch_signals(&outside);
	status = terminal__begin(&top->ctl->screen);
	if (status == EXIT_DONE) {
		stderr = notices;
		run(top, &outside);
		stderr = usual;
		terminal__end();
	}
	if (caught)
		end_by(caught, &outside);
	return status;
}

static enum exit_status refuse(const struct ctl *ctl)
{
	if (ctl->options.json)
		complain("top is for eyes and has no JSON; use orphanctl events --follow --json");
	else if (!ctl->screen.terminal || isatty(STDIN_FILENO) != 1)
		complain("top wants a terminal at its standard input and output; use orphanctl "
			 "list, incidents or events --follow");
	else
		return EXIT_DONE;
	return EXIT_USAGE;
}

enum exit_status cmd__top(struct ctl *ctl)
{
	__attribute__((cleanup(clear_top))) struct top top = {
		.ctl = ctl,
		.now = clock__boottime(),
		.reader.job.fd = -1,
		.sparing.fd = -1,
	};
	enum exit_status status = refuse(ctl);

	if (status == EXIT_DONE)
		status = link__open(&top.link, ctl, top.now);
	return status == EXIT_DONE ? show_top(&top) : status;
}
