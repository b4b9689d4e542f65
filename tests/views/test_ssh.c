/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure parts of an SSH attach: addresses, what ssh -G says, kinds of keys, the server's offer, the
 * control messages, base64. Wrong sizes, truncations, flipped bits.
 */
#include "tests/lib/unit.h"

#include "claviger/digest.h"
#include "console/restrict.h"
#include "console/ssh_config.h"
#include "console/ssh_kex.h"
#include "console/ssh_key.h"
#include "console/ssh_talk.h"
#include "console/ssh_url.h"
#include "tests/lib/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void urls(void **state)
{
	static const struct {
		const char *url, *user, *host;
		uint16_t port;
		const char *to, *server;
		uint16_t to_port;
	} good[] = {
	    {"ssh://gate", "", "gate", 0, NULL, NULL, 0},
	    {"ssh://ann@gate.ops.test:2222", "ann", "gate.ops.test", 2222, NULL, NULL, 0},
	    {"ssh://[::1]:22", "", "::1", 22, NULL, NULL, 0},
	    {"ssh://[fe80::1%eth0]", "", "fe80::1%eth0", 0, NULL, NULL, 0},
	    {"ssh://gate/ms1.ops.test", "", "gate", 0, "ms1.ops.test", "ms1.ops.test:5724", 5724},
	    {"ssh://ann@gate:22/ms1:5799", "ann", "gate", 22, "ms1", "ms1:5799", 5799},
	    {"ssh://gate/ms1@127.0.0.1:5799", "", "gate", 0, "127.0.0.1", "ms1@127.0.0.1:5799", 5799},
	};
	static const char *const bad[] = {"ssh://",
	                                  "ssh:gate",
	                                  "ssh:/gate",
	                                  "ssh://@gate",
	                                  "ssh://ann@",
	                                  "ssh://gate:",
	                                  "ssh://gate:0",
	                                  "ssh://gate:65536",
	                                  "ssh://gate:22x",
	                                  "ssh://gate:-1",
	                                  "ssh://gate/",
	                                  "ssh://gate/ms1/",
	                                  "ssh://gate//ms1",
	                                  "ssh://gate/ms1:0",
	                                  "ssh://gate/@h",
	                                  "ssh://-oProxyCommand=x",
	                                  "ssh://ann@-x",
	                                  "ssh://-u@gate",
	                                  "ssh://a b",
	                                  "ssh://a;b",
	                                  "ssh://$(x)",
	                                  "ssh://`x`",
	                                  "ssh://a'b",
	                                  "ssh://a\"b",
	                                  "ssh://a\nb",
	                                  "ssh://%67ate",
	                                  "ssh://ann:pw@gate",
	                                  "ssh://a@b@c",
	                                  "ssh://[::1",
	                                  "ssh://[gate]",
	                                  "ssh://::1",
	                                  "ssh://gate?x",
	                                  "ssh://gate#x",
	                                  "ssh://.gate",
	                                  "ssh://gate/ms1@[::1]:1",
	                                  "ssh://gate/-ms1",
	                                  "ssh://a|b",
	                                  "ssh://a&b",
	                                  "ssh://a>b",
	                                  "http://gate",
	                                  "SSH://gate"};
	struct ssh_url u;
	struct clv_err err;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ssh_url_parse(good[i].url, &u, &err), CLV_OK);
		assert_string_equal(u.user, good[i].user);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.forward, good[i].to != NULL);
		if (good[i].to == NULL)
			continue;
		assert_string_equal(u.to_host, good[i].to);
		assert_string_equal(u.server, good[i].server);
		assert_int_equal(u.to_port, good[i].to_port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ssh_url_parse(bad[i], &u, &err) == CLV_OK)
			fail_msg("taken: %s", bad[i]);
		assert_true(err.text[0] != '\0');
	}
	char longest[400] = "ssh://";
	memset(longest + 6, 'a', 300);
	assert_int_equal(ssh_url_parse(longest, &u, &err), CLV_FAILED);
}

static void hops(void **state)
{
	static const char *const words[] = {"gate", "ann@gate:22", "[::1]:22", "ann@[::1]"};
	struct ssh_url u;
	struct clv_err err;
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(ssh_hop_parse(words[i], strlen(words[i]), &u, &err), CLV_OK);
		char *s = ssh_hop_format(&u);
		assert_string_equal(s, words[i]);
		clv_free(s);
	}
	assert_int_equal(ssh_hop_parse("[127.0.0.1]:22", 14, &u, &err), CLV_OK); /* as ssh -G writes it */
	assert_string_equal(u.host, "127.0.0.1");
	assert_int_equal(ssh_hop_parse("a,b", 3, &u, &err), CLV_FAILED);
}

