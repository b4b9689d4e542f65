/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapping with an exported context, in net behind its sandbox. Takes a message only with exactly
 * GSS_S_COMPLETE and conf_state 1: a duplicate, a gap or a reordered message comes back as plaintext with
 * GSS_ERROR()==0.
 */
#include "channel/gss.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdlib.h>
#include <string.h>

static const char prf_input[] = "claviger-channel-fingerprint";

clv_rc gss_process_init(struct clv_err *err)
{
	/* Kept: an exported context names the configuration it was made under, and behind the walls libkrb5
	 * finds that only while somebody in the process holds it. */
	static krb5_context kept;
	gss_OID_set mechs = GSS_C_NO_OID_SET;
	OM_uint32 minor;
	int has = 0;

	/* Freshness comes from the bindings; a cache file would be one more writer of files. */
	if (setenv("KRB5RCACHENAME", "none:", 1) || (!kept && krb5_init_context(&kept)))
		return err_set(err, CLV_E_CONFIG, "libkrb5 does not start: is krb5.conf sound?");
	if (gss_indicate_mechs(&minor, &mechs) != GSS_S_COMPLETE ||
	    gss_test_oid_set_member(&minor, (gss_OID)gss_mech_krb5, mechs, &has) != GSS_S_COMPLETE || !has) {
		(void)gss_release_oid_set(&minor, &mechs);
		return err_set(err, CLV_E_CONFIG, "GSS-API has no krb5 mechanism here");
	}
	(void)gss_release_oid_set(&minor, &mechs);
	return CLV_OK;
}

static gss_buffer_desc borrow(struct clv_slice s)
{
	return (gss_buffer_desc){.length = s.len, .value = (void *)(uintptr_t)s.ptr};
}

static void wipe(gss_buffer_t b)
{
	OM_uint32 minor;

	if (b->value)
		explicit_bzero(b->value, b->length);
	(void)gss_release_buffer(&minor, b);
}

static clv_rc import(struct clv_slice exported, void **ctx, struct clv_err *err)
{
	gss_buffer_desc b = borrow(exported);
	gss_ctx_id_t made = GSS_C_NO_CONTEXT;
	OM_uint32 minor = 0;

	if (exported.len == 0 || gss_import_sec_context(&minor, &b, &made) != GSS_S_COMPLETE)
		return err_set(err, CLV_E_CRYPTO, "the security context cannot be taken over (libkrb5: %u)",
		               minor);
	*ctx = made;
	return CLV_OK;
}

static clv_rc wrap(void *ctx, struct clv_slice plain, struct clv_buf *out, struct clv_err *err)
{
	gss_buffer_desc in = borrow(plain), made = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;
	int conf = 0;
	clv_rc rc;

	major = gss_wrap(&minor, ctx, 1, GSS_C_QOP_DEFAULT, &in, &conf, &made);
	if (major != GSS_S_COMPLETE || conf != 1)
		rc = err_set(err, CLV_E_CRYPTO, "a message cannot be wrapped");
	else
		rc = buf_put(out, slice_of(made.value, made.length), err);
	(void)gss_release_buffer(&minor, &made);
	return rc;
}

static const struct {
	OM_uint32 major;
	const char *text;
} failures[] = {
    {GSS_S_DUPLICATE_TOKEN, "a wrapped message came twice"},
    {GSS_S_OLD_TOKEN, "a wrapped message came again, long after its turn"},
    {GSS_S_UNSEQ_TOKEN, "a wrapped message came out of order"},
    {GSS_S_GAP_TOKEN, "a wrapped message is missing before this one"},
    {GSS_S_BAD_SIG, "a wrapped message was changed on its way, or is our own"},
    {GSS_S_DEFECTIVE_TOKEN, "what came is no wrapped message of this link"},
    {GSS_S_CONTEXT_EXPIRED, "the Kerberos ticket has ended"},
};

static clv_rc unwrap(void *ctx, struct clv_slice token, struct clv_buf *out, struct clv_err *err)
{
	gss_buffer_desc in = borrow(token), made = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;
	int conf = 0;
	clv_rc rc = CLV_FAILED;

	major = gss_unwrap(&minor, ctx, &in, &made, &conf, NULL);
	if (major == GSS_S_COMPLETE && conf == 1) {
		rc = buf_put(out, slice_of(made.value, made.length), err);
		goto out;
	}
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (major == failures[i].major) {
			(void)err_set(err, CLV_E_PROTO, "%s", failures[i].text);
			goto out;
		}
	(void)err_set(err, CLV_E_PROTO,
	              major == GSS_S_COMPLETE ? "a message came without confidentiality"
	                                      : "a message cannot be unwrapped");
out:
	wipe(&made);
	return rc;
}

static clv_rc fingerprint(void *ctx, uint8_t out[CHAN_FINGERPRINT_LEN], struct clv_err *err)
{
	gss_buffer_desc in = {sizeof prf_input - 1, (void *)(uintptr_t)prf_input}, made = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	clv_rc rc = CLV_OK;

	if (gss_pseudo_random(&minor, ctx, GSS_C_PRF_KEY_FULL, &in, CHAN_FINGERPRINT_LEN, &made) !=
	        GSS_S_COMPLETE ||
	    made.length != CHAN_FINGERPRINT_LEN)
		rc = err_set(err, CLV_E_CRYPTO, "the fingerprint cannot be computed");
	else
		memcpy(out, made.value, CHAN_FINGERPRINT_LEN);
	(void)gss_release_buffer(&minor, &made);
	return rc;
}

static void free_context(void *ctx)
{
	gss_ctx_id_t c = ctx;
	OM_uint32 minor;

	(void)gss_delete_sec_context(&minor, &c, GSS_C_NO_BUFFER);
}

const struct chan_krb_ops gss_ops = {
    .import = import, .wrap = wrap, .unwrap = unwrap, .fingerprint = fingerprint, .free = free_context};
