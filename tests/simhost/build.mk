# simhost: build/simhost/{simhost,libsimhost.so,helper-driver}.  Included by a Makefile
# at the root, or on its own: make -f tests/simhost/build.mk
SIM := tests/simhost
SIM_OUT := build/simhost
# Where Debian has the programs of the Xen whose libraries are linked.
XEN_RELEASE ?= $(shell pkg-config --modversion xencontrol | cut -d. -f1,2)
XEN_BIN := /usr/lib/xen-$(XEN_RELEASE)/bin
# Never sanitised unless asked (SIM_SAN): the real xenstored has to load it.
SIM_CFLAGS := $(filter-out -fsanitize% -fno-sanitize% -iquote .,$(CFLAGS)) -std=gnu11 -O2 -g -Wall \
	-Wextra -fPIC -D_GNU_SOURCE -D__XEN_TOOLS__ -DXEN_BIN='"$(XEN_BIN)"' -MMD -MP -fvisibility=hidden $(SIM_SAN)
sim_objects = $(patsubst $(SIM)/%.c,$(SIM_OUT)/%.o,$(wildcard $(1:%=$(SIM)/%/*.c)))
SIM_CORE := $(call sim_objects,machine calls cpu guest)

simhost: $(SIM_OUT)/simhost $(SIM_OUT)/libsimhost.so $(SIM_OUT)/helper-driver

$(SIM_OUT)/%.o: $(SIM)/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(SIM_CFLAGS) -c -o $@ $<

$(SIM_OUT)/simhost: $(call sim_objects,command) $(SIM_CORE)
	$(Q)$(CC) $(SIM_CFLAGS) $(LDFLAGS) -o $@ $^ -lxenstore -lpthread

$(SIM_OUT)/libsimhost.so: $(call sim_objects,preload machine calls cpu guest)
	$(Q)$(CC) $(SIM_CFLAGS) $(LDFLAGS) -shared -o $@ $^ -lpthread

$(SIM_OUT)/helper-driver: $(SIM_OUT)/test/helper-driver.o $(SIM_OUT)/test/helper-talk.o
	$(Q)$(CC) $(SIM_CFLAGS) $(LDFLAGS) -o $@ $^ -lxenctrl -lxenguest -lxenstore

SIM_TESTS := rules-memory rules-domain rules-vcpu rules-pae shadow differences
simhost-tests: simhost $(SIM_TESTS:%=$(SIM_OUT)/%)

$(SIM_TESTS:%=$(SIM_OUT)/%): $(SIM_OUT)/%: $(SIM_OUT)/test/%.o $(SIM_OUT)/test/rules.o $(SIM_CORE)
	$(Q)$(CC) $(SIM_CFLAGS) $(LDFLAGS) -rdynamic -o $@ $^ -lcmocka -lxenctrl -lxenguest -lxenforeignmemory \
		-lxenevtchn -lpthread

SIM_SCRIPTS := $(wildcard $(SIM)/test/[!l]*.sh)
check-simhost: $(SIM_SCRIPTS:%=run-%)
$(SIM_SCRIPTS:%=run-%): run-%: simhost-tests
	@echo "$*"
	$(Q)$*

-include $(shell find $(SIM_OUT) -name '*.d' 2>/dev/null)
.PHONY: simhost simhost-tests check-simhost $(SIM_SCRIPTS:%=run-%)
