# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Programs that test and measure, and the targets that run them; the Makefile includes it.
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
BPF_TESTS := $(patsubst tests/bpf/%.c,$(B)/tests/bpf/%,$(filter-out %.bpf.c,$(wildcard tests/bpf/test_*.c)))
TEST_TOOLS := $(patsubst %.c,$(B)/%,$(filter-out %.bpf.c,$(wildcard tests/tools/*.c)))
TEST_BPF := $(patsubst %.c,$(B)/%.o,$(wildcard tests/*/*.bpf.c))
BENCH := $(B)/tests/bench/bench
BENCH_OBJS := $(call objects,tests/bench/*.c)
EXAMPLE := $(B)/xdp_top/xdp_top
TESTS := $(UNIT) $(BPF_TESTS) $(TEST_TOOLS) $(BENCH)

# of - those of tests/unit and tests/bpf whose names begin so
of = $(filter $(B)/tests/unit/test_$(1)% $(B)/tests/bpf/test_$(1)%,$(UNIT) $(BPF_TESTS))
# in - objects of one of tests' directories
in = $(patsubst %,$(B)/tests/$(1)/%.o,$(2))

$(UNIT) $(BPF_TESTS) $(TEST_TOOLS): $(B)/%: $(B)/%.o
$(UNIT) $(BPF_TESTS): LIBS += $(shell pkg-config --libs cmocka)
$(TESTS): LIBS += -lm
$(BPF_TESTS): $(call in,bpf,suite reader)
$(B)/tests/unit/test_csum: $(call in,fuzz,packets)
$(B)/tests/unit/test_pkt $(BPF_TESTS): $(call in,fuzz,cases check packets reference)
$(call of,sampler): $(xdp_sampler_PARTS)
$(B)/tests/unit/test_sampler_budget: $(B)/xdp_sampler/client_budget.o
$(call of,fw): $(xdp_fw_PARTS)
$(B)/tests/unit/test_fw_compile $(B)/tests/unit/test_fw_limits $(B)/tests/bpf/test_fw: \
	$(call in,fuzz,classify fw_frames rulesets rulesets_packet)
$(B)/tests/unit/test_fw_compile $(B)/tests/unit/test_fw_limits: $(call in,unit,fw_subject)
$(B)/tests/bpf/test_fw: $(call in,bpf,fw_model)
$(call of,bypass): $(bypass_ipvs_PARTS)
$(call of,lb): $(xdp_lb_PARTS)
$(filter $(UNIT),$(call of,lb)): $(call in,unit,lb_words)
$(filter $(BPF_TESTS),$(call of,bypass)): $(call objects,tests/bpf/bypass_*.c)
$(filter $(BPF_TESTS),$(call of,lb)): $(call objects,tests/bpf/lb_*.c)
$(filter $(BPF_TESTS),$(call of,bypass) $(call of,lb)): $(call in,bpf,frames recipe_model)
$(BENCH): $(BENCH_OBJS) $(xdp_fw_PARTS) $(xdp_lb_PARTS) $(patsubst %,$(B)/bypass_ipvs/%.o,live load params)

# Which objects embed which kernel programs.
$(BENCH_OBJS) $(call in,bpf,suite reader) $(patsubst %,%.o,$(BPF_TESTS) $(TEST_TOOLS)): \
	$(B)/xdp_root/xdp_root.skel.h $(TEST_BPF:.bpf.o=.skel.h)
$(BENCH_OBJS) $(call in,bpf,test_fw): $(B)/xdp_fw/xdp_fw.skel.h
$(BENCH_OBJS) $(patsubst %,%.o,$(call of,bypass)) $(call in,bpf,bypass_run bypass_suite): \
	$(B)/bypass_ipvs/xdp_bypass_ipvs.skel.h $(B)/bypass_ipvs/bypass_egress.skel.h
$(BENCH_OBJS) $(patsubst %,%.o,$(call of,lb)) $(call in,bpf,lb_compare lb_suite): $(B)/xdp_lb/xdp_lb.skel.h

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
