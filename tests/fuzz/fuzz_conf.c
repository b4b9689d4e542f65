/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration reader: any bytes; a refusal names file and line. */
#include "tests/fuzz/common.h"
#include "base/options.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("conf");
	fuzz_seed(SLICE_LIT("[node]\nname = web01.ops.test\ngroup = G\nrole = agent\n"));
	fuzz_seed(SLICE_LIT(
	    "# x\n[node]\nname=a.b # c\ngroup=G\nrole=management-server\nbare = no\n[channel]\nlisten = "
	    "0.0.0.0:1, [::]:2\ncrl_grace = 24h\n[keys]\nbits=4096\n[store]\nretain_events = 90d\n"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const *items;
	struct conf *c = NULL;
	struct clv_err err;
	bool ok = conf_parse("f", slice_of(data, size), node_options, &c, &err) == CLV_OK;

	if (ok) {
		fuzz_check(strlen(conf_str(c, "node", "name")) >= 1, "a required option without a value");
		fuzz_check(conf_int(c, "keys", "bits") >= 3072 && conf_int(c, "keys", "bits") <= 4096,
		           "out of range");
		fuzz_check(conf_list(c, "channel", "server", &items) <= 16, "a list beyond its limit");
	} else {
		fuzz_check(c == NULL && strncmp(err.text, "f:", 2) == 0, "a refusal without its place");
	}
	conf_free(c);
	fuzz_count(ok);
	return 0;
}
