/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offer and answer, both directions, and the rule of choice: certificates where both ends have
 * them, else Kerberos, else a refusal that says what to do (S2 to S4). No silent fallback.
 */
#include "channel/negotiate.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define VERSION_LEAST 1u

static bool is_role(struct clv_slice s)
{
	if (s.len == 0 || s.len > NEGOTIATE_ROLE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') && s.ptr[i] != '-')
			return false;
	}
	return true;
}

clv_rc offer_encode(const struct chan_offer *o, struct clv_buf *b, struct clv_err *err)
{
	if (!is_role(slice_str(o->role)) || o->n_mechs == 0 || o->n_mechs > NEGOTIATE_MECHS_MAX)
		return err_set(err, CLV_E_INTERNAL, "an offer without a role or a mechanism");
	if (buf_put_u16(b, o->version_min, err) != CLV_OK || buf_put_u16(b, o->version_max, err) != CLV_OK ||
	    buf_put(b, slice_of(o->nonce, sizeof(o->nonce)), err) != CLV_OK ||
	    buf_put_u8(b, (uint8_t)o->n_mechs, err) != CLV_OK ||
	    buf_put(b, slice_of(o->mechs, o->n_mechs), err) != CLV_OK)
		return CLV_FAILED;
	return buf_put_lp(b, slice_str(o->role), err);
}

clv_rc offer_decode(struct clv_slice body, struct chan_offer *out, struct clv_err *err)
{
	struct chan_offer o = {0};
	struct clv_slice nonce, mechs, role;
	uint8_t n;

	if (slice_get_u16(&body, &o.version_min, err) != CLV_OK ||
	    slice_get_u16(&body, &o.version_max, err) != CLV_OK ||
	    slice_get(&body, NEGOTIATE_NONCE_LEN, &nonce, err) != CLV_OK ||
	    slice_get_u8(&body, &n, err) != CLV_OK)
		return err_wrap(err, "the peer's offer");
	if (n == 0 || n > NEGOTIATE_MECHS_MAX)
		return err_set(err, CLV_E_PROTO, "the peer's offer names %u mechanisms; expected 1 to %u", n,
		               NEGOTIATE_MECHS_MAX);
	if (slice_get(&body, n, &mechs, err) != CLV_OK ||
	    slice_get_lp(&body, NEGOTIATE_ROLE_MAX, &role, err) != CLV_OK)
		return err_wrap(err, "the peer's offer");
	if (body.len != 0)
		return err_set(err, CLV_E_PROTO, "the peer's offer has %zu bytes too many", body.len);
	if (o.version_min == 0 || o.version_min > o.version_max)
		return err_set(err, CLV_E_PROTO, "the peer offers versions %u to %u, which is no range",
		               o.version_min, o.version_max);
	if (!is_role(role))
		return err_set(err, CLV_E_PROTO, "the peer's offer has no proper role");
	for (size_t i = 0; i < mechs.len; i++) {
		if (mechs.ptr[i] == 0 || memchr(mechs.ptr + i + 1, mechs.ptr[i], mechs.len - i - 1) != NULL)
			return err_set(err, CLV_E_PROTO, "the peer's offer names a mechanism twice, or none");
	}
	(void)slice_fill(nonce, o.nonce, sizeof(o.nonce)); /* was taken by this length */
	memcpy(o.mechs, mechs.ptr, mechs.len);
	o.n_mechs = mechs.len;
	memcpy(o.role, role.ptr, role.len);
	*out = o;
	return CLV_OK;
}

clv_rc answer_encode(const struct chan_answer *a, struct clv_buf *b, struct clv_err *err)
{
	if (buf_put_u16(b, a->version, err) != CLV_OK ||
	    buf_put(b, slice_of(a->nonce, sizeof(a->nonce)), err) != CLV_OK ||
	    buf_put_u8(b, (uint8_t)a->choice, err) != CLV_OK)
		return CLV_FAILED;
	return buf_put_lp(b, slice_str(a->reason), err);
}

