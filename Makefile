# Chronos: background jobs on Redis Streams and Postgres. `make help` lists the targets.

VARIANT  ?= release
ifeq (,$(filter $(VARIANT),release debug asan tsan fuzz coverage))
$(error VARIANT=$(VARIANT): must be release, debug, asan, tsan, fuzz or coverage)
endif
WERROR   ?= 1
# make V=1 shows the commands
Q        := $(if $(V),,@)
OBJCOPY  ?= objcopy
PREFIX   ?= /usr/local
B        := build/$(VARIANT)
GEN      := build/gen
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

PKGS     := hiredis libcurl jansson libcrypto libmicrohttpd libpq
PG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla \
        -Wformat=2 -Wundef -Wpointer-arith -Wno-missing-field-initializers -Wno-unused-parameter
# messages have a fixed size on purpose, and gcc asks for a check whose answer is always to cut
ifeq (,$(findstring clang,$(shell $(CC) --version 2>/dev/null)))
WARN += -Wno-format-truncation
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

OPT_release  := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LD_release   := -pie -Wl,-z,relro,-z,now,-z,noexecstack
OPT_debug    := -O0 -g3
OPT_asan     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_asan      := -fsanitize=address,undefined
OPT_tsan     := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
LD_tsan      := -fsanitize=thread
OPT_fuzz     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_fuzz      := -fsanitize=address,undefined
OPT_coverage := -O0 -g --coverage
LD_coverage  := --coverage

ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE $(WARN) $(OPT_$(VARIANT)) -pthread -I. -I$(GEN) -Iengine -Iworker -Iworker/text -Iworker/providers $(PG_CFLAGS) $(CFLAGS)
# our allocations go through engine/memory.c, which ends the process when there is no memory
comma := ,
WRAP := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc reallocarray strdup strndup asprintf vasprintf)
ALL_LDFLAGS = $(LD_$(VARIANT)) $(WRAP) -pthread $(LDFLAGS)
LIBS        = $(PG_LIBS) -lm
# of the console alone
CONSOLE_LIBS = $(shell pkg-config --libs libmicrohttpd nettle 2>/dev/null)

