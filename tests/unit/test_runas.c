/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration XML and the RunAs list: what is written is read back, the same input gives the
 * same bytes, every limit holds, and what is cut, flipped or of another shape is refused.
 */
#include "runas/base64.h"
#include "runas/config.h"
#include "runas/xml.h"
#include "tests/lib/unit.h"
#include <stdio.h>
#include <string.h>

static const struct config_head head = {
    .group = "OMMG1", .agent = "web01.ops.test", .version = 1795000000123, .fencing = 3};
static const struct runas_head list_head = {"OMMG1", "web01.ops.test", {7, 8, 9}, 42, true};

static struct clv_secret *secret_of(const void *bytes, size_t len)
{
	struct clv_secret *s = secret_new(len ? len : 1, NULL);

	assert_non_null(s);
	assert_int_equal(secret_append(s, bytes, len, NULL), CLV_OK);
	return s;
}

static clv_rc copy_out(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return buf_put(ctx, bytes, err);
}

static void associations(struct config_association *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		a[i] = (struct config_association){.kind = (enum clv_target_kind)(i % CLV_TARGET_MAX)};
		(void)snprintf(a[i].profile, sizeof a[i].profile, "Profile <%zu> & \"more\"", i);
		(void)snprintf(a[i].account, sizeof a[i].account, "%032zx", i);
		if (a[i].kind != CLV_TARGET_ALL)
			(void)snprintf(a[i].target, sizeof a[i].target, "*.ops.test\t\n%zu \xc3\xbc", i);
	}
}

static void configuration_goes_there_and_back(void **state)
{
	struct config_association a[12], *back = NULL;
	struct config_head h;
	struct clv_buf xml, again, der;
	size_t n = 0;

	(void)state;
	buf_init(&xml, CONFIG_XML_MAX);
	buf_init(&again, CONFIG_XML_MAX);
	buf_init(&der, CONFIG_XML_MAX);
	for (size_t count = 0; count <= 12; count += 4) {
		associations(a, count);
		buf_clear(&xml);
		buf_clear(&again);
		buf_clear(&der);
		assert_int_equal(config_write(&head, a, count, SLICE_LIT("sealed"), &xml, NULL), CLV_OK);
		assert_int_equal(config_write(&head, a, count, SLICE_LIT("sealed"), &again, NULL), CLV_OK);
		assert_true(slice_eq(buf_slice(&xml), buf_slice(&again)));
		assert_int_equal(config_read(buf_slice(&xml), &h, &back, &n, &der, NULL), CLV_OK);
		assert_true(slice_eq_str(buf_slice(&der), "sealed"));
		assert_int_equal(h.version, head.version);
		assert_int_equal(h.fencing, 3);
		assert_string_equal(h.group, "OMMG1");
		assert_string_equal(h.agent, "web01.ops.test");
		assert_int_equal(n, count);
		assert_true((back == NULL) == (count == 0));
		for (size_t i = 0; i < n; i++) {
			assert_string_equal(back[i].profile, a[i].profile);
			assert_string_equal(back[i].account, a[i].account);
			assert_string_equal(back[i].target, a[i].target);
			assert_int_equal(back[i].kind, a[i].kind);
		}
		clv_free(back);
	}
	buf_release(&xml);
	buf_release(&again);
	buf_release(&der);
}