static clv_rc check_answer(const struct chan_answer *a, const struct chan_offer *offer, struct clv_err *err)
{
	if (a->choice == CHAN_MECH_NONE) {
		if (a->reason[0] == '\0')
			return err_set(err, CLV_E_PROTO, "the peer refused our offer without a reason");
		return a->version == 0
		           ? CLV_OK
		           : err_set(err, CLV_E_PROTO, "the peer's answer refuses and chooses at once");
	}
	if (a->reason[0] != '\0')
		return err_set(err, CLV_E_PROTO, "the peer's answer refuses and chooses at once");
	if (a->version < offer->version_min || a->version > offer->version_max)
		return err_set(err, CLV_E_PROTO, "the peer chose version %u, which was not offered",
		               a->version);
	if (memchr(offer->mechs, (int)a->choice, offer->n_mechs) == NULL)
		return err_set(err, CLV_E_PROTO, "the peer chose mechanism %u, which was not offered",
		               (unsigned)a->choice);
	return CLV_OK;
}

clv_rc answer_decode(struct clv_slice body, const struct chan_offer *offer, struct chan_answer *out,
                     struct clv_err *err)
{
	struct chan_answer a = {0};
	struct clv_slice nonce, reason;
	uint8_t choice;

	if (slice_get_u16(&body, &a.version, err) != CLV_OK ||
	    slice_get(&body, NEGOTIATE_NONCE_LEN, &nonce, err) != CLV_OK ||
	    slice_get_u8(&body, &choice, err) != CLV_OK ||
	    slice_get_lp(&body, NEGOTIATE_REASON_MAX, &reason, err) != CLV_OK)
		return err_wrap(err, "the peer's answer");
	if (body.len != 0)
		return err_set(err, CLV_E_PROTO, "the peer's answer has %zu bytes too many", body.len);
	if (reason.len > 0 && memchr(reason.ptr, 0, reason.len) != NULL)
		return err_set(err, CLV_E_PROTO, "the peer's answer has a reason that is no text");
	if (choice > CHAN_MECH_KERBEROS)
		return err_set(err, CLV_E_PROTO, "the peer chose mechanism %u, which is not known", choice);
	(void)slice_fill(nonce, a.nonce, sizeof(a.nonce));
	a.choice = (enum chan_mech)choice;
	if (reason.len > 0)
		memcpy(a.reason, reason.ptr, reason.len);
	if (check_answer(&a, offer, err) != CLV_OK)
		return CLV_FAILED;
	*out = a;
	return CLV_OK;
}

static bool offers(const struct chan_offer *o, enum chan_mech mech)
{
	return memchr(o->mechs, (int)mech, o->n_mechs) != NULL;
}

void answer_decide(const struct chan_offer *o, const struct chan_means *ours, struct chan_answer *out)
{
	bool certificate = ours->certificate && ours->pref != CHAN_PREF_KERBEROS;
	bool kerberos = ours->kerberos && ours->pref != CHAN_PREF_CERTIFICATE;
	uint16_t most = o->version_max < CHAN_VERSION ? o->version_max : (uint16_t)CHAN_VERSION;

	out->version = 0;
	out->choice = CHAN_MECH_NONE;
	out->reason[0] = '\0';
	if (o->version_min > CHAN_VERSION || most < VERSION_LEAST) {
		(void)snprintf(out->reason, sizeof(out->reason),
		               "no common version: this side speaks %u to %u, the offer %u to %u; bring both "
		               "to neighbouring releases",
		               VERSION_LEAST, CHAN_VERSION, o->version_min, o->version_max);
		return;
	}
	if (certificate && offers(o, CHAN_MECH_CERTIFICATE)) {
		out->choice = CHAN_MECH_CERTIFICATE;
	} else if (kerberos && offers(o, CHAN_MECH_KERBEROS)) {
		out->choice = CHAN_MECH_KERBEROS;
	} else {
		(void)snprintf(out->reason, sizeof(out->reason),
		               "no common mechanism: this side has %s; across an untrusted boundary enable "
		               "certificates on both ends",
		               certificate && kerberos ? "certificates and Kerberos"
		               : certificate           ? "certificates only"
		               : kerberos              ? "Kerberos only"
		                                       : "none");
		return;
	}
	out->version = most;
}

void negotiate_t(struct clv_slice offer, struct clv_slice answer, uint8_t t[CHAN_T_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, offer.ptr, offer.len) != 1 ||
	    EVP_DigestUpdate(ctx, answer.ptr, answer.len) != 1 || EVP_DigestFinal_ex(ctx, t, NULL) != 1)
		clv_fatal("SHA-256 is missing");
	EVP_MD_CTX_free(ctx);
}
