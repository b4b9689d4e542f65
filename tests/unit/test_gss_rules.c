/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the token exchange with a real KDC: bindings, flags, confidentiality, and RC4 refused by
 * ticket and by session, each alone.
 */
#include "tests/unit/gss_fixture.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

/* A token made by hand: with these flags, and these bindings. */
static void by_hand(const char *bindings, OM_uint32 want, const char *reason)
{
	struct gss_channel_bindings_struct cb = {.application_data = {32, NULL}};
	gss_key_value_element_desc e[] = {{"ccache", ccache}, {"client_keytab", from().keytab}};
	gss_key_value_set_desc store = {2, e};
	gss_OID_set_desc mechs = {1, (gss_OID)gss_mech_krb5};
	gss_buffer_desc name = {31, (void *)(uintptr_t) "MSOMHSvc/rms1.ops.test@OPS.TEST"},
	                token = GSS_C_EMPTY_BUFFER;
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
	gss_name_t target;
	OM_uint32 minor, major;
	uint8_t t[32];
	struct clv_err err = {0};
	struct gss_result r;

	memset(t, 7, sizeof t);
	gss_result_init(&r);
	assert_int_equal(gss_import_name(&minor, &name, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &target), 0);
	assert_int_equal(gss_acquire_cred_from(&minor, GSS_C_NO_NAME, 0, &mechs, GSS_C_INITIATE, &store,
	                                       &cred, NULL, NULL),
	                 0);
	cb.application_data.value = (void *)(uintptr_t)bindings;
	major =
	    gss_init_sec_context(&minor, cred, &ctx, target, (gss_OID)gss_mech_krb5, want, 0,
	                         bindings ? &cb : GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &token, NULL, NULL);
	assert_false(GSS_ERROR(major));
	assert_int_equal(
	    gss_accept(acceptor, slice_of(token.value, token.length), slice_of(t, sizeof t), false, &r, &err),
	    CLV_FAILED);
	if (!strstr(err.text, reason))
		fail_msg("'%s'; expected: %s", err.text, reason);
	gss_result_release(&r);
	(void)gss_release_buffer(&minor, &token);
	(void)gss_delete_sec_context(&minor, &ctx, GSS_C_NO_BUFFER);
	(void)gss_release_cred(&minor, &cred);
	(void)gss_release_name(&minor, &target);
}

static void bindings_and_flags_are_required(void **state)
{
	static const char right[32] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	                               7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
	static const char wrong[32] = {8};
	OM_uint32 all =
	    GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_REPLAY_FLAG;

	(void)state;
	by_hand(NULL, all, "bound to no offer and answer");
	by_hand(wrong, all, "made for another offer and answer");
	by_hand(right, all & ~(OM_uint32)GSS_C_MUTUAL_FLAG, "lacks mutual authentication");
	by_hand(right, all & ~(OM_uint32)GSS_C_SEQUENCE_FLAG, "lacks integrity or order");
}

