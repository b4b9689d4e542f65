/* SPDX-License-Identifier: Apache-2.0 */
/* Every message body: the first two bytes choose the row, what decodes has one encoding only. */
#include "tests/fuzz/common.h"
#include "console.pb-c.h"
#include "keys/statement.h"
#include "node.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "statement.pb-c.h"

#define FRAME(sym, num, body, ...)           {num, &clv__##body##__descriptor},
#define REQUEST(sym, num, body, ...)         {num, &clv__##body##__descriptor},
#define REPLY(sym, num, body)                {num, &clv__##body##__descriptor},
#define STATEMENT(sym, num, name, body, ...) {0x400 + (num), &clv__##body##__descriptor},
static const struct {
	uint16_t type;
	const ProtobufCMessageDescriptor *body;
} rows[] = {CLV_FRAME_LIST(FRAME) CLV_REQUEST_LIST(REQUEST) CLV_REPLY_LIST(REPLY) STATEMENT_LIST(STATEMENT)};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("message");
	for (size_t i = 0; i < N_ROWS; i++) {
		const uint8_t head[2] = {(uint8_t)(rows[i].type >> 8), (uint8_t)rows[i].type};

		fuzz_seed(slice_of(head, sizeof(head))); /* all fields absent */
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice body = slice_of(data, size);
	ProtobufCMessage *m = NULL;
	bool accepted = false;
	struct clv_err err;
	struct clv_buf b;
	uint16_t type;

	if (slice_get_u16(&body, &type, &err) != CLV_OK)
		type = 0;
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].type != type || proto_decode(rows[i].body, body, &m, &err) != CLV_OK)
			continue;
		accepted = true;
		buf_init(&b, body.len + 1);
		fuzz_check(proto_encode(m, &b, &err) == CLV_OK && slice_eq(buf_slice(&b), body),
		           "two encodings of one thing");
		buf_release(&b);
		proto_free(m);
		m = NULL;
	}
	fuzz_count(accepted);
	return 0;
}
