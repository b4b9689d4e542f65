/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a configuration for one agent: its publication and the ciphertexts of its passwords come from the
 * database, the rows that decide from memory, and the key holder checks and seals. Committed before it is
 * sent. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_recovery.h"
#include "daemon/core_relay.h"
#include "daemon/core_rules.h"
#include "proto/types.h"
#include <string.h>

#define PASSWORD_MAX (64u * 1024u)

struct seal_job {
	uint64_t conn, generation, version;
	uint32_t ordinal;
	char name[STORE_NAME_MAX];
	struct clv_buf body, sig;
	struct wanted *wanted;
	size_t n_wanted;
	char (*ids)[40]; /* of the accounts: rules belong to the loop */
	struct clv_buf *blobs;
	uint8_t content[32];
	/* what the key holder made */
	struct clv_buf xml, st_body, st_sig;
	int64_t when;
};

static void free_seal(struct core *c, struct seal_job *j, bool look_again)
{
	struct session *s = server_session(c->srv, j->conn);
	struct node *n = server_find(c->srv, j->name);

	c->srv->sealing--;
	if (s)
		s->sealing = false;
	for (size_t i = 0; i < j->n_wanted; i++)
		buf_release(&j->blobs[i]);
	clv_free(j->blobs);
	clv_free(j->ids);
	clv_free(j->wanted);
	buf_release(&j->body);
	buf_release(&j->sig);
	buf_release(&j->xml);
	buf_release(&j->st_body);
	buf_release(&j->st_sig);
	clv_free(j);
	if (n && look_again)
		deliver_node(c, n);
	deliver_pump(c);
}

static clv_rc run_in_use(struct db *d, void *ctx, struct clv_err *err)
{
	struct seal_job *j = ctx;

	if (store_key_in_use(d, j->name, j->generation, j->version, j->ordinal, j->when, err))
		return CLV_FAILED;
	return store_agent_content(d, j->name, slice_of(j->content, 32), err);
}

static void send_config(struct core *c, const struct session *s, const struct seal_job *j)
{
	Clv__Config m = CLV__CONFIG__INIT;
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;

	m.xml = PROTO_BYTES(buf_slice(&j->xml));
	st.body = PROTO_BYTES(buf_slice(&j->st_body));
	st.signature = PROTO_BYTES(buf_slice(&j->st_sig));
	m.statement = &st;
	core_frame(c, false, s->conn, FRAME_CONFIG, &m.base);
}

static bool is_stale(const struct core *c, const struct node *n, const struct seal_job *j)
{
	uint8_t content[32];

	deliver_content(c, n, content);
	return !slice_eq(slice_of(content, 32), slice_of(j->content, 32));
}

static void done_in_use(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct seal_job *j = ctx;
	struct node *n = server_find(c->srv, j->name);
	struct session *s = server_session(c->srv, j->conn);
	bool here = s && n && s->node == n;

	if (rc) {
		log_err(LOG_ERROR, err, "keeping that a configuration was made");
		deliver_disk(c, false);
	} else if (n) {
		if (n->key.generation == j->generation && n->key.state < CLV_KEY_IN_USE) {
			n->key.state = CLV_KEY_IN_USE;
			n->key.in_use = j->when;
		}
		n->config_version = j->version;
		n->config_ordinal = j->ordinal;
		memcpy(n->content, j->content, sizeof n->content);
		n->row_version++;
		deliver_disk(c, true);
		if (here)
			send_config(c, s, j);
		/* Accounts may have been removed meanwhile; then this one is looked at again. */
		if (!is_stale(c, n, j))
			deliver_sealed(c, n, j->wanted, j->n_wanted, here);
		server_changed(c);
	}
	free_seal(c, j, !rc);
}

static void on_sealed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	const Clv__KhSealed *k = (const Clv__KhSealed *)m;
	struct seal_job *j = ctx;

	(void)type;
	if (!m || buf_put(&j->xml, PROTO_SLICE(k->xml), NULL) ||
	    buf_put(&j->st_body, PROTO_SLICE(k->body), NULL) ||
	    buf_put(&j->st_sig, PROTO_SLICE(k->signature), NULL)) {
		if (err && err->code == CLV_E_CLOSED)
			core_conn_close(c, false, j->conn, "this server cannot seal now");
		else if (err)
			core_event(
			    c, 7005,
			    "No configuration could be sealed for %s: %s. It goes on with what it holds.",
			    j->name, err->text);
		if (err && err->cls == CLV_CLASS_IO)
			deliver_disk(c, false);
		free_seal(c, j, false);
		return;
	}
	j->when = clock_wall_ms();
	core_db_put(c, run_in_use, done_in_use, j);
}

static clv_rc run_fetch(struct db *d, void *ctx, struct clv_err *err)
{
	struct seal_job *j = ctx;

	if (store_publication(d, j->name, j->generation, &j->body, &j->sig, err))
		return CLV_FAILED;
	for (size_t i = 0; i < j->n_wanted; i++)
		if (!j->wanted[i].keep &&
		    store_password_get(d, j->ids[i], j->wanted[i].version, &j->blobs[i], err))
			return err_wrap(err, "the account %s", j->ids[i]);
	return CLV_OK;
}