/* A message that is signed and not encrypted comes back as plaintext from the library. */
static void confidentiality_is_required(void **state)
{
	struct gss_from f = from();
	struct gss_attempt *attempt = NULL;
	struct gss_result ra, rb, rc;
	gss_buffer_desc in = {3, (void *)(uintptr_t) "abc"}, made = GSS_C_EMPTY_BUFFER;
	struct clv_err err = {0};
	struct clv_buf plain;
	void *mine = NULL, *theirs = NULL;
	OM_uint32 minor;
	uint8_t t[32] = {1};

	(void)state;
	gss_result_init(&ra);
	gss_result_init(&rb);
	gss_result_init(&rc);
	buf_init(&plain, 100);
	assert_int_equal(
	    gss_begin(&f, "MSOMHSvc/rms1.ops.test@OPS.TEST", slice_of(t, 32), false, &attempt, &ra, &err),
	    CLV_OK);
	assert_int_equal(gss_accept(acceptor, buf_slice(&ra.token), slice_of(t, 32), false, &rb, &err),
	                 CLV_OK);
	assert_int_equal(gss_go_on(attempt, buf_slice(&rb.token), &rc, &err), CLV_OK);
	assert_int_equal(gss_ops.import(buf_slice(&rc.context), &mine, &err), CLV_OK);
	assert_int_equal(gss_ops.import(buf_slice(&rb.context), &theirs, &err), CLV_OK);
	assert_int_equal(gss_wrap(&minor, mine, 0, GSS_C_QOP_DEFAULT, &in, NULL, &made), 0);
	assert_int_equal(gss_ops.unwrap(theirs, slice_of(made.value, made.length), &plain, &err), CLV_FAILED);
	assert_non_null(strstr(err.text, "without confidentiality"));
	assert_int_equal(buf_slice(&plain).len, 0);
	(void)gss_release_buffer(&minor, &made);
	gss_ops.free(mine);
	gss_ops.free(theirs);
	gss_attempt_free(attempt);
	gss_result_release(&ra);
	gss_result_release(&rb);
	gss_result_release(&rc);
	buf_release(&plain);
}

/* RC4: the ticket alone, the session alone; where it is permitted it is taken, and weak. */
static void rc4(const char *host, const char *what, const char *cipher)
{
	struct gss_acceptor *own;
	char name[400], principal[300];
	struct clv_err err = {0};
	struct end a, b;

	(void)snprintf(name, sizeof name, "FILE:%s", server_keytab);
	(void)snprintf(principal, sizeof principal, "MSOMHSvc/%s@OPS.TEST", host);
	own = gss_acceptor_new(name, principal, &err);
	assert_non_null(own);
	for (int permitted = 0; permitted < 4; permitted++) { /* by neither, the one, the other, both */
		begin(&a, true, host);
		begin(&b, false, NULL);
		b.acceptor = own;
		a.krb.permit_rc4 = permitted & 1;
		b.krb.permit_rc4 = permitted >> 1;
		if (permitted < 3) {
			refused(&a, &b, what);
			continue;
		}
		if (talk(&a, &b, 100000, &err))
			fail_msg("%s", err.text);
		assert_true(chan_describe(a.chan)->weak && chan_describe(b.chan)->weak);
		assert_string_equal(chan_describe(a.chan)->cipher, cipher);
		assert_string_equal(chan_describe(b.chan)->cipher, cipher);
		end(&a);
		end(&b);
	}
	gss_acceptor_free(own);
}

static void rc4_is_refused_unless_permitted(void **state)
{
	(void)state;
	rc4("old.ops.test", "the ticket's encryption is arcfour-hmac", AES256 " (weak: RC4 ticket)");
	rc4("mix.ops.test", "the session key is arcfour-hmac", AES256 " (weak: RC4 session)");
}

static void a_keytab_is_judged_whole(void **state)
{
	struct clv_err err = {0};
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "no keytab", 9), 9);
	(void)close(fds[1]);
	assert_int_equal(gss_keytab_load(fds[0], "MEMORY:a", false, &err), CLV_FAILED);
	for (int permitted = 0; permitted < 2; permitted++) {
		FILE *f = fopen(server_keytab, "r");

		assert_non_null(f);
		assert_int_equal(
		    gss_keytab_load(dup(fileno(f)), permitted ? "MEMORY:b" : "MEMORY:c", permitted, &err),
		    permitted ? CLV_OK : CLV_FAILED);
		if (!permitted)
			assert_non_null(strstr(err.text, "the keytab holds a key of arcfour-hmac for "
			                                 "MSOMHSvc/old.ops.test@OPS.TEST"));
		(void)fclose(f);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bindings_and_flags_are_required),
	    cmocka_unit_test(confidentiality_is_required),
	    cmocka_unit_test(rc4_is_refused_unless_permitted),
	    cmocka_unit_test(a_keytab_is_judged_whole),
	};

	(void)argc;
	return in_realm(argv) ? 1 : cmocka_run_group_tests(tests, setup, teardown);
}