ENGINE_SRC    := $(wildcard engine/*.c)
TEXT_SRC      := $(wildcard worker/text/*.c)
PROVIDER_SRC  := $(wildcard worker/providers/*.c)
FUNCTION_SRC  := $(wildcard worker/functions/*.c)
WORKER_SRC    := $(wildcard worker/*.c) $(TEXT_SRC) $(PROVIDER_SRC) $(FUNCTION_SRC)
SCHEDULER_SRC := $(wildcard scheduler/*.c)
CONSOLE_SRC   := $(wildcard console/*.c)
CTL_SRC       := $(wildcard console/ctl/*.c)
UNIT_SRC      := $(wildcard tests/unit/test_*.c)

obj = $(patsubst %.c,$(B)/%.o,$(1))

ENGINE_OBJ := $(call obj,$(ENGINE_SRC))
# what unit tests link: the engine and the worker's parts that need no running worker
TESTABLE   := $(call obj,$(ENGINE_SRC) $(TEXT_SRC) $(PROVIDER_SRC) \
                $(addprefix worker/, allowance.c ask_order.c names.c fairness.c workdir.c video.c vectors.c run.c plan.c result.c \
                  outcome.c history.c seat.c step.c step_pause.c))
# and the scheduler's parts that need no running scheduler
TESTABLE   += $(call obj,$(addprefix scheduler/, awaited.c conditions.c copy_lines.c event.c history_entry.c live.c \
                recorded.c refused.c start.c tick_plan.c waiter.c waterfill.c))
# of the console, for unit tests alone
TESTABLE_CONSOLE := $(call obj,$(addprefix console/, digest.c rate.c request.c tries.c when.c))
UNIT_BIN   := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))

# starts and stops private servers, for people and for tests
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
STACK   = @CHRONOS_DEMO_VARIANT=$(VARIANT) $(PYTHON) -m ops.stack

.PHONY: all
all: ## build the daemons (VARIANT=release|debug|asan|tsan|coverage)
all: $(B)/chronos-worker $(B)/chronos-scheduler $(B)/chronos-console $(B)/chronosctl

$(B)/chronos-worker: $(call obj,$(WORKER_SRC)) $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/chronos-scheduler: $(call obj,$(SCHEDULER_SRC)) $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# to search, the console makes vectors of questions as the worker does of passages
CONSOLE_OBJ := $(call obj,$(CONSOLE_SRC) worker/providers/embeddings.c worker/providers/openai.c \
                 worker/text/hash_embedder.c worker/text/vector_text.c worker/text/words.c worker/text/utf8.c)
$(B)/chronos-console: $(CONSOLE_OBJ) $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CONSOLE_LIBS)

# chronosctl does what the scheduler and the console do, with their own code. Some names of the two are alike, so of the
# scheduler's only those are left that chronosctl calls.
CTL_CALLS := rebuild_if_lost controls_apply epochs_read identity_start identity_stop scan_init scan_next scan_name
$(B)/console/ctl/scheduler.o: $(call obj,$(filter-out scheduler/main.c,$(SCHEDULER_SRC)))
	@mkdir -p $(@D)
	$(Q)echo "  link  $@"; $(LD) -r -o $@.tmp $^ && $(OBJCOPY) $(addprefix --keep-global-symbol=,$(CTL_CALLS)) $@.tmp $@; rm -f $@.tmp

$(B)/chronosctl: $(call obj,$(CTL_SRC)) $(filter-out $(B)/console/main.o,$(CONSOLE_OBJ)) \
                 $(B)/console/ctl/scheduler.o $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CONSOLE_LIBS)

# The worker with the functions of tests/fixtures beside the real ones: what tests and benchmarks run.
FIXTURE_SRC := $(wildcard tests/fixtures/*.c)
$(B)/chronos-worker-test: $(filter-out $(B)/worker/registry.o,$(call obj,$(WORKER_SRC))) \
                          $(call obj,$(FIXTURE_SRC)) $(B)/tests/registry.o $(B)/tests/stop_point.o $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/tests/registry.o: worker/registry.c $(GEN)/functions.inc $(GEN)/test_functions.inc
	@mkdir -p $(@D)
	$(Q)echo "  cc    $@"; $(CC) $(ALL_CFLAGS) -DFUNCTIONS_INC='"test_functions.inc"' -MMD -MP -c -o $@ $<

$(GEN)/test_functions.inc: $(GEN)/functions.inc $(FIXTURE_SRC) Makefile
	@(cat $(GEN)/functions.inc; for f in $(notdir $(FIXTURE_SRC:.c=)); do echo "FUNCTION(fn_$$f)"; done) > $@

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)echo "  cc    $@"; $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# ---- generated tables: SQL queries, migrations and Lua scripts become part of the binaries ----
$(GEN)/sql.inc: sql/embed.awk $(sort $(wildcard sql/queries/*.sql)) $(sort $(wildcard sql/migrations/*.sql))
	@mkdir -p $(@D)
	$(Q)awk -f sql/embed.awk $(filter %.sql,$^) > $@.tmp && mv $@.tmp $@

$(GEN)/lua.inc: lua/assemble.awk $(sort $(wildcard lua/*.lua)) $(sort $(wildcard lua/include/*.lua))
	@mkdir -p $(@D)
	$(Q)awk -f lua/assemble.awk $(filter-out lua/include/%,$(filter %.lua,$^)) > $@.tmp && mv $@.tmp $@

# looked at in every build and written when another function is there, or one is gone
.PHONY: FORCE
$(GEN)/functions.inc: FORCE
	@mkdir -p $(@D)
	@for f in $(FUNCTION_SRC); do name=$${f##*/}; name=fn_$${name%.c}; \
	    grep -qw "$$name" $$f || { echo "$$f must define $$name: const struct function $$name = {…};" >&2; exit 1; }; \
    id=$$(echo "$${name#fn_}" | tr _ -); \
    grep -q "\.id *= *\"$$id\"" $$f || { echo "$$f: the .id of $$name must be \"$$id\", as the file is named" >&2; exit 1; }; \
	    echo "FUNCTION($$name)"; done > $@.tmp
	@cmp -s $@.tmp $@ || cp $@.tmp $@; rm $@.tmp

# the files of the console's page, and the description of its API, become part of it
PAGE_FILES := console/openapi.json $(sort $(shell find console/page -type f 2>/dev/null))
$(GEN)/static.inc: $(PAGE_FILES) FORCE
	@mkdir -p $(@D)
	@n=0; for f in $(PAGE_FILES); do n=$$((n + 1)); name=$${f#console/}; echo "STATIC_FILE($$n, \"/$${name#page/}\", \"$$f\")"; done > $@.tmp
	@cmp -s $@.tmp $@ || cp $@.tmp $@; rm $@.tmp
$(B)/console/static.o: $(GEN)/static.inc $(PAGE_FILES)

$(B)/engine/sql_table.o: $(GEN)/sql.inc
$(B)/engine/script.o: $(GEN)/lua.inc
$(B)/worker/registry.o: $(GEN)/functions.inc

$(B)/engine/daemon.o $(B)/engine/http.o: CFLAGS += -DCHRONOS_VERSION='"$(VERSION)"'

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- unit tests ----
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(TESTABLE) $(TESTABLE_CONSOLE)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CONSOLE_LIBS) -lcmocka

