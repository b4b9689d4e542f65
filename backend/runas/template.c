/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a SecureData against its template, and writes it. Every algorithm identifier is a literal: what is
 * not these very bytes is refused, so no weaker form reaches a decryption (T9).
 */
#include "runas/template.h"
#include "base/clock.h"
#include "runas/der.h"
#include <stdio.h>
#include <string.h>

#define OID_AUTH_ENVELOPED "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
#define OID_SIGNED         "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_DATA           "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_GCM256         "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e"
#define ALG_SHA256         "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define ALG_ECDSA_SHA256   "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
/* RSAES-OAEP, SHA-256, MGF1 with SHA-256, empty label */
#define ALG_OAEP                                                                          \
	"\x30\x38\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2b\xa0\x0d" ALG_SHA256 \
	"\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" ALG_SHA256
#define VERSION_0         "\x02\x01\x00"
#define VERSION_3         "\x02\x01\x03"
#define ICV_LEN_16        "\x02\x01\x10"
#define ATTR_CONTENT_TYPE "\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0b" OID_DATA
#define ATTR_DIGEST       "\x30\x2f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04\x31\x22\x04\x20"
#define OID_SIGNING_TIME  "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"
#define LIT_LEN(s)        (sizeof(s) - 1)

static bool recipient(struct clv_slice set, struct template_outer *o)
{
	struct clv_slice ktri = {0};

	return der_take(&set, DER_SEQUENCE, &ktri) && set.len == 0 &&
	       der_expect(&ktri, SLICE_LIT(VERSION_0)) && der_take(&ktri, DER_SEQUENCE, &o->issuer_serial) &&
	       der_expect(&ktri, SLICE_LIT(ALG_OAEP)) && der_take(&ktri, DER_OCTETS, &o->key) &&
	       ktri.len == 0;
}

static bool encrypted(struct clv_slice eci, struct template_outer *o)
{
	struct clv_slice alg = {0}, params = {0};

	return der_expect(&eci, SLICE_LIT(OID_DATA)) && der_take(&eci, DER_SEQUENCE, &alg) &&
	       der_expect(&alg, SLICE_LIT(OID_GCM256)) && der_take(&alg, DER_SEQUENCE, &params) &&
	       alg.len == 0 && der_take(&params, DER_OCTETS, &o->iv) && o->iv.len == 12 &&
	       der_expect(&params, SLICE_LIT(ICV_LEN_16)) && params.len == 0 &&
	       der_take(&eci, DER_P0, &o->ciphertext) && eci.len == 0;
}

bool template_outer(struct clv_slice der, struct template_outer *out)
{
	struct template_outer o = {0};
	struct clv_slice ci = {0}, c0 = {0}, env = {0}, set = {0}, eci = {0};

	if (!der_take(&der, DER_SEQUENCE, &ci) || der.len ||
	    !der_expect(&ci, SLICE_LIT(OID_AUTH_ENVELOPED)) || !der_take(&ci, DER_C0, &c0) || ci.len ||
	    !der_take(&c0, DER_SEQUENCE, &env) || c0.len)
		return false;
	if (!der_expect(&env, SLICE_LIT(VERSION_0)) || !der_take(&env, DER_SET, &set) ||
	    !der_take(&env, DER_SEQUENCE, &eci) || !der_take(&env, DER_OCTETS, &o.mac) || env.len ||
	    o.mac.len != 16)
		return false;
	if (!recipient(set, &o) || !encrypted(eci, &o))
		return false;
	*out = o;
	return true;
}

static bool is_time(struct clv_slice t, size_t digits)
{
	bool good = t.len == digits + 1 && t.ptr[digits] == 'Z';

	for (size_t i = 0; good && i < digits; i++)
		good = t.ptr[i] >= '0' && t.ptr[i] <= '9';
	return good;
}

/* contentType id-data, signingTime, messageDigest: DER sorts them so. */
static bool attributes(struct clv_slice attrs, struct clv_slice *digest)
{
	struct clv_slice attr = {0}, values = {0}, time = {0};

	if (!der_expect(&attrs, SLICE_LIT(ATTR_CONTENT_TYPE)) || !der_take(&attrs, DER_SEQUENCE, &attr) ||
	    !der_expect(&attr, SLICE_LIT(OID_SIGNING_TIME)) || !der_take(&attr, DER_SET, &values) || attr.len)
		return false;
	if (der_take(&values, DER_UTCTIME, &time)
	        ? !is_time(time, 12)
	        : !der_take(&values, DER_GENTIME, &time) || !is_time(time, 14))
		return false;
	return values.len == 0 && der_expect(&attrs, SLICE_LIT(ATTR_DIGEST)) &&
	       !slice_get(&attrs, 32, digest, NULL) && attrs.len == 0;
}

