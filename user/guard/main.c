// SPDX-License-Identifier: GPL-2.0
/* main.c - options, then the guard's life: start, loop, stop. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/brake.h"
#include "guard/confine.h"
#include "guard/control.h"
#include "guard/coroner.h"
#include "guard/ender.h"
#include "guard/guard.h"
#include "guard/intake.h"
#include "guard/outside.h"
#include "guard/procfs.h"
#include "guard/reflex.h"
#include "guard/resync.h"
#include "guard/ring.h"
#include "guard/strike.h"
#include "guard/stream.h"
#include "guard/watch.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNSERVED = 3 };

/* Inode of the first PID namespace, PROC_PID_INIT_INO in include/linux/proc_ns.h. */
#define HOST_PID_NS 4026531836U

/* What /proc/sys/kernel/pid_max may be raised to at any time, include/linux/threads.h. */
#define PID_MAX_LIMIT 4194304U

struct options {
	const char *config; /* NULL: the default place, where a file may be missing */
	bool observe;
	bool check;
	bool unpin;
};

static const char usage[] =
	"usage: orphand [--config FILE] [--observe] [--check] [--unpin]\n"
	"               [--log-level error|warn|info|debug] [--version] [--help]\n"
	"\n"
	"Watches process families and ends what outlives a root that was killed.\n"
	"\n"
	"  --config FILE   read FILE instead of " CONFIG_PATH "\n"
	"  --observe       the whole machinery, but nobody is signalled\n"
	"  --check         check the config and what this kernel offers, and end\n"
	"  --unpin         remove every trace of a stopped orphand from the kernel, and end\n"
	"  --log-level L   how much is said on standard error (info)\n";

static int bad_usage(const char *what, const char *word)
{
	fprintf(stderr, "orphand: %s '%s'; orphand --help lists what there is\n", what, word);
	return -EXIT_USAGE;
}

/* 1: go on; 0 or a negative exit code: end. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "observe", no_argument, NULL, 'o' },
		{ "check", no_argument, NULL, 'k' },
		{ "unpin", no_argument, NULL, 'u' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	enum log_level level = LOG_LEVEL_INFO;
	int option, at = optind; /* of the word that is read */

	opterr = 0;
	for (; (option = getopt_long(argc, argv, "+:h", known, NULL)) != -1; at = optind) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'o':
			options->observe = true;
			break;
		case 'k':
			options->check = true;
			break;
		case 'u':
			options->unpin = true;
			break;
		case 'l':
			if (log__parse_level(optarg, &level))
				return bad_usage("--log-level is error, warn, info or debug, not",
						 optarg);
			break;
		case 'v':
			puts("orphand " ORPHAND_VERSION);
			return EXIT_OK;
		case 'h':
			fputs(usage, stdout);
			return EXIT_OK;
		case ':':
			return bad_usage("a value is missing behind", argv[at]);
		default:
			return bad_usage("unknown option", argv[at]);
		}
	}
	if (optind < argc)
		return bad_usage("unexpected argument", argv[optind]);
	log__set_level(level);
	return 1;
}

static const char *path_of_config(const struct options *options)
{
	return options->config ? options->config : CONFIG_PATH;
}

static int read_config(const struct options *options, struct config *config)
{
	char error[512];
	int err;

	*config = config__default();
	err = config__read(config, path_of_config(options), options->config, error, sizeof(error));
	if (err)
		log_error("%s", error);
	config->observe |= options->observe;
	return err;
}

/* ---- what the machine must offer */

static const char *missing(void)
{
	if (geteuid() != 0)
		return "orphand must run as root (or with CAP_BPF, CAP_PERFMON, CAP_KILL, CAP_SYS_PTRACE "
		       "as uid 0)";
	if (procfs__pid_ns((uint32_t)getpid()) != HOST_PID_NS)
		return "orphand must run in the host's PID namespace: the kernel names processes by its "
		       "pids (in a container: --pid=host)";
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return "this kernel has no BTF (/sys/kernel/btf/vmlinux): orphand needs Linux 5.10 or later "
		       "with CONFIG_DEBUG_INFO_BTF";
	return NULL;
}

