/* SPDX-License-Identifier: Apache-2.0 */
/* Peer certificates: any bytes as leaf and intermediates; what is accepted has the name asked for. */
#include "tests/fuzz/common.h"
#include "base/clock.h"
#include "channel/verify.h"
#include "tests/lib/mkcert.h"

#include <string.h>

#define NAME "web01.ops.test"

static struct verify_anchors *anchors;
static int64_t now_ms;

static void seed(const struct mk_cert *leaf, const struct mk_cert *middle)
{
	struct clv_slice der = mk_der(leaf->x);
	struct clv_slice second = middle == NULL ? slice_of(NULL, 0) : mk_der(middle->x);
	struct clv_err err;
	struct clv_buf b;

	buf_init(&b, 65536);
	fuzz_check(buf_put_u16(&b, (uint16_t)der.len, &err) == CLV_OK && buf_put(&b, der, &err) == CLV_OK &&
	               buf_put(&b, second, &err) == CLV_OK,
	           "seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
	clv_free((void *)(uintptr_t)der.ptr);
	clv_free((void *)(uintptr_t)second.ptr);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct mk_spec s = mk_ca("Fuzz CA");
	struct mk_cert ca = mk_issue(&s, mk_key("P-256", true), NULL);
	struct mk_cert middle, leaf;
	struct clv_err err;
	struct clv_buf pem;

	(void)argc;
	(void)argv;
	fuzz_start("verify");
	buf_init(&pem, 65536);
	mk_put_cert(&pem, ca.x);
	anchors = verify_anchors_new(buf_slice(&pem), slice_of(NULL, 0), 0, &err);
	fuzz_check(anchors != NULL, "no anchors");
	buf_release(&pem);
	now_ms = clock_wall_ms();
	s = mk_node(NAME);
	leaf = mk_issue(&s, mk_key("P-256", false), &ca);
	seed(&leaf, NULL);
	mk_free(&leaf);
	s = mk_ca("Middle CA");
	s.nc = "critical,permitted;DNS:ops.test";
	middle = mk_issue(&s, mk_key("P-384", false), &ca);
	s = mk_node(NAME);
	s.san = "DNS:web01.ops.test,IP:192.0.2.1,URI:https://x/";
	leaf = mk_issue(&s, mk_key("P-256", false), &middle);
	seed(&leaf, &middle);
	mk_free(&leaf);
	mk_free(&middle);
	mk_free(&ca);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verify_request req = {
	    .kind = VERIFY_NODE, .role = VERIFY_PEER_SERVER, .name = NAME, .at_ms = now_ms};
	struct clv_slice rest = slice_of(data, size);
	struct verify_result out = {0};
	struct clv_slice leaf;
	bool accepted = false;
	struct clv_err err;
	uint16_t len;

	if (slice_get_u16(&rest, &len, &err) == CLV_OK) {
		if (len > rest.len)
			len = (uint16_t)rest.len;
		fuzz_check(slice_get(&rest, len, &leaf, &err) == CLV_OK, "slice");
		accepted =
		    verify_peer(anchors, &req, leaf, &rest, rest.len > 0 ? 1 : 0, &out, &err) == CLV_OK;
		fuzz_check(!accepted || strcmp(out.name, NAME) == 0, "accepted with another name");
		fuzz_check(accepted || err.text[0] != '\0', "refused without a word");
	}
	fuzz_count(accepted);
	return 0;
}
