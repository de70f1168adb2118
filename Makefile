# pvferry. `make` builds pvferry, pvferryd, pvferry-save-helper and pvferry-expander in build/; ./bootstrap installs what that needs.
CC ?= gcc
BUILD ?= build
PKGS := xencontrol xenguest xenforeignmemory xenstore xentoollog xencall libzstd libxxhash json-c openssl libseccomp
PKGS_DAEMON := json-c libuv libsystemd
# popcnt: every processor that runs a Xen of today has it, and the inverse of the p2m lives on it.
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -D_GNU_SOURCE -mpopcnt -pthread -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror=implicit-function-declaration -iquote . $(shell pkg-config --cflags $(PKGS) $(PKGS_DAEMON))
# Xen's libraries are made for one release of it.
XEN_RELEASE := $(shell pkg-config --modversion xencontrol | cut -d. -f1,2)
override CFLAGS += -DXEN_RELEASE=$(XEN_RELEASE)
LDLIBS := $(shell pkg-config --libs $(PKGS))
PREFIX ?= /usr
SAN ?=
ifeq ($(SAN),thread)
BUILD := build/tsan
override CFLAGS += -fsanitize=thread -Wno-tsan -fno-omit-frame-pointer
else ifneq ($(SAN),)
BUILD := build/san
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
endif

FOLDERS := text process journal stream xen p2m pagetable-canon machine migrate restore cli
SOURCES := log.c $(foreach folder,$(FOLDERS),$(sort $(wildcard $(folder)/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
# What a test links: everything but main().
PARTS := $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))

# The helper of libxl is the same but for the commands.
HELPER_SOURCES := $(sort $(wildcard helper/*.c))
HELPER_OBJECTS := $(HELPER_SOURCES:%.c=$(BUILD)/%.o)

# It knows no more of the rest than this.
DAEMON_SOURCES := $(sort $(wildcard daemon/*.c))
DAEMON_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(DAEMON_SOURCES) log.c text/allow.c text/text.c journal/folder.c journal/journal.c process/descriptors.c)

# Of this, what tests and fuzzers link.
DAEMON_PARTS := $(addprefix daemon/,address.c admission.c lines.c request.c settings.c)

# Reads images for the others, and has nothing of Xen.
EXPANDER_SOURCES := $(sort $(wildcard expander/*.c))
EXPANDER_OBJECTS := $(EXPANDER_SOURCES:%.c=$(BUILD)/%.o)
EXPANDER_LACKS := $(patsubst %,$(BUILD)/stream/%.o,tls connect line message body hello lane front connection)

all: $(BUILD)/pvferry $(BUILD)/pvferryd $(BUILD)/pvferry-save-helper $(BUILD)/pvferry-expander

# One line a file; `make V=1` shows the commands.
Q := $(if $(V),,@)

$(BUILD)/pvferry: $(OBJECTS)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/pvferry-save-helper: $(HELPER_OBJECTS) $(filter-out $(BUILD)/cli/%,$(OBJECTS))
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/pvferry-expander: $(EXPANDER_OBJECTS) $(filter $(BUILD)/log.o $(BUILD)/text/text.o $(BUILD)/machine/config-flatten.o $(BUILD)/process/% $(BUILD)/stream/%,$(OBJECTS))
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) -Wl,--as-needed -o $@ $(filter-out $(EXPANDER_LACKS),$^) $(shell pkg-config --libs libzstd libxxhash json-c libseccomp)

$(BUILD)/pvferryd: $(DAEMON_OBJECTS)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS_DAEMON))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(DAEMON_OBJECTS:.o=.d) $(HELPER_OBJECTS:.o=.d) $(EXPANDER_OBJECTS:.o=.d)

include tests/build.mk
include tests/simhost/build.mk
include guest/tiny/build.mk

install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(BUILD)/pvferry $(BUILD)/pvferryd
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(wildcard man/*.1)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/pvferry $(BUILD)/pvferry-save-helper $(BUILD)/pvferry-expander
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 man/pvferry-image.5
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man7 man/pvferry-protocol.7
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 man/pvferryd.8 man/pvferry-save-helper.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/pvferry/examples helper/helper.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system daemon/pvferryd.service
	sed -i 's,/usr/sbin,$(PREFIX)/sbin,' $(DESTDIR)$(PREFIX)/lib/systemd/system/pvferryd.service
	test -e $(DESTDIR)/etc/pvferry/pvferryd.conf || \
		install -D -m 644 -t $(DESTDIR)/etc/pvferry daemon/pvferryd.conf

clean:
	rm -rf build

.PHONY: all install clean
