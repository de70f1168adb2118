# pvferry. `make` builds pvferry and its other programs in build/; ./bootstrap installs what that needs.
CC ?= gcc
BUILD ?= build
PKGS := xencontrol xenguest xengnttab xenforeignmemory xenstore xentoollog xencall libzstd libxxhash json-c openssl libseccomp
PKGS_DAEMON := json-c libuv libsystemd libxxhash
# popcnt: every processor that runs a Xen of today has it, and the inverse of the p2m lives on it.
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -D_GNU_SOURCE -mpopcnt -pthread -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror=implicit-function-declaration -iquote . $(shell pkg-config --cflags $(PKGS) $(PKGS_DAEMON))
# Xen's libraries are made for one release of it.
XEN_RELEASE := $(shell pkg-config --modversion xencontrol | cut -d. -f1,2)
override CFLAGS += -DXEN_RELEASE=$(XEN_RELEASE)
LDLIBS := $(shell pkg-config --libs $(PKGS)) -lm
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

FOLDERS := text process journal stream xen p2m pagetable-canon machine migrate restore checkpoint stress cli
SOURCES := log.c $(foreach folder,$(FOLDERS),$(sort $(wildcard $(folder)/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
# What a test links: everything but main().
PARTS := $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))

# Programs of their own. pvferryd knows no more of the rest than these; the others take what they need out of an archive.
OTHER_SOURCES := $(sort $(wildcard daemon/*.c helper/*.c expander/*.c builder/*.c toolstack/*.c))
OTHER_OBJECTS := $(OTHER_SOURCES:%.c=$(BUILD)/%.o)
DAEMON_KNOWS := $(patsubst %,$(BUILD)/%.o,log text/allow text/json text/options text/options-parse text/text journal/describe journal/find journal/folder journal/journal journal/lock journal/watch process/descriptors)

# Of this, what tests and fuzzers link.
DAEMON_PARTS := $(addprefix daemon/,address.c admission.c lines.c request.c settings.c)

PROGRAMS := $(addprefix $(BUILD)/pvferry-,save-helper expander builder toolstack)
all: $(BUILD)/pvferry $(BUILD)/pvferryd $(PROGRAMS)

# One line a file; `make V=1` shows the commands.
Q := $(if $(V),,@)

$(BUILD)/pvferry: $(OBJECTS)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/product.a: $(filter-out $(BUILD)/cli/%,$(OBJECTS))
	$(Q)rm -f $@; $(AR) qcs $@ $^

# Of which objects an archive gives what is missing: one that needs a library that is not named here fails to link.
$(BUILD)/pvferry-save-helper: NEEDS := $(PKGS)
# Reads images for the others, and has nothing of Xen.
$(BUILD)/pvferry-expander: NEEDS := libzstd libxxhash json-c libseccomp
# Builds domains for the others, and has neither zstd nor OpenSSL, nor libxenguest, which loads zstd.
$(BUILD)/pvferry-builder: NEEDS := xencontrol xenforeignmemory xenstore xentoollog xencall libxxhash json-c
# Alone has libxl.
$(BUILD)/pvferry-toolstack: NEEDS := xenlight xlutil xencontrol xengnttab xenforeignmemory xenstore xentoollog xencall json-c libxxhash
$(BUILD)/pvferry-save-helper: $(filter $(BUILD)/helper/%,$(OTHER_OBJECTS))
$(BUILD)/pvferry-expander: $(filter $(BUILD)/expander/%,$(OTHER_OBJECTS))
$(BUILD)/pvferry-builder: $(filter $(BUILD)/builder/%,$(OTHER_OBJECTS))
$(BUILD)/pvferry-toolstack: $(filter $(BUILD)/toolstack/%,$(OTHER_OBJECTS))
$(PROGRAMS): $(BUILD)/product.a
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(filter %.a,$^) $(shell pkg-config --libs $(NEEDS))

$(BUILD)/pvferryd: $(filter $(BUILD)/daemon/%,$(OTHER_OBJECTS)) $(DAEMON_KNOWS)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS_DAEMON))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(OTHER_OBJECTS:.o=.d)

include tests/build.mk tests/simhost/build.mk guest/tiny/build.mk tests/lint/build.mk

# Where a distribution's packages put zsh's, and where others do.
ZSH_COMPLETIONS := $(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(BUILD)/pvferry $(BUILD)/pvferryd
	for page in man/*.[1-8]; do install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page || exit; done
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/pvferry $(PROGRAMS)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/pvferry/examples helper/helper.conf $(wildcard examples/*.*)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/share/doc/pvferry/examples/hooks $(wildcard examples/hooks/*)
	$(BUILD)/pvferry completion bash | install -D -m 644 /dev/stdin $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pvferry
	$(BUILD)/pvferry completion zsh | install -D -m 644 /dev/stdin $(DESTDIR)$(PREFIX)/share/zsh/$(ZSH_COMPLETIONS)/_pvferry
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system daemon/pvferryd.service checkpoint/pvferry-checkpoint@.service toolstack/pvferry-toolstack.socket toolstack/pvferry-toolstack@.service
	sed -i 's,/usr/\(sbin\|lib/pvferry\),$(PREFIX)/\1,' $(DESTDIR)$(PREFIX)/lib/systemd/system/pvferry*.service
	test -e $(DESTDIR)/etc/pvferry/pvferryd.conf || install -D -m 644 -t $(DESTDIR)/etc/pvferry daemon/pvferryd.conf

clean:
	rm -rf build

.PHONY: all install clean
