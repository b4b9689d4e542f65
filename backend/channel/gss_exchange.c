/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token exchange, both ends. Runs in krb_accept and krb_init (and in the console's program), which export
 * the context and forget it. A context that lacks one of the flags asked for, or whose keys are of an enctype
 * that may not be used, is never exported.
 */
#include "channel/gss.h"
#include "base/clock.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <string.h>

#define WANTED \
	(GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_REPLAY_FLAG)

struct gss_acceptor {
	gss_cred_id_t cred;
	krb5_context k;
	krb5_keytab keytab;
};

struct gss_attempt {
	gss_cred_id_t cred;
	gss_name_t target;
	gss_ctx_id_t ctx;
	uint8_t t[CHAN_T_LEN];
	bool permit_rc4;
	uint32_t ticket, session;
};

void gss_result_init(struct gss_result *r)
{
	*r = (struct gss_result){.done = false};
	buf_init(&r->token, KRB_TOKEN_MAX);
	buf_init(&r->context, KRB_CONTEXT_MAX);
}

void gss_result_release(struct gss_result *r)
{
	buf_release(&r->token);
	buf_release(&r->context);
}

/* One clear reason each (20057, 21001); what has no line is told in the library's own words. */
static const struct {
	OM_uint32 minor;
	const char *text;
} reasons[] = {
    {(OM_uint32)KRB5KRB_AP_ERR_SKEW, "the clocks of the two hosts differ by more than 5 minutes"},
    {(OM_uint32)KRB5KRB_AP_ERR_TKT_EXPIRED, "the ticket has expired"},
    {(OM_uint32)KRB5KRB_AP_ERR_TKT_NYV, "the ticket is not valid yet; compare the clocks"},
    {(OM_uint32)KRB5KRB_AP_ERR_REPEAT, "the token was seen before"},
    {(OM_uint32)KRB5KRB_AP_ERR_BAD_INTEGRITY, "the token was changed on its way, or made for another key"},
    {(OM_uint32)KRB5KRB_AP_ERR_MODIFIED, "the token was changed on its way, or made for another key"},
    {(OM_uint32)KRB5KRB_AP_WRONG_PRINC, "the ticket is for another service than this one"},
    {(OM_uint32)KRB5KRB_AP_ERR_NOT_US, "the ticket is for another service than this one"},
    {(OM_uint32)KRB5_KT_NOTFOUND, "the ticket is for another service than this one"},
    {(OM_uint32)KRB5KRB_AP_ERR_NOKEY, "the ticket is for another service than this one"},
    {(OM_uint32)KRB5KRB_AP_ERR_BADKEYVER,
     "the ticket is for an older or newer key than the keytab's; is the keytab current?"},
    {(OM_uint32)KRB5_KT_KVNONOTFOUND,
     "the ticket is for an older or newer key than the keytab's; is the keytab current?"},
    {(OM_uint32)KRB5_KDC_UNREACH, "no KDC of the realm answers"},
    {(OM_uint32)KRB5_REALM_UNKNOWN, "no KDC is known for the realm; see krb5.conf"},
    {(OM_uint32)KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN,
     "the KDC does not know this service; was its principal made (21016, 21035)?"},
    {(OM_uint32)KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, "the KDC does not know our principal"},
    {(OM_uint32)KRB5KDC_ERR_PREAUTH_FAILED, "the KDC refuses our key; is the keytab current?"},
    {(OM_uint32)KRB5KDC_ERR_ETYPE_NOSUPP, "the KDC has no AES key for this service"},
};

static clv_rc gss_fail(OM_uint32 major, OM_uint32 minor, const char *what, struct clv_err *err)
{
	gss_buffer_desc words = GSS_C_EMPTY_BUFFER;
	OM_uint32 more = 0, m;
	clv_rc rc;

	if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS)
		return err_set(err, CLV_E_AUTH,
		               "%s: the token was made for another offer and answer than were spoken here",
		               what);
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].minor == minor)
			return err_set(err, CLV_E_AUTH, "%s: %s", what, reasons[i].text);
	(void)gss_display_status(&m, minor ? minor : major, minor ? GSS_C_MECH_CODE : GSS_C_GSS_CODE,
	                         (gss_OID)gss_mech_krb5, &more, &words);
	rc = err_set(err, CLV_E_AUTH, "%s: %.*s", what, (int)words.length,
	             words.value ? (const char *)words.value : "");
	(void)gss_release_buffer(&m, &words);
	return rc;
}

