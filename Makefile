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

# One line a file; `make V=1` shows the commands.
Q := $(if $(V),,@)

$(BUILD)/pvferry: $(OBJECTS)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

include tests/build.mk
include tests/simhost/build.mk

install: all
	install -D -m 755 $(BUILD)/pvferry $(DESTDIR)$(PREFIX)/sbin/pvferry
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 man/pvferry.1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 man/pvferry-image.5

clean:
	rm -rf build

.PHONY: all install clean
