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
LIBS = -Wl,--as-needed $(shell pkg-config --libs libbpf json-c libmnl)
FW_LIBS := -lpcap -lmd
ifneq ($(V),1)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

LIB_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard libecbpf/*.c))
# for the tools here alone: who links the library from outside needs neither libmnl nor json-c
SHARED_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard libecbpf/*/*.c))
HEADERS := $(filter-out libecbpf/internal.h,$(wildcard libecbpf/*.h))
ROOT_OBJS := $(patsubst %.c,$(B)/%.o,$(filter-out %.bpf.c,$(wildcard xdp_root/*.c)))
# all but the commands: also for tests and fuzzers
FW_PARTS := $(patsubst %,$(B)/xdp_fw/%.o,lexer parser $(filter-out xdp_fw cmd_% %.bpf, \
	$(patsubst xdp_fw/%.c,%,$(wildcard xdp_fw/*.c))))
FW_COMMANDS := $(patsubst %.c,$(B)/%.o,xdp_fw/xdp_fw.c $(wildcard xdp_fw/cmd_*.c))
# cmd_*: of xdp_sampler; client_*: of xdp_sampler_client; pcap_*: of xdp_sampler_to_pcap; the rest: of all
SAMPLER_TOOLS := xdp_sampler xdp_sampler_client xdp_sampler_to_pcap
SAMPLER_PARTS := $(patsubst %,$(B)/xdp_sampler/%.o,packet_sample.pb-c $(filter-out $(SAMPLER_TOOLS) cmd_% client_% \
	pcap_%,$(patsubst xdp_sampler/%.c,%,$(wildcard xdp_sampler/*.c))))
SAMPLER_LIBS := -lzmq -lprotobuf-c
# all but the commands
BYPASS_PARTS := $(patsubst %.c,$(B)/%.o,$(filter-out bypass_ipvs/xdp_bypass_ipvs.c bypass_ipvs/cmd_% %.bpf.c, \
	$(wildcard bypass_ipvs/*.c)))
BYPASS_COMMANDS := $(patsubst %.c,$(B)/%.o,bypass_ipvs/xdp_bypass_ipvs.c $(wildcard bypass_ipvs/cmd_*.c))
# all but the commands
LB_PARTS := $(patsubst %.c,$(B)/%.o,$(filter-out xdp_lb/xdp_lb.c xdp_lb/cmd_% %.bpf.c,$(wildcard xdp_lb/*.c)))
LB_COMMANDS := $(patsubst %.c,$(B)/%.o,xdp_lb/xdp_lb.c $(wildcard xdp_lb/cmd_*.c))
LB_LIBS := -lcurl
TOOLS := $(B)/bin/xdp_root $(B)/bin/xdp_fw $(B)/bin/xdp_bypass_ipvs $(B)/bin/xdp_lb $(patsubst %,$(B)/bin/%,$(SAMPLER_TOOLS))
LIBRARIES := $(B)/libecbpf.a $(B)/libecbpf.so.$(VERSION)
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
BPF_TESTS := $(patsubst tests/bpf/%.c,$(B)/tests/bpf/%,$(filter-out %.bpf.c,$(wildcard tests/bpf/test_*.c)))
TEST_TOOLS := $(patsubst tests/%.c,$(B)/tests/%,$(filter-out %.bpf.c,$(wildcard tests/tools/*.c)))
TEST_BPF := $(patsubst %.c,$(B)/%.o,$(wildcard tests/*/*.bpf.c))
BENCH := $(B)/tests/bench/bench
BENCH_OBJS := $(patsubst tests/%.c,$(B)/tests/%.o,$(filter-out %.bpf.c,$(wildcard tests/bench/*.c)))
EXAMPLE := $(B)/xdp_top/xdp_top

all: $(LIBRARIES) $(TOOLS)

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

$(B)/xdp_fw/lexer.o $(B)/xdp_fw/parse.o: $(B)/xdp_fw/parser.h

$(patsubst %.c,$(B)/%.o,$(wildcard xdp_sampler/*.c)): $(B)/xdp_sampler/packet_sample.pb-c.h

# Which objects embed which kernel programs; make must know before the first compile.
$(B)/xdp_fw/load.o $(B)/xdp_fw/replay.o: $(B)/xdp_fw/xdp_fw.skel.h
$(B)/bypass_ipvs/load.o: $(B)/bypass_ipvs/xdp_bypass_ipvs.skel.h $(B)/bypass_ipvs/bypass_egress.skel.h
$(B)/xdp_lb/load.o: $(B)/xdp_lb/xdp_lb.skel.h
$(B)/xdp_root/attach.o: $(B)/xdp_root/xdp_root.skel.h $(B)/xdp_root/xdp_nop.skel.h
$(BENCH_OBJS) $(B)/tests/bpf/suite.o $(B)/tests/bpf/reader.o $(patsubst $(B)/%,$(B)/%.o,$(BPF_TESTS) $(TEST_TOOLS)): \
	$(B)/xdp_root/xdp_root.skel.h $(TEST_BPF:.bpf.o=.skel.h)

$(B)/libecbpf.a: $(LIB_OBJS) $(SHARED_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/libecbpf.so.$(VERSION): $(LIB_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libecbpf.so.0 -Wl,-z,defs $(SANITIZE) $^ -o $@ $(LIBS)

$(B)/bin/xdp_root: $(ROOT_OBJS) $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) $^ -o $@ $(LIBS)

$(B)/bin/xdp_fw: $(FW_COMMANDS) $(FW_PARTS) $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) $^ -o $@ $(LIBS) $(FW_LIBS)

$(B)/bin/xdp_bypass_ipvs: $(BYPASS_COMMANDS) $(BYPASS_PARTS) $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) $^ -o $@ $(LIBS)

$(B)/bin/xdp_lb: $(LB_COMMANDS) $(LB_PARTS) $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) $^ -o $@ $(LIBS) $(LB_LIBS)

$(B)/xdp_sampler/packet_sample.pb-c.c $(B)/xdp_sampler/packet_sample.pb-c.h &: ext/packet_sample.proto
	$(call say,PROTOC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(@D) -Iext $<

sampler_parts = $(patsubst %.c,$(B)/%.o,$(wildcard xdp_sampler/$(1)_*.c))
$(B)/bin/xdp_sampler: $(call sampler_parts,cmd)
$(B)/bin/xdp_sampler_client: $(call sampler_parts,client)
$(B)/bin/xdp_sampler_to_pcap: $(call sampler_parts,pcap)
$(patsubst %,$(B)/bin/%,$(SAMPLER_TOOLS)): $(B)/bin/%: $(B)/xdp_sampler/%.o $(SAMPLER_PARTS) $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(LIBS) $(SAMPLER_LIBS)

$(B)/tests/unit/test_csum: $(B)/tests/fuzz/packets.o
$(B)/tests/unit/test_pkt $(BPF_TESTS): $(patsubst %,$(B)/tests/fuzz/%.o,cases check packets reference)
$(BPF_TESTS): $(B)/tests/bpf/suite.o $(B)/tests/bpf/reader.o
FW_FUZZ := $(patsubst %,$(B)/tests/fuzz/%.o,classify fw_frames rulesets rulesets_packet)
$(B)/tests/bpf/test_fw: $(FW_FUZZ) $(B)/tests/bpf/fw_model.o
$(B)/tests/bpf/test_fw.o: $(B)/xdp_fw/xdp_fw.skel.h
$(B)/tests/unit/test_fw_compile $(B)/tests/unit/test_fw_limits: $(FW_FUZZ)
$(filter $(B)/tests/unit/test_fw% $(B)/tests/bpf/test_fw%,$(UNIT) $(BPF_TESTS)): $(FW_PARTS)
$(filter $(B)/tests/unit/test_sampler%,$(UNIT)): $(SAMPLER_PARTS)
$(filter $(B)/tests/unit/test_sampler%,$(UNIT)): LIBS += $(SAMPLER_LIBS)
$(filter $(B)/tests/unit/test_bypass% $(B)/tests/bpf/test_bypass%,$(UNIT) $(BPF_TESTS)): $(BYPASS_PARTS)
$(filter $(B)/tests/unit/test_lb% $(B)/tests/bpf/test_lb%,$(UNIT) $(BPF_TESTS)): $(LB_PARTS)
$(filter $(B)/tests/unit/test_lb% $(B)/tests/bpf/test_lb%,$(UNIT) $(BPF_TESTS)): LIBS += $(LB_LIBS)
$(patsubst %,%.o,$(filter $(B)/tests/bpf/test_lb%,$(BPF_TESTS))): $(B)/xdp_lb/xdp_lb.skel.h
$(filter $(B)/tests/bpf/test_bypass%,$(BPF_TESTS)): $(patsubst %.c,$(B)/%.o,$(wildcard tests/bpf/bypass_*.c))
$(filter $(B)/tests/bpf/test_bypass% $(B)/tests/bpf/test_lb%,$(BPF_TESTS)): $(B)/tests/bpf/recipe_model.o
$(patsubst %,$(B)/tests/bpf/bypass_%.o,run suite) $(patsubst %,%.o,$(filter $(B)/tests/bpf/test_bypass%,$(BPF_TESTS))): \
	$(B)/bypass_ipvs/xdp_bypass_ipvs.skel.h $(B)/bypass_ipvs/bypass_egress.skel.h
$(filter $(B)/tests/bpf/test_lb%,$(BPF_TESTS)): $(B)/tests/bpf/bypass_frames.o \
	$(patsubst %,$(B)/tests/bpf/lb_%.o,compare frames model output rows scene suite view)
$(patsubst %,$(B)/tests/bpf/lb_%.o,compare suite): $(B)/xdp_lb/xdp_lb.skel.h
$(B)/tests/unit/test_sampler_budget: $(B)/xdp_sampler/client_budget.o
$(UNIT) $(BPF_TESTS): $(B)/%: $(B)/%.o $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(LIBS) $(FW_LIBS) \
		$(shell pkg-config --libs cmocka) -lm

$(BENCH_OBJS): $(B)/xdp_fw/xdp_fw.skel.h $(B)/bypass_ipvs/xdp_bypass_ipvs.skel.h $(B)/xdp_lb/xdp_lb.skel.h
$(BENCH): $(BENCH_OBJS) $(FW_PARTS) $(patsubst %,$(B)/bypass_ipvs/%.o,live load params)
$(BENCH): LIBS += $(FW_LIBS) -lzmq
$(TEST_TOOLS): $(B)/%: $(B)/%.o
$(TEST_TOOLS) $(BENCH): $(B)/libecbpf.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) $(filter %.o,$^) $(filter %.a,$^) -o $@ $(LIBS) -lm

tests: all $(UNIT) $(BPF_TESTS) $(TEST_TOOLS) $(TEST_BPF)
test: tests $(EXAMPLE)
	$(Q)tests/run
demo: tests $(EXAMPLE)
	$(Q)tests/demo

# As an outsider builds it: with what `make install` has put into a directory, and nothing else.
$(EXAMPLE): $(LIBRARIES) $(TOOLS) $(HEADERS) $(wildcard ext/xdp_top/*)
	$(call say,MAKE,$@)
	$(Q)$(MAKE) -s install PREFIX=/usr DESTDIR=$(abspath $(B))/stage
	$(Q)PKG_CONFIG_PATH=$(abspath $(B))/stage/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$(abspath $(B))/stage \
		$(MAKE) -s -C ext/xdp_top B=$(abspath $(B))/xdp_top >/dev/null
bench: all $(BENCH) $(TEST_BPF)
	$(Q)tests/bench/run
asan:
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SANITIZE="-fsanitize=address,undefined -fno-omit-frame-pointer" tests
	$(Q)B=$(B)/asan tests/run unit bpf
check: tests
	$(Q)tests/check

# Bounded runs of the fuzzers; what they find is left in build/fuzz.
FUZZ_RUNS ?= 2000000
FUZZ_PACKETS ?= 10000000
$(B)/fuzz/fuzz_pkt: tests/fuzz/reference.c
$(B)/fuzz/fuzz_parse: libecbpf/parse.c libecbpf/names.c libecbpf/error.c
$(B)/fuzz/fuzz_fw_set: xdp_fw/set_text.c libecbpf/parse.c libecbpf/names.c libecbpf/error.c
$(B)/fuzz/fuzz_fw_rules $(B)/fuzz/fuzz_fw_import: $(patsubst %,$(B)/xdp_fw/%.c,lexer parser) libecbpf/error.c \
	$(patsubst %,xdp_fw/%.c,parse action statement value rule print) $(wildcard xdp_fw/import*.c)
$(B)/fuzz/fuzz_sampler_message: $(B)/xdp_sampler/packet_sample.pb-c.c $(patsubst %,libecbpf/%.c,error names) \
	xdp_sampler/message.c
$(patsubst %,$(B)/fuzz/fuzz_lb_%,text document import): $(patsubst %,libecbpf/%.c,parse names error) \
	$(wildcard xdp_lb/config*.c) $(patsubst %,xdp_lb/%.c,document import import_map list maglev members members_unique text)
$(patsubst %,$(B)/fuzz/fuzz_lb_%,text document import): FUZZ_LIBS := -ljson-c
$(B)/fuzz/fuzz_sampler_pcap: $(B)/xdp_sampler/packet_sample.pb-c.c $(patsubst %,libecbpf/%.c,error names) \
	$(patsubst %,xdp_sampler/%.c,message pcap_file pcapng verdict)
$(B)/fuzz/fuzz_sampler_%: FUZZ_LIBS := -lprotobuf-c
$(B)/fuzz/fuzz_bypass_restore: $(patsubst %,bypass_ipvs/%.c,document params excludes services ipvs ipvs_parse) \
	$(patsubst %,libecbpf/%.c,parse names error clock netlink/netlink)
$(B)/fuzz/fuzz_bypass_restore: FUZZ_LIBS := $(LIBS)
$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(wildcard tests/fuzz/*.h) $(HEADERS)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(B)/fuzz/$*
	$(Q)$(CLANG) -std=gnu11 -O1 -g -I. -I$(B) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(filter %.c,$^) -o $@ $(FUZZ_LIBS)
$(B)/fuzz/seeds: $(B)/tests/fuzz/seeds.o $(B)/tests/fuzz/cases.o
	$(Q)mkdir -p $(@D) && $(CC) $(SANITIZE) $^ -o $@
fuzz: $(patsubst %,$(B)/fuzz/fuzz_%,pkt parse sampler_message sampler_pcap bypass_restore) $(patsubst %,$(B)/fuzz/fuzz_fw_%,set rules import) $(B)/fuzz/seeds \
		$(patsubst %,$(B)/fuzz/fuzz_lb_%,text document import) \
		$(patsubst %,$(B)/tests/bpf/test_%,fw bypass_fuzz lb_fuzz)
	$(Q)$(B)/fuzz/seeds $(B)/fuzz/pkt
	$(call fuzz,pkt,-max_len=2560)
	$(call fuzz,parse,-max_len=64 -dict=tests/fuzz/parse.dict)
	$(call fuzz,fw_set,-max_len=160)
	$(call fuzz,fw_rules,-max_len=400 -dict=tests/fuzz/fw_rules.dict)
	$(call fuzz,fw_import,-max_len=400 -dict=tests/fuzz/fw_rules.dict)
	$(call fuzz,sampler_message,-max_len=400)
	$(call fuzz,lb_text,-max_len=96 -dict=tests/fuzz/lb.dict)
	$(call fuzz,lb_document,-max_len=800 -dict=tests/fuzz/lb.dict)
	$(call fuzz,lb_import,-max_len=400 -dict=tests/fuzz/lb.dict)
	$(call fuzz,bypass_restore,-max_len=400 -dict=tests/fuzz/bypass_restore.dict)
	$(call fuzz,sampler_pcap,-max_len=1200)
	$(Q)ECBPF_FUZZ_PACKETS=$(FUZZ_PACKETS) ECBPF_FUZZ_SEED=$$(od -An -N8 -tu8 /dev/urandom) $(B)/tests/bpf/test_fw
	$(Q)ECBPF_FUZZ_PACKETS=$(FUZZ_PACKETS) ECBPF_FUZZ_SEED=$$(od -An -N8 -tu8 /dev/urandom) $(B)/tests/bpf/test_bypass_fuzz
	$(Q)ECBPF_FUZZ_PACKETS=$(FUZZ_PACKETS) ECBPF_FUZZ_SEED=$$(od -An -N8 -tu8 /dev/urandom) $(B)/tests/bpf/test_lb_fuzz
fuzz = $(Q)$(B)/fuzz/fuzz_$(1) -runs=$(FUZZ_RUNS) -print_final_stats=1 -verbosity=0 -artifact_prefix=$(B)/fuzz/ $(2) \
	$(B)/fuzz/$(1) >$(B)/fuzz/$(1).log 2>&1 || { cat $(B)/fuzz/$(1).log; exit 1; }; \
	echo "fuzz_$(1): $$(sed -n 's/.*executed_units: //p' $(B)/fuzz/$(1).log) inputs, no difference"

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

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/sbin/,$(notdir $(TOOLS)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/,libecbpf.a libecbpf.so libecbpf.so.0 libecbpf.so.$(VERSION) pkgconfig/ecbpf.pc)
	rm -rf $(DESTDIR)$(PREFIX)/include/libecbpf

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all tests test demo bench asan fuzz check install uninstall clean
