/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A management server that joins, between two key holders: the right request with its own code gets the
 * group's keys, once; every other request, code and sealed form gets nothing and is named; what was sealed
 * opens for the request it answers alone, and only with the signing key that the joiner was shown.
 */
#include "base/clock.h"
#include "daemon/keyholder_backup.h"
#include "keys/agentcert.h"
#include "keys/joincode.h"
#include "proto/codec.h"
#include "runas/intake.h"
#include "statement.pb-c.h"
#include "tests/lib/mkcert.h"
#include "tests/unit/keyholder_fixture.h"

static char group[] = "OMMG1", join_mode[] = "join", run_mode[] = "run";
static struct ipc *far_end; /* core's */
static struct {
	uint32_t code;
	char text[512];
	struct clv_buf sealed;
	bool done;
} answer;

static clv_rc on_failed(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	const Clv__KhFailed *f = (const Clv__KhFailed *)m;

	(void)ctx;
	(void)fds;
	(void)err;
	answer.code = f->code;
	(void)snprintf(answer.text, sizeof answer.text, "%s", f->text);
	return CLV_OK;
}

static clv_rc on_sealed(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	(void)ctx;
	(void)fds;
	return buf_put(&answer.sealed, PROTO_SLICE(((const Clv__KhJoinSealed *)m)->sealed), err);
}

static clv_rc on_done(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	(void)ctx;
	(void)m;
	(void)fds;
	(void)err;
	answer.done = true;
	return CLV_OK;
}

static void hear(void)
{
	static const struct ipc_row rows[] = {
	    {IPC_KH_FAILED, on_failed}, {IPC_KH_JOIN_SEALED, on_sealed}, {IPC_KH_DONE, on_done}, {0, NULL}};

	buf_release(&answer.sealed);
	memset(&answer, 0, sizeof answer);
	buf_init(&answer.sealed, 65536);
	assert_int_equal(ipc_wait(far_end, rows, NULL, 30000, NULL), CLV_OK);
}

static void begin(struct kh *k, const char *p, char *name, char *mode)
{
	EVP_PKEY *key = mk_key("RSA-3072", true);
	int pair[2];

	begin_holder(k, p, group);
	k->start->name = name;
	k->start->mode = mode;
	k->group->intake_key = key;
	k->group->intake_made = clock_wall_ms();
	assert_int_equal(agentcert_make(key, name, 365, clock_wall_ms(), &k->group->intake_cert, NULL),
	                 CLV_OK);
	ipc_free(far_end);
	assert_int_equal(ipc_pair(pair, NULL), CLV_OK);
	assert_int_equal(ipc_new(pair[0], "core", &k->core, NULL), CLV_OK);
	assert_int_equal(ipc_new(pair[1], "keyholder", &far_end, NULL), CLV_OK);
}

static void end(struct kh *k)
{
	ipc_free(k->core);
	end_holder(k);
}

/* --- the joiner's side of it --- */
struct ask {
	EVP_PKEY *node;
	Clv__EnrollRequest e;
	struct clv_buf spki, cert, body, sig, sealed;
	uint8_t hash[KEY_HASH_LEN], code[KEY_HASH_LEN];
	struct intake_head head;
	char typed[64];
};

static char joiner[] = "rms2.ops.test", role[] = "management-server";
static uint8_t machine_hash[32] = {5};

static void sign_request(struct ask *a)
{
	buf_clear(&a->body);
	buf_clear(&a->sig);
	assert_int_equal(
	    statement_make(STATEMENT_ENROLL, group, &a->e.base, a->node, &a->body, &a->sig, NULL), CLV_OK);
}

static void make_code(const struct kh *k, struct ask *a)
{
	assert_int_equal(join_code(group, buf_slice(&k->group_spki), buf_slice(&a->body), a->code, NULL),
	                 CLV_OK);
	join_code_text(a->code, a->typed);
}

static void seal_code(const struct kh *k, struct ask *a)
{
	struct clv_secret *typed = secret_of(a->typed);
	struct clv_sealed sealed;
	X509 *to = NULL;

	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	assert_int_equal(x509_from_der(buf_slice(&k->group->intake_cert), &to, NULL), CLV_OK);
	assert_int_equal(intake_seal(&a->head, typed, to, &sealed, NULL), CLV_OK);
	buf_clear(&a->sealed);
	assert_int_equal(buf_put(&a->sealed, buf_slice(&sealed.bytes), NULL), CLV_OK);
	buf_release(&sealed.bytes);
	X509_free(to);
	secret_free(typed);
}

