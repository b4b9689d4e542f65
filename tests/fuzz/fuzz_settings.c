/* SPDX-License-Identifier: Apache-2.0 */
/* console.conf and themes: any bytes as a file. */
#include "tests/fuzz/common.h"

#include "console/settings.h"
#include "console/theme.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("settings");
	fuzz_seed(SLICE_LIT("\0[console]\ntheme = light\nmouse = on\nascii = auto\nidle_lock = 15\n"));
	fuzz_seed(SLICE_LIT("\0[keys]\nrotate = R T\nhalf-down = ^D d\n"));
	fuzz_seed(SLICE_LIT("\0[columns]\nagents = NAME STATE ends:12\n"));
	fuzz_seed(SLICE_LIT("\0[context prod]\nserver = ms1\nlabel = production\n"));
	fuzz_seed(SLICE_LIT("\1bad = rgb:ff0000 bold\ngood = bright-green\nlook = 130\n"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_err err = {0};
	struct settings c;
	struct theme t;
	clv_rc rc;
	if (size == 0) {
		fuzz_count(false);
		return 0;
	}
	struct clv_slice s = slice_of(data + 1, size - 1);
	settings_init(&c);
	rc = (data[0] & 1) != 0 ? theme_parse("x.theme", "x", s, &t, &err)
	                        : settings_parse("console.conf", s, &c, &err);
	fuzz_check(rc == CLV_OK || (err.text[0] != '\0' && strchr(err.text, '\n') == NULL),
	           "refused without one clear line");
	settings_release(&c);
	fuzz_count(rc == CLV_OK);
	return 0;
}
