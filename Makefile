# SPDX-License-Identifier: GPL-2.0
#
# make demo    sets up, builds, and plays the story: an orphan that lives, then one that dies
# make check   sets up, builds, and runs every test
# make help    the other targets

VERSION := 0.1.0
PREFIX  ?= /usr
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
BUILD   ?= build
CC      ?= gcc
CLANG   ?= clang
JOBS    ?= $(shell nproc)

# bpftool lies in sbin.
export PATH := $(PATH):/usr/sbin:/sbin

# V=1 shows the commands.
Q   := $(if $(V),,@)
say = @printf '  %-5s %s\n' $(1) $@

PKGS_guard := libbpf libsystemd yaml-0.1 libcap-ng libseccomp sqlite3 json-c libmicrohttpd
PKGS_ctl   := json-c sqlite3 ncursesw
PKGS_tests := json-c criterion libbpf sqlite3 ncursesw
PKGS_e2e   := $(PKGS_tests) libcurl

CPPFLAGS += -D_GNU_SOURCE -DORPHAND_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(BUILD)
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2
CFLAGS   ?= -O2 -g
HARDEN   ?= -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
ALL_CFLAGS = -std=gnu17 $(CPPFLAGS) $(WARN) $(CFLAGS) $(HARDEN) $(SANITIZE) -MMD -MP
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SANITIZE)

# A target's libraries are asked for only when a recipe runs: `make deps` may have to bring
# pkg-config first.
pkg_cflags = $$(pkg-config --cflags $(1))
pkg_libs   = $$(pkg-config --libs $(1))

