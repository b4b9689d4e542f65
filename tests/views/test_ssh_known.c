/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known_hosts: names, patterns, negation, ports, hashed names (made by ssh-keygen -H), revoked keys and
 * authorities, several files; damaged lines make no key known, and no flipped bit makes one.
 */
#include "tests/lib/unit.h"

#include "claviger/digest.h"
#include "console/ssh_known.h"

#include <stdio.h>
#include <string.h>

#define ED1 "AAAAC3NzaC1lZDI1NTE5AAAAIKEYmiKwn8U5yvaXTz/uwIW9zHFPmHfgaauFF/MNXUGJ"
#define ED2 "AAAAC3NzaC1lZDI1NTE5AAAAIC6FxA/Roq5tmIqO/Bk3gzmHr/VTxJXjGm1/QXYH8UjM"
#define EC                                                                                             \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBO/PAeMMHuvUwSqsbcWYed32WUfdDUsduEjtVRL/" \
	"y0wzxE8HWbueNUMQcrEdNfeCWgkR6qkbi7gz/DxscDIu9k0="
#define FP1       "SHA256:BAeEJUOSYl9vBzqYwulYi8K/lSkoYBayvX9Rwuunjos"
#define FP2       "SHA256:U91i0mYKBmJhBVyu2/PhExQ7KWMIC2U0O6PQCEKKoEk"
#define HASH_MS1  "|1|xNjpsMf11BvnIjni5PMMWPyHbqI=|ai7qyBa0k2vi06bVgGXf3q0w51A="
#define HASH_GATE "|1|5YPU5EMTnMBIp5HGRraE2Z9RnnM=|4AjlF13wWckSlQuuwE8FqyEaVHA="

static uint8_t blob1[512], blob2[512];
static struct clv_slice key1, key2;

static struct clv_slice decode(const char *text, uint8_t *out)
{
	struct clv_buf b;
	struct clv_err err;
	buf_init(&b, 512);
	assert_int_equal(clv_base64_get(&b, slice_str(text), &err), CLV_OK);
	size_t n = buf_slice(&b).len;
	memcpy(out, buf_slice(&b).ptr, n);
	buf_release(&b);
	return slice_of(out, n);
}

static int setup(void **state)
{
	(void)state;
	key1 = decode(ED1, blob1);
	key2 = decode(ED2, blob2);
	return 0;
}

static struct ssh_known_look look(const char *host, uint16_t port, const char *file)
{
	struct ssh_known_look l = {.host = host, .port = port, .key = key1};
	ssh_known_feed(&l, "known_hosts", slice_str(file));
	return l;
}