static void configurations_that_cannot_be_are_not_written(void **state)
{
	struct config_association good, a;
	struct config_association *many = clv_calloc(CONFIG_ASSOC_MAX + 1, sizeof *many);
	struct config_head h = head;
	struct clv_buf xml;
	struct clv_err err = {0};

	(void)state;
	buf_init(&xml, 4u << 20);
	associations(&good, 1);
	a = good;
	a.profile[0] = 0;
	assert_int_equal(config_write(&head, &a, 1, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	a = good;
	a.account[31] = 'G';
	assert_int_equal(config_write(&head, &a, 1, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	a = good;
	a.target[0] = 'x';
	assert_int_equal(config_write(&head, &a, 1, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	a = good;
	a.kind = CLV_TARGET_GROUP;
	assert_int_equal(config_write(&head, &a, 1, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	a = good;
	a.profile[0] = '\x01';
	assert_int_equal(config_write(&head, &a, 1, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	a.profile[0] = '\xff';
	assert_int_equal(config_write(&head, &a, 1, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	h.agent[0] = '\x80';
	assert_int_equal(config_write(&h, NULL, 0, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	associations(many, CONFIG_ASSOC_MAX + 1);
	assert_int_equal(config_write(&head, many, CONFIG_ASSOC_MAX + 1, SLICE_LIT("x"), &xml, &err),
	                 CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	clv_free(many);
	buf_release(&xml);
}

/* A refused configuration leaves its out parameters as they were. */
static bool config_taken(struct clv_slice xml)
{
	struct config_association *list = (struct config_association *)(uintptr_t)&head;
	struct config_head h = {.version = 99};
	struct clv_buf der;
	struct clv_err err = {0};
	size_t n = 77;
	bool taken;

	buf_init(&der, CONFIG_XML_MAX);
	taken = config_read(xml, &h, &list, &n, &der, &err) == CLV_OK;
	if (taken) {
		clv_free(list);
	} else {
		assert_true(err.code == CLV_E_PROTO || err.code == CLV_E_LIMIT);
		assert_ptr_equal(list, &head);
		assert_int_equal(n, 77);
		assert_int_equal(h.version, 99);
		assert_int_equal(buf_slice(&der).len, 0);
	}
	buf_release(&der);
	return taken;
}

#define M       "<Message managementGroup=\"a\" agent=\"b\" version=\"1\" fencing=\"1\">"
#define S       "<State><SecureData>AAAA</SecureData></State>"
#define E       "</Message>"
#define ID      "0123456789abcdef0123456789abcdef"
#define A(rest) "<Profiles><Association " rest "/></Profiles>"

static void hostile_configurations_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "<Message/>",
	    "<!DOCTYPE a>" M S E,
	    M "<State/>" E,
	    "<Message managementGroup=\"a\" agent=\"b\" version=\"01\" fencing=\"1\">" S E,
	    "<Message managementGroup=\"a\" agent=\"b\" version=\"-1\" fencing=\"1\">" S E,
	    "<Message managementGroup=\"a\" agent=\"b\" version=\"18446744073709551616\" fencing=\"1\">" S E,
	    "<Message managementGroup=\"a\" agent=\"b\" version=\"1\" fencing=\"1\" x=\"\">" S E,
	    "<Message managementGroup=\"\" agent=\"b\" version=\"1\" fencing=\"1\">" S E,
	    "<Message managementGroup=\"&x;\" agent=\"b\" version=\"1\" fencing=\"1\">" S E,
	    M "<State><SecureData>AAA</SecureData></State>" E,
	    M "<State><SecureData></SecureData></State>" E,
	    M "<State><SecureData>AA==\n</SecureData></State>" E,
	    M "<State><SecureData>AB==</SecureData></State>" E,
	    M "<State><SecureData>A===</SecureData></State>" E,
	    M "<State><SecureData>AA=A</SecureData></State>" E,
	    M "<State>x<SecureData>AAAA</SecureData></State>" E,
	    M "<State x=\"y\"><SecureData>AAAA</SecureData></State>" E,
	    M "<State><SecureData>AAAA</SecureData><SecureData>AAAA</SecureData></State>" E,
	    M "<?pi x?>" S E,
	    M S S E,
	    M S "<Profiles/>" E,
	    M "<Profiles/><Profiles/>" S E,
	    M "<Profiles x=\"\"/>" S E,
	    M "<Profiles>x</Profiles>" S E,
	    M A("") S E,
	    M A("profile=\"p\" account=\"" ID "\"") S E,
	    M A("profile=\"p\" account=\"" ID "\" kind=\"All\"") S E,
	    M A("profile=\"p\" account=\"" ID "\" kind=\"all\" target=\"\"") S E,
	    M A("profile=\"p\" account=\"" ID "\" kind=\"all\" target=\"x\"") S E,
	    M A("profile=\"p\" account=\"" ID "\" kind=\"class\"") S E,
	    M A("profile=\"p\" account=\"" ID "\" kind=\"class\" target=\"x\" y=\"z\"") S E,
	    M A("profile=\"\" account=\"" ID "\" kind=\"all\"") S E,
	    M A("profile=\"p\" account=\"0\" kind=\"all\"") S E,
	    M A("profile=\"p\" account=\"" ID "0\" kind=\"all\"") S E,
	    M A("profile=\"p\" account=\"0123456789ABCDEF0123456789ABCDEF\" kind=\"all\"") S E,
	    M "<Association profile=\"p\" account=\"" ID "\" kind=\"all\"/>" S E,
	};

	(void)state;
	assert_true(config_taken(slice_str(M S E)));
	assert_true(config_taken(slice_str(M A("profile=\"p\" account=\"" ID "\" kind=\"all\"") S E)));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (config_taken(slice_str(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

static void every_cut_of_a_configuration_is_refused(void **state)
{
	struct config_association a[3];
	struct clv_buf xml;
	struct clv_slice s;
	size_t taken = 0;

	(void)state;
	associations(a, 3);
	buf_init(&xml, CONFIG_XML_MAX);
	assert_int_equal(config_write(&head, a, 3, SLICE_LIT("sealed"), &xml, NULL), CLV_OK);
	s = buf_slice(&xml);
	/* The last byte is a line end after the root. */
	for (size_t n = 0; n < s.len - 1; n++)
		taken += config_taken(slice_of(s.ptr, n));
	assert_int_equal(taken, 0);
	printf("      configuration: %zu truncations refused\n", s.len - 1);
	buf_release(&xml);
}

/* The signature is what holds a flipped bit; here nothing may crash, and what is taken has its shape. */
static void flipped_bits_of_a_configuration_do_no_harm(void **state)
{
	struct config_association a[3];
	struct clv_buf xml;
	struct clv_slice s;
	uint8_t *copy;
	size_t taken = 0;

	(void)state;
	associations(a, 3);
	buf_init(&xml, CONFIG_XML_MAX);
	assert_int_equal(config_write(&head, a, 3, SLICE_LIT("sealed"), &xml, NULL), CLV_OK);
	s = buf_slice(&xml);
	copy = clv_memdup(s.ptr, s.len);
	for (size_t bit = 0; bit < s.len * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		taken += config_taken(slice_of(copy, s.len));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	printf("      configuration: %zu bits flipped, %zu refused, %zu are another text of the same shape\n",
	       s.len * 8, s.len * 8 - taken, taken);
	clv_free(copy);
	buf_release(&xml);
}

struct seen {
	struct runas_account a[8];
	struct clv_buf password[8];
	size_t n, fail_at;
};

static clv_rc see(const struct runas_account *a, const struct clv_secret *password, void *ctx,
                  struct clv_err *err)
{
	struct seen *s = ctx;

	if (s->n == s->fail_at)
		return err_set(err, CLV_E_DENIED, "told to fail");
	if (s->n < 8) {
		s->a[s->n] = *a;
		buf_init(&s->password[s->n], RUNAS_ACCOUNT_MAX);
		assert_true(a->keep == (password == NULL));
		if (password != NULL)
			assert_int_equal(secret_use(password, copy_out, &s->password[s->n], NULL), CLV_OK);
	}
	s->n++;
	return CLV_OK;
}

static void seen_release(struct seen *s)
{
	for (size_t i = 0; i < s->n && i < 8; i++)
		buf_release(&s->password[i]);
	s->n = 0;
}

static struct runas_account account(size_t i)
{
	struct runas_account a = {.version = 1795000000000u + i,
	                          .type = (enum clv_account_type)(i % CLV_ACCOUNT_TYPE_MAX)};

	(void)snprintf(a.id, sizeof a.id, "%032zx", i);
	(void)snprintf(a.name, sizeof a.name, "account <%zu> '\xe2\x82\xac'", i);
	if (i % 2)
		(void)snprintf(a.user, sizeof a.user, "svc&%zu", i);
	if (a.type == CLV_ACCOUNT_SNMPV3) {
		(void)snprintf(a.context, sizeof a.context, "ctx");
		(void)snprintf(a.auth_protocol, sizeof a.auth_protocol, "SHA-256");
		(void)snprintf(a.privacy_protocol, sizeof a.privacy_protocol, "AES-128");
	}
	a.trial = i == 3;
	a.keep = i == 5;
	return a;
}

static struct clv_secret *new_list(void)
{
	struct clv_secret *list = secret_new(RUNAS_LIST_MAX, NULL);

	assert_non_null(list);
	assert_int_equal(runas_begin(&list_head, list, NULL), CLV_OK);
	return list;
}

static struct clv_secret *list_of(size_t n)
{
	struct clv_secret *list = new_list();
	struct clv_err err = {0};

	for (size_t i = 0; i < n; i++) {
		struct runas_account a = account(i);
		uint8_t bytes[9] = {0x00, 0xff, 'p', '<', '&', (uint8_t)i, 0x80, '\n', 0x7f};
		struct clv_secret *p = secret_of(bytes, 1 + i % 9);

		if (runas_add(&a, p, list, &err))
			fail_msg("%s", err.text);
		secret_free(p);
	}
	assert_int_equal(runas_end(list, NULL), CLV_OK);
	return list;
}

static void lists_go_there_and_back(void **state)
{
	struct clv_secret *list = list_of(8), *again = list_of(8);
	struct seen s = {.fail_at = SIZE_MAX};
	struct runas_head h;

	(void)state;
	assert_true(secret_eq(list, again));
	assert_int_equal(runas_read(list, &h, see, &s, NULL), CLV_OK);
	assert_int_equal(h.version, 42);
	assert_memory_equal(h.recipient, list_head.recipient, 32);
	assert_true(h.keep_others);
	assert_int_equal(s.n, 8);
	for (size_t i = 0; i < 8; i++) {
		struct runas_account want = account(i);
		uint8_t bytes[9] = {0x00, 0xff, 'p', '<', '&', (uint8_t)i, 0x80, '\n', 0x7f};

		assert_memory_equal(&want, &s.a[i], sizeof want);
		assert_true(slice_eq(buf_slice(&s.password[i]), slice_of(bytes, want.keep ? 0 : 1 + i % 9)));
	}
	seen_release(&s);
	secret_free(list);
	list = list_of(0);
	assert_int_equal(runas_read(list, &h, see, &s, NULL), CLV_OK);
	assert_int_equal(s.n, 0);
	secret_free(list);
	secret_free(again);
}

static void a_reader_that_fails_ends_the_list(void **state)
{
	struct clv_secret *list = list_of(8);
	struct seen s = {.fail_at = 5};
	struct runas_head h = {.version = 1};
	struct clv_err err = {0};

	(void)state;
	assert_int_equal(runas_read(list, &h, see, &s, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_DENIED);
	assert_int_equal(s.n, 5);
	assert_int_equal(h.version, 1);
	seen_release(&s);
	secret_free(list);
}

static void limits_of_a_list(void **state)
{
	struct clv_secret *list = new_list(), *small = secret_new(100, NULL);
	struct clv_secret *big = secret_new(RUNAS_ACCOUNT_MAX, NULL), *empty = secret_of("", 0);
	struct runas_account a = account(0);
	struct clv_err err = {0};
	struct seen s = {.fail_at = SIZE_MAX};
	struct runas_head h;
	size_t before = secret_len(list), n = 0;

	(void)state;
	assert_int_equal(runas_begin(&list_head, small, &err), CLV_FAILED);
	assert_int_equal(runas_add(&a, empty, list, &err), CLV_FAILED);
	assert_int_equal(secret_random(big, 49100, NULL), CLV_OK);
	assert_int_equal(runas_add(&a, big, list, &err), CLV_FAILED);
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(secret_len(list), before);
	a.keep = a.trial = true;
	assert_int_equal(runas_add(&a, NULL, list, &err), CLV_FAILED);
	a.keep = a.trial = false;
	a.id[0] = 'X';
	secret_truncate(big, 48000);
	assert_int_equal(runas_add(&a, big, list, &err), CLV_FAILED);
	for (;; n++) {
		a = account(n);
		a.keep = false;
		if (runas_add(&a, big, list, &err))
			break;
	}
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(n, 7);
	for (secret_truncate(big, 1);; n++) { /* to the last byte that fits */
		a = account(n);
		a.keep = false;
		if (runas_add(&a, big, list, &err))
			break;
	}
	assert_int_equal(err.code, CLV_E_LIMIT);
	assert_int_equal(runas_end(list, &err), CLV_OK);
	assert_true(secret_len(list) <= RUNAS_LIST_MAX && secret_len(list) > RUNAS_LIST_MAX - 400);
	assert_int_equal(runas_read(list, &h, see, &s, &err), CLV_OK);
	assert_int_equal(s.n, n);
	printf("      a list of %zu bytes holds %zu accounts\n", secret_len(list), n);
	seen_release(&s);
	secret_free(list);
	secret_free(small);
	secret_free(big);
	secret_free(empty);
}

static bool list_taken(struct clv_slice xml)
{
	struct clv_secret *list = secret_of(xml.ptr, xml.len);
	struct seen s = {.fail_at = SIZE_MAX};
	struct runas_head h = {.version = 99};
	struct clv_err err = {0};
	bool taken = runas_read(list, &h, see, &s, &err) == CLV_OK;

	assert_true(taken || err.code == CLV_E_PROTO || err.code == CLV_E_LIMIT);
	assert_true(taken || h.version == 99);
	seen_release(&s);
	secret_free(list);
	return taken;
}

#define R   "<RunAs group=\"a\" agent=\"b\" recipient=\"" ID ID "\" version=\"1\">"
#define RE  "</RunAs>"
#define ACC "<Account id=\"" ID "\" version=\"1\" type=\"simple\" name=\"n\""

static void hostile_lists_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "<RunAs/>",
	    "<RunAs group=\"a\" agent=\"b\" recipient=\"" ID "\" version=\"1\"/>",
	    "<RunAs group=\"a\" agent=\"b\" recipient=\"" ID ID "\"/>",
	    "<RunAs group=\"a\" agent=\"b\" recipient=\"" ID ID "\" version=\"1\" x=\"\"/>",
	    "<RunAs group=\"a\" agent=\"b\" recipient=\"" ID ID "\" version=\"1\" others=\"\"/>",
	    "<RunAs group=\"a\" agent=\"b\" recipient=\"" ID ID "\" version=\"1\" others=\"drop\"/>",
	    R "x" RE,
	    R ACC "/>" RE,
	    R ACC "></Account>" RE,
	    R ACC ">AA=</Account>" RE,
	    R ACC "> AAAA</Account>" RE,
	    R ACC ">AAAA\n</Account>" RE,
	    R ACC ">AB==</Account>" RE,
	    R ACC ">AAAA<x/></Account>" RE,
	    R ACC ">AAAA</Account>" ACC ">AAAA</Account>" RE,
	    R ACC " note=\"x\">AAAA</Account>" RE,
	    R ACC " user=\"\">AAAA</Account>" RE,
	    R ACC " trial=\"false\">AAAA</Account>" RE,
	    R ACC " trial=\"1\">AAAA</Account>" RE,
	    R ACC " keep=\"true\">AAAA</Account>" RE,
	    R ACC " keep=\"false\"/>" RE,
	    R ACC " keep=\"true\" trial=\"true\"/>" RE,
	    R ACC " trial=\"true\">AAAA</Account>" ACC " trial=\"true\">AAAA</Account>" RE,
	    R ACC " keep=\"true\"/>" ACC ">AAAA</Account>" RE,
	    R ACC " authProtocol=\"0123456789abcdef\">AAAA</Account>" RE,
	    R "<Account id=\"" ID "\" version=\"1\" type=\"Simple\" name=\"n\">AAAA</Account>" RE,
	    R "<Account id=\"" ID "\" version=\"1\" type=\"unknown\" name=\"n\">AAAA</Account>" RE,
	    R "<Account id=\"" ID "\" version=\"01\" type=\"simple\" name=\"n\">AAAA</Account>" RE,
	    R "<Account id=\"" ID "\" version=\"1\" type=\"simple\">AAAA</Account>" RE,
	    R "<Account id=\"0\" version=\"1\" type=\"simple\" name=\"n\">AAAA</Account>" RE,
	    R "<RunAs/>" RE,
	    R RE "<x/>",
	};

	(void)state;
	assert_true(list_taken(slice_str(R ACC ">AAAA</Account>" RE)));
	assert_true(list_taken(slice_str(R ACC " keep=\"true\"/>" RE)));
	assert_true(list_taken(slice_str(R ACC " keep=\"true\"/>" ACC " trial=\"true\">AAAA</Account>" RE)));
	assert_true(list_taken(slice_str(R ACC ">AAAA</Account>" ACC " trial=\"true\">AA==</Account>" RE)));
	assert_true(list_taken(slice_str(R ACC " trial=\"true\" user=\"u\">AA==</Account>" RE)));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (list_taken(slice_str(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

static void cuts_and_flipped_bits_of_a_list(void **state)
{
	struct clv_secret *list = list_of(4);
	struct clv_buf xml;
	struct clv_slice s;
	uint8_t *copy;
	size_t taken = 0;

	(void)state;
	buf_init(&xml, RUNAS_LIST_MAX);
	assert_int_equal(secret_use(list, copy_out, &xml, NULL), CLV_OK);
	s = buf_slice(&xml);
	copy = clv_memdup(s.ptr, s.len);
	for (size_t n = 0; n < s.len - 1; n++)
		assert_false(list_taken(slice_of(s.ptr, n)));
	for (size_t bit = 0; bit < s.len * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		taken += list_taken(slice_of(copy, s.len));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	printf("      list: %zu truncations refused; %zu bits flipped, %zu refused, %zu of the same shape\n",
	       s.len - 1, s.len * 8, s.len * 8 - taken, taken);
	clv_free(copy);
	buf_release(&xml);
	secret_free(list);
}

static void text_that_xml_cannot_hold(void **state)
{
	static const char *const bad[] = {"\x01",
	                                  "\x1f",
	                                  "\x80",
	                                  "\xc0\x80",
	                                  "\xc1\xbf",
	                                  "\xc3",
	                                  "\xe2\x82",
	                                  "\xe0\x80\x80",
	                                  "\xed\xa0\x80",
	                                  "\xef\xbf\xbe",
	                                  "\xef\xbf\xbf",
	                                  "\xf0\x80\x80\x80",
	                                  "\xf4\x90\x80\x80",
	                                  "\xf5\x80\x80\x80",
	                                  "\xff",
	                                  "a\xe2(\xa1"};
	static const char good[] =
	    "a\t\n\r<>&'\"\x7f\xc2\x80\xe2\x82\xac\xef\xbf\xbd\xf0\x9f\x94\x91\xf4\x8f\xbf\xbf";
	struct clv_buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!xml_escape(&b, bad[i], NULL))
			fail_msg("row %zu was taken", i);
	buf_clear(&b);
	assert_int_equal(xml_escape(&b, good, NULL), CLV_OK);
	assert_int_equal(xml_escape(&b, good, NULL), CLV_OK);
	buf_release(&b);
}

static void base64_has_one_form(void **state)
{
	uint8_t bytes[64];
	struct clv_secret *hidden = secret_new(100, NULL), *back = secret_new(66, NULL);
	struct clv_buf text, out;

	(void)state;
	buf_init(&text, 200);
	buf_init(&out, 200);
	for (size_t n = 1; n <= sizeof bytes; n++) {
		struct clv_secret *s;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(i * 37 + n);
		s = secret_of(bytes, n);
		buf_clear(&text);
		buf_clear(&out);
		assert_int_equal(base64_put(&text, slice_of(bytes, n), NULL), CLV_OK);
		assert_int_equal(base64_take(buf_slice(&text), &out, NULL), CLV_OK);
		assert_true(slice_eq(buf_slice(&out), slice_of(bytes, n)));
		secret_clear(hidden);
		assert_int_equal(base64_hide(s, hidden, NULL), CLV_OK);
		assert_int_equal(secret_len(hidden), BASE64_LEN(n));
		assert_int_equal(base64_reveal(buf_slice(&text), back, NULL), CLV_OK);
		assert_true(secret_eq(back, s));
		secret_free(s);
	}
	assert_int_equal(base64_reveal(SLICE_LIT("AAA"), back, NULL), CLV_FAILED);
	assert_int_equal(secret_len(back), 0);
	buf_release(&text);
	buf_release(&out);
	secret_free(hidden);
	secret_free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(configuration_goes_there_and_back),
	    cmocka_unit_test(configurations_that_cannot_be_are_not_written),
	    cmocka_unit_test(hostile_configurations_are_refused),
	    cmocka_unit_test(every_cut_of_a_configuration_is_refused),
	    cmocka_unit_test(flipped_bits_of_a_configuration_do_no_harm),
	    cmocka_unit_test(lists_go_there_and_back),
	    cmocka_unit_test(a_reader_that_fails_ends_the_list),
	    cmocka_unit_test(limits_of_a_list),
	    cmocka_unit_test(hostile_lists_are_refused),
	    cmocka_unit_test(cuts_and_flipped_bits_of_a_list),
	    cmocka_unit_test(text_that_xml_cannot_hold),
	    cmocka_unit_test(base64_has_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