static void print_finding(void *context, enum finding_level level, const char *name,
			  const char *text)
{
	static const char *const levels[] = {
		[FINDING_OK] = "ok", [FINDING_GAP] = "gap", [FINDING_WRONG] = "WRONG"
	};

	(void)context;
	printf("%-5s %-22s %s\n", levels[level], name, text);
}

static void print_rules(const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		autofree char *text = rule__format(rules->at[i]);

		print_finding(NULL, FINDING_OK, rules->at[i]->name, text ? text : "");
	}
}

static void print_redactor(const struct redactor *redactor)
{
	size_t own = redactor->names.count + redactor->values.count;
	char text[80];

	snprintf(text, sizeof(text), "by %s%zu pattern%s of its own",
		 redactor->defaults ? "the default and " : "", own, own == 1 ? "" : "s");
	print_finding(NULL, FINDING_OK, "redact", text);
}

static int check(const struct config *config)
{
	const char *why = missing();
	char ring[32];

	snprintf(ring, sizeof(ring), "%u bytes", config->ring);
	print_finding(NULL, FINDING_OK, "config", "read");
	print_finding(NULL, FINDING_OK, "runtime_dir", config->runtime_dir);
	print_finding(NULL, FINDING_OK, "pin_dir", config->pin_dir);
	print_finding(NULL, FINDING_OK, "ring", ring);
	print_redactor(&config->redact);
	print_finding(NULL, FINDING_OK, "reflex", config->reflex ? "on" : "off");
	print_rules(&config->rules);
	if (why) {
		print_finding(NULL, FINDING_WRONG, "place", why);
		return EXIT_UNSERVED;
	}
	print_finding(NULL, FINDING_OK, "place", "root in the host's PID namespace, BTF is there");
	return kernel__probe(print_finding, NULL) ? EXIT_UNSERVED : EXIT_OK;
}

static int unpin(const struct config *config)
{
	int err = kernel__unpin(config->pin_dir);

	if (err && err != -EBUSY)
		log_error("can't remove %s: %s", config->pin_dir, strerror(-err));
	return err ? EXIT_FAILED : EXIT_OK;
}

/* ---- the guard's life */

int64_t guard__realtime(struct guard *guard)
{
	int64_t now = clock__offset();

	if (llabs(now - guard->realtime) > (int64_t)(10 * NS_PER_MS))
		guard->realtime = now;
	return guard->realtime;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)data;
	log_info("stopping: %s", signal__name((int)info->ssi_signo));
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)source;
	(void)info;
	sd_notify(0, "RELOADING=1");
	watch__reload(data);
	sd_notify(0, "READY=1");
	return 0;
}

static int add_signals(struct guard *guard)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} signals[] = { { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload } };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		/* Whoever started us may have had it ignored, as nohup(1) does. */
		signal(signals[i].signal, SIG_DFL);
		sigaddset(&set, signals[i].signal);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		int err = sd_event_add_signal(guard->loop, NULL, signals[i].signal,
					      signals[i].handler, guard);

		if (err < 0)
			return err;
	}
	return 0;
}

static void read_host(struct guard *guard)
{
	char line[64];
	size_t n = 0;

	procfs__line("/proc/sys/kernel/random/boot_id", line, sizeof(line));
	for (const char *at = line; *at && n < sizeof(guard->boot_id) - 1; at++) {
		if (*at != '-')
			guard->boot_id[n++] = *at;
	}
	procfs__line("/etc/machine-id", guard->machine_id, sizeof(guard->machine_id));
	gethostname(guard->host, sizeof(guard->host) - 1);
}