$(B)/tests/providers/provider_probe: $(B)/tests/providers/provider_probe.o $(TESTABLE)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# makes calls of a daemon fail, see the file. Optimised, an allocation that does not fail goes on to the allocator by a jump:
# whoever looks at where it came from (LeakSanitizer) sees the real caller.
$(B)/fault.so: tests/faults/fault.c
	@mkdir -p $(@D)
	$(Q)echo "  link  $@"; $(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl

.PHONY: unit
unit: ## build and run the unit tests
unit: $(UNIT_BIN)
	$(STACK) run -- sh -c 'for t in $(UNIT_BIN); do $$t || exit 1; done'

.PHONY: test-programs
test-programs: $(UNIT_BIN) $(B)/tests/providers/provider_probe $(if $(FIXTURE_SRC),$(B)/chronos-worker-test)

.PHONY: test
test: ## build and run every test (ONLY=pattern for some)
	@ONLY='$(ONLY)' BUILD='$(BUILD)' tests/run.sh

# ---- fuzzing: clang's libFuzzer over everything that reads what others wrote ----
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(call obj,tests/fuzz/fuzz.c tests/fuzz/answers.c) $(TESTABLE)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -Wl,--wrap=http_send -o $@ $^ $(LIBS)

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_BIN)

.PHONY: fuzz
fuzz: ## search for inputs that break a parser (SECONDS=60 in all, ONLY=name, SEED=n)
	@ops/install-deps.sh test
	@$(MAKE) -s --no-print-directory VARIANT=fuzz CC=clang fuzz-programs
	@$(PYTHON) -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

# SEED= is chosen and printed when it is not given; VARIANT=tsan and others where asked for
.PHONY: chaos
chaos: ## try to break every promise for a while (SECONDS=600 SEED=n)
chaos: CHAOS_VARIANT := $(if $(filter file default,$(origin VARIANT)),asan,$(VARIANT))
chaos:
	@ops/install-deps.sh test
	@$(MAKE) -s --no-print-directory VARIANT=$(CHAOS_VARIANT) all build/$(CHAOS_VARIANT)/chronos-worker-test
	@CHRONOS_TEST_VARIANT=$(CHAOS_VARIANT) CHRONOS_TEST_CHAOS_SECONDS=$(or $(SECONDS),120) CHRONOS_TEST_SEED=$(SEED) \
	    $(PYTHON) -m pytest -c tests/pytest.ini -s tests/chaos/test_promises.py

.PHONY: newcomer
newcomer: ## follow the README on a bare Debian 12 made with debootstrap, to a video that is found in the console
newcomer:
	@tests/deploy/newcomer.sh

.PHONY: drills
drills: ## go through every accident of the runbook under load, with its alert (ONLY=redis)
drills:
	@ops/install-deps.sh test
	@$(MAKE) -s --no-print-directory VARIANT=asan all build/asan/chronos-worker-test
	@PYTHONDONTWRITEBYTECODE=1 CHRONOS_TEST_VARIANT=asan $(PYTHON) -m pytest -c tests/pytest.ini -s $(if $(ONLY),-k $(ONLY)) tests/drills

# SOURCE= takes the videos of some sources only, ONLY= one kind (allocation, leaks or call). EVERY= takes every so many-th
# point, from FROM= on; 1 is all of them. AT_ONCE= workers fail at the same time.
.PHONY: faults
faults: ## make allocations and calls fail, one after the other, in a run of the whole pipeline (SOURCE=upload ONLY=call EVERY=n …)
	@ops/install-deps.sh test
	@$(MAKE) -s --no-print-directory VARIANT=release all build/release/chronos-worker-test build/release/fault.so
	@$(MAKE) -s --no-print-directory VARIANT=asan all build/asan/chronos-worker-test
	@CHRONOS_TEST_FAULTS_SOURCES="$(or $(SOURCE),youtube upload)" \
	    CHRONOS_TEST_FAULTS_EVERY=$(or $(EVERY),1) CHRONOS_TEST_FAULTS_FROM=$(or $(FROM),1) \
	    CHRONOS_TEST_FAULTS_AT_ONCE=$(or $(AT_ONCE),12) $(PYTHON) -m pytest -c tests/pytest.ini -s \
	    $(if $(ONLY),-k $(ONLY)) tests/functions/test_faults.py

