/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration document of an agent: any bytes as OpsMgrConnector.Config.xml. */
#include "tests/fuzz/common.h"
#include "runas/config.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct config_head head = {.version = 7, .fencing = 1};
	struct clv_err err;
	struct clv_buf xml;

	(void)argc;
	(void)argv;
	fuzz_start("xml");
	(void)strncpy(head.group, "OMMG1", sizeof(head.group) - 1);
	(void)strncpy(head.agent, "web01.ops.test", sizeof(head.agent) - 1);
	buf_init(&xml, 65536);
	fuzz_check(config_write(&head, SLICE_LIT("0123456789abcdef"), &xml, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&xml));
	buf_release(&xml);
	fuzz_seed(SLICE_LIT("<!DOCTYPE a [<!ENTITY b \"c\">]><Message>&b;</Message>"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_head head = {0};
	struct clv_buf secure;
	struct clv_err err;
	bool ok;

	buf_init(&secure, 1u << 20);
	ok = config_read(slice_of(data, size), &head, &secure, &err) == CLV_OK;
	fuzz_check(!ok || (strlen(head.group) > 0 && strlen(head.agent) > 0), "a document without its names");
	fuzz_check(!ok || memmem(data, size, "<!DOCTYPE", 9) == NULL, "a DTD was taken");
	buf_release(&secure);
	fuzz_count(ok);
	return 0;
}
