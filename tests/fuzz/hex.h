/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Headers in hexadecimal for frame_bytes(): macros whose arguments are digits. */
#ifndef TESTS_FUZZ_HEX_H
#define TESTS_FUZZ_HEX_H

#define ETH(type)      "020000000002 020000000001 " #type " "
#define TAG(tci, type) #tci " " #type " "

/* version and header length; total length; fragment word; protocol */
#define IP4(vihl, total, frag, proto) \
#vihl " 00 " #total " 1234 " #frag " 40 " #proto " 0000 0a000001 0a000002 "

/* payload length; next header */
#define IP6(length, next)         \
	"60000000 " #length #next \
	" 40 fd000000000000000000000000000001 fd000000000000000000000000000002 "

/* the first 8 bytes of an extension header; @len as its second byte has it */
#define EXT(next, len)	 #next #len " 0102 00000000 "
#define FRAG(next, word) #next "00 " #word " 00000007 "

/* @off: 4 bits of offset, 4 of zero */
#define TCP(off)    "03e8 0050 00000001 00000000 " #off " 10 ffff 0000 0000 "
#define UDP(length) "03e8 0035 " #length " 0000 "
#define ICMP	    "0803 0000 00010001 "

#endif