static int start(struct guard *guard, char *error, size_t size)
{
	int err;

	guard->family = family__new(PID_MAX_LIMIT);
	/* No daemon makes an event each microsecond: those of the next have higher numbers. */
	err = guard->family ? journal__init(&guard->journal, clock__realtime() / NS_PER_US)
			    : -ENOMEM;
	if (!err)
		err = coroner__init(guard);
	if (!err)
		err = sd_event_default(&guard->loop);
	if (err >= 0)
		err = add_signals(guard);
	if (err >= 0)
		err = ender__init(guard);
	if (err >= 0)
		err = resync__init(guard);
	if (err < 0)
		return err;
	sd_event_set_watchdog(guard->loop, true);
	kernel__on_record(guard->kernel, intake__record, guard);
	guard->state = kernel__state(guard->kernel);
	if (brake__is_open(guard))
		log_warn("the brake is open since an earlier run (%s): nobody is signalled until "
			 "'orphanctl arm'",
			 guard->state.why);
	reflex__arm(guard);
	/* The ring is listened to before the maps are read. */
	err = ring__listen(guard);
	if (err < 0)
		return err;
	/* The rules before the programs, so that no exec slips through between a guard's and the
	 * next. */
	watch__begin(guard);
	err = kernel__attach(guard->kernel, error, size);
	if (err)
		return err;
	if (kernel__took_over(guard->kernel))
		resync__take_over(guard);
	watch__look_around(guard);
	err = control__open(guard, error, size);
	if (!err)
		stream__start(guard);
	return err ? err : confine__give_up(error, size);
}

static void stop(struct guard *guard)
{
	bool unwatched;

	ring__stop(guard);
	control__close(guard);
	stream__stop(guard);
	if (guard->ender_timer)
		ender__stop(guard);
	if (guard->resync_timer)
		resync__stop(guard);
	outside__stop(guard);
	unwatched = !guard->family || !family__first_tree(guard->family);
	if (!unwatched)
		log_info("%u tree%s stay followed in the kernel; the next start goes on from here",
			 family__trees(guard->family),
			 family__trees(guard->family) == 1 ? "" : "s");
	kernel__close(guard->kernel, unwatched && !brake__is_open(guard)); /* which stays open */
	journal__free(&guard->journal);
	coroner__free(guard);
	family__free(guard->family);
	config__free(&guard->config);
	sd_event_unref(guard->loop);
}

/* Takes the config. */
static int run(const struct options *options, const struct config *config)
{
	struct guard guard = {
		.config = *config,
		.config_path = path_of_config(options),
		.config_named = options->config,
		.begun = clock__boottime(),
	};
	char error[512] = "";
	int err = kernel__open(&guard.kernel, config, error, sizeof(error));

	if (err) {
		log_error("%s", error);
		config__free(&guard.config);
		return err == -EBUSY || err == -EPROTO ? EXIT_FAILED : EXIT_UNSERVED;
	}
	confine__hold_on();
	read_host(&guard);
	strike__init(&guard);
	err = start(&guard, error, sizeof(error));
	if (err >= 0) {
		log_info("watching%s; control socket %s/control.sock",
			 config->observe ? " (observe)" : "", config->runtime_dir);
		sd_notify(0, "READY=1");
		err = sd_event_loop(guard.loop);
		sd_notify(0, "STOPPING=1");
	}
	if (err < 0)
		log_error("%s", *error ? error : strerror(-err));
	stop(&guard);
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct options options = {};
	struct config config;
	const char *why;
	int go = parse_options(argc, argv, &options), code;

	if (go <= 0)
		return -go;
	if (read_config(&options, &config))
		return EXIT_USAGE;
	confine__raise_limits();
	why = options.check ? NULL : missing();
	if (options.check) {
		code = check(&config);
	} else if (why) {
		log_error("%s", why);
		code = EXIT_UNSERVED;
	} else if (options.unpin) {
		code = unpin(&config);
	} else {
		return run(&options, &config);
	}
	config__free(&config);
	return code;
}
