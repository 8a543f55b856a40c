# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Bounded runs of the fuzzers; what they find is left in build/fuzz. The Makefile includes it.
FUZZ_RUNS ?= 2000000
FUZZ_PACKETS ?= 10000000
FUZZERS := pkt parse fw_set fw_rules fw_import sampler_message sampler_pcap lb_text lb_document lb_import bypass_restore
FUZZ_TESTS := $(patsubst %,$(B)/tests/bpf/test_%,fw bypass_fuzz lb_fuzz lb_nat_fuzz)
# fuzzed - sources in a DIRECTORY, NAMES
fuzzed = $(patsubst %,$(1)/%.c,$(2))

$(B)/fuzz/fuzz_pkt: tests/fuzz/reference.c
$(B)/fuzz/fuzz_parse: $(call fuzzed,libecbpf,parse names error)
$(B)/fuzz/fuzz_fw_set: xdp_fw/set_text.c $(call fuzzed,libecbpf,parse names error)
$(B)/fuzz/fuzz_fw_rules $(B)/fuzz/fuzz_fw_import: $(call fuzzed,$(B)/xdp_fw,lexer parser) libecbpf/error.c \
	$(call fuzzed,xdp_fw,parse action statement value rule print) $(wildcard xdp_fw/import*.c)
$(B)/fuzz/fuzz_sampler_message $(B)/fuzz/fuzz_sampler_pcap: $(B)/xdp_sampler/packet_sample.pb-c.c xdp_sampler/message.c \
	$(call fuzzed,libecbpf,error names)
$(B)/fuzz/fuzz_sampler_pcap: $(call fuzzed,xdp_sampler,pcap_file pcapng verdict)
$(patsubst %,$(B)/fuzz/fuzz_lb_%,text document import): $(call fuzzed,libecbpf,parse names error) \
	$(wildcard xdp_lb/config*.c) $(call fuzzed,xdp_lb,document import import_map list maglev members members_unique text)
$(B)/fuzz/fuzz_bypass_restore: $(call fuzzed,bypass_ipvs,document params excludes services ipvs ipvs_parse) \
	$(call fuzzed,libecbpf,parse names error clock netlink/netlink)
$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(wildcard tests/fuzz/*.h) $(HEADERS)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(B)/fuzz/$*
	$(Q)$(CLANG) -std=gnu11 -O1 -g -I. -I$(B) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(filter %.c,$^) -o $@ $(LIBS)
$(B)/fuzz/seeds: $(B)/tests/fuzz/seeds.o $(B)/tests/fuzz/cases.o
	$(Q)mkdir -p $(@D) && $(CC) $(SANITIZE) $^ -o $@

fuzz = $(Q)$(B)/fuzz/fuzz_$(1) -runs=$(FUZZ_RUNS) -print_final_stats=1 -verbosity=0 -artifact_prefix=$(B)/fuzz/ $(2) \
	$(B)/fuzz/$(1) >$(B)/fuzz/$(1).log 2>&1 || { cat $(B)/fuzz/$(1).log; exit 1; }; \
	echo "fuzz_$(1): $$(sed -n 's/.*executed_units: //p' $(B)/fuzz/$(1).log) inputs, no difference"
fuzz: $(FUZZERS:%=$(B)/fuzz/fuzz_%) $(B)/fuzz/seeds $(FUZZ_TESTS)
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
	$(Q)for test in $(FUZZ_TESTS); do ECBPF_FUZZ_PACKETS=$(FUZZ_PACKETS) \
		ECBPF_FUZZ_SEED=$$(od -An -N8 -tu8 /dev/urandom) $$test || exit 1; done