static void joiners_certificate(struct clv_buf *cert)
{
	EVP_PKEY *key = mk_key("RSA-3072", true);

	buf_init(cert, AGENTCERT_DER_MAX);
	assert_int_equal(agentcert_make(key, joiner, 365, clock_wall_ms(), cert, NULL), CLV_OK);
	EVP_PKEY_free(key);
}

/* Signed as it is now, and the code typed that belongs to that. */
static void with_its_code(const struct kh *k, struct ask *a)
{
	sign_request(a);
	make_code(k, a);
	seal_code(k, a);
}

static void ask_of(struct ask *a, const struct kh *server, struct clv_slice cert)
{
	memset(a, 0, sizeof *a);
	buf_init(&a->spki, STATEMENT_SPKI_MAX);
	buf_init(&a->cert, AGENTCERT_DER_MAX);
	buf_init(&a->body, 8192);
	buf_init(&a->sig, STATEMENT_SIG_MAX);
	buf_init(&a->sealed, 65536);
	clv__enroll_request__init(&a->e);
	assert_int_equal(pkey_make_p256(&a->node, NULL), CLV_OK);
	assert_int_equal(pkey_to_spki(a->node, &a->spki, NULL), CLV_OK);
	assert_int_equal(sha256(buf_slice(&server->group_spki), a->hash, NULL), CLV_OK);
	assert_int_equal(buf_put(&a->cert, cert, NULL), CLV_OK);
	a->e.name = joiner;
	a->e.role = role;
	a->e.node_key = PROTO_BYTES(buf_slice(&a->spki));
	a->e.machine = PROTO_BYTES(slice_of(machine_hash, 32));
	a->e.group_key_hash = PROTO_BYTES(slice_of(a->hash, 32));
	a->e.time = clock_wall_ms();
	a->e.intake = PROTO_BYTES(buf_slice(&a->cert));
	a->head = (struct intake_head){.group = "OMMG1", .account = JOIN_ACCOUNT, .operator_ = "user:root"};
	with_its_code(server, a);
}

static void ask_release(struct ask *a)
{
	EVP_PKEY_free(a->node);
	buf_release(&a->spki);
	buf_release(&a->cert);
	buf_release(&a->body);
	buf_release(&a->sig);
	buf_release(&a->sealed);
}

static void put_to(struct kh *server, const struct ask *a)
{
	static char who[] = "user:root";
	Clv__KhJoinSeal m = CLV__KH_JOIN_SEAL__INIT;

	m.id = 7;
	m.body = PROTO_BYTES(buf_slice(&a->body));
	m.signature = PROTO_BYTES(buf_slice(&a->sig));
	m.operator_ = who;
	m.sealed = PROTO_BYTES(buf_slice(&a->sealed));
	assert_int_equal(kh_on_join_seal(server, &m.base, NULL, NULL), CLV_OK);
	hear();
}

static void nothing(struct kh *server, const struct ask *a, const char *words)
{
	put_to(server, a);
	if (!answer.code || buf_slice(&answer.sealed).len || !strstr(answer.text, words))
		fail_msg("expected '%s', got %u: %s", words, answer.code, answer.text);
}

static void each_byte_counts(struct kh *server, const struct ask *a, const struct clv_buf *of, size_t from,
                             size_t step)
{
	uint8_t *bytes = (uint8_t *)(uintptr_t)buf_slice(of).ptr;

	for (size_t i = from; i < buf_slice(of).len; i += step) {
		bytes[i] ^= 4;
		put_to(server, a);
		assert_true(answer.code && !buf_slice(&answer.sealed).len);
		bytes[i] ^= 4;
	}
}

static void open_at_joiner(struct kh *k, struct clv_slice sealed, struct clv_slice body)
{
	Clv__KhJoinOpen m = CLV__KH_JOIN_OPEN__INIT;

	m.id = 8;
	m.sealed = PROTO_BYTES(sealed);
	m.body = PROTO_BYTES(body);
	assert_int_equal(kh_on_join_open(k, &m.base, NULL, NULL), CLV_OK);
	hear();
}