static void rows(void **state)
{
	static const struct {
		const char *file, *host;
		uint16_t port;
		enum ssh_known want;
	} cases[] = {
	    {"", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"ms1.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {"ms1.ops.test ssh-ed25519 " ED1, "MS1.Ops.Test", 22, SSH_KNOWN_SAME},
	    {"  MS1.OPS.TEST\tssh-ed25519 " ED1 " a comment\r\n", "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {"ms1.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 2222, SSH_KNOWN_NONE},
	    {"[ms1.ops.test]:2222 ssh-ed25519 " ED1 "\n", "ms1.ops.test", 2222, SSH_KNOWN_SAME},
	    {"[ms1.ops.test]:2222 ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"a,ms1.ops.test,b ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {"*.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {"ms?.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {"*.ops.test,!ms1.* ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"!ms1.*,*.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"!ms2.* ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"*.other.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {HASH_MS1 " ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {HASH_MS1 " ssh-ed25519 " ED1 "\n", "ms2.ops.test", 22, SSH_KNOWN_NONE},
	    {HASH_GATE " ssh-ed25519 " ED1 "\n", "gate.ops.test", 2222, SSH_KNOWN_SAME},
	    {HASH_GATE " ssh-ed25519 " ED1 "\n", "gate.ops.test", 22, SSH_KNOWN_NONE},
	    {"|1|AAAA|BBBB ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"|1| ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"ms1.ops.test ssh-ed25519 " ED2 "\n", "ms1.ops.test", 22, SSH_KNOWN_CHANGED},
	    /* another kind of key that would have been asked for first is a change too */
	    {"ms1.ops.test ecdsa-sha2-nistp256 " EC "\n", "ms1.ops.test", 22, SSH_KNOWN_CHANGED},
	    {"ms1.ops.test ssh-ed25519 " ED2 "\nms1.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22,
	     SSH_KNOWN_SAME},
	    {"@revoked * ssh-ed25519 " ED1 "\nms1.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22,
	     SSH_KNOWN_REVOKED},
	    {"ms1.ops.test ssh-ed25519 " ED1 "\n@revoked * ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22,
	     SSH_KNOWN_REVOKED},
	    {"@revoked * ssh-ed25519 " ED2 "\nms1.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22,
	     SSH_KNOWN_SAME},
	    {"@revoked ms2.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"@cert-authority *.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_AUTHORITY},
	    {"@cert-authority *.ops.test ssh-ed25519 " ED2 "\nms1.ops.test ssh-ed25519 " ED1 "\n",
	     "ms1.ops.test", 22, SSH_KNOWN_SAME},
	    {"@something * ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"# ms1.ops.test ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    /* the word and the key's own type differ */
	    {"ms1.ops.test ecdsa-sha2-nistp256 " ED1 "\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"ms1.ops.test 1024 35 12345678901234567890\n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"ms1.ops.test ssh-ed25519\nms1.ops.test\n@revoked\n\n \n", "ms1.ops.test", 22, SSH_KNOWN_NONE},
	    {"************************************************a ssh-ed25519 " ED1 "\n", "ms1.ops.test", 22,
	     SSH_KNOWN_NONE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ssh_known_look l = look(cases[i].host, cases[i].port, cases[i].file);
		if (l.result != cases[i].want)
			fail_msg("row %zu: %d, not %d: %s", i, (int)l.result, (int)cases[i].want,
			         cases[i].file);
	}
}

static void says_where(void **state)
{
	struct ssh_known_look l = look("ms1.ops.test", 22, "# one\n\nms1.ops.test ssh-ed25519 " ED2 "\n");
	char shown[64];
	(void)state;
	assert_string_equal(l.where, "known_hosts:3");
	assert_string_equal(l.known, FP2);
	ssh_fingerprint(key1, shown);
	assert_string_equal(shown, FP1);
}

static void several_files(void **state)
{
	struct ssh_known_look l = {.host = "ms1.ops.test", .port = 22, .key = key1};
	(void)state;
	ssh_known_feed(&l, "a", slice_str("ms1.ops.test ssh-ed25519 " ED2 "\n"));
	assert_int_equal(l.result, SSH_KNOWN_CHANGED);
	ssh_known_feed(&l, "b", slice_str("ms1.ops.test ssh-ed25519 " ED1 "\n"));
	assert_int_equal(l.result, SSH_KNOWN_SAME);
	ssh_known_feed(&l, "c", slice_str("@revoked * ssh-ed25519 " ED1 "\n"));
	assert_int_equal(l.result, SSH_KNOWN_REVOKED);
	assert_string_equal(l.where, "c:1");
}

/* Which kinds are known, before any key is shown. */
static void kinds(void **state)
{
	struct ssh_known_look l = {.host = "ms1.ops.test", .port = 22};
	(void)state;
	ssh_known_feed(&l, "a",
	               slice_str("ms1.ops.test ecdsa-sha2-nistp256 " EC "\nother ssh-ed25519 " ED1 "\n"));
	assert_int_equal(l.types, 1u << 1);
	assert_string_equal(ssh_known_type(1), "ecdsa-sha2-nistp256");
	assert_int_equal(l.result, SSH_KNOWN_NONE);
}

/* What is written is read again, plain and hidden. */
static void round_trip(void **state)
{
	static const uint16_t ports[] = {22, 2222};
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct clv_buf b;
		struct clv_err err;
		bool hash = i >= 2;
		buf_init(&b, 4096);
		assert_int_equal(ssh_known_line("Gate.ops.test", ports[i % 2], key1, hash, &b, &err), CLV_OK);
		struct ssh_known_look l = {.host = "gate.ops.test", .port = ports[i % 2], .key = key1};
		ssh_known_feed(&l, "a", buf_slice(&b));
		assert_int_equal(l.result, SSH_KNOWN_SAME);
		bool named = memmem(buf_slice(&b).ptr, buf_slice(&b).len, "gate", 4) != NULL;
		assert_int_equal(named, !hash);
		l = (struct ssh_known_look){.host = "gate.ops.test", .port = ports[1 - i % 2], .key = key1};
		ssh_known_feed(&l, "a", buf_slice(&b));
		assert_int_equal(l.result, SSH_KNOWN_NONE);
		buf_release(&b);
	}
}

/* Cut anywhere or with any bit turned, a line may make no other key known. */
static void damaged(void **state)
{
	static const char line[] = "ms1.ops.test ssh-ed25519 " ED2 "\n";
	char copy[sizeof(line)];
	(void)state;
	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		struct ssh_known_look l = {.host = "ms1.ops.test", .port = 22, .key = key1};
		ssh_known_feed(&l, "a", slice_of(line, n));
		assert_int_not_equal(l.result, SSH_KNOWN_SAME);
	}
	for (size_t bit = 0; bit < (sizeof(line) - 1) * 8; bit++) {
		struct ssh_known_look l = {.host = "ms1.ops.test", .port = 22, .key = key1};
		memcpy(copy, line, sizeof(line));
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
		ssh_known_feed(&l, "a", slice_of(copy, sizeof(line) - 1));
		assert_int_not_equal(l.result, SSH_KNOWN_SAME);
		assert_int_not_equal(l.result, SSH_KNOWN_REVOKED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows),  cmocka_unit_test(says_where), cmocka_unit_test(several_files),
	    cmocka_unit_test(kinds), cmocka_unit_test(round_trip), cmocka_unit_test(damaged),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
