# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
B ?= build
PREFIX ?= /usr/local
CC := gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
VERSION := $(shell sed -n 's/^\#define ECBPF_VERSION "\(.*\)"/\1/p' libecbpf/abi.h)
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# The two commands of the README, and the others that need everything, first see to packages.
ifneq ($(filter demo test bench asan check fuzz,$(MAKECMDGOALS)),)
$(if $(filter 0,$(shell .ci/install-packages >&2; echo $$?)),,$(error packages are missing))
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS ?= -O2 -g
HOST_CFLAGS = -std=gnu11 $(CFLAGS) $(SANITIZE) $(WARN) -fPIC -fvisibility=hidden -I. -I$(B)
# -idirafter: the multiarch headers (asm/), behind clang's own
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g $(filter-out -Wmissing-prototypes -Wstrict-prototypes,$(WARN)) -I. \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
# each program keeps those that it uses
LIBS := -Wl,--as-needed $(shell pkg-config --libs libbpf json-c libmnl) -lcurl -lpcap -lmd -lzmq -lprotobuf-c
ifneq ($(V),1)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

# objects - of C files for the host, WHICH, without THESE
objects = $(patsubst %.c,$(B)/%.o,$(filter-out %.bpf.c $(2),$(wildcard $(1))))
LIB_OBJS := $(call objects,libecbpf/*.c)
# for the tools here alone: who links the library from outside needs neither libmnl nor json-c
SHARED_OBJS := $(call objects,libecbpf/*/*.c)
HEADERS := $(filter-out libecbpf/internal.h,$(wildcard libecbpf/*.h))
LIBRARIES := $(B)/libecbpf.a $(B)/libecbpf.so.$(VERSION)
SAMPLER_TOOLS := xdp_sampler xdp_sampler_client xdp_sampler_to_pcap
UNITS := $(patsubst ext/systemd/%.in,%,$(wildcard ext/systemd/*.service.in))
TOOLS := $(addprefix $(B)/bin/,xdp_root xdp_fw xdp_bypass_ipvs xdp_lb $(SAMPLER_TOOLS))

all: $(LIBRARIES) $(TOOLS)

# tool - NAME, its DIRECTORY, GENERATED objects; DIRECTORY_PARTS: all but the commands, for tests and fuzzers too
define tool
$(2)_PARTS := $(call objects,$(2)/*.c,$(2)/$(1).c $(2)/cmd_%) $(3)
$(B)/bin/$(1): $(call objects,$(2)/$(1).c) $(call objects,$(2)/cmd_*.c) $$($(2)_PARTS)
endef
$(eval $(call tool,xdp_root,xdp_root))
$(eval $(call tool,xdp_fw,xdp_fw,$(B)/xdp_fw/lexer.o $(B)/xdp_fw/parser.o))
$(eval $(call tool,xdp_bypass_ipvs,bypass_ipvs))
$(eval $(call tool,xdp_lb,xdp_lb))
# cmd_*: of xdp_sampler; client_*: of xdp_sampler_client; pcap_*: of xdp_sampler_to_pcap; the rest: of all
xdp_sampler_PARTS := $(B)/xdp_sampler/packet_sample.pb-c.o \
	$(call objects,xdp_sampler/*.c,$(SAMPLER_TOOLS:%=xdp_sampler/%.c) $(addprefix xdp_sampler/,cmd_% client_% pcap_%))
$(B)/bin/xdp_sampler: $(call objects,xdp_sampler/cmd_*.c)
$(B)/bin/xdp_sampler_client: $(call objects,xdp_sampler/client_*.c)
$(B)/bin/xdp_sampler_to_pcap: $(call objects,xdp_sampler/pcap_*.c)
$(SAMPLER_TOOLS:%=$(B)/bin/%): $(B)/bin/%: $(B)/xdp_sampler/%.o $(xdp_sampler_PARTS)

# What is generated, and who embeds or includes it; make must know before the first compile.
$(B)/xdp_fw/lexer.o $(B)/xdp_fw/parse.o: $(B)/xdp_fw/parser.h
$(call objects,xdp_sampler/*.c): $(B)/xdp_sampler/packet_sample.pb-c.h
$(B)/xdp_fw/load.o $(B)/xdp_fw/replay.o: $(B)/xdp_fw/xdp_fw.skel.h
$(B)/bypass_ipvs/load.o: $(B)/bypass_ipvs/xdp_bypass_ipvs.skel.h $(B)/bypass_ipvs/bypass_egress.skel.h
$(B)/xdp_lb/load.o: $(B)/xdp_lb/xdp_lb.skel.h
$(B)/xdp_root/attach.o: $(B)/xdp_root/xdp_root.skel.h $(B)/xdp_root/xdp_nop.skel.h

$(B)/%.bpf.o: %.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*) >$@

$(B)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/%.o: $(B)/%.c
	$(call say,CC,$@)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/%.c: %.l
	$(call say,FLEX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)flex -o $@ $<

$(B)/%.c $(B)/%.h &: %.y
	$(call say,BISON,$@)
	$(Q)mkdir -p $(@D)
	$(Q)bison -Werror -o $(B)/$*.c --header=$(B)/$*.h $<

$(B)/xdp_sampler/packet_sample.pb-c.c $(B)/xdp_sampler/packet_sample.pb-c.h &: ext/packet_sample.proto
	$(call say,PROTOC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(@D) -Iext $<

$(B)/libecbpf.a: $(LIB_OBJS) $(SHARED_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/libecbpf.so.$(VERSION): $(LIB_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libecbpf.so.0 -Wl,-z,defs $(SANITIZE) $^ -o $@ $(LIBS)

include tests/rules.mk tests/fuzz/rules.mk

$(TOOLS) $(TESTS): $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(LIBS)

# The headers include each other as libecbpf/..., in the tree and installed alike.
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/libecbpf
	install -m 755 $(TOOLS) $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 $(HEADERS) $(DESTDIR)$(PREFIX)/include/libecbpf/
	install -m 644 $(B)/libecbpf.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(B)/libecbpf.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libecbpf.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libecbpf.so.0
	ln -sf libecbpf.so.0 $(DESTDIR)$(PREFIX)/lib/libecbpf.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' libecbpf/ecbpf.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/ecbpf.pc
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in $(UNITS); do \
		sed 's|@SBIN@|$(PREFIX)/sbin|g' ext/systemd/$$unit.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit; done

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/sbin/,$(notdir $(TOOLS)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/,libecbpf.a libecbpf.so libecbpf.so.0 libecbpf.so.$(VERSION) pkgconfig/ecbpf.pc)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,$(UNITS))
	rm -rf $(DESTDIR)$(PREFIX)/include/libecbpf

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all tests test demo bench asan fuzz check install uninstall clean