static clv_rc import_name(const char *principal, gss_name_t *out, struct clv_err *err)
{
	gss_buffer_desc b = {strlen(principal), (void *)(uintptr_t)principal};
	OM_uint32 minor;

	if (gss_import_name(&minor, &b, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, out) != GSS_S_COMPLETE)
		return err_set(err, CLV_E_CONFIG, "'%s' is no principal", principal);
	return CLV_OK;
}

static clv_rc acquire(const char *principal, gss_cred_usage_t usage, gss_key_value_element_desc *elements,
                      OM_uint32 n, gss_cred_id_t *out, struct clv_err *err)
{
	gss_key_value_set_desc store = {n, elements};
	gss_OID_set_desc mechs = {1, (gss_OID)gss_mech_krb5};
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, m;

	if (principal && import_name(principal, &name, err))
		return CLV_FAILED;
	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechs, usage, &store, out, NULL, NULL);
	(void)gss_release_name(&m, &name);
	return major == GSS_S_COMPLETE ? CLV_OK : gss_fail(major, minor, "no Kerberos credentials here", err);
}

struct gss_acceptor *gss_acceptor_new(const char *keytab, const char *principal, struct clv_err *err)
{
	gss_key_value_element_desc e = {"keytab", keytab};
	struct gss_acceptor *a = clv_calloc(1, sizeof *a);

	if (acquire(principal, GSS_C_ACCEPT, &e, 1, &a->cred, err)) {
		gss_acceptor_free(a);
		return NULL;
	}
	if (krb5_init_context(&a->k) || krb5_kt_resolve(a->k, keytab, &a->keytab)) {
		(void)err_set(err, CLV_E_CONFIG, "the keytab cannot be opened");
		gss_acceptor_free(a);
		return NULL;
	}
	return a;
}

void gss_acceptor_free(struct gss_acceptor *a)
{
	OM_uint32 minor;

	if (!a)
		return;
	(void)gss_release_cred(&minor, &a->cred);
	if (a->keytab)
		(void)krb5_kt_close(a->k, a->keytab);
	if (a->k)
		krb5_free_context(a->k);
	clv_free(a);
}

static struct gss_channel_bindings_struct bindings(struct clv_slice t)
{
	return (struct gss_channel_bindings_struct){.initiator_addrtype = GSS_C_AF_UNSPEC,
	                                            .acceptor_addrtype = GSS_C_AF_UNSPEC,
	                                            .application_data = {t.len, (void *)(uintptr_t)t.ptr}};
}

/* The enctype of the key that wraps: the last number of the OID that comes with the session key. */
static clv_rc context_enctype(gss_ctx_id_t ctx, uint32_t *out, struct clv_err *err)
{
	gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
	OM_uint32 minor;
	clv_rc rc = CLV_FAILED;

	if (gss_inquire_sec_context_by_oid(&minor, ctx, (gss_OID)GSS_C_INQ_SSPI_SESSION_KEY, &set) !=
	        GSS_S_COMPLETE ||
	    set->count != 2 || set->elements[1].length == 0) {
		(void)err_set(err, CLV_E_CRYPTO, "the context does not tell its enctype");
	} else {
		*out = ((const uint8_t *)set->elements[1].value)[set->elements[1].length - 1];
		rc = *out < 0x80 ? CLV_OK : err_set(err, CLV_E_AUTH, "an enctype that is not known");
	}
	for (size_t i = 0; set && i < set->count; i++)
		if (set->elements[i].length)
			explicit_bzero(set->elements[i].value, set->elements[i].length);
	(void)gss_release_buffer_set(&minor, &set);
	return rc;
}

/* The context stands: is it what was asked for? Then it is exported, which ends it here. */
static clv_rc finish(gss_ctx_id_t *ctx, OM_uint32 flags, bool permit_rc4, struct gss_result *r,
                     struct clv_err *err)
{
	gss_buffer_desc exported = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, lifetime = 0;
	gss_OID mech = GSS_C_NO_OID;
	clv_rc rc;

