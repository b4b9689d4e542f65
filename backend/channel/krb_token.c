/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enctypes: their names, which may be used, and which ones the first token of an exchange brings. Reads DER
 * of strangers and allocates nothing; decides by numbers that the token's own integrity does not cover, so
 * the context's key is judged beside them.
 */
#include "channel/krb.h"

static const struct {
	uint32_t enctype;
	enum krb_strength strength;
	const char *name;
} enctypes[] = {
    {17, KRB_STRONG, "aes128-cts-hmac-sha1-96"},    {18, KRB_STRONG, "aes256-cts-hmac-sha1-96"},
    {19, KRB_STRONG, "aes128-cts-hmac-sha256-128"}, {20, KRB_STRONG, "aes256-cts-hmac-sha384-192"},
    {KRB_ENCTYPE_RC4, KRB_WEAK, "arcfour-hmac"},    {16, KRB_REFUSED, "des3-cbc-sha1"},
    {24, KRB_REFUSED, "arcfour-hmac-exp"},          {25, KRB_REFUSED, "camellia128-cts-cmac"},
    {26, KRB_REFUSED, "camellia256-cts-cmac"},
};

enum krb_strength krb_strength(uint32_t enctype)
{
	for (size_t i = 0; i < sizeof enctypes / sizeof enctypes[0]; i++)
		if (enctypes[i].enctype == enctype)
			return enctypes[i].strength;
	return KRB_REFUSED;
}

const char *krb_enctype_name(uint32_t enctype)
{
	for (size_t i = 0; i < sizeof enctypes / sizeof enctypes[0]; i++)
		if (enctypes[i].enctype == enctype)
			return enctypes[i].name;
	return "unknown";
}

static clv_rc check_one(uint32_t enctype, const char *what, bool permit_rc4, struct clv_err *err)
{
	enum krb_strength s = krb_strength(enctype);

	if (s == KRB_STRONG || (s == KRB_WEAK && permit_rc4))
		return CLV_OK;
	if (s == KRB_WEAK)
		return err_set(err, CLV_E_AUTH,
		               "the %s is %s, which is not permitted here: give the service AES keys (or set "
		               "permit_rc4 = yes under [kerberos])",
		               what, krb_enctype_name(enctype));
	return err_set(err, CLV_E_AUTH, "the %s has enctype %u (%s), which is never used", what, enctype,
	               krb_enctype_name(enctype));
}

clv_rc krb_check_enctypes(uint32_t ticket, uint32_t session, uint32_t key, bool permit_rc4,
                          struct clv_err *err)
{
	if (check_one(ticket, "ticket's encryption", permit_rc4, err) ||
	    check_one(session, "session key", permit_rc4, err))
		return CLV_FAILED;
	return check_one(key, "context's key", permit_rc4, err);
}

/* One DER element with this tag at the front of s; its content in *in, s behind it. */
static clv_rc element(struct clv_slice *s, uint8_t tag, struct clv_slice *in, struct clv_err *err)
{
	struct clv_slice at = *s;
	uint8_t got, first, byte;
	size_t len;

	if (slice_get_u8(&at, &got, err) || slice_get_u8(&at, &first, err))
		return CLV_FAILED;
	if (got != tag)
		return err_set(err, CLV_E_PROTO, "tag 0x%02x where 0x%02x belongs", got, tag);
	len = first;
	if (first & 0x80) {
		if ((first & 0x7f) == 0 || (first & 0x7f) > 3)
			return err_set(err, CLV_E_PROTO, "a length of %u bytes", first & 0x7f);
		len = 0;
		for (int i = 0; i < (first & 0x7f); i++) {
			if (slice_get_u8(&at, &byte, err))
				return CLV_FAILED;
			len = len << 8 | byte;
		}
		/* DER: no length is written longer than it must be. */
		if (len < 0x80 || ((first & 0x7f) > 1 && len >> (8 * ((first & 0x7f) - 1)) == 0))
			return err_set(err, CLV_E_PROTO, "a length that is not in its shortest form");
	}
	if (slice_get(&at, len, in, err))
		return CLV_FAILED;
	*s = at;
	return CLV_OK;
}

/* Context tag n, which must be there, with an element of another tag inside and nothing else. */
static clv_rc field(struct clv_slice *s, unsigned n, uint8_t tag, struct clv_slice *in, struct clv_err *err)
{
	struct clv_slice outer;

	if (element(s, (uint8_t)(0xa0 | n), &outer, err) || element(&outer, tag, in, err))
		return CLV_FAILED;
	return outer.len ? err_set(err, CLV_E_PROTO, "bytes behind field %u", n) : CLV_OK;
}

static clv_rc skip(struct clv_slice *s, unsigned n, struct clv_err *err)
{
	struct clv_slice gone;

	return element(s, (uint8_t)(0xa0 | n), &gone, err);
}

/* EncryptedData: [0] etype, then what does not matter here. */
static clv_rc etype(struct clv_slice data, uint32_t *out, struct clv_err *err)
{
	struct clv_slice number;
	uint32_t v = 0;

	if (field(&data, 0, 0x02, &number, err))
		return CLV_FAILED;
	if (number.len == 0 || number.len > 4 || (number.ptr[0] & 0x80))
		return err_set(err, CLV_E_PROTO, "an enctype that is no small number");
	for (size_t i = 0; i < number.len; i++)
		v = v << 8 | number.ptr[i];
	*out = v;
	return CLV_OK;
}

/* AP-REQ: [0] pvno [1] msg-type [2] ap-options [3] Ticket [4] authenticator. */
static clv_rc ap_req(struct clv_slice token, uint32_t *ticket, uint32_t *session, struct clv_err *err)
{
	static const uint8_t krb5_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};
	struct clv_slice in, oid, req, seq, tkt, tseq, data, auth;
	uint16_t id;
	uint32_t of_ticket, of_session;

	if (element(&token, 0x60, &in, err) || element(&in, 0x06, &oid, err) || slice_get_u16(&in, &id, err))
		return CLV_FAILED;
	if (token.len || !slice_eq(oid, slice_of(krb5_oid, sizeof krb5_oid)) || id != 0x0100)
		return err_set(err, CLV_E_PROTO, "not the first token of the krb5 mechanism");
	if (element(&in, 0x6e, &req, err) || element(&req, 0x30, &seq, err) || skip(&seq, 0, err) ||
	    skip(&seq, 1, err) || skip(&seq, 2, err) || field(&seq, 3, 0x61, &tkt, err) ||
	    element(&tkt, 0x30, &tseq, err) || skip(&tseq, 0, err) || skip(&tseq, 1, err) ||
	    skip(&tseq, 2, err) || field(&tseq, 3, 0x30, &data, err) || etype(data, &of_ticket, err) ||
	    field(&seq, 4, 0x30, &auth, err) || etype(auth, &of_session, err))
		return CLV_FAILED;
	if (in.len || req.len || seq.len || tkt.len || tseq.len)
		return err_set(err, CLV_E_PROTO, "bytes behind its end");
	*ticket = of_ticket;
	*session = of_session;
	return CLV_OK;
}

clv_rc krb_token_enctypes(struct clv_slice token, uint32_t *ticket, uint32_t *session, struct clv_err *err)
{
	return ap_req(token, ticket, session, err) ? err_wrap(err, "the Kerberos token") : CLV_OK;
}
