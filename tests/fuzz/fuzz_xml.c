/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration document of an agent: any bytes as OpsMgrConnector.Config.xml. */
#include "tests/fuzz/common.h"
#include "runas/config.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct config_association uses[] = {{.kind = CLV_TARGET_ALL}, {.kind = CLV_TARGET_CLASS}};
	struct config_head head = {.version = 7, .fencing = 1};
	struct clv_err err;
	struct clv_buf xml;

	(void)argc;
	(void)argv;
	fuzz_start("xml");
	(void)strncpy(head.group, "OMMG1", sizeof(head.group) - 1);
	(void)strncpy(head.agent, "web01.ops.test", sizeof(head.agent) - 1);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(uses[i].profile, sizeof(uses[i].profile), "Profile %zu", i);
		(void)snprintf(uses[i].account, sizeof(uses[i].account), "0123456789abcdef0123456789abcde%zu",
		               i);
	}
	(void)strncpy(uses[1].target, "SQL Server", sizeof(uses[1].target) - 1);
	buf_init(&xml, 65536);
	fuzz_check(config_write(&head, uses, 2, SLICE_LIT("0123456789abcdef"), &xml, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&xml));
	buf_release(&xml);
	fuzz_seed(SLICE_LIT("<!DOCTYPE a [<!ENTITY b \"c\">]><Message>&b;</Message>"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_association *list = NULL;
	struct config_head head = {0};
	size_t n = 0;
	struct clv_buf secure;
	struct clv_err err;
	bool ok;

	buf_init(&secure, 1u << 20);
	ok = config_read(slice_of(data, size), &head, &list, &n, &secure, &err) == CLV_OK;
	fuzz_check(!ok || (strlen(head.group) > 0 && strlen(head.agent) > 0), "a document without its names");
	fuzz_check(!ok || memmem(data, size, "<!DOCTYPE", 9) == NULL, "a DTD was taken");
	fuzz_check(ok || (list == NULL && buf_slice(&secure).len == 0), "something of a refused document");
	for (size_t i = 0; i < n; i++)
		fuzz_check(list[i].profile[0] && strlen(list[i].account) == RUNAS_ID_LEN &&
		               list[i].kind < CLV_TARGET_MAX,
		           "an association out of shape");
	clv_free(list);
	buf_release(&secure);
	fuzz_count(ok);
	return 0;
}