	if ((flags & WANTED) != WANTED)
		return err_set(err, CLV_E_AUTH, "the Kerberos exchange lacks %s",
		               !(flags & GSS_C_MUTUAL_FLAG) ? "mutual authentication"
		               : !(flags & GSS_C_CONF_FLAG) ? "confidentiality"
		                                            : "integrity or order");
	if (gss_inquire_context(&minor, *ctx, NULL, NULL, &lifetime, &mech, NULL, NULL, NULL) !=
	        GSS_S_COMPLETE ||
	    !gss_oid_equal(mech, (gss_OID)gss_mech_krb5) || lifetime == 0)
		return err_set(err, CLV_E_AUTH, "the context is of another mechanism, or over already");
	if (context_enctype(*ctx, &r->key, err) ||
	    krb_check_enctypes(r->ticket, r->session, r->key, permit_rc4, err))
		return CLV_FAILED;
	r->ends_ms = clock_wall_ms() + (int64_t)lifetime * 1000;
	major = gss_export_sec_context(&minor, ctx, &exported);
	if (major != GSS_S_COMPLETE)
		return gss_fail(major, minor, "exporting the context", err);
	rc = buf_put(&r->context, slice_of(exported.value, exported.length), err);
	explicit_bzero(exported.value, exported.length);
	(void)gss_release_buffer(&minor, &exported);
	r->done = !rc;
	return rc;
}

static clv_rc take_name(gss_name_t name, struct gss_result *r, struct clv_err *err)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	clv_rc rc = CLV_OK;

	if (gss_display_name(&minor, name, &text, NULL) != GSS_S_COMPLETE ||
	    text.length >= sizeof r->principal || memchr(text.value, 0, text.length))
		rc = err_set(err, CLV_E_AUTH, "the peer's principal is outside the grammar");
	else
		memcpy(r->principal, text.value, text.length);
	(void)gss_release_buffer(&minor, &text);
	return rc;
}

/* An acceptor's context lives on for the skew that clocks may have; the link shall end with its ticket. */
static void end_with_ticket(struct gss_acceptor *a, struct clv_slice token, int64_t *ends_ms)
{
	struct clv_slice whole;
	krb5_ticket *ticket = NULL;
	krb5_data data = {0};
	int64_t end;

	if (krb_token_ticket(token, &whole, NULL))
		return;
	data.data = (char *)(uintptr_t)whole.ptr;
	data.length = (unsigned)whole.len;
	if (krb5_decode_ticket(&data, &ticket) == 0 &&
	    krb5_server_decrypt_ticket_keytab(a->k, a->keytab, ticket) == 0) {
		end = (int64_t)(uint32_t)ticket->enc_part2->times.endtime * 1000;
		*ends_ms = end < *ends_ms ? end : *ends_ms;
	}
	krb5_free_ticket(a->k, ticket);
}

clv_rc gss_accept(struct gss_acceptor *a, struct clv_slice token, struct clv_slice t, bool permit_rc4,
                  struct gss_result *out, struct clv_err *err)
{
	struct gss_channel_bindings_struct cb = bindings(t);
	gss_buffer_desc in = {token.len, (void *)(uintptr_t)token.ptr}, answer = GSS_C_EMPTY_BUFFER;
	gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
	gss_name_t peer = GSS_C_NO_NAME;
	OM_uint32 major, minor, flags = 0, m;
	clv_rc rc = CLV_FAILED;

	/* Before the library: what is weak is not even looked into. */
	if (krb_token_enctypes(token, &out->ticket, &out->session, err) ||
	    krb_check_enctypes(out->ticket, out->session, out->session, permit_rc4, err))
		return CLV_FAILED;
	major =
	    gss_accept_sec_context(&minor, &ctx, a->cred, &in, &cb, &peer, NULL, &answer, &flags, NULL, NULL);
	if (major != GSS_S_COMPLETE) {
		(void)gss_fail(major, minor, "the Kerberos token was refused", err);
		goto out;
	}
	if (!(flags & GSS_C_CHANNEL_BOUND_FLAG)) {
		(void)err_set(err, CLV_E_AUTH, "the Kerberos token is bound to no offer and answer");
		goto out;
	}
	if (take_name(peer, out, err) || buf_put(&out->token, slice_of(answer.value, answer.length), err))
		goto out;
	rc = finish(&ctx, flags, permit_rc4, out, err);
	end_with_ticket(a, token, &out->ends_ms);
out:
	(void)gss_release_name(&m, &peer);
	(void)gss_release_buffer(&m, &answer);
	if (ctx != GSS_C_NO_CONTEXT)
		(void)gss_delete_sec_context(&m, &ctx, GSS_C_NO_BUFFER);
	return rc;
}

