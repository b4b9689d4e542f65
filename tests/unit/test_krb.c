/* SPDX-License-Identifier: Apache-2.0 */
/* What the Kerberos side decides without a library: enctypes of a token, names of principals, the map. */
#include "tests/lib/unit.h"
#include "channel/krb.h"

#include <string.h>

/* [APPLICATION 0] { krb5, 01 00, AP-REQ { 5, 14, options, Ticket { 5, "R", {}, EncryptedData { T } },
 * EncryptedData { S } } }, its shortest. */
static const uint8_t token[] = {
    0x60, 0x4e, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00, 0x6e,
    0x3f, 0x30, 0x3d, 0xa0, 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x0e, 0xa2, 0x03, 0x03,
    0x01, 0x00, 0xa3, 0x1f, 0x61, 0x1d, 0x30, 0x1b, 0xa0, 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x1b,
    0x01, 0x52, 0xa2, 0x02, 0x30, 0x00, 0xa3, 0x0b, 0x30, 0x09, 0xa0, 0x03, 0x02, 0x01, 0x14, 0xa2,
    0x02, 0x04, 0x00, 0xa4, 0x0b, 0x30, 0x09, 0xa0, 0x03, 0x02, 0x01, 0x12, 0xa2, 0x02, 0x04, 0x00};

static void a_token_tells_its_enctypes(void **state)
{
	uint32_t ticket = 0, session = 0;
	struct clv_err err = {0};

	(void)state;
	if (krb_token_enctypes(slice_of(token, sizeof token), &ticket, &session, &err))
		fail_msg("%s", err.text);
	assert_int_equal(ticket, 20);
	assert_int_equal(session, 18);
}

static void every_cut_and_every_longer_one_is_refused(void **state)
{
	uint8_t longer[sizeof token + 1] = {0};
	uint32_t ticket = 7, session = 7;
	struct clv_err err = {0};

	(void)state;
	for (size_t n = 0; n < sizeof token; n++)
		assert_int_equal(krb_token_enctypes(slice_of(token, n), &ticket, &session, &err), CLV_FAILED);
	memcpy(longer, token, sizeof token);
	assert_int_equal(krb_token_enctypes(slice_of(longer, sizeof longer), &ticket, &session, &err),
	                 CLV_FAILED);
	assert_int_equal(ticket, 7);
	assert_int_equal(session, 7);
}

/* A flipped bit is refused, or changes the numbers at most. */
static void flipped_bits_do_no_harm(void **state)
{
	struct clv_err err = {0};
	uint8_t copy[sizeof token];
	size_t taken = 0;

	(void)state;
	for (size_t bit = 0; bit < sizeof token * 8; bit++) {
		uint32_t ticket, session;

		memcpy(copy, token, sizeof copy);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		taken += !krb_token_enctypes(slice_of(copy, sizeof copy), &ticket, &session, &err);
	}
	assert_true(taken < sizeof token * 8 / 2);
}

static void only_aes_is_strong(void **state)
{
	struct clv_err err = {0};

	(void)state;
	for (uint32_t e = 0; e < 300; e++)
		assert_int_equal(krb_strength(e), e >= 17 && e <= 20 ? KRB_STRONG
		                                  : e == 23          ? KRB_WEAK
		                                                     : KRB_REFUSED);
	assert_int_equal(krb_check_enctypes(20, 18, 17, false, &err), CLV_OK);
	assert_int_equal(krb_check_enctypes(23, 18, 18, false, &err), CLV_FAILED);
	assert_int_equal(krb_check_enctypes(18, 23, 18, false, &err), CLV_FAILED);
	assert_int_equal(krb_check_enctypes(18, 18, 23, false, &err), CLV_FAILED);
	assert_int_equal(krb_check_enctypes(23, 23, 23, true, &err), CLV_OK);
	assert_int_equal(krb_check_enctypes(16, 18, 18, true, &err), CLV_FAILED);
	assert_int_equal(krb_check_enctypes(18, 3, 18, true, &err), CLV_FAILED);
}

