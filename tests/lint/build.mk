# The linters. Included by the Makefile at the top. Each is a target of its own: make -j runs them side by side, and make -k all of
# them even if one finds something. clang-tidy and cppcheck look again only at a file that has changed, or whose headers have.
LINTED := $(SOURCES) $(OTHER_SOURCES)
TIDY := $(LINTED:%.c=$(BUILD)/lint/%.tidy)
TIDY_TINY := $(TINY_SOURCES:%.c=$(BUILD)/lint/%.tidy)

lint: $(addprefix lint-,cppcheck cppcheck-tiny layers budgets names unit documents hooks format) $(TIDY_TINY) $(TIDY)

lint-layers lint-budgets lint-names lint-unit lint-documents: lint-%:
	@echo "  LINT $*"
	$(Q)tests/lint/$*

lint-hooks:
	@echo "  LINT hooks"
	$(Q)if command -v shellcheck >/dev/null; then shellcheck examples/hooks/*; else echo "shellcheck is not installed: not checked"; fi

lint-format:
	@echo "  LINT format"
	$(Q)tests/lint/format $(LINTED) $(TINY_SOURCES) $(sort $(wildcard *.h $(addsuffix *.h,$(sort $(dir $(LINTED) $(TINY_SOURCES))))) \
		$(wildcard tests/unit/*.[ch] tests/unit/fake/*.[ch]))

CPPCHECK := cppcheck --quiet --error-exitcode=1 --std=c11 -D_GNU_SOURCE --suppress=normalCheckLevelMaxBranches -I. \
	--enable=warning,performance,portability --suppressions-list=tests/lint/cppcheck-suppressions
lint-cppcheck:
	@echo "  LINT cppcheck"
	@mkdir -p $(BUILD)/lint/cppcheck
	$(Q)$(CPPCHECK) --cppcheck-build-dir=$(BUILD)/lint/cppcheck $(LINTED)

lint-cppcheck-tiny:
	@echo "  LINT cppcheck guest/tiny"
	@mkdir -p $(BUILD)/lint/cppcheck-tiny
	$(Q)$(CPPCHECK) --cppcheck-build-dir=$(BUILD)/lint/cppcheck-tiny -Iguest/tiny $(TINY_SOURCES)

# The object has what a file includes as prerequisites. What clang-tidy says besides what it finds is how much it does not show.
TIDY_PREREQUISITES := .clang-tidy tests/lint/fail-never-returns-0.h
$(TIDY): $(BUILD)/lint/%.tidy: %.c $(BUILD)/%.o $(TIDY_PREREQUISITES)
	@mkdir -p $(@D)
	@echo "  TIDY $<"
	$(Q)clang-tidy --quiet $< -- $(CFLAGS) $(TIDY_FLAGS) 2>/dev/null
	@touch $@

# log.c defines what the others are told of.
$(TIDY): TIDY_FLAGS = -include tests/lint/fail-never-returns-0.h
$(BUILD)/lint/log.tidy: TIDY_FLAGS =

# A kernel of its own. What is off is wrong about callbacks, which all get a table, and about a header that goes byte by byte.
$(TIDY_TINY): $(BUILD)/lint/guest/tiny/%.tidy: guest/tiny/%.c $(TINY)/%.o $(TIDY_PREREQUISITES)
	@mkdir -p $(@D)
	@echo "  TIDY $<"
	$(Q)clang-tidy --quiet --checks=-readability-non-const-parameter,-clang-analyzer-core.uninitialized.Assign \
		$< -- $(filter-out -fno-tree-loop-distribute-patterns,$(TINY_CFLAGS)) 2>/dev/null
	@touch $@

.PHONY: lint lint-cppcheck lint-cppcheck-tiny lint-layers lint-budgets lint-names lint-unit lint-documents lint-hooks lint-format