static char server_name[] = "rms1.ops.test";

static void each_field_of_the_request_counts(void **state)
{
	static char agent_role[] = "agent", other_name[] = "rms1.ops.test";
	uint8_t wrong_hash[32] = {1};
	struct kh k;
	struct ask a;
	struct clv_buf cert;

	(void)state;
	begin(&k, path, server_name, run_mode);
	joiners_certificate(&cert);
	assert_int_equal(kh_make_group_key(&k, slice_of(NULL, 0), NULL), CLV_OK);
	ask_of(&a, &k, buf_slice(&cert));
	/* Bytes that its node key did not sign. */
	each_byte_counts(&k, &a, &a.body, 0, 37);
	((uint8_t *)(uintptr_t)buf_slice(&a.sig).ptr)[20] ^= 1;
	nothing(&k, &a, "signature");
	/* Signed anew by the joiner's own key, to which the code that was typed says nothing. */
	a.e.time++;
	sign_request(&a);
	nothing(&k, &a, "the code is not that of this request");
	a.e.machine = PROTO_BYTES(slice_of(wrong_hash, 32));
	sign_request(&a);
	nothing(&k, &a, "the code is not that of this request");
	/* With the code of what it says, but it says what may not be. */
	a.e.role = agent_role;
	with_its_code(&k, &a);
	nothing(&k, &a, "no request of a management server");
	a.e.role = role;
	a.e.name = other_name;
	with_its_code(&k, &a);
	nothing(&k, &a, "no request of a management server");
	a.e.name = joiner;
	a.e.group_key_hash = PROTO_BYTES(slice_of(wrong_hash, 32));
	with_its_code(&k, &a);
	nothing(&k, &a, "another group signing key");
	a.e.group_key_hash = PROTO_BYTES(slice_of(a.hash, 32));
	a.e.time = clock_wall_ms() - JOIN_LIVES_MS - 1000;
	with_its_code(&k, &a);
	nothing(&k, &a, "has expired");
	a.e.time = INT64_MAX;
	with_its_code(&k, &a);
	nothing(&k, &a, "clock of that host");
	a.e.time = INT64_MIN;
	with_its_code(&k, &a);
	nothing(&k, &a, "has expired");
	a.e.time = clock_wall_ms();
	a.e.intake.len = 0;
	with_its_code(&k, &a);
	nothing(&k, &a, "no request of a management server");
	a.e.intake = PROTO_BYTES(slice_of(wrong_hash, 32));
	with_its_code(&k, &a);
	put_to(&k, &a);
	assert_true(answer.code && !buf_slice(&answer.sealed).len);
	ask_release(&a);
	buf_release(&cert);
	end(&k);
}

static void what_was_typed_counts(void **state)
{
	struct kh k;
	struct ask a;
	struct clv_buf cert;

	(void)state;
	begin(&k, path, server_name, run_mode);
	joiners_certificate(&cert);
	ask_of(&a, &k, buf_slice(&cert));
	nothing(&k, &a, "no group key");
	ask_release(&a);
	assert_int_equal(kh_make_group_key(&k, slice_of(NULL, 0), NULL), CLV_OK);
	ask_of(&a, &k, buf_slice(&cert));
	a.typed[3] = a.typed[3] == '0' ? '1' : '0';
	seal_code(&k, &a);
	nothing(&k, &a, "the code is not that of this request");
	make_code(&k, &a);
	(void)snprintf(a.head.operator_, sizeof a.head.operator_, "user:mallory");
	seal_code(&k, &a);
	nothing(&k, &a, "another operator's");
	(void)snprintf(a.head.operator_, sizeof a.head.operator_, "user:root");
	(void)snprintf(a.head.account, sizeof a.head.account, "0123456789abcdef0123456789abcdef");
	seal_code(&k, &a);
	nothing(&k, &a, "is no code");
	(void)snprintf(a.head.account, sizeof a.head.account, JOIN_ACCOUNT);
	(void)snprintf(a.head.group, sizeof a.head.group, "OMMG2");
	seal_code(&k, &a);
	nothing(&k, &a, "is no code");
	(void)snprintf(a.head.group, sizeof a.head.group, "OMMG1");
	a.head.expected = 1;
	seal_code(&k, &a);
	nothing(&k, &a, "is no code");
	a.head.expected = 0;
	seal_code(&k, &a);
	each_byte_counts(&k, &a, &a.sealed, 3, 101);
	/* None of it used the code up; once it is used it is. */
	put_to(&k, &a);
	assert_true(!answer.code && buf_slice(&answer.sealed).len > 500);
	nothing(&k, &a, "used already");
	ask_release(&a);
	buf_release(&cert);
	end(&k);
}