static void config(void **state)
{
	static const char text[] =
	    "host gate\nuser ann\nhostname gate.ops.test\nport 2222\nidentitiesonly yes\n"
	    "identityfile ~/.ssh/id_ed25519\nidentityfile /k/other\nidentityfile %d/x\n"
	    "identityfile /k/%h\nidentityfile none\nproxyjump ben@jump:22,last\n"
	    "hashknownhosts yes\nhostkeyalias farm\nidentityagent SSH_AUTH_SOCK\n"
	    "globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/two\n"
	    "userknownhostsfile ~/.ssh/known_hosts /a/b\nsendenv LANG\nproxycommand none\n";
	struct ssh_config c;
	struct clv_err err;
	(void)state;
	assert_int_equal(ssh_config_parse(slice_str(text), "/home/ann", &c, &err), CLV_OK);
	assert_string_equal(c.host, "gate.ops.test");
	assert_string_equal(c.user, "ann");
	assert_int_equal(c.port, 2222);
	assert_int_equal(c.n_identities, 3);
	assert_string_equal(c.identities[0], "/home/ann/.ssh/id_ed25519");
	assert_string_equal(c.identities[2], "/home/ann/x");
	assert_true(c.identities_only && c.hash_known);
	assert_string_equal(c.jump, "ben@jump:22,last");
	assert_null(c.proxy);
	assert_string_equal(c.alias, "farm");
	assert_int_equal(c.n_known, 4);
	assert_string_equal(c.known[0], "/home/ann/.ssh/known_hosts"); /* the user's first */
	assert_string_equal(c.known[3], "/etc/ssh/two");
	ssh_config_release(&c);
	static const char *const bad[] = {"",
	                                  "user ann\nport 22\n",
	                                  "hostname -oX\nuser ann\nport 22\n",
	                                  "hostname g\nuser a;b\nport 22\n",
	                                  "hostname g\nuser a\nport 0\n",
	                                  "hostname g\nuser a\nport 99999\n",
	                                  "hostname $(x)\nuser a\nport 22\n",
	                                  "hostname g\nuser a\nport 22\nhostkeyalias -x\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ssh_config_parse(slice_str(bad[i]), "/h", &c, &err), CLV_FAILED);
	for (size_t n = 0; n < sizeof(text); n++) {
		if (ssh_config_parse(slice_of(text, n), "/h", &c, &err) == CLV_OK)
			ssh_config_release(&c);
	}
}

static void proxy(void **state)
{
	struct clv_err err;
	char *s = ssh_config_expand("ssh -W %h:%p %r@x 100%%", "ms1", 5724, "ann", "m", &err);
	(void)state;
	assert_string_equal(s, "ssh -W ms1:5724 ann@x 100%");
	clv_free(s);
	assert_null(ssh_config_expand("x %C", "ms1", 1, "a", "m", &err));
	assert_null(ssh_config_expand("x %", "ms1", 1, "a", "m", &err));
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void match_exec(void **state)
{
	static const struct {
		const char *text;
		bool found;
	} cases[] = {{"Host *\n  User ann\n", false},
	             {"Match host gate exec \"true\"\n", true},
	             {"  match  EXEC true\n", true},
	             {"Match=exec=true\n", true},
	             {"Match host \"gate\" !exec /x\n", true},
	             {"# Match exec true\n", false},
	             {"Match host gate user ann\n", false},
	             {"Include %s/more\n", true},
	             {"Include \"%s/mo*\"\n", true},
	             {"include=%s/none %s/more\n", true},
	             {"Include %s/none\n", false}};
	char dir[HOME_LEN], path[HOME_LEN + 40], more[HOME_LEN + 40], text[300], where[300];
	(void)state;
	home_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/config", dir);
	snprintf(more, sizeof(more), "%s/more", dir);
	write_file(more, "Host x\nMatch all exec true\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text[0] = '\0';
		for (const char *p = cases[i].text; *p != '\0'; p++) {
			bool here = p[0] == '%' && p[1] == 's';
			size_t used = strlen(text);
			snprintf(text + used, sizeof(text) - used, "%.*s", here ? 40 : 1, here ? dir : p);
			p += here;
		}
		write_file(path, text);
		if (ssh_config_runs(path, "/nonexistent", where) != cases[i].found)
			fail_msg("%s", text);
		assert_int_equal(where[0] != '\0', cases[i].found);
	}
	write_file(path, "Include config\nInclude ~/config\n"); /* it includes itself, for ever */
	assert_false(ssh_config_runs(path, dir, where));
	unlink(path);
	unlink(more);
	rmdir(dir);
}

/* A private key file as ssh-keygen writes it, without a private part. */
static void make_key(struct clv_buf *out, const char *type, const char *cipher)
{
	struct clv_buf raw, blob;
	struct clv_err err;
	buf_init(&raw, 4096);
	buf_init(&blob, 1024);
	buf_init(out, 8192);
	clv_rc rc = buf_put_lp(&blob, slice_str(type), &err);
	rc |= buf_put_lp(&blob, slice_str("0123456789abcdef0123456789abcdef"), &err);
	rc |= buf_put(&raw, slice_of("openssh-key-v1", 15), &err);
	rc |= buf_put_lp(&raw, slice_str(cipher), &err);
	rc |= buf_put_lp(&raw, slice_str("none"), &err);
	rc |= buf_put_lp(&raw, slice_str(""), &err);
	rc |= buf_put_u32(&raw, 1, &err);
	rc |= buf_put_lp(&raw, buf_slice(&blob), &err);
	rc |= buf_put_lp(&raw, slice_str("private"), &err);
	rc |= buf_put(out, slice_str("-----BEGIN OPENSSH PRIVATE KEY-----\n"), &err);
	rc |= clv_base64_put(out, buf_slice(&raw), true, &err);
	rc |= buf_put(out, slice_str("\n-----END OPENSSH PRIVATE KEY-----\n"), &err);
	assert_int_equal(rc, CLV_OK);
	buf_release(&raw);
	buf_release(&blob);
}

static void keys(void **state)
{
	struct clv_buf file, pub;
	struct clv_err err;
	struct ssh_key_facts f;
	(void)state;
	buf_init(&pub, SSH_KEY_FILE_MAX);
	make_key(&file, "ssh-ed25519", "aes256-ctr");
	assert_int_equal(ssh_key_look(buf_slice(&file), &f, &pub, &err), CLV_OK);
	assert_string_equal(f.type, "ssh-ed25519");
	assert_true(f.encrypted);
	assert_null(ssh_key_unusable(f.type));
	assert_int_equal(buf_slice(&pub).len, 4 + 11 + 4 + 32);
	for (size_t n = 0; n + 30 < buf_slice(&file).len; n++) {
		buf_clear(&pub);
		assert_int_equal(ssh_key_look(slice_of(buf_slice(&file).ptr, n), &f, &pub, &err), CLV_FAILED);
	}
	uint8_t *bytes = clv_memdup(buf_slice(&file).ptr, buf_slice(&file).len);
	for (size_t bit = 0; bit < buf_slice(&file).len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		buf_clear(&pub);
		(void)!ssh_key_look(slice_of(bytes, buf_slice(&file).len), &f, &pub, &err);
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	clv_free(bytes);
	buf_release(&file);
	make_key(&file, "ssh-rsa", "none");
	buf_clear(&pub);
	assert_int_equal(ssh_key_look(buf_slice(&file), &f, &pub, &err), CLV_OK);
	assert_false(f.encrypted);
	assert_non_null(strstr(ssh_key_unusable(f.type), "SHA-1"));
	assert_non_null(strstr(ssh_key_unusable("sk-ssh-ed25519@openssh.com"), "FIDO"));
	assert_non_null(ssh_key_unusable("ssh-ed25519-cert-v01@openssh.com"));
	assert_null(ssh_key_unusable("ecdsa-sha2-nistp384"));
	buf_release(&file);
	static const char *const pem[] = {
	    "-----BEGIN RSA PRIVATE KEY-----\nx", "-----BEGIN EC PRIVATE KEY-----\nx",
	    "-----BEGIN PRIVATE KEY-----\nx", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nx"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ssh_key_look(slice_str(pem[i]), &f, &pub, &err), CLV_OK);
		assert_int_equal(f.encrypted, i == 3);
	}
	assert_int_equal(ssh_key_look(slice_str("ssh-ed25519 AAAA"), &f, &pub, &err), CLV_FAILED);
	buf_release(&pub);
}

static const char kex_lists[6][40] = {
    "curve25519-sha256", "rsa-sha2-512,rsa-sha2-256", "aes128-ctr", "aes256-ctr", "hmac-a", "hmac-b"};

static void make_offer(struct clv_buf *b)
{
	struct clv_buf body;
	struct clv_err err;
	buf_init(&body, 4096);
	buf_init(b, 8192);
	clv_rc rc = buf_put_u8(&body, 4, &err);
	rc |= buf_put_u8(&body, 20, &err);
	rc |= buf_put(&body, slice_str("cookie-cookie-16"), &err);
	for (size_t i = 0; i < 6; i++)
		rc |= buf_put_lp(&body, slice_str(kex_lists[i]), &err);
	rc |= buf_put(&body, slice_str("padd"), &err);
	rc |= buf_put(b, slice_str("hello\r\nSSH-2.0-x\r\n"), &err);
	rc |= buf_put_lp(b, buf_slice(&body), &err);
	assert_int_equal(rc, CLV_OK);
	buf_release(&body);
}

static void offers(void **state)
{
	struct clv_buf b;
	struct clv_err err;
	struct ssh_offer o;
	(void)state;
	make_offer(&b);
	for (size_t n = 0; n <= buf_slice(&b).len; n++) {
		struct ssh_kex k;
		ssh_kex_init(&k);
		for (size_t i = 0; i < n; i += 7) /* in pieces */
			ssh_kex_see(&k, slice_of(buf_slice(&b).ptr + i, n - i < 7 ? n - i : 7));
		bool whole = n == buf_slice(&b).len;
		assert_int_equal(ssh_kex_offer(&k, &o, &err), whole ? CLV_OK : CLV_FAILED);
		if (whole) {
			assert_true(slice_eq_str(o.host_keys, kex_lists[1]));
			assert_true(slice_eq_str(o.ciphers, kex_lists[3]));
			assert_true(slice_eq_str(o.macs, kex_lists[5]));
		}
		ssh_kex_release(&k);
	}
	for (size_t bit = 0; bit < buf_slice(&b).len * 8; bit++) {
		struct ssh_kex k;
		ssh_kex_init(&k);
		ssh_kex_see(&k, buf_slice(&b));
		((uint8_t *)(uintptr_t)buf_slice(&k.seen).ptr)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		(void)!ssh_kex_offer(&k, &o, &err);
		ssh_kex_release(&k);
	}
	assert_true(ssh_names_meet(slice_str("a,bb,c"), "x,bb"));
	assert_false(ssh_names_meet(slice_str("a,bb,c"), "b,cc"));
	assert_false(ssh_names_meet(slice_str(""), "b"));
	buf_release(&b);
}

static void talk(void **state)
{
	struct talk_message m = {.kind = TALK_FAILED,
	                         .code = CLV_E_AUTH,
	                         .title = slice_str("t"),
	                         .text = slice_str("why")},
	                    back;
	struct clv_buf b;
	struct clv_err err;
	(void)state;
	buf_init(&b, TALK_MAX);
	assert_int_equal(talk_encode(&m, &b, &err), CLV_OK);
	assert_int_equal(talk_decode(buf_slice(&b), &back, &err), CLV_OK);
	assert_true(back.kind == m.kind && back.code == m.code && slice_eq(back.text, m.text));
	for (size_t n = 0; n < buf_slice(&b).len; n++)
		assert_int_equal(talk_decode(slice_of(buf_slice(&b).ptr, n), &back, &err), CLV_FAILED);
	assert_int_equal(buf_put_u8(&b, 0, &err), CLV_OK);
	assert_int_equal(talk_decode(buf_slice(&b), &back, &err), CLV_FAILED); /* something behind it */
	static const char *const bad[] = {"\x06\0\0\0\0\0\0\0\0\0", "\5\0\0\0\0\0\0\0\0\0",
	                                  "\0\5\0\0\0\0\0\0\0\0", "\5\xff\0\0\0\0\0\0\0\0"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(talk_decode(slice_of(bad[i], 10), &back, &err), CLV_FAILED);
	buf_release(&b);
}

static void base64(void **state)
{
	static const struct {
		const char *plain, *text;
	} good[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {
	    "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "Z===", "====", "Zm-_", "Zg=a"};
	struct clv_buf b;
	struct clv_err err;
	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		buf_clear(&b);
		assert_int_equal(clv_base64_put(&b, slice_str(good[i].plain), true, &err), CLV_OK);
		assert_true(slice_eq_str(buf_slice(&b), good[i].text));
		buf_clear(&b);
		assert_int_equal(clv_base64_get(&b, slice_str(good[i].text), &err), CLV_OK);
		assert_true(slice_eq_str(buf_slice(&b), good[i].plain));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_clear(&b);
		if (clv_base64_get(&b, slice_str(bad[i]), &err) == CLV_OK)
			fail_msg("taken: %s", bad[i]);
	}
	buf_release(&b);
}

static void terminals(void **state)
{
	static const char *const bad[] = {"", "xterm-", "../x", "/tmp/x", "XTERM", "dumb", "evil", "vt100\n"};
	(void)state;
	assert_string_equal(restrict_term("tmux-256color"), "tmux-256color");
	assert_string_equal(restrict_term(NULL), "vt100");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(restrict_term(bad[i]), "vt100");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls),      cmocka_unit_test(hops),       cmocka_unit_test(config),
	    cmocka_unit_test(proxy),     cmocka_unit_test(match_exec), cmocka_unit_test(keys),
	    cmocka_unit_test(offers),    cmocka_unit_test(talk),       cmocka_unit_test(base64),
	    cmocka_unit_test(terminals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
