# pvferry. `make` builds build/pvferry; ./bootstrap installs what that needs.
CC ?= gcc
BUILD ?= build
PKGS := xencontrol xenguest xenforeignmemory xenstore xentoollog xencall libzstd libxxhash json-c
# popcnt: every processor that runs a Xen of today has it, and the inverse of the p2m lives on it.
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -D_GNU_SOURCE -mpopcnt -pthread -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror=implicit-function-declaration -iquote . $(shell pkg-config --cflags $(PKGS))
LDLIBS := $(shell pkg-config --libs $(PKGS))
PREFIX ?= /usr
SAN ?=
ifneq ($(SAN),)
BUILD := build/san
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
endif

FOLDERS := stream xen p2m pagetable-canon machine migrate restore cli
SOURCES := log.c stop.c job.c $(foreach folder,$(FOLDERS),$(sort $(wildcard $(folder)/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
# What a test links: everything but main().
PARTS := $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))

all: $(BUILD)/pvferry

$(BUILD)/pvferry: $(OBJECTS)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# One program for each file of tests/unit; what they share, and stands in for xen/, is tests/unit/fake.
UNIT := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/*.c)))
FAKES := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/unit/fake/*.c)))

$(BUILD)/parts.a: $(filter-out $(BUILD)/xen/%,$(PARTS)) $(BUILD)/xen/layout.o
	rm -f $@; $(AR) qcs $@ $^

$(UNIT): %: %.o $(FAKES) $(BUILD)/parts.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) -lcmocka -Wl,--wrap=config_keep,--wrap=config_forget

-include $(OBJECTS:.o=.d) $(UNIT:=.d) $(FAKES:.o=.d)

test: $(BUILD)/pvferry $(UNIT)
	@failed=; for unit in $(UNIT); do echo "$$unit"; $$unit || failed="$$failed $$unit"; done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }
	python3 tests/golden/check.py --pvferry $(BUILD)/pvferry

lint:
	@CFLAGS='$(CFLAGS)' tests/lint/run $(SOURCES)

# Everything once more by clang, with coverage; FUZZ_SECONDS=0 runs what is kept in tests/fuzz/corpus, and no more.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz-*.c)))
FUZZ_OBJECTS := $(patsubst %.c,build/fuzz/%.o,$(SOURCES) $(wildcard tests/fuzz/*.c))
FUZZ_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	clang $(CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/parts.a: $(filter-out %/cli/main.o $(FUZZERS:build/fuzz/%=build/fuzz/tests/fuzz/%.o),$(FUZZ_OBJECTS))
	rm -f $@; $(AR) qcs $@ $^

$(FUZZERS): build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/parts.a
	clang $(CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

fuzz: $(FUZZERS)
	tests/fuzz/run $(FUZZ_SECONDS)

-include $(FUZZ_OBJECTS:.o=.d)

include tests/simhost/build.mk

# Beside upstream's own save and restore, which run on simhost too. BENCH: options of tests/bench/bench.
CANON := $(BUILD)/tests/bench/canon
$(CANON): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/*.c) $(wildcard pagetable-canon/*.c) p2m/inverse.c log.c)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

bench: $(BUILD)/pvferry $(CANON) simhost
	tests/bench/bench $(BENCH)

install: all
	install -D -m 755 $(BUILD)/pvferry $(DESTDIR)$(PREFIX)/sbin/pvferry
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 man/pvferry.1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 man/pvferry-image.5

clean:
	rm -rf build

.PHONY: all install test lint fuzz bench clean