static void it_opens_for_its_request_alone(void **state)
{
	struct kh k, j;
	struct ask a;
	struct clv_buf sealed, blob, spki;
	struct clv_secret *word = secret_of("a stored password"), *got = secret_new(64, NULL);
	uint8_t *bytes;

	(void)state;
	begin(&j, copy_path, joiner, join_mode);
	assert_int_equal(kh_make_node_key(&j, NULL), CLV_OK);
	begin(&k, path, server_name, run_mode);
	assert_int_equal(kh_make_group_key(&k, slice_of(NULL, 0), NULL), CLV_OK);
	buf_init(&sealed, 65536);
	buf_init(&blob, 4096);
	buf_init(&spki, STATEMENT_SPKI_MAX);
	assert_int_equal(kh_password_seal(&k, "acc", 1, word, &blob, NULL), CLV_OK);
	ask_of(&a, &k, buf_slice(&j.group->intake_cert));
	put_to(&k, &a);
	assert_int_equal(answer.code, 0);
	assert_int_equal(buf_put(&sealed, buf_slice(&answer.sealed), NULL), CLV_OK);
	/* From here on the far end is the joiner's core. */
	ipc_free(j.core);
	j.core = k.core;
	k.core = NULL;
	open_at_joiner(&j, buf_slice(&sealed), buf_slice(&a.body));
	assert_non_null(strstr(answer.text, "did not ask to join")); /* it pinned no group yet */
	assert_int_equal(buf_put(&j.group_spki, slice_of(a.hash, 32), NULL), CLV_OK);
	open_at_joiner(&j, buf_slice(&sealed), buf_slice(&a.body));
	assert_non_null(strstr(answer.text, "not the group's signing key"));
	buf_clear(&j.group_spki);
	assert_int_equal(buf_put(&j.group_spki, buf_slice(&k.group_spki), NULL), CLV_OK);
	open_at_joiner(&j, buf_slice(&sealed), slice_of(buf_slice(&a.body).ptr, buf_slice(&a.body).len - 1));
	assert_non_null(strstr(answer.text, "another request"));
	bytes = (uint8_t *)(uintptr_t)buf_slice(&sealed).ptr;
	for (size_t i = 0; i < buf_slice(&sealed).len; i += 61) {
		bytes[i] ^= 2;
		open_at_joiner(&j, buf_slice(&sealed), buf_slice(&a.body));
		assert_true(answer.code && !j.group_key);
		bytes[i] ^= 2;
	}
	j.start->mode = run_mode;
	open_at_joiner(&j, buf_slice(&sealed), buf_slice(&a.body));
	assert_non_null(strstr(answer.text, "does not join"));
	j.start->mode = join_mode;
	open_at_joiner(&j, buf_slice(&sealed), buf_slice(&a.body));
	if (!answer.done)
		fail_msg("%s", answer.text);
	assert_int_equal(kh_password_open(&j, "acc", 1, buf_slice(&blob), got, NULL), CLV_OK);
	assert_true(secret_eq(word, got));
	assert_true(vault_has(j.vault, KH_PURPOSE_PUBLIC, KH_JOINED));
	assert_non_null(j.node_key); /* its own stays */
	end(&j);
	ask_release(&a);
	buf_release(&sealed);
	buf_release(&blob);
	buf_release(&spki);
	secret_free(word);
	secret_free(got);
	end_holder(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(each_field_of_the_request_counts, fresh),
	    cmocka_unit_test_setup(what_was_typed_counts, fresh),
	    cmocka_unit_test_setup(it_opens_for_its_request_alone, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