void gss_attempt_free(struct gss_attempt *a)
{
	OM_uint32 m;

	if (!a)
		return;
	(void)gss_release_cred(&m, &a->cred);
	(void)gss_release_name(&m, &a->target);
	if (a->ctx != GSS_C_NO_CONTEXT)
		(void)gss_delete_sec_context(&m, &a->ctx, GSS_C_NO_BUFFER);
	clv_free(a);
}

static clv_rc go(struct gss_attempt *a, struct clv_slice token, struct gss_result *r, struct clv_err *err)
{
	struct gss_channel_bindings_struct cb = bindings(slice_of(a->t, sizeof a->t));
	gss_buffer_desc in = {token.len, (void *)(uintptr_t)token.ptr}, made = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor, flags = 0, m;
	clv_rc rc = CLV_FAILED;

	major = gss_init_sec_context(&minor, a->cred, &a->ctx, a->target, (gss_OID)gss_mech_krb5, WANTED, 0,
	                             &cb, token.len ? &in : GSS_C_NO_BUFFER, NULL, &made, &flags, NULL);
	if (major != GSS_S_COMPLETE && major != GSS_S_CONTINUE_NEEDED) {
		(void)gss_fail(major, minor,
		               token.len ? "the server's Kerberos answer was refused"
		                         : "no Kerberos ticket for the server",
		               err);
		goto out;
	}
	if (!token.len &&
	    (krb_token_enctypes(slice_of(made.value, made.length), &a->ticket, &a->session, err) ||
	     krb_check_enctypes(a->ticket, a->session, a->session, a->permit_rc4, err)))
		goto out;
	if (buf_put(&r->token, slice_of(made.value, made.length), err))
		goto out;
	r->ticket = a->ticket;
	r->session = a->session;
	rc = major == GSS_S_COMPLETE ? finish(&a->ctx, flags, a->permit_rc4, r, err) : CLV_OK;
out:
	(void)gss_release_buffer(&m, &made);
	return rc;
}

clv_rc gss_begin(const struct gss_from *from, const char *target, struct clv_slice t, bool permit_rc4,
                 struct gss_attempt **out, struct gss_result *r, struct clv_err *err)
{
	gss_key_value_element_desc e[2];
	struct gss_attempt *a;
	OM_uint32 n = 0;

	if (t.len != CHAN_T_LEN)
		return err_set(err, CLV_E_INTERNAL, "bindings of %zu bytes", t.len);
	if (from->ccache)
		e[n++] = (gss_key_value_element_desc){"ccache", from->ccache};
	if (from->keytab)
		e[n++] = (gss_key_value_element_desc){"client_keytab", from->keytab};
	a = clv_calloc(1, sizeof *a);
	a->permit_rc4 = permit_rc4;
	(void)slice_fill(t, a->t, sizeof a->t);
	if (import_name(target, &a->target, err) ||
	    acquire(from->principal, GSS_C_INITIATE, e, n, &a->cred, err) ||
	    go(a, slice_of(NULL, 0), r, err)) {
		gss_attempt_free(a);
		return CLV_FAILED;
	}
	*out = a;
	return CLV_OK;
}

clv_rc gss_go_on(struct gss_attempt *a, struct clv_slice token, struct gss_result *r, struct clv_err *err)
{
	if (token.len == 0 || a->ctx == GSS_C_NO_CONTEXT)
		return err_set(err, CLV_E_PROTO, "a Kerberos exchange that is over");
	if (go(a, token, r, err))
		return CLV_FAILED;
	return r->done ? CLV_OK
	               : err_set(err, CLV_E_PROTO, "the server's Kerberos answer does not end the exchange");
}
