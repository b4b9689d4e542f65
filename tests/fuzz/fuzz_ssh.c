/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SSH attach reads. The first byte says what: known_hosts, a server's offer, a key file, the output
 * of ssh -G, a control message, an address, a public key.
 */
#include "tests/fuzz/common.h"
#include "console/ssh_config.h"
#include "console/ssh_kex.h"
#include "console/ssh_key.h"
#include "console/ssh_known.h"
#include "console/ssh_talk.h"
#include "console/ssh_url.h"

#include <string.h>

static const uint8_t shown[] = "\0\0\0\13ssh-ed25519\0\0\0\40abcdefghijklmnopqrstuvwxyz012345";
#define SHOWN slice_of(shown, sizeof(shown) - 1)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct talk_message m = {
	    .kind = TALK_ASK_SECRET, .title = SLICE_LIT("title"), .text = SLICE_LIT("text")};
	struct clv_err err;
	struct clv_buf b;

	(void)argc;
	(void)argv;
	fuzz_start("ssh");
	for (int hash = 0; hash < 2; hash++) {
		buf_init(&b, 4096);
		fuzz_check(buf_put_u8(&b, 0, &err) == CLV_OK &&
		               ssh_known_line("gate", 2222, SHOWN, hash == 1, &b, &err) == CLV_OK,
		           "seed");
		fuzz_seed(buf_slice(&b));
		buf_release(&b);
	}
	fuzz_seed(SLICE_LIT("\0@revoked *,!x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAA==\n@cert-authority *.a.b "
	                    "ssh-rsa AAAA\n"));
	fuzz_seed(SLICE_LIT(
	    "\1SSH-2.0-x\r\n\0\0\0\70\4\24cookie-cookie-16\0\0\0\1a\0\0\0\1b\0\0\0\1c\0\0\0\1d\0\0\0\1e"
	    "\0\0\0\1fpadd"));
	fuzz_seed(SLICE_LIT(
	    "\2-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB"
	    "AAAAMwAAAAtzc2gtZWQyNTUxOQAAACAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==\n"
	    "-----END OPENSSH PRIVATE KEY-----\n"));
	fuzz_seed(SLICE_LIT("\3user ann\nhostname gate\nport 22\nidentityfile ~/.ssh/k\nproxyjump a,b\n"
	                    "userknownhostsfile /a /b\nglobalknownhostsfile /c\nhostkeyalias z\n"));
	buf_init(&b, TALK_MAX);
	fuzz_check(buf_put_u8(&b, 4, &err) == CLV_OK && talk_encode(&m, &b, &err) == CLV_OK, "seed");
	fuzz_seed(buf_slice(&b));
	buf_release(&b);
	fuzz_seed(SLICE_LIT("\5ssh://ann@gate:22/ms1@127.0.0.1:5724"));
	fuzz_seed(SLICE_LIT("\5ssh://[::1]:22"));
	fuzz_seed(SLICE_LIT("\6ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAA== me\n"));
	return 0;
}

static bool known(struct clv_slice s)
{
	struct ssh_known_look l = {.host = "gate", .port = 2222, .key = SHOWN};
	ssh_known_feed(&l, "file", s);
	fuzz_check(l.result == SSH_KNOWN_NONE || l.where[0] != '\0', "a verdict without its line");
	return l.result != SSH_KNOWN_NONE;
}

static bool offer(struct clv_slice s)
{
	struct ssh_kex k;
	struct ssh_offer o;
	bool ok;
	ssh_kex_init(&k);
	ssh_kex_see(&k, s);
	ok = ssh_kex_offer(&k, &o, NULL) == CLV_OK;
	if (ok)
		(void)ssh_names_meet(o.host_keys, "ssh-ed25519,b");
	ssh_kex_release(&k);
	return ok;
}

static bool key(struct clv_slice s, bool is_public)
{
	struct ssh_key_facts f;
	struct clv_buf b;
	bool ok;
	buf_init(&b, SSH_KEY_FILE_MAX);
	ok = is_public ? ssh_key_public(s, &b, NULL) == CLV_OK : ssh_key_look(s, &f, &b, NULL) == CLV_OK;
	if (ok && !is_public)
		(void)ssh_key_unusable(f.type);
	buf_release(&b);
	return ok;
}

static bool config(struct clv_slice s)
{
	struct ssh_config c;
	if (ssh_config_parse(s, "/home/ann", &c, NULL) != CLV_OK)
		return false;
	fuzz_check(ssh_host_ok(c.host) && ssh_user_ok(c.user) && c.port != 0, "a name that is not safe");
	ssh_config_release(&c);
	return true;
}

static bool message(struct clv_slice s)
{
	struct talk_message m;
	struct clv_buf b;
	if (talk_decode(s, &m, NULL) != CLV_OK)
		return false;
	buf_init(&b, TALK_MAX);
	fuzz_check(talk_encode(&m, &b, NULL) == CLV_OK && slice_eq(buf_slice(&b), s),
	           "two encodings of one thing");
	buf_release(&b);
	return true;
}

static bool address(struct clv_slice s)
{
	struct ssh_url u;
	char *text = clv_calloc(s.len + 1, 1);
	bool ok;
	if (s.len > 0)
		memcpy(text, s.ptr, s.len);
	ok = ssh_url_parse(text, &u, NULL) == CLV_OK;
	fuzz_check(!ok || (ssh_host_ok(u.host) && strpbrk(text, " ;|&$`'\"\\<>()\n") == NULL),
	           "an address that is not safe");
	clv_free(text);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice s = size > 0 ? slice_of(data + 1, size - 1) : slice_of(data, 0);
	bool ok = false;
	switch (size > 0 ? data[0] : 255) {
	case 0:
		ok = known(s);
		break;
	case 1:
		ok = offer(s);
		break;
	case 2:
	case 6:
		ok = key(s, data[0] == 6);
		break;
	case 3:
		ok = config(s);
		break;
	case 4:
		ok = message(s);
		break;
	case 5:
		ok = address(s);
		break;
	default:
		break;
	}
	fuzz_count(ok);
	return 0;
}
