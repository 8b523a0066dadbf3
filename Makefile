# Chronos: background jobs on Redis Streams and Postgres. `make help` lists the targets.

VARIANT  ?= release
WERROR   ?= 1
PREFIX   ?= /usr/local
B        := build/$(VARIANT)
GEN      := build/gen
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

PKGS     := hiredis libcurl jansson libpq
PG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla \
        -Wformat=2 -Wundef -Wpointer-arith -Wno-unknown-warning-option -Wno-format-truncation
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
OPT_coverage := -O0 -g --coverage
LD_coverage  := --coverage

ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE -DCHRONOS_VERSION='"$(VERSION)"' $(WARN) $(OPT_$(VARIANT)) -pthread -I. -I$(GEN) -Iengine -Iworker -Iworker/text -Iworker/providers $(PG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LD_$(VARIANT)) -pthread $(LDFLAGS)
LIBS        = $(PG_LIBS) -lm

ENGINE_SRC    := $(wildcard engine/*.c)
TEXT_SRC      := $(wildcard worker/text/*.c)
PROVIDER_SRC  := $(wildcard worker/providers/*.c)
FUNCTION_SRC  := $(wildcard worker/functions/*.c)
WORKER_SRC    := $(wildcard worker/*.c) $(TEXT_SRC) $(PROVIDER_SRC) $(FUNCTION_SRC)
SCHEDULER_SRC := $(wildcard scheduler/*.c)
UNIT_SRC      := $(wildcard tests/unit/test_*.c)

obj = $(patsubst %.c,$(B)/%.o,$(1))

ENGINE_OBJ := $(call obj,$(ENGINE_SRC))
# what unit tests may link: everything but the daemons' main
TESTABLE   := $(call obj,$(ENGINE_SRC) $(TEXT_SRC) $(PROVIDER_SRC) worker/video.c worker/vectors.c)
UNIT_BIN   := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))

.PHONY: all
all: ## build both daemons (VARIANT=release|debug|asan|tsan|coverage)
all: $(B)/chronos-worker $(B)/chronos-scheduler

$(B)/chronos-worker: $(call obj,$(WORKER_SRC)) $(ENGINE_OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/chronos-scheduler: $(call obj,$(SCHEDULER_SRC)) $(ENGINE_OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# ---- generated tables: SQL queries, migrations and Lua scripts become part of the binaries ----
$(GEN)/sql.inc: sql/embed.awk $(sort $(wildcard sql/queries/*.sql)) $(sort $(wildcard sql/migrations/*.sql))
	@mkdir -p $(@D)
	awk -f sql/embed.awk $(filter %.sql,$^) > $@.tmp && mv $@.tmp $@

$(GEN)/lua.inc: lua/assemble.awk $(sort $(wildcard lua/*.lua)) $(sort $(wildcard lua/include/*.lua))
	@mkdir -p $(@D)
	awk -f lua/assemble.awk $(filter-out lua/include/%,$(filter %.lua,$^)) > $@.tmp && mv $@.tmp $@

$(GEN)/functions.inc: $(FUNCTION_SRC) Makefile
	@mkdir -p $(@D)
	@for f in $(notdir $(FUNCTION_SRC:.c=)); do echo "FUNCTION(fn_$$f)"; done > $@

$(B)/engine/sql_table.o: $(GEN)/sql.inc
$(B)/engine/script.o: $(GEN)/lua.inc
$(B)/worker/registry.o: $(GEN)/functions.inc

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- unit tests ----
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(TESTABLE)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

.PHONY: unit
unit: ## build and run the unit tests
unit: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do $$t || exit 1; done

.PHONY: clean
clean: ## remove everything built
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+: ##' $(MAKEFILE_LIST) | awk -F': ## ' '{printf "  %-14s %s\n", $$1, $$2}'