ARCH     := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
# v2: the oldest kernel that we serve, 5.10, knows no newer atomics than clang makes from it.
BPF_CPU   := v2
BPF_FLAGS  = -target bpf -mcpu=$(BPF_CPU) -O2 -g -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror \
             -Wno-unused-parameter -Wno-missing-declarations -Iinclude -I. -Ibpf

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
JAIL  := $(BUILD)/obj/user/base/jail.o
BASE  := $(filter-out $(JAIL),$(call objs,user/base/*.c))
MODEL := $(filter-out %/json.o,$(call objs,user/model/*.c))
JSON  := $(BUILD)/obj/user/model/json.o
GUARD := $(call objs,user/guard/*.c)
RECORDER := $(call objs,user/recorder/*.c) $(JAIL)
STORE := $(filter-out %/lines.o,$(call objs,user/store/*.c))
LINES := $(BUILD)/obj/user/store/lines.o
REPORT := $(call objs,user/report/*.c)
CTL   := $(call objs,user/ctl/*.c)
UNIT  := $(call objs,tests/unit/*.c)
KERNEL_TESTS := $(call objs,tests/kernel/*.c)
E2E   := $(call objs,tests/e2e/*.c)
ACTOR := $(call objs,tests/actor/*.c)
COMPLETIONS := $(addprefix $(BUILD)/completion/,bash zsh fish)
BENCH := $(filter-out %.bpf.o,$(call objs,tests/bench/*.c))

PROGRAMS := $(BUILD)/orphand $(BUILD)/orphanctl
TESTS    := $(BUILD)/tests/unit-tests $(BUILD)/tests/kernel-tests $(BUILD)/tests/e2e-tests \
            $(BUILD)/tests/actor $(BUILD)/tests/orphand-next

.PHONY: all help deps deps-build deps-bench docs demo check check-vm model bench bench-systemd figures lint format sanitize deb check-systemd install clean programs tests
.DELETE_ON_ERROR:

all: programs

help:
	@sed -n 's/^# \(make .*\)/\1/p' $(MAKEFILE_LIST)
	@echo 'make         builds build/orphand and build/orphanctl'
	@echo 'make deps    installs what is missing (Debian 12)'
	@echo 'make check-vm runs the kernel tests on 5.10, 6.1, 6.12, 6.18 and 7.3 in QEMU'
	@echo 'make model   checks the protocol with spin'
	@echo 'make fuzz    tries the feed with whatever bytes, FUZZ=20 seconds each'
	@echo 'make bench   measures, beside the kernel'\''s own ways to end a family'
	@echo 'make bench-systemd counts whom systemd'\''s scopes miss, on a Debian 12 in QEMU'
	@echo 'make figures draws docs/scale-*.svg from a bench'
	@echo 'make lint    clang-format, clang-tidy, cppcheck, gcc -fanalyzer'
	@echo 'make sanitize runs the tests under ASan and UBSan'
	@echo 'make deb     builds the Debian package in build/deb, and passes lintian'
	@echo 'make check-systemd installs that package on a Debian 12 in QEMU, and tries the service there'
	@echo 'make install DESTDIR= PREFIX=/usr'

programs: $(PROGRAMS) $(COMPLETIONS)
tests: $(TESTS)

# ---- the BPF object and its skeleton

BPF_OBJECTS := $(BUILD)/orphand.bpf.o $(BUILD)/next/orphand.bpf.o $(BUILD)/empty.bpf.o

$(BUILD)/orphand.bpf.o $(BUILD)/next/orphand.bpf.o: bpf/orphand.bpf.c $(wildcard bpf/*.h) \
		include/orphand/records.h
$(BUILD)/empty.bpf.o: tests/bench/empty.bpf.c

$(BPF_OBJECTS): vmlinux.h
	@mkdir -p $(@D)
	$(call say,BPF)
	$(Q)$(CLANG) $(BPF_FLAGS) -c $(filter %.c,$^) -o $@
	$(Q)llvm-strip -g $@

$(BPF_OBJECTS:.bpf.o=.skel.h): %.skel.h: %.bpf.o
	$(call say,SKEL)
	$(Q)bpftool gen skeleton $< name $(notdir $*)_bpf > $@

# Committed; made anew only when asked for by name.
ifneq ($(filter vmlinux.h,$(MAKECMDGOALS)),)
.PHONY: vmlinux.h
vmlinux.h:
	packaging/vmlinux.sh > $@.new
	mv $@.new $@
endif

# ---- user space

$(BUILD)/obj/user/guard/%.o: user/guard/%.c $(BUILD)/orphand.skel.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) $(call pkg_cflags,$(PKGS_guard)) -c $< -o $@

$(BUILD)/obj/user/recorder/page.o: $(wildcard user/recorder/page/*)
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) $(call pkg_cflags,json-c) -c $< -o $@

$(BUILD)/orphand: $(GUARD) $(RECORDER) $(REPORT) $(STORE) $(JSON) $(MODEL) $(BASE)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_guard)) -o $@

$(BUILD)/orphanctl: $(CTL) $(REPORT) $(STORE) $(LINES) $(JSON) $(MODEL) $(BASE)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_ctl)) -o $@

$(COMPLETIONS): $(BUILD)/orphanctl
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< completion $(@F) > $@

# ---- tests

CTL_PARTS = $(filter-out %/main.o,$(CTL))
RECORDER_PARTS = $(addprefix $(BUILD)/obj/user/recorder/,page.o request.o metrics.o picture.o health.o \
                 listing.o sse.o feed.o visit.o)
GUARD_PARTS = $(addprefix $(BUILD)/obj/user/guard/,config.o config_reader.o config_rules.o names.o)

$(BUILD)/tests/unit-tests: $(UNIT) $(CTL_PARTS) $(GUARD_PARTS) $(RECORDER_PARTS) $(REPORT) $(STORE) $(LINES) $(JSON) $(MODEL) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_tests) $(PKGS_guard)) -o $@

$(BUILD)/tests/kernel-tests: $(KERNEL_TESTS) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_tests)) -o $@

$(BUILD)/tests/e2e-tests: $(E2E) $(filter-out %_test.o,$(KERNEL_TESTS)) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_e2e)) -o $@

$(BUILD)/tests/actor: $(ACTOR) $(BUILD)/obj/user/base/text.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lpthread -o $@

# What a test upgrades to: the same programs compiled to other code.
$(BUILD)/next/orphand.bpf.o: BPF_CPU := v1

$(BUILD)/next/kernel.o: user/guard/kernel.c $(BUILD)/next/orphand.skel.h
	$(call say,CC)
	$(Q)$(CC) -I$(BUILD)/next $(ALL_CFLAGS) $(call pkg_cflags,$(PKGS_guard)) -c $< -o $@

$(BUILD)/tests/orphand-next: $(BUILD)/next/kernel.o $(filter-out %/kernel.o,$(GUARD)) $(RECORDER) $(REPORT) $(STORE) $(JSON) $(MODEL) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_guard)) -o $@

$(BUILD)/obj/tests/bench/hooks.o: $(BUILD)/empty.skel.h
$(BUILD)/obj/tests/bench/peer.o: tests/bench/audit.sh
$(BUILD)/obj/tests/bench/ways.o: tests/bench/psutil_ways.py
$(BUILD)/obj/tests/bench/watcher.o: tests/bench/poller.py tests/bench/follow.bt

$(BUILD)/tests/bench: $(BENCH) $(RECORDER) $(REPORT) $(STORE) $(JSON) $(MODEL) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call pkg_libs,$(PKGS_guard)) -o $@

-include $(shell find $(BUILD)/obj $(BUILD)/next -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)

# ---- what people call

DEPS_BUILD := gcc make clang llvm bpftool pkg-config libc6-dev libbpf-dev libelf-dev zlib1g-dev \
              libsystemd-dev libyaml-dev libjson-c-dev libcap-ng-dev libseccomp-dev libsqlite3-dev \
              libncurses-dev libmicrohttpd-dev
DEPS_RUN   := procps python3
DEPS_TEST  := libcriterion-dev zsh fish tmux libxml2-utils graphviz libcurl4-openssl-dev prometheus \
	      python3-jsonschema
DEPS_PAGE  := chromium
NPM_PAGE   := playwright-core@1.65.1 axe-core@4.14.1
DEPS_LINT  := clang-format clang-tidy cppcheck shellcheck mandoc
DEPS_DOCS  := graphviz
DEPS_FIGURES := gnuplot-nox
DEPS_VM    := qemu-system-x86 busybox-static cpio
DEPS_SYSTEMD := qemu-system-x86 qemu-system-common mmdebstrap
DEPS_DEB   := git dpkg-dev debhelper pkgconf lintian
DEPS_MODEL := spin
DEPS_BENCH := bubblewrap util-linux tini dumb-init supervisor python3-psutil bpftrace libbpf-tools \
	      auditd

deps-build:
	@packaging/deps.sh $(DEPS_BUILD) $(DEPS_RUN)

deps: deps-build
	@packaging/deps.sh $(DEPS_TEST)
	@packaging/deps.sh $(DEPS_PAGE) || echo "not to be had: $(DEPS_PAGE); the tests that want it are skipped"
	@packaging/npm.sh $(BUILD)/page $(NPM_PAGE)

# What orphand is measured beside. Where one is not to be had, the table says so.
deps-bench:
	@for package in $(DEPS_BENCH); do \
		packaging/deps.sh $$package || echo "not to be had: $$package"; \
	done

demo: deps-build
	@$(MAKE) --no-print-directory -j$(JOBS) programs
	@tests/e2e/demo.sh $(BUILD)

# Whatever signals our caller ignores, the tests begin with none ignored.
RUN := env --default-signal LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0

# Criterion is told how many at once: the kernel tests start daemons and families of their own.
check: deps
	@$(MAKE) --no-print-directory -j$(JOBS) programs tests
	$(RUN) $(BUILD)/tests/unit-tests
	$(RUN) ORPHAND_BUILD=$(BUILD) $(BUILD)/tests/kernel-tests --jobs $(JOBS)
	$(RUN) ORPHAND_BUILD=$(BUILD) $(BUILD)/tests/e2e-tests --jobs $(JOBS)

check-vm: deps
	@packaging/deps.sh $(DEPS_VM)
	@$(MAKE) --no-print-directory -j$(JOBS) programs tests
	tests/vm/run.sh $(if $(KERNELS),--kernels "$(KERNELS)") $(if $(FILTER),--filter "$(FILTER)")

model:
	@packaging/deps.sh $(DEPS_MODEL) gcc
	tests/model/check.sh

# ---- linters

USER_C   = $(filter-out %.bpf.c,$(wildcard user/*/*.c tests/*/*.c))
HEADERS  = $(wildcard include/orphand/*.h user/*/*.h tests/*/*.h)
BPF_SRC  = $(wildcard bpf/*.c bpf/*.h tests/bench/*.bpf.c)
SCRIPTS  = $(wildcard packaging/*.sh tests/*/*.sh .ci/run)
LINTED   = $(patsubst %.c,$(BUILD)/lint/%.ok,$(USER_C))

lint: deps
	@packaging/deps.sh $(DEPS_LINT)
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/orphand.skel.h $(BUILD)/empty.skel.h
	@$(MAKE) --no-print-directory -j$(JOBS) lint-format lint-cppcheck lint-shell lint-man lint-code
	@echo 'clang-format, clang, clang-tidy, cppcheck, gcc -fanalyzer, shellcheck, mandoc: clean'

.PHONY: lint-format lint-cppcheck lint-shell lint-man lint-code
lint-format:
	$(Q)clang-format --dry-run -Werror $(USER_C) $(HEADERS) $(BPF_SRC)

lint_flags = -std=gnu17 $(CPPFLAGS) $(WARN) $(call pkg_cflags,$(PKGS_guard) $(PKGS_tests))

# Each file by two compilers, the programs' own by two analyzers too (tests do on purpose what those
# warn of). What was clean is not read again until it changes.
$(BUILD)/lint/%.ok: %.c .clang-tidy $(HEADERS) $(BUILD)/orphand.skel.h $(BUILD)/empty.skel.h
	$(call say,LINT)
	@mkdir -p $(@D)
	$(Q)gcc $(lint_flags) -O1 $(if $(filter user/%,$<),-fanalyzer) -c $< -o $(@:.ok=.o)
	$(Q)$(CLANG) $(lint_flags) -fsyntax-only $<
	$(if $(filter user/%,$<),$(Q)clang-tidy --quiet $< -- $(lint_flags) 2>/dev/null)
	$(Q)touch $@

lint-code: $(LINTED)

# cppcheck reads no system headers: the macros that it must know are given to it.
lint-cppcheck:
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j $(JOBS) \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=*:*/sys/queue.h --include=$(firstword $(wildcard /usr/include/sys/queue.h \
		/usr/include/*/sys/queue.h)) '-DLIBBPF_OPTS(type,name,...)=struct type name = {0}' \
		-Iinclude -Iuser $(filter user/%,$(USER_C))

lint-shell:
	$(Q)shellcheck $(SCRIPTS)

lint-man:
	$(Q)mandoc -T lint -W warning $(wildcard docs/*.[1578])

# The pictures, from their texts.
docs:
	@packaging/deps.sh $(DEPS_DOCS)
	dot -Tsvg docs/architecture.dot -o docs/architecture.svg

format:
	clang-format -i $(USER_C) $(HEADERS) $(BPF_SRC)

# A crash stays one by the signal: a test asks for it.
sanitize: deps
	@packaging/deps.sh libclang-rt-14-dev
	@ASAN_OPTIONS=handle_segv=0 $(MAKE) --no-print-directory check BUILD=$(BUILD)-san \
		HARDEN= CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined'

# For so many seconds each, by libFuzzer; what it finds to be new goes beside the corpus in the build.
FUZZ    ?= 20
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/unit/feed_rig.o $(RECORDER_PARTS) \
		$(REPORT) $(STORE) $(JSON) $(MODEL) $(BASE)
	@mkdir -p $(@D)/new/$*
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ $(call pkg_libs,$(PKGS_guard)) -o $@

.SECONDARY: $(patsubst %,$(BUILD)/obj/tests/fuzz/%.o,$(FUZZERS))
.PHONY: fuzz $(addprefix fuzz-,$(FUZZERS))
$(addprefix fuzz-,$(FUZZERS)): fuzz-%: $(BUILD)/fuzz/%
	$< -max_total_time=$(FUZZ) -max_len=4096 -timeout=20 -close_fd_mask=1 \
		-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/new/$* tests/fuzz/corpus/$*

fuzz: deps
	@packaging/deps.sh libclang-rt-14-dev
	@$(MAKE) --no-print-directory -j$(JOBS) $(addprefix fuzz-,$(FUZZERS)) BUILD=$(BUILD)-fuzz \
		CC=$(CLANG) HARDEN= CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'

bench: deps deps-bench
	@$(MAKE) --no-print-directory -j$(JOBS) programs $(BUILD)/tests/bench $(BUILD)/tests/actor
	$(BUILD)/tests/bench all

# The way to end a family that only a host with systemd has, on a Debian 12 in QEMU. Its kernel is the
# table's own.
BENCH_SYSTEMD ?= families --rounds 20 --ways 'systemd scope'

bench-systemd: deb
	@packaging/deps.sh $(DEPS_SYSTEMD)
	@$(MAKE) --no-print-directory -j$(JOBS) programs $(BUILD)/tests/bench $(BUILD)/tests/actor
	ORPHAND_BUILD=$(BUILD) tests/vm/systemd.sh --kernel 6.18 --deadline 7200 $(BUILD)/deb/orphand_$(VERSION)_*.deb $(BENCH_SYSTEMD)

# The pictures of how it grows, from a bench: not on a machine that has other things to do.
FIGURES := $(addprefix docs/scale-,memory.svg cpu.svg kill.svg)

figures: deps
	@packaging/deps.sh $(DEPS_FIGURES)
	@$(MAKE) --no-print-directory -j$(JOBS) programs $(BUILD)/tests/bench
	rm -f $(BUILD)/scale.tsv
	$(BUILD)/tests/bench scale --tsv $(BUILD)/scale.tsv
	@$(MAKE) --no-print-directory $(FIGURES)

$(FIGURES) &: tests/bench/scale.gp $(BUILD)/scale.tsv
	gnuplot -e "from='$(BUILD)/scale.tsv'; to='docs'" $<

deb:
	@packaging/deps.sh $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_DEB)
	packaging/deb.sh $(BUILD)/deb $(VERSION)

check-systemd: deb
	@packaging/deps.sh $(DEPS_SYSTEMD)
	tests/vm/systemd.sh $(BUILD)/deb/orphand_$(VERSION)_*.deb

# ---- in place

share := $(DESTDIR)$(PREFIX)/share
lib   := $(DESTDIR)$(PREFIX)/lib
put   := install -D -m 644
MAN   := $(wildcard docs/*.[1578])
SHARED := $(wildcard packaging/grafana/* packaging/prometheus/*)

install: programs
	install -D -m 755 $(BUILD)/orphand $(DESTDIR)$(PREFIX)/sbin/orphand
	install -D -m 755 $(BUILD)/orphanctl $(DESTDIR)$(PREFIX)/bin/orphanctl
	sed 's,/usr/sbin/,$(PREFIX)/sbin/,' packaging/orphand.service > $(BUILD)/orphand.service
	$(put) -t $(DESTDIR)$(UNITDIR) $(BUILD)/orphand.service
	$(put) packaging/orphand.sysusers $(lib)/sysusers.d/orphand.conf
	$(put) packaging/orphand.tmpfiles $(lib)/tmpfiles.d/orphand.conf
	$(put) -t $(lib)/systemd/catalog packaging/orphand.catalog
	$(put) -t $(share)/doc/orphand/examples packaging/orphand.yaml
	$(put) -t $(share)/doc/orphand/schema $(wildcard docs/schema/*.json)
	test -e $(DESTDIR)/etc/orphand/orphand.yaml || $(put) -t $(DESTDIR)/etc/orphand packaging/orphand.yaml
	install -d $(DESTDIR)/etc/orphand/rules.d
	$(put) $(BUILD)/completion/bash $(share)/bash-completion/completions/orphanctl
	ln -sf orphanctl $(share)/bash-completion/completions/orphand
	$(put) $(BUILD)/completion/zsh $(DESTDIR)$(ZSHDIR)/_orphanctl
	$(put) $(BUILD)/completion/fish $(share)/fish/vendor_completions.d/orphanctl.fish
	ln -sf orphanctl.fish $(share)/fish/vendor_completions.d/orphand.fish
	for page in $(MAN); do $(put) -t $(share)/man/man$${page##*.} $$page || exit; done
	for file in $(SHARED:packaging/%=%); do $(put) packaging/$$file $(share)/orphand/$$file || exit; done