static void principals_become_names(void **state)
{
	static const char *const realms[] = {"OPS.TEST", "CORP.TEST"};
	static const struct krb_map maps[] = {{"WEB02$@CORP.TEST", "web02.ops.test"}};
	static const struct krb_names names = {realms, 2, maps, 1};
	static const struct {
		const char *principal, *node, *operator;
	} rows[] = {
	    {"MSOMHSvc/web01.ops.test@OPS.TEST", "web01.ops.test", NULL},
	    {"MSOMHSvc/web01.ops.test@CORP.TEST", "web01.ops.test", NULL},
	    {"MSOMHSvc/web01.ops.test@OTHER.TEST", NULL, NULL},
	    {"MSOMHSvc/web01.ops.test@ops.test", NULL, NULL},
	    {"MSOMHSvc/WEB01.ops.test@OPS.TEST", NULL, NULL},
	    {"MSOMHSvc/web01.ops.test.@OPS.TEST", NULL, NULL},
	    {"MSOMHSvc/@OPS.TEST", NULL, NULL},
	    {"MSOMHSvc/a/b.ops.test@OPS.TEST", NULL, NULL},
	    {"MSOMHSvc/web01.ops.test@OPS.TEST@OPS.TEST", NULL, NULL},
	    {"MSOMHSvc/web01.ops.test\\@x@OPS.TEST", NULL, NULL},
	    {"MSOMSdkSvc/rms1.ops.test@OPS.TEST", NULL, NULL},
	    {"host/web01.ops.test@OPS.TEST", NULL, NULL},
	    {"WEB02$@CORP.TEST", "web02.ops.test", NULL},
	    {"WEB02$@OPS.TEST", NULL, NULL},
	    {"WEB03$@CORP.TEST", NULL, NULL},
	    {"anna@OPS.TEST", NULL, "anna@OPS.TEST"},
	    {"anna/admin@CORP.TEST", NULL, "anna/admin@CORP.TEST"},
	    {"anna@OTHER.TEST", NULL, NULL},
	    {"anna \033[2J@OPS.TEST", NULL, NULL},
	    {"@OPS.TEST", NULL, NULL},
	    {"anna", NULL, NULL},
	    {"", NULL, NULL},
	};
	char out[KRB_PRINCIPAL_MAX];
	struct clv_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		clv_rc node = krb_node_of(&names, rows[i].principal, out, &err);

		if ((node == CLV_OK) != (rows[i].node != NULL))
			fail_msg("node of '%s': %d", rows[i].principal, (int)node);
		if (rows[i].node)
			assert_string_equal(out, rows[i].node);
		node = krb_operator_of(&names, rows[i].principal, out, &err);
		if ((node == CLV_OK) != (rows[i].operator!= NULL))
			fail_msg("operator of '%s': %d", rows[i].principal, (int)node);
		if (rows[i].operator)
			assert_string_equal(out, rows[i].operator);
	}
}

static void the_map_is_read_strictly(void **state)
{
	static const char *const bad[] = {"",
	                                  "=",
	                                  "WEB01$",
	                                  "WEB01$=web01.ops.test",
	                                  "WEB01$@OPS.TEST=",
	                                  "WEB01$@OPS.TEST=WEB01",
	                                  "@OPS.TEST=web01.ops.test",
	                                  "WEB 1$@OPS.TEST=web01.ops.test"};
	char from[KRB_PRINCIPAL_MAX], to[KRB_PRINCIPAL_MAX];
	struct clv_err err = {0};

	(void)state;
	assert_int_equal(krb_map_parse("WEB01$@OPS.TEST=web01.ops.test", from, to, &err), CLV_OK);
	assert_string_equal(from, "WEB01$@OPS.TEST");
	assert_string_equal(to, "web01.ops.test");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!krb_map_parse(bad[i], from, to, &err))
			fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_tells_its_enctypes),
	    cmocka_unit_test(every_cut_and_every_longer_one_is_refused),
	    cmocka_unit_test(flipped_bits_do_no_harm),
	    cmocka_unit_test(only_aes_is_strong),
	    cmocka_unit_test(principals_become_names),
	    cmocka_unit_test(the_map_is_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
