/* SPDX-License-Identifier: Apache-2.0 */
/* The recovery key's word for a new group signing key. Runs in key holders; no secret. */
#include "keys/succession.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include <inttypes.h>

const char *pin_how_words(uint32_t how)
{
#define X(sym, num, words) [sym] = words,
	static const char *const text[] = {PIN_HOW_LIST(X)};
#undef X

	return how < PIN_HOW_MAX ? text[how] : "in a way that this release does not know";
}

clv_rc succession_check(const char *group, struct clv_slice hash, struct clv_slice recovery_key,
                        struct clv_slice body, struct clv_slice sig, struct clv_slice group_key,
                        uint64_t above, uint64_t *epoch, struct clv_err *err)
{
	ProtobufCMessage *m = NULL;
	const Clv__Succession *s;
	uint8_t have[KEY_HASH_LEN];
	clv_rc rc = CLV_FAILED;

	if (hash.len != KEY_HASH_LEN)
		return err_set(err, CLV_E_AUTH, "no recovery key was known here when this node joined");
	if (recovery_key.len == 0 || sha256(recovery_key, have, err) ||
	    !slice_eq_ct(hash, slice_of(have, sizeof have)))
		return err_set(err, CLV_E_AUTH, "it is not signed by the recovery key that is known here");
	if (statement_open(STATEMENT_SUCCESSION, group, recovery_key, body, sig, &m, err))
		return CLV_FAILED;
	s = (const Clv__Succession *)m;
	if (!slice_eq(PROTO_SLICE(s->group_key), group_key))
		(void)err_set(err, CLV_E_AUTH, "the recovery key signed another key than the one shown");
	else if (s->epoch <= above)
		(void)err_set(err, CLV_E_AUTH,
		              "the recovery key's word is of epoch %" PRIu64 "; this node is at %" PRIu64
		              " already",
		              s->epoch, above);
	else {
		*epoch = s->epoch;
		rc = CLV_OK;
	}
	proto_free(m);
	return rc;
}
