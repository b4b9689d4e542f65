/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a SecureData against its template. Every algorithm identifier is a literal: what is not
 * these very bytes is refused, so no weaker form reaches a decryption (T9).
 */
#include "runas/template.h"
#include "runas/der.h"

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

/* contentType id-data, signingTime, messageDigest: DER sorts them so. */
static bool attributes(struct clv_slice attrs)
{
	struct clv_slice attr = {0}, values = {0}, time = {0}, digest = {0};

	return der_expect(&attrs, SLICE_LIT(ATTR_CONTENT_TYPE)) && der_take(&attrs, DER_SEQUENCE, &attr) &&
	       der_expect(&attr, SLICE_LIT(OID_SIGNING_TIME)) && der_take(&attr, DER_SET, &values) &&
	       attr.len == 0 &&
	       (der_take(&values, DER_UTCTIME, &time) || der_take(&values, DER_GENTIME, &time)) &&
	       values.len == 0 && der_expect(&attrs, SLICE_LIT(ATTR_DIGEST)) &&
	       !slice_get(&attrs, 32, &digest, NULL) && attrs.len == 0;
}

static bool signer(struct clv_slice set, struct template_inner *o)
{
	struct clv_slice si = {0}, attrs = {0};

	return der_take(&set, DER_SEQUENCE, &si) && set.len == 0 && der_expect(&si, SLICE_LIT(VERSION_3)) &&
	       der_take(&si, DER_P0, &o->key_id) && o->key_id.len == 20 &&
	       der_expect(&si, SLICE_LIT(ALG_SHA256)) && der_take(&si, DER_C0, &attrs) && attributes(attrs) &&
	       der_expect(&si, SLICE_LIT(ALG_ECDSA_SHA256)) && der_take(&si, DER_OCTETS, &o->signature) &&
	       si.len == 0;
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
