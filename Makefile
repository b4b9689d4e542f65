# SPDX-License-Identifier: Apache-2.0
# Targets: all check lint asan fuzz bench install demo probe manual test-build clean. Objects lie under B:
# build/ is the product, build/test/ the test build (settable clock, TLS key log, fault points),
# build/asan/ the test build under ASan and UBSan, build/fuzz/ the fuzz targets (clang).

PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
B ?= build
VERSION := 0.1.0

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wformat=2 -Werror
HARDEN := -fstack-protector-strong -fPIE
CFLAGS ?= -O2 -g
ifneq ($(findstring -O2,$(CFLAGS)),)
HARDEN += -D_FORTIFY_SOURCE=2
endif
CPPFLAGS += -D_GNU_SOURCE -DCLV_VERSION='"$(VERSION)"' -Ibackend/include -Ibackend -I. -I$(B)/gen
COMPILE = $(CC) -std=c11 $(WARN) $(HARDEN) $(CPPFLAGS) $(CFLAGS) -MMD -MP
LINK = $(CC) -pie $(CFLAGS) -Wl,-z,relro,-z,now -Wl,--as-needed
LIBS := -luv -lssl -lcrypto -lsqlite3 -lprotobuf-c -lexpat -ljansson -lseccomp -lutf8proc -lpthread -lgssapi_krb5 -lkrb5
CONSOLE_LIBS := -lssh2 -lncursesw -ltinfo

