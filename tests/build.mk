# test, fuzz, bench. Included by the Makefile at the top.
# One program for each file of tests/unit; what they share, and stands in for xen/, is tests/unit/fake.
UNIT := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/*.c)))
FAKES := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/unit/fake/*.c)))
# Has settings of its own, as the daemon has.
HELPER_UNIT := $(filter $(BUILD)/tests/unit/helper-%,$(UNIT))
$(HELPER_UNIT): $(addprefix $(BUILD)/helper/,libxl.o order.o settings.o stock.o)

$(BUILD)/parts.a: $(filter-out $(BUILD)/xen/%,$(PARTS)) $(DAEMON_PARTS:%.c=$(BUILD)/%.o) $(BUILD)/xen/layout.o $(BUILD)/xen/find-name.o
	$(Q)rm -f $@; $(AR) qcs $@ $^

$(UNIT): %: %.o $(FAKES) $(BUILD)/parts.a
	$(Q)$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka -Wl,--wrap=config_keep,--wrap=config_forget,--wrap=config_rename

-include $(UNIT:=.d) $(FAKES:.o=.d)

# Each a target, so that make -j runs them side by side, and make -k all of them. golden is the longest.
RUN := $(UNIT:%=run-%)
test: golden $(RUN)

golden: $(BUILD)/pvferry
	@echo "tests/golden/check.py"
	$(Q)python3 tests/golden/check.py --pvferry $(BUILD)/pvferry

$(RUN): run-%: %
	@echo "$<"
	$(Q)TSAN_OPTIONS=report_thread_leaks=0 $<

# The suites that leave a processor idle when alone, for make -j.
check-beside: check-daemon $(if $(SAN),,check-simhost check-model) check-transcript
check-daemon check-transcript check-model: check-%:
	@echo "tests/$*/check"
	$(Q)tests/$*/check

# Everything once more by clang, with coverage; FUZZ_SECONDS=0 runs what is kept in tests/fuzz/corpus, and no more.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz-*.c)))
FUZZ_OBJECTS := $(patsubst %.c,build/fuzz/%.o,$(SOURCES) $(DAEMON_PARTS) $(wildcard tests/fuzz/*.c))
FUZZ_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# Those that need a Xen have that of the unit tests, with fewer frames, as it is made anew for each input.
FUZZ_FAKES := $(patsubst %.c,build/fuzz/%.o,$(sort $(wildcard tests/unit/fake/*.c)))
FUZZ_FAKED := build/fuzz/fuzz-sink build/fuzz/fuzz-protocol
FUZZ_WRAPS := -Wl,--wrap=config_keep,--wrap=config_forget,--wrap=config_rename
FUZZ_FLAGS += -DFAKE_FRAME_BITS=16

build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

FUZZ_XEN := $(filter-out %/layout.o %/find-name.o,$(filter build/fuzz/xen/%,$(FUZZ_OBJECTS)))
build/fuzz/xen.a: $(FUZZ_XEN)
build/fuzz/parts.a: $(filter-out %/cli/main.o $(FUZZ_XEN) $(FUZZERS:build/fuzz/%=build/fuzz/tests/fuzz/%.o),$(FUZZ_OBJECTS))
build/fuzz/%.a:
	$(Q)rm -f $@; $(AR) qcs $@ $^

$(FUZZERS): build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/parts.a
	$(Q)clang $(CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(FUZZ_LINK) $(LDLIBS)

$(filter-out $(FUZZ_FAKED),$(FUZZERS)): build/fuzz/xen.a
$(FUZZ_FAKED): $(FUZZ_FAKES)
build/fuzz/fuzz-chain: $(addprefix build/fuzz/tests/unit/fake/,chain.o stream.o)
$(FUZZ_FAKED): FUZZ_LINK = $(FUZZ_WRAPS)
# There a process is a thread, and a connection a pair of sockets.
build/fuzz/fuzz-protocol: FUZZ_LINK += $(foreach name,child_start child_wait child_private child_unprivate \
	front_confine front_ends front_end line_init line_close line_drain line_wait connect_prepare_to,-Wl,--wrap=$(name))

fuzz: $(FUZZERS)
	tests/fuzz/run $(FUZZ_SECONDS)

-include $(FUZZ_OBJECTS:.o=.d) $(FUZZ_FAKES:.o=.d)

# Beside upstream's own save and restore, which run on simhost too. BENCH: options of tests/bench/bench.
CANON := $(BUILD)/tests/bench/canon
READALL := $(BUILD)/tests/bench/readall
$(READALL): %: %.o
	$(Q)$(CC) $(CFLAGS) -o $@ $^

$(CANON): $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/readall.c,$(wildcard tests/bench/*.c)) $(wildcard pagetable-canon/*.c) p2m/inverse.c log.c text/text.c)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

bench: $(BUILD)/pvferry $(CANON) $(READALL) simhost
	tests/bench/bench $(BENCH)
	tests/bench/live
	tests/bench/checkpoint
	tests/bench/chain

transcript: $(BUILD)/pvferry $(BUILD)/pvferryd simhost
	tests/transcript/check

# The heads of the files that a guest's memory meets on its way, in that order.
tour:
	@sed -n 's/^    \(.*\.[ch]\)$$/\1/p' CONTRIBUTING.md | while read -r file; do \
		echo "--- $$file"; awk '/^\/\*/ { inside = 1 } inside { print } /\*\// { exit }' "$$file"; done

.PHONY: test golden $(RUN) check-beside check-daemon check-transcript check-model fuzz bench transcript tour