static bool signer(struct clv_slice set, struct template_inner *o)
{
	struct clv_slice si = {0};

	return der_take(&set, DER_SEQUENCE, &si) && set.len == 0 && der_expect(&si, SLICE_LIT(VERSION_3)) &&
	       der_take(&si, DER_P0, &o->key_id) && o->key_id.len == 20 &&
	       der_expect(&si, SLICE_LIT(ALG_SHA256)) && der_take(&si, DER_C0, &o->attrs) &&
	       attributes(o->attrs, &o->digest) && der_expect(&si, SLICE_LIT(ALG_ECDSA_SHA256)) &&
	       der_take(&si, DER_OCTETS, &o->signature) && si.len == 0;
}

bool template_inner(struct clv_slice der, struct template_inner *out)
{
	struct template_inner o = {0};
	struct clv_slice ci = {0}, c0 = {0}, sd = {0}, algs = {0}, eci = {0}, e0 = {0}, set = {0};

	if (!der_take(&der, DER_SEQUENCE, &ci) || der.len || !der_expect(&ci, SLICE_LIT(OID_SIGNED)) ||
	    !der_take(&ci, DER_C0, &c0) || ci.len || !der_take(&c0, DER_SEQUENCE, &sd) || c0.len)
		return false;
	if (!der_expect(&sd, SLICE_LIT(VERSION_3)) || !der_take(&sd, DER_SET, &algs) ||
	    !der_expect(&algs, SLICE_LIT(ALG_SHA256)) || algs.len || !der_take(&sd, DER_SEQUENCE, &eci) ||
	    !der_take(&sd, DER_SET, &set) || sd.len)
		return false;
	if (!der_expect(&eci, SLICE_LIT(OID_DATA)) || !der_take(&eci, DER_C0, &e0) || eci.len ||
	    !der_take(&e0, DER_OCTETS, &o.content) || e0.len || !signer(set, &o))
		return false;
	*out = o;
	return true;
}

static clv_rc head(struct clv_buf *b, uint8_t tag, size_t len, struct clv_err *err)
{
	uint8_t bytes[DER_HEAD_MAX];

	return buf_put(b, slice_of(bytes, der_head(bytes, tag, len)), err);
}

clv_rc template_outer_begin(struct clv_buf *out, const struct template_outer *o, struct clv_err *err)
{
	size_t ktri =
	    LIT_LEN(VERSION_0) + der_size(o->issuer_serial.len) + LIT_LEN(ALG_OAEP) + der_size(o->key.len);
	size_t params = der_size(o->iv.len) + LIT_LEN(ICV_LEN_16);
	size_t alg = LIT_LEN(OID_GCM256) + der_size(params);
	size_t eci = LIT_LEN(OID_DATA) + der_size(alg) + der_size(o->ciphertext.len);
	size_t env = LIT_LEN(VERSION_0) + der_size(der_size(ktri)) + der_size(eci) + der_size(16);

	if (head(out, DER_SEQUENCE, LIT_LEN(OID_AUTH_ENVELOPED) + der_size(der_size(env)), err) ||
	    buf_put(out, SLICE_LIT(OID_AUTH_ENVELOPED), err) || head(out, DER_C0, der_size(env), err) ||
	    head(out, DER_SEQUENCE, env, err) || buf_put(out, SLICE_LIT(VERSION_0), err))
		return CLV_FAILED;
	if (head(out, DER_SET, der_size(ktri), err) || head(out, DER_SEQUENCE, ktri, err) ||
	    buf_put(out, SLICE_LIT(VERSION_0), err) || head(out, DER_SEQUENCE, o->issuer_serial.len, err) ||
	    buf_put(out, o->issuer_serial, err) || buf_put(out, SLICE_LIT(ALG_OAEP), err) ||
	    head(out, DER_OCTETS, o->key.len, err) || buf_put(out, o->key, err))
		return CLV_FAILED;
	if (head(out, DER_SEQUENCE, eci, err) || buf_put(out, SLICE_LIT(OID_DATA), err) ||
	    head(out, DER_SEQUENCE, alg, err) || buf_put(out, SLICE_LIT(OID_GCM256), err) ||
	    head(out, DER_SEQUENCE, params, err) || head(out, DER_OCTETS, o->iv.len, err) ||
	    buf_put(out, o->iv, err) || buf_put(out, SLICE_LIT(ICV_LEN_16), err))
		return CLV_FAILED;
	return head(out, DER_P0, o->ciphertext.len, err);
}

