// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Names of everything that abi.h and ecbpf.h number. */
#include "libecbpf/ecbpf.h"

const char *ecbpf_code_name(__u32 code)
{
	static const char *const names[ECBPF_CODES_MAX] = {
#define CODE_NAME(constant, value, name, text) [value] = name,
		ECBPF_CODES(CODE_NAME)
#undef CODE_NAME
	};

	return code < ECBPF_CODES_MAX ? names[code] : NULL;
}

const char *ecbpf_code_text(__u32 code)
{
	static const char *const texts[ECBPF_CODES_MAX] = {
#define CODE_TEXT(constant, value, name, text) [value] = text,
		ECBPF_CODES(CODE_TEXT)
#undef CODE_TEXT
	};

	return code < ECBPF_CODES_MAX ? texts[code] : NULL;
}

const char *ecbpf_column_name(unsigned int column)
{
	static const char *const names[] = {
#define COLUMN_NAME(constant, name) name,
		ECBPF_COLUMNS(COLUMN_NAME)
#undef COLUMN_NAME
	};

	return column < ECBPF_COLUMNS_MAX ? names[column] : NULL;
}

const char *ecbpf_row_name(unsigned int row)
{
	static const char *const names[ECBPF_ROWS] = {
		"root", "0", "1",  "2",	 "3",  "4",  "5",  "6",	 "7",
		"8",	"9", "10", "11", "12", "13", "14", "15", "end",
	};

	return row < ECBPF_ROWS ? names[row] : NULL;
}

const char *ecbpf_state_name(enum ecbpf_state state)
{
	static const char *const names[] = { "none", "nop", "running", "gone" };

	return names[state];
}

const char *ecbpf_mode_name(enum ecbpf_mode mode)
{
	static const char *const names[] = { "none", "native", "skb", "hw" };

	return names[mode];
}

const char *ecbpf_pin_health_name(enum ecbpf_pin_health health)
{
	static const char *const names[] = { "ok", "missing", "unfinished", "untried" };

	return names[health];
}