static size_t put_way(const struct core *c, const struct node *n, Clv__KhServer servers[WAY_MAX],
                      Clv__KhServer *list[WAY_MAX])
{
	struct way way[WAY_MAX];
	size_t k = gateways_way(c, n, way);

	for (size_t i = 0; i < k; i++) {
		clv__kh_server__init(&servers[i]);
		servers[i].name = (char *)(uintptr_t)way[i].name;
		servers[i].address = (char *)(uintptr_t)way[i].address;
		list[i] = &servers[i];
	}
	return k;
}

static void ask_seal(struct core *c, struct seal_job *j, const struct node *n)
{
	Clv__KhSeal m = CLV__KH_SEAL__INIT;
	Clv__KhPassword *passwords = clv_calloc(j->n_wanted + 1, sizeof *passwords),
	                **list = clv_calloc(j->n_wanted + 1, sizeof *list);
	Clv__Row approval = CLV__ROW__INIT;
	Clv__KhServer servers[WAY_MAX], *server_list[WAY_MAX];
	struct clv_buf body;

	buf_init(&body, 4096);
	m.n_servers = put_way(c, n, servers, server_list);
	m.servers = server_list;
	deliver_rows(c, n, j->wanted, j->n_wanted, &m.rows, &m.n_rows);
	m.rows = clv_realloc(m.rows, m.n_rows + 1, sizeof(Clv__Row *));
	m.rows[m.n_rows++] = &approval;
	approval.kind = (char *)(uintptr_t) "approval";
	approval.key = j->name;
	approval.seq = n->row_seq;
	approval.mac = PROTO_BYTES(slice_of(n->row_mac, sizeof n->row_mac));
	if (rules_approval(n, &body, NULL))
		clv_fatal("an approval that is larger than it may be");
	approval.body = PROTO_BYTES(buf_slice(&body));
	for (size_t i = 0; i < j->n_wanted; i++) {
		clv__kh_password__init(&passwords[i]);
		passwords[i].account = j->ids[i];
		passwords[i].version = j->wanted[i].version;
		passwords[i].trial = j->wanted[i].trial;
		passwords[i].blob = PROTO_BYTES(buf_slice(&j->blobs[i]));
		list[i] = &passwords[i];
	}
	m.agent = j->name;
	m.publication = PROTO_BYTES(buf_slice(&j->body));
	m.signature = PROTO_BYTES(buf_slice(&j->sig));
	m.version = j->version;
	m.fencing = c->srv->fencing;
	m.recovering = recovery_under_way(c->srv);
	m.passwords = list;
	m.n_passwords = j->n_wanted;
	kh_ask(c, IPC_KH_SEAL, &m.base, on_sealed, j);
	for (size_t i = 0; i + 1 < m.n_rows; i++)
		clv_free(m.rows[i]);
	clv_free(m.rows);
	clv_free(passwords);
	clv_free(list);
	buf_release(&body);
}

static void done_fetch(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct seal_job *j = ctx;
	const struct node *n = server_find(c->srv, j->name);

	if (n && is_stale(c, n, j)) {
		free_seal(c, j, true);
	} else if (rc) {
		core_event(c, 7005,
		           "No configuration could be made for %s: %s. It goes on with what it holds.",
		           j->name, err->text);
		if (err->cls == CLV_CLASS_IO)
			deliver_disk(c, false);
		free_seal(c, j, false);
	} else if (!n) {
		free_seal(c, j, false);
	} else {
		ask_seal(c, j, n);
	}
}

bool keys_seal(struct core *c, struct session *s)
{
	struct node *n = s->node;
	uint64_t now = (uint64_t)clock_wall_ms();
	struct seal_job *j;
	size_t len = strlen(n->name);

	if (s->sealing || !n->has_key || len >= STORE_NAME_MAX)
		return false;
	s->sealing = true;
	c->srv->sealing++;
	j = clv_calloc(1, sizeof *j);
	buf_init(&j->body, 8192);
	buf_init(&j->sig, STATEMENT_SIG_MAX);
	buf_init(&j->xml, IPC_BODY_MAX);
	buf_init(&j->st_body, 4096);
	buf_init(&j->st_sig, STATEMENT_SIG_MAX);
	memcpy(j->name, n->name, len + 1);
	j->conn = s->conn;
	j->generation = n->key.generation;
	j->version = n->config_version + 1 > now ? n->config_version + 1 : now;
	j->ordinal = n->config_ordinal + 1;
	j->n_wanted = deliver_wanted(c, n, &j->wanted);
	deliver_content(c, n, j->content);
	j->ids = clv_calloc(j->n_wanted + 1, sizeof *j->ids);
	j->blobs = clv_calloc(j->n_wanted + 1, sizeof *j->blobs);
	for (size_t i = 0; i < j->n_wanted; i++) {
		buf_init(&j->blobs[i], PASSWORD_MAX);
		memcpy(j->ids[i], j->wanted[i].account->key, strnlen(j->wanted[i].account->key, 39));
	}
	core_db_put(c, run_fetch, done_fetch, j);
	return true;
}
