/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group's numbered list of servers and gateways: names, node keys, where they are reached; signed by the
 * key holder, which checks each gateway's approval itself; given to gateways when it changes. Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_relay.h"
#include "daemon/core_rules.h"
#include <string.h>

/* So many that the list still fits a greeting. */
#define LIST_BYTES_MAX 12000u

void server_list_send(struct core *c, const struct session *s)
{
	Clv__SignedStatement m = CLV__SIGNED_STATEMENT__INIT;

	if (s->node->role == NODE_AGENT || s->node->session != s)
		return;
	m.body = PROTO_BYTES(buf_slice(&c->srv->list_body));
	m.signature = PROTO_BYTES(buf_slice(&c->srv->list_sig));
	core_frame(c, false, s->conn, FRAME_SERVER_LIST, &m.base);
}

static void send_list(struct core *c)
{
	for (const struct session *s = c->srv->sessions; s; s = s->next)
		if (s->node)
			server_list_send(c, s);
}

static void on_list_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                           const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;

	(void)ctx;
	(void)type;
	c->srv->unlisted = !m && !c->srv->listed;
	if (!m) {
		log_err(LOG_ERROR, err, "signing the list of servers");
		return;
	}
	buf_clear(&c->srv->list_body);
	buf_clear(&c->srv->list_sig);
	if (buf_put(&c->srv->list_body, PROTO_SLICE(k->body), NULL) ||
	    buf_put(&c->srv->list_sig, PROTO_SLICE(k->signature), NULL))
		return;
	if (!c->srv->listed && c->mode == 'r') {
		Clv__Ready r = CLV__READY__INIT;

		r.name = c->start->name;
		core_send(c, LINK_PARENT, IPC_READY, &r.base);
	}
	c->srv->listed = true;
	send_list(c);
}

struct listing {
	Clv__ServerEntry *entries, **list;
	Clv__Row *rows, **row_list;
	struct clv_buf *bodies;
	size_t n, bytes; /* entries; the first is this server */
};

static void add_gateway(struct listing *l, const struct node *n)
{
	Clv__ServerEntry *e = &l->entries[l->n];
	Clv__Row *r = &l->rows[l->n];

	clv__server_entry__init(e);
	e->name = n->name;
	e->node_key = PROTO_BYTES(buf_slice(&n->node_key));
	e->address = n->address;
	e->role = (char *)(uintptr_t)node_roles[n->role];
	e->via = n->via;
	buf_init(&l->bodies[l->n], 4096);
	if (rules_approval(n, &l->bodies[l->n], NULL))
		clv_fatal("an approval that is larger than it may be");
	clv__row__init(r);
	r->kind = (char *)(uintptr_t) "approval";
	r->key = n->name;
	r->seq = n->row_seq;
	r->mac = PROTO_BYTES(slice_of(n->row_mac, sizeof n->row_mac));
	r->body = PROTO_BYTES(buf_slice(&l->bodies[l->n]));
	l->list[l->n] = e;
	l->row_list[l->n++] = r;
}

static void add_gateways(struct core *c, struct listing *l)
{
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *n = c->srv->nodes[i];

		/* One that joined and serves by a former server's database stands at the head. */
		if (n->role == NODE_AGENT || n->approval != CLV_APPROVAL_APPROVED ||
		    strcmp(n->name, c->start->name) == 0)
			continue;
		l->bytes += 2 * strlen(n->name) + strlen(n->via) + strlen(n->address) + 160;
		if (l->bytes > LIST_BYTES_MAX) {
			core_event(c, 20002,
			           "The signed list of servers is full: %s and later gateways are not in it, "
			           "so that "
			           "no node links with them. Remove gateways that are not used any more.",
			           n->name);
			return;
		}
		add_gateway(l, n);
	}
}

static void new_listing(const struct core *c, struct listing *l)
{
	size_t n = 1;

	memset(l, 0, sizeof *l);
	for (size_t i = 0; i < c->srv->n_nodes; i++)
		n += c->srv->nodes[i]->role != NODE_AGENT;
	l->entries = clv_calloc(n, sizeof *l->entries);
	l->list = clv_calloc(n, sizeof(Clv__ServerEntry *));
	l->rows = clv_calloc(n, sizeof *l->rows);
	l->row_list = clv_calloc(n, sizeof(Clv__Row *));
	l->bodies = clv_calloc(n, sizeof *l->bodies);
}

static void free_listing(struct listing *l)
{
	for (size_t i = 1; i < l->n; i++)
		buf_release(&l->bodies[i]);
	clv_free(l->entries);
	clv_free(l->list);
	clv_free(l->rows);
	clv_free(l->row_list);
	clv_free(l->bodies);
}

static void ask(struct core *c, const Clv__ServerList *m, const struct listing *l)
{
	Clv__KhListSign q = CLV__KH_LIST_SIGN__INIT;
	struct clv_buf body;
	struct clv_err err = {0};

	buf_init(&body, statement_row(STATEMENT_SERVER_LIST)->max);
	if (proto_encode(&m->base, &body, &err)) {
		log_err(LOG_ERROR, &err, "the list of servers");
	} else {
		q.body = PROTO_BYTES(buf_slice(&body));
		q.approvals = l->row_list + 1;
		q.n_approvals = l->n - 1;
		kh_ask(c, IPC_KH_LIST_SIGN, &q.base, on_list_signed, NULL);
	}
	buf_release(&body);
}

static clv_rc run_number(struct db *d, void *ctx, struct clv_err *err)
{
	uint64_t v = *(uint64_t *)ctx;
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, 16);
	rc = buf_put_u64(&b, v, err);
	if (!rc)
		rc = store_meta_put(d, META_LIST_NUMBER, buf_slice(&b), err);
	buf_release(&b);
	return rc;
}

static void done_number(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	(void)c;
	/* The clock makes the next number higher all the same. */
	if (rc)
		log_err(LOG_WARN, err, "keeping the number of the list of servers");
	clv_free(ctx);
}

/* max(last + 1, wall clock in ms): nodes take no list with a lower number than they have seen. */
static void next_number(struct core *c)
{
	uint64_t now = (uint64_t)clock_wall_ms(), *last = &c->srv->list_number;

	*last = *last + 1 > now ? *last + 1 : now;
	core_db_put(c, run_number, done_number, clv_memdup(last, sizeof *last));
}

void server_list_sign(struct core *c)
{
	Clv__ServerList m = CLV__SERVER_LIST__INIT;
	struct listing l;
	Clv__ServerEntry *e;

	if (!c->srv->loaded)
		return;
	new_listing(c, &l);
	e = &l.entries[0];
	clv__server_entry__init(e);
	e->name = c->start->name;
	e->node_key = PROTO_BYTES(buf_slice(&c->node_key));
	e->address = c->start->reached;
	l.list[0] = e;
	l.n = 1;
	add_gateways(c, &l);
	next_number(c);
	m.number = c->srv->list_number;
	m.fencing = c->srv->fencing;
	m.epoch = c->epoch;
	m.n_servers = l.n;
	m.servers = l.list;
	m.recovery_key_hash = PROTO_BYTES(buf_slice(&c->recovery_hash));
	ask(c, &m, &l);
	free_listing(&l);
}
