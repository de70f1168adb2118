# The tiny PV guest: build/tiny/tiny. Included by the Makefile at the top; also on its own: make -f guest/tiny/build.mk
BUILD ?= build
Q := $(if $(V),,@)
TINY := $(BUILD)/tiny
TINY_SOURCES := $(sort $(wildcard guest/tiny/*.c guest/tiny/still/*.c guest/tiny/moving/*.c))
TINY_OBJECTS := $(TINY)/head.o $(TINY_SOURCES:guest/tiny/%.c=$(TINY)/%.o)
# Position independent, for it is linked where no other model reaches; no register of the FPU is the compiler's.
TINY_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -iquote guest/tiny -fno-tree-loop-distribute-patterns \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -D__XEN_INTERFACE_VERSION__=0x00040e00

tiny: $(TINY)/tiny

$(TINY)/%.o: guest/tiny/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(TINY_CFLAGS) -MMD -MP -c -o $@ $<

$(TINY)/head.o: guest/tiny/head.S guest/tiny/layout.h
	@mkdir -p $(@D)
	$(Q)$(CC) -D__XEN_INTERFACE_VERSION__=0x00040e00 -c -o $@ $<

$(TINY)/tiny.lds: guest/tiny/tiny.lds guest/tiny/layout.h
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x c -o $@ $<

# The shelves too: a scenario that was taken away is in no object.
$(TINY)/tiny: $(TINY)/tiny.lds $(TINY_OBJECTS) guest/tiny/still guest/tiny/moving
	@echo "  LD $@"
	$(Q)$(LD) -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments -T $< -o $@ $(TINY_OBJECTS)

-include $(TINY_OBJECTS:.o=.d)

.PHONY: tiny
