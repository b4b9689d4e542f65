/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network process tells of its certificate: why newer files were not taken, and whether the signer
 * that is there now has the key of those in use. Each ends when its cause does, and neither hides the other.
 */
#include "channel/sigprov.h"
#include "daemon/net.h"
#include "tests/lib/mkcert.h"
#include "tests/lib/unit.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LACKS CHAN_KEY_MISMATCH

static struct mk_cert ca, node;
static const char *why_not; /* what the signer says; NULL: it has the key */
static struct {
	size_t n;
	bool ok;
	char text[256];
} told;

const struct net_role net_role = {.process = "net_node", .accepts = VERIFY_NODE};

static clv_rc has(void *ctx, const uint8_t *key, struct clv_err *err)
{
	(void)ctx;
	(void)key;
	return why_not ? err_set(err, CLV_E_CONFIG, "%s", why_not) : CLV_OK;
}

static struct chan_asker asker = {.has = has};

struct chan_asker *net_signer_asker(struct net *n)
{
	(void)n;
	return &asker;
}

bool net_signer_ready(struct net *n)
{
	(void)n;
	return true;
}

clv_rc net_signer_peer(struct net *n, int fd, struct clv_err *err)
{
	(void)n;
	(void)fd;
	(void)err;
	return CLV_OK;
}

void net_listen(struct net *n)
{
	(void)n;
}

void net_recheck(struct net *n)
{
	(void)n;
}

void net_tell(struct net *n, enum ipc_type type, const ProtobufCMessage *m)
{
	const Clv__CredsResult *r = (const Clv__CredsResult *)m;

	(void)n;
	assert_int_equal(type, IPC_CREDS_RESULT);
	told.n++;
	told.ok = r->ok;
	(void)snprintf(told.text, sizeof told.text, "%s", r->text);
}

static int file_of(struct clv_slice s)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	assert_true(fd >= 0 && write(fd, s.ptr, s.len) == (ssize_t)s.len && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

/* As the parent passes them: a CA, the node's certificate (or what is none), no CRL, and a key to the signer.
 */
static void give(struct net *n, bool good)
{
	Clv__Creds m = CLV__CREDS__INIT;
	struct clv_buf a, b;
	int fds[2];

	buf_init(&a, 65536);
	buf_init(&b, 65536);
	mk_put_cert(&a, ca.x);
	mk_put_cert(&b, node.x);
	fds[0] = file_of(buf_slice(&a));
	fds[1] = file_of(good ? buf_slice(&b) : SLICE_LIT("no certificate\n"));
	m.has = 1u | 2u | 4u;
	assert_int_equal(net_on_creds(n, &m.base, fds, NULL), CLV_OK);
	(void)close(fds[0]);
	(void)close(fds[1]);
	buf_release(&a);
	buf_release(&b);
}

static void another_signer(struct net *n, const char *lacks)
{
	why_not = lacks;
	assert_int_equal(net_creds_signer(n, -1, NULL), CLV_OK);
}

static void begin(struct net *n, Clv__Start *start)
{
	memset(n, 0, sizeof *n);
	memset(&told, 0, sizeof told);
	clv__start__init(start);
	n->start = start;
	why_not = NULL;
	give(n, true);
	assert_true(told.ok && told.n == 1);
}

static void a_signer_that_has_the_key_again_ends_the_error(void **state)
{
	static struct net n;
	Clv__Start start;

	(void)state;
	begin(&n, &start);
	another_signer(&n, NULL);
	assert_int_equal(told.n, 1); /* nothing new */
	another_signer(&n, LACKS);
	assert_true(!told.ok && told.n == 2);
	assert_string_equal(told.text, LACKS);
	another_signer(&n, NULL);
	assert_true(told.ok && told.n == 3);
	assert_string_equal(told.text, "");
	another_signer(&n, NULL);
	assert_int_equal(told.n, 3);
	chan_creds_free(n.creds);
}

static void what_is_wrong_with_the_newest_files_stays_told(void **state)
{
	static struct net n;
	char files[256];
	Clv__Start start;

	(void)state;
	begin(&n, &start);
	give(&n, false);
	assert_true(!told.ok && told.n == 2 && *told.text);
	(void)snprintf(files, sizeof files, "%s", told.text);
	another_signer(&n, LACKS);
	assert_string_equal(told.text, LACKS);
	another_signer(&n, NULL);
	assert_true(!told.ok && told.n == 4);
	assert_string_equal(told.text, files);
	/* The key comes back with files that are bad otherwise. */
	another_signer(&n, LACKS);
	why_not = NULL;
	give(&n, false);
	assert_string_equal(told.text, files);
	give(&n, true);
	assert_true(told.ok);
	chan_creds_free(n.creds);
}

static int setup(void **state)
{
	struct mk_spec root = mk_ca("Net CA"), leaf = mk_node("rms1.ops.test");
	struct clv_err err;

	(void)state;
	if (channel_process_init(&err) || sigprov_init(&err))
		return -1;
	ca = mk_issue(&root, mk_key("P-256", true), NULL);
	node = mk_issue(&leaf, mk_key("P-256", true), &ca);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mk_free(&node);
	mk_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_signer_that_has_the_key_again_ends_the_error),
	    cmocka_unit_test(what_is_wrong_with_the_newest_files_stays_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