# ---- a private stack on this machine; NAME=demo-2 picks or names one, ALL=1 all, FOLLOW=1 goes on reading ----
is_set = $(filter-out 0 no,$($(1)))
# packages first; the build then runs in a make of its own, which sees what was just installed
.PHONY: ready
ready:
	@ops/install-deps.sh demo
	@$(MAKE) -sq --no-print-directory VARIANT=$(VARIANT) all 2>/dev/null || echo "Building (about a minute the first time)"
	@$(MAKE) -s --no-print-directory VARIANT=$(VARIANT) all >/dev/null

.PHONY: demo
demo: ## see it work: a private stack, four videos, and a search through what was said
demo: ready
	$(STACK) demo $(NAME)

.PHONY: up
up: ## start a private stack (Redis, Postgres, sandbox, scheduler, two workers)
up: ready
	$(STACK) up $(NAME)

.PHONY: observe
observe: ## the same with a Prometheus that scrapes it and keeps the alerts of ops/prometheus
observe: ready
	@ops/install-deps.sh observe
	$(STACK) up $(NAME) --observe

.PHONY: down
down: ## stop it and remove its data (NAME=, or ALL=1)
	$(STACK) down $(NAME) $(if $(call is_set,ALL),--all)

.PHONY: status
status: ## what is running, and where
	$(STACK) status

.PHONY: logs
logs: ## the last lines of its logs (NAME=, FOLLOW=1)
	$(STACK) logs $(NAME) $(if $(call is_set,FOLLOW),--follow)

.PHONY: seed
seed: ## believable data for a running stack (CREATORS=100 EVENTS=100000 SEED=1 VIDEOS= STUDENTS= UNTIL= NAME=)
seed:
	$(STACK) seed $(NAME) $(if $(CREATORS),--creators $(CREATORS)) $(if $(EVENTS),--events $(EVENTS)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(VIDEOS),--videos $(VIDEOS)) $(if $(STUDENTS),--students $(STUDENTS)) \
	    $(if $(UNTIL),--until '$(UNTIL)')

.PHONY: screenshots
screenshots: ## every screen of the page in light and dark, in build/screenshots
screenshots:
	@ops/install-deps.sh test
	@$(MAKE) -s --no-print-directory VARIANT=release all
	@/usr/bin/python3 tests/browser/screenshots.py

# ---- style ----
C_FILES    := $(ENGINE_SRC) $(WORKER_SRC) $(SCHEDULER_SRC) $(CONSOLE_SRC) $(CTL_SRC) $(wildcard tests/*/*.c)
H_FILES    := $(wildcard engine/*.h worker/*.h worker/*/*.h scheduler/*.h console/*.h console/ctl/*.h tests/*/*.h)
NPROC      := $(shell nproc)
LINT_FLAGS := -std=gnu17 -D_GNU_SOURCE -I. -I$(GEN) -Iengine -Iworker -Iworker/text -Iworker/providers \
              -Ischeduler -Iconsole -Iconsole/ctl $(PG_CFLAGS)

.PHONY: fmt
fmt: ## format the C sources
	@clang-format -i $(C_FILES) $(H_FILES)

