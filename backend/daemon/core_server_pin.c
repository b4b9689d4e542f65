/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mechanism that a node was last proven by, pinned (S2, T15): it may move from Kerberos to certificates,
 * which its node key proves, and never back without an administrator. Kept by the node key, so that a node
 * accepted anew begins anew. Runs in core.
 */
#include "base/log.h"
#include "daemon/core_relay.h"
#include <stdio.h>
#include <string.h>

struct pin_job {
	uint64_t conn;
	char key[80 + STORE_NAME_MAX];
	char name[STORE_NAME_MAX];
	uint8_t node_key_id[32];
	uint8_t mechanism; /* of this link; enum clv_mechanism */
	uint8_t before;    /* what was pinned; 0 nothing */
	bool taken_back;   /* an administrator said that it may go back */
	bool allowed;
};

static clv_rc run_pin(struct db *d, void *ctx, struct clv_err *err)
{
	struct pin_job *j = ctx;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, 64);
	if (store_meta_get(d, j->key, &b, err))
		goto out;
	j->before = buf_slice(&b).len ? buf_slice(&b).ptr[0] : 0;
	j->allowed = j->before != CLV_MECHANISM_CERTIFICATE || j->mechanism == CLV_MECHANISM_CERTIFICATE ||
	             j->taken_back;
	rc = CLV_OK;
	if (j->allowed && j->before != j->mechanism)
		rc = store_meta_put(d, j->key, slice_of(&j->mechanism, 1), err);
out:
	buf_release(&b);
	return rc;
}

static void done_pin(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct pin_job *j = ctx;
	struct session *s = server_session(c->srv, j->conn);
	struct node *n = server_find(c->srv, j->name);

	/* Under its number somebody else's link may stand by now: net counts anew when it was restarted. */
	if (!s || s->refused || !s->pinning || strcmp(s->open->peer_name, j->name) != 0) {
		clv_free(j);
		return;
	}
	s->pinning = false;
	if (rc) {
		log_err(LOG_ERROR, err, "reading by which mechanism a node is pinned");
		server_refuse(c, s, REFUSAL_PROOF, "this server cannot read its database now");
	} else if (!j->allowed) {
		core_event(c, 20002,
		           "A link of %s from %s was refused: it came by Kerberos, and was proven by its "
		           "certificate before. If its certificate was taken away on purpose: take_back = %s "
		           "under [kerberos].",
		           j->name, s->open->address, j->name);
		server_refuse(c, s, REFUSAL_MECHANISM,
		              "%s is pinned to certificates here; an administrator of this server may take "
		              "it back to Kerberos (take_back)",
		              j->name);
	} else if (!n || n->approval != CLV_APPROVAL_APPROVED ||
	           !slice_eq(slice_of(n->node_key_id, sizeof n->node_key_id),
	                     slice_of(j->node_key_id, sizeof j->node_key_id))) {
		server_refuse(c, s, REFUSAL_REMOVED, "%s is no member any more", j->name);
	} else if (!relay_may(c, s, n)) { /* moved meanwhile */
		relay_refuse(c, s, n);
	} else {
		if (j->before && j->before != j->mechanism)
			core_event(c, 20020, "%s is proven by %s from now on; before: by %s.", j->name,
			           clv_mechanism_word((enum clv_mechanism)j->mechanism),
			           clv_mechanism_word((enum clv_mechanism)j->before));
		server_welcome(c, s, n);
	}
	clv_free(j);
}

void server_pin_then_welcome(struct core *c, struct session *s, struct node *n)
{
	struct pin_job *j = clv_calloc(1, sizeof *j);
	char hex[2 * KEY_HASH_LEN + 1];

	j->conn = s->conn;
	j->mechanism = (uint8_t)s->open->mechanism;
	(void)snprintf(j->name, sizeof j->name, "%s", n->name);
	memcpy(j->node_key_id, n->node_key_id, sizeof j->node_key_id);
	hex_encode(slice_of(n->node_key_id, sizeof n->node_key_id), false, hex);
	/* Pinned for each end that it links with: a gateway may be reached by another mechanism than we. */
	(void)snprintf(j->key, sizeof j->key, "mechanism %s%s%s", hex, s->via ? " " : "",
	               s->via ? s->via->node->name : "");
	for (size_t i = 0; i < c->start->n_take_back; i++)
		j->taken_back |= strcmp(c->start->take_back[i], n->name) == 0;
	s->pinning = true;
	core_db_put(c, run_pin, done_pin, j);
}