PROTOS := $(wildcard share/proto/*.proto)
GEN_C := $(PROTOS:share/proto/%.proto=$(B)/gen/%.pb-c.c)
GEN_H := $(GEN_C:.c=.h) $(B)/gen/sandbox_rows.h

LIB_SRC := $(filter-out backend/daemon/%,$(wildcard backend/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o) $(GEN_C:$(B)/gen/%.c=$(B)/obj/gen/%.o)
LIB := $(B)/libclaviger.a

VIEW_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard views/*.c))
CONSOLE_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(filter-out console/main.c,$(wildcard console/*.c)))

# The processes of the health service: an executable each (design 2), from the files with its prefix.
PROCS := parent resolve signer net_node net_console net_node_krb net_console_krb krb_accept krb_init core keyholder
PROC_BIN := $(PROCS:%=$(B)/libexec/claviger/%)
obj_of = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $(1)))

.PHONY: all check lint format asan asan-build fuzz bench install demo probe manual test-build clean
.SECONDARY:
all: $(B)/claviger $(B)/clavigerd $(PROC_BIN) probe
probe: $(B)/tests/probe

$(B)/obj/%.o: %.c $(GEN_H)
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<
$(B)/obj/gen/%.o: $(B)/gen/%.c $(GEN_H)
	@mkdir -p $(@D)
	$(CC) -std=c11 -fPIE $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/gen/%.pb-c.c $(B)/gen/%.pb-c.h: share/proto/%.proto
	@mkdir -p $(@D)
	protoc-c --c_out=$(B)/gen -I share/proto $<
# The table in processes.md is the source of the system call filters.
$(B)/gen/sandbox_rows.h: share/doc/processes.md tests/lint/sandbox_rows.awk
	@mkdir -p $(@D)
	awk -f tests/lint/sandbox_rows.awk $< > $@.new && mv $@.new $@
$(LIB): $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $^

$(B)/clavigerd: $(call obj_of,backend/daemon/cli_*.c) $(LIB)
	$(LINK) -o $@ $^ $(LIBS)
$(B)/claviger: $(B)/obj/console/main.o $(CONSOLE_OBJ) $(VIEW_OBJ) $(LIB)
	$(LINK) -o $@ $^ $(LIBS) $(CONSOLE_LIBS)
define PROC_RULE
$(B)/libexec/claviger/$(1): $(2) $(LIB)
	@mkdir -p $$(@D)
	$(LINK) -o $$@ $$^ $(LIBS)
endef
NET := $(B)/obj/backend/daemon
NET_OBJ := $(filter-out $(NET)/net_role_%.o $(NET)/net_krb%.o,$(call obj_of,backend/daemon/net_*.c))
$(eval $(call PROC_RULE,parent,$(call obj_of,backend/daemon/parent_*.c)))
$(eval $(call PROC_RULE,resolve,$(call obj_of,backend/daemon/resolve_*.c)))
$(eval $(call PROC_RULE,net_node,$(NET_OBJ) $(NET)/net_role_node.o $(NET)/net_krb_none.o))
$(eval $(call PROC_RULE,net_console,$(NET_OBJ) $(NET)/net_role_console.o $(NET)/net_krb_none.o))
# Where Kerberos is on: the same, with MIT's libraries.
$(eval $(call PROC_RULE,net_node_krb,$(NET_OBJ) $(NET)/net_role_node.o $(NET)/net_krb.o))
$(eval $(call PROC_RULE,net_console_krb,$(NET_OBJ) $(NET)/net_role_console.o $(NET)/net_krb.o))
$(eval $(call PROC_RULE,krb_accept,$(NET)/krb_common.o $(NET)/krb_accept_main.o))
$(eval $(call PROC_RULE,krb_init,$(NET)/krb_common.o $(NET)/krb_init_main.o))
$(eval $(call PROC_RULE,signer,$(call obj_of,backend/daemon/signer_*.c)))
$(eval $(call PROC_RULE,core,$(call obj_of,backend/daemon/core_*.c)))
$(eval $(call PROC_RULE,keyholder,$(call obj_of,backend/daemon/keyholder_*.c)))

# Tests. tests/unit, tests/views, tests/interop: a file, a program. tests/lib is shared by them.
TESTLIB_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/lib/*.c))
UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
VIEWT := $(patsubst %.c,$(B)/%,$(wildcard tests/views/test_*.c))
TOOLS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/tools/*.c tests/bench/*.c))
$(B)/tests/probe: $(B)/obj/tests/probe.o $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS)
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(TESTLIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) -lcmocka -lvterm -lutil
# A unit test of key holder's parts: all its files but main.
$(B)/tests/unit/test_keyholder_%: $(B)/obj/tests/unit/test_keyholder_%.o $(TESTLIB_OBJ) $(filter-out %/keyholder_main.o,$(call obj_of,backend/daemon/keyholder_*.c)) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) -lcmocka -lvterm -lutil
# One of core's decisions by itself.
$(B)/tests/unit/test_core_%: $(B)/obj/tests/unit/test_core_%.o $(B)/obj/backend/daemon/core_%.o $(TESTLIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter-out $(LIB),$^) $(LIB) $(LIBS) -lcmocka -lvterm -lutil
$(B)/tests/unit/test_core_server_session: $(B)/obj/backend/daemon/core_server_relay.o
# One of a network process's.
$(B)/tests/unit/test_net_%: $(B)/obj/tests/unit/test_net_%.o $(B)/obj/backend/daemon/net_%.o $(TESTLIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter-out $(LIB),$^) $(LIB) $(LIBS) -lcmocka -lvterm -lutil
$(B)/tests/unit/test_net_conn: $(NET)/net_carry.o $(NET)/net_patience.o
$(B)/tests/views/%: $(B)/obj/tests/views/%.o $(CONSOLE_OBJ) $(VIEW_OBJ) $(TESTLIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) $(CONSOLE_LIBS) -lcmocka -lvterm -lutil
$(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(TESTLIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) -lvterm -lutil
# It makes the rows that decide as the key holder does.
$(B)/tests/bench/inventory: $(B)/obj/tests/bench/inventory.o $(TESTLIB_OBJ) $(filter-out %/keyholder_main.o,$(call obj_of,backend/daemon/keyholder_*.c)) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) -lvterm -lutil
$(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(TESTLIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS) -lvterm -lutil

# It stands alone, so that it can watch over the build too.
$(B)/tests/tools/warden: tests/tools/warden.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) -D_GNU_SOURCE -O2 -g -o $@ $<
# RSA keys that tests take instead of making them; made once.
$(B)/rsa3072.keys: $(B)/tests/tools/keypool
	$< $@ 96

test-programs: $(UNIT) $(VIEWT) $(TOOLS)
bench-programs: $(filter $(B)/tests/bench/%,$(TOOLS)) $(B)/tests/tools/warden
test-build:
	$(MAKE) B=build/test CFLAGS="$(CFLAGS) -DCLV_TEST_BUILD" all test-programs build/test/rsa3072.keys
ASAN_FLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan-build:
	$(MAKE) B=build/asan CFLAGS="$(ASAN_FLAGS) -DCLV_TEST_BUILD -DCLV_ASAN" all test-programs

check: all test-build
	tests/run --no-install
asan: asan-build
	tests/run --no-install --asan
format:
	clang-format -i $(shell git ls-files "backend/*.[ch]" "console/*.[ch]" "views/*.[ch]" "tests/*.[ch]")
lint: all manual
	tests/lint/run
fuzz:
	tests/fuzz/run
bench:
	@share/packaging/ensure build bench
	$(MAKE) all bench-programs
	tests/bench/run
demo: all
	share/demo/run
# The manual and the completions are made by the programs, from the tables that they work by.
MADE := $(B)/share/claviger.1 $(B)/share/clavigerd.8 $(B)/share/claviger.bash $(B)/share/claviger.zsh $(B)/share/claviger.fish
manual: $(MADE)
$(B)/share/claviger.1: $(B)/claviger
	@mkdir -p $(@D)
	$(B)/claviger manual > $@.new && mv $@.new $@
$(B)/share/clavigerd.8: $(B)/clavigerd
	@mkdir -p $(@D)
	$(B)/clavigerd manual > $@.new && mv $@.new $@
$(B)/share/claviger.%: $(B)/claviger
	@mkdir -p $(@D)
	$(B)/claviger completion $* > $@.new && mv $@.new $@
install: all manual
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/claviger $(DESTDIR)$(PREFIX)/share/doc/claviger
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/claviger/themes
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 644 $(B)/share/claviger.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(B)/share/clavigerd.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 $(B)/share/claviger.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/claviger
	install -m 644 $(B)/share/claviger.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_claviger
	install -m 644 $(B)/share/claviger.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/
	install -m 644 share/themes/*.theme $(DESTDIR)$(PREFIX)/share/claviger/themes/
	install $(B)/claviger $(B)/clavigerd $(DESTDIR)$(PREFIX)/bin/
	install $(PROC_BIN) $(DESTDIR)$(PREFIX)/libexec/claviger/
	install -m 644 share/doc/*.md $(DESTDIR)$(PREFIX)/share/doc/claviger/
clean:
	rm -rf build

FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
.PHONY: fuzz-programs test-programs bench-programs
fuzz-programs: $(FUZZ_BIN)
# The screens as an archive: a target takes of them what it names, and the library comes first.
$(B)/libscreens.a: $(VIEW_OBJ) $(CONSOLE_OBJ)
	rm -f $@
	ar rcs $@ $^
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/common.o $(B)/obj/tests/lib/mkcert.o $(LIB) $(B)/libscreens.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIB) $(LIBS) $(CONSOLE_LIBS)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