.PHONY: lint
lint: ## clang-format, clang-tidy, cppcheck, shellcheck: prints only what is wrong
lint: $(GEN)/sql.inc $(GEN)/lua.inc $(GEN)/static.inc $(GEN)/test_functions.inc
	@ops/install-deps.sh lint
	@echo clang-format
	@clang-format --dry-run -Werror $(C_FILES) $(H_FILES)
	@echo clang-tidy
	@echo $(C_FILES) | xargs -n 1 -P $(NPROC) sh -c 'ops/tidy.sh build/tidy "$$0" $(LINT_FLAGS) || exit 1'
	@echo cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches -j $(NPROC) --library=ops/cppcheck.cfg \
	    -Iengine -Iworker -Iworker/text -Iworker/providers -Ischeduler -Iconsole -Iconsole/ctl -I$(GEN) \
	    $(ENGINE_SRC) $(WORKER_SRC) $(SCHEDULER_SRC) $(CONSOLE_SRC) $(CTL_SRC)
	@echo shellcheck
	@shellcheck $(wildcard ops/*.sh tests/*.sh .ci/run)

# ---- benchmarks; the release build is what is measured ----
$(B)/redis_limit: $(B)/tests/bench/redis_limit.o $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/text_speed: $(B)/tests/bench/text_speed.o $(call obj,$(TEXT_SRC)) $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/wire_load: $(B)/tests/bench/wire_load.o $(ENGINE_OBJ)
	$(Q)echo "  link  $@"; $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: bench
bench: ## measure speed, latency and memory, and soak for ten minutes (ONLY=noop,soak,… for some; SECONDS=600 of the soak)
bench: $(B)/chronos-scheduler $(B)/chronos-console $(B)/chronos-worker-test $(B)/redis_limit $(B)/text_speed $(B)/wire_load
	@CHRONOS_BENCH_VARIANT=$(VARIANT) $(PYTHON) -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(SECONDS),--seconds $(SECONDS))

# ---- installing; DESTDIR is put before every path, as packagers expect ----
BINDIR   ?= $(PREFIX)/bin
DATADIR  ?= $(PREFIX)/share/chronos
DOCDIR   ?= $(PREFIX)/share/doc/chronos
MANDIR   ?= $(PREFIX)/share/man/man8
UNITDIR  ?= $(PREFIX)/lib/systemd/system
MAN1DIR  ?= $(PREFIX)/share/man/man1
BASHDIR  ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR   ?= $(PREFIX)/share/zsh/site-functions
PROGRAMS := chronos-worker chronos-scheduler chronos-console
UNITS    := $(notdir $(wildcard ops/systemd/*.service))

.PHONY: install
install: ## put programs, units, manual and documents under PREFIX (/usr/local), DESTDIR before it
install: $(addprefix $(B)/,$(PROGRAMS) chronosctl)
	@install -d $(addprefix $(DESTDIR),$(BINDIR) $(MAN1DIR) $(BASHDIR) $(ZSHDIR) $(DATADIR)/redis $(DATADIR)/postgres $(DOCDIR) $(MANDIR) $(UNITDIR))
	@install -m 755 $^ $(DESTDIR)$(BINDIR)
	@for p in $(PROGRAMS); do ops/man/page.sh $(B)/$$p > $(DESTDIR)$(MANDIR)/$$p.8; done
	@$(B)/chronosctl man > $(DESTDIR)$(MAN1DIR)/chronosctl.1
	@$(B)/chronosctl completion bash > $(DESTDIR)$(BASHDIR)/chronosctl
	@$(B)/chronosctl completion zsh > $(DESTDIR)$(ZSHDIR)/_chronosctl
	@chmod 644 $(DESTDIR)$(MAN1DIR)/chronosctl.1 $(DESTDIR)$(BASHDIR)/chronosctl $(DESTDIR)$(ZSHDIR)/_chronosctl
	@for u in $(UNITS); do sed -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@DOCDIR@|$(DOCDIR)|g' ops/systemd/$$u > $(DESTDIR)$(UNITDIR)/$$u; done
	@chmod 644 $(DESTDIR)$(MANDIR)/chronos-*.8 $(DESTDIR)$(UNITDIR)/chronos-*.service
	@install -m 644 ops/redis/users.acl $(DESTDIR)$(DATADIR)/redis
	@install -m 755 ops/redis/set-passwords.sh $(DESTDIR)$(DATADIR)/redis
	@install -m 644 ops/postgres/roles.sql $(DESTDIR)$(DATADIR)/postgres
	@install -m 644 ops/systemd/chronos.sysusers $(DESTDIR)$(DATADIR)
	@install -m 644 README.md $(wildcard ops/*.md) $(DESTDIR)$(DOCDIR)
	@install -m 644 sql/README.md $(DESTDIR)$(DOCDIR)/sql.md

.PHONY: uninstall
uninstall: ## take away what install has put there; settings and data stay
uninstall:
	@rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(PROGRAMS)) $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	@rm -f $(patsubst %,$(DESTDIR)$(MANDIR)/%.8,$(PROGRAMS)) $(DESTDIR)$(BINDIR)/chronosctl
	@rm -f $(DESTDIR)$(MAN1DIR)/chronosctl.1 $(DESTDIR)$(BASHDIR)/chronosctl $(DESTDIR)$(ZSHDIR)/_chronosctl
	@rm -rf $(DESTDIR)$(DATADIR) $(DESTDIR)$(DOCDIR)

# a version of Debian begins with a digit
DEB_VERSION ?= 1.0~git$(shell git show -s --format=%cd --date=format:%Y%m%d%H%M%S 2>/dev/null || echo 0)

.PHONY: deb
deb: ## a Debian package in build/
deb: $(addprefix $(B)/,$(PROGRAMS) chronosctl)
	@ops/debian/build.sh $(DEB_VERSION) build

.PHONY: clean
clean: ## remove everything built
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+: ##' $(MAKEFILE_LIST) | awk -F': ## ' '{printf "  %-14s %s\n", $$1, $$2}'
