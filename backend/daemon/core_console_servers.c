/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of servers for a console: this one, with the group signing key as a certificate for standard
 * tools; then gateways and servers that joined, by which way each comes and who is behind it. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_console.h"
#include "daemon/core_relay.h"
#include "keys/agentcert.h"
#include <string.h>

static void fill_self(const struct core *c, Clv__Server *row, const struct clv_buf *pem,
                      uint8_t hash[KEY_HASH_LEN])
{
	clv__server__init(row);
	if (!sha256(buf_slice(&c->node_key), hash, NULL))
		row->node_key_id = PROTO_BYTES(slice_of(hash, KEY_HASH_LEN));
	row->name = c->start->name;
	row->group_key = c->group_key_version;
	row->version = (char *)(uintptr_t)CLV_VERSION;
	row->pem = buf_slice(pem).len ? (char *)(uintptr_t)buf_slice(pem).ptr : (char *)(uintptr_t) "";
	row->address = c->start->reached;
	row->contact = CLV_CONTACT_UP;
}

static uint32_t count_behind(const struct server *s, const struct node *gateway)
{
	uint32_t n = 0;

	for (const struct session *p = s->sessions; p; p = p->next)
		n += p->via && p->via == gateway->session && p->node && p->node->session == p;
	return n;
}

static void fill_gateway(const struct core *c, const struct node *n, Clv__Server *row)
{
	const struct node *first = NULL;
	struct clv_agent_fact f;

	server_fill(c, n, &f);
	clv__server__init(row);
	row->name = n->name;
	row->node_key_id = PROTO_BYTES(slice_of(n->node_key_id, sizeof n->node_key_id));
	row->role = (char *)(uintptr_t)node_roles[n->role];
	row->via = f.gateway ? f.gateway : (char *)(uintptr_t) "";
	row->address = n->address;
	row->contact = f.contact;
	row->agents = (uint32_t)gateways_depend(c, n, &first);
	row->behind = n->session ? count_behind(c->srv, n) : 0;
}

void console_servers(struct core *c, const struct console_request *q, const Clv__ListRequest *m)
{
	const struct server *s = c->srv;
	Clv__ServerRows out = CLV__SERVER_ROWS__INIT;
	Clv__Server *rows = clv_calloc(s->n_nodes + 1, sizeof *rows),
	            **list = clv_calloc(s->n_nodes + 1, sizeof(Clv__Server *));
	uint8_t hash[KEY_HASH_LEN];
	struct clv_buf pem;
	size_t n = 0;

	buf_init(&pem, 65536);
	if (agentcert_to_pem(buf_slice(&c->group_cert), &pem, NULL) || buf_put_u8(&pem, 0, NULL))
		buf_clear(&pem);
	fill_self(c, &rows[n++], &pem, hash);
	for (size_t i = 0; i < s->n_nodes; i++)
		if (s->nodes[i]->role != NODE_AGENT && strcmp(s->nodes[i]->name, c->start->name) != 0)
			fill_gateway(c, s->nodes[i], &rows[n++]);
	for (size_t i = m->offset < n ? (size_t)m->offset : n; i < n && out.n_rows < m->limit; i++)
		list[out.n_rows++] = &rows[i];
	out.req = q->req;
	out.total = out.matched = n;
	out.offset = m->offset;
	out.time = clock_wall_ms();
	out.rows = list;
	console_answer(c, q, REP_SERVERS, &out.base, &out.time);
	buf_release(&pem);
	clv_free(rows);
	clv_free(list);
}