void template_attrs(int64_t time_ms, const uint8_t digest[32], uint8_t out[TEMPLATE_ATTRS])
{
	static const char before[] = ATTR_CONTENT_TYPE "\x30\x1c" OID_SIGNING_TIME "\x31\x0f\x17\x0d";
	int y, mo, d, h, mi, s;
	char time[32];

	_Static_assert(LIT_LEN(before) + 13 + LIT_LEN(ATTR_DIGEST) + 32 == TEMPLATE_ATTRS,
	               "the sizes add up");
	clock_civil(time_ms, &y, &mo, &d, &h, &mi, &s);
	/* UTCTime holds years to 2049 (RFC 5652 11.3); no clock of ours is past it. */
	(void)snprintf(time, sizeof time, "%02d%02d%02d%02d%02d%02dZ", y % 100, mo, d, h, mi, s);
	memcpy(out, before, LIT_LEN(before));
	memcpy(out + LIT_LEN(before), time, 13);
	memcpy(out + LIT_LEN(before) + 13, ATTR_DIGEST, LIT_LEN(ATTR_DIGEST));
	memcpy(out + TEMPLATE_ATTRS - 32, digest, 32);
}

static clv_rc hide(struct clv_secret *out, struct clv_slice s, struct clv_err *err)
{
	return secret_append(out, s.ptr, s.len, err);
}

static clv_rc hide_head(struct clv_secret *out, uint8_t tag, size_t len, struct clv_err *err)
{
	uint8_t bytes[DER_HEAD_MAX];

	return secret_append(out, bytes, der_head(bytes, tag, len), err);
}

clv_rc template_inner_write(struct clv_secret *out, const struct template_inner *i, struct clv_err *err)
{
	size_t si = LIT_LEN(VERSION_3) + der_size(i->key_id.len) + LIT_LEN(ALG_SHA256) +
	            der_size(i->attrs.len) + LIT_LEN(ALG_ECDSA_SHA256) + der_size(i->signature.len);
	size_t e0 = der_size(i->content.len);
	size_t eci = LIT_LEN(OID_DATA) + der_size(e0);
	size_t sd =
	    LIT_LEN(VERSION_3) + der_size(LIT_LEN(ALG_SHA256)) + der_size(eci) + der_size(der_size(si));

	if (hide_head(out, DER_SEQUENCE, LIT_LEN(OID_SIGNED) + der_size(der_size(sd)), err) ||
	    hide(out, SLICE_LIT(OID_SIGNED), err) || hide_head(out, DER_C0, der_size(sd), err) ||
	    hide_head(out, DER_SEQUENCE, sd, err) || hide(out, SLICE_LIT(VERSION_3), err) ||
	    hide_head(out, DER_SET, LIT_LEN(ALG_SHA256), err) || hide(out, SLICE_LIT(ALG_SHA256), err))
		return CLV_FAILED;
	if (hide_head(out, DER_SEQUENCE, eci, err) || hide(out, SLICE_LIT(OID_DATA), err) ||
	    hide_head(out, DER_C0, e0, err) || hide_head(out, DER_OCTETS, i->content.len, err) ||
	    hide(out, i->content, err))
		return CLV_FAILED;
	if (hide_head(out, DER_SET, der_size(si), err) || hide_head(out, DER_SEQUENCE, si, err) ||
	    hide(out, SLICE_LIT(VERSION_3), err) || hide_head(out, DER_P0, i->key_id.len, err) ||
	    hide(out, i->key_id, err) || hide(out, SLICE_LIT(ALG_SHA256), err) ||
	    hide_head(out, DER_C0, i->attrs.len, err) || hide(out, i->attrs, err) ||
	    hide(out, SLICE_LIT(ALG_ECDSA_SHA256), err) || hide_head(out, DER_OCTETS, i->signature.len, err))
		return CLV_FAILED;
	return hide(out, i->signature, err);
}
