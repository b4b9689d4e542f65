/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes that the server knows, in memory, by name: found, added, filled into facts, forgotten. Runs
 * in core.
 */
#include "base/clock.h"
#include "daemon/core_rules.h"
#include <string.h>

void server_changed(struct core *c)
{
	c->srv->change++;
}

static size_t lower_bound(const struct server *s, const char *name)
{
	size_t lo = 0, hi = s->n_nodes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->nodes[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct node *server_find(const struct server *s, const char *name)
{
	size_t i = lower_bound(s, name);

	return i < s->n_nodes && strcmp(s->nodes[i]->name, name) == 0 ? s->nodes[i] : NULL;
}

clv_rc server_resolve(const struct server *s, const char *name, struct node **out, struct clv_err *err)
{
	struct node *n = server_find(s, name);
	size_t len = strlen(name), i, hits = 0;

	if (n) {
		*out = n;
		return CLV_OK;
	}
	for (i = lower_bound(s, name); len && !strchr(name, '.') && i < s->n_nodes; i++) {
		if (strncmp(s->nodes[i]->name, name, len) != 0)
			break;
		if (s->nodes[i]->name[len] == '.') {
			n = s->nodes[i];
			hits++;
		}
	}
	if (hits > 1)
		return err_set(err, CLV_E_USAGE, "%s is short for %zu agents: give the full name", name,
		               hits);
	if (!hits)
		return err_set(err, CLV_E_NOTFOUND, "there is no agent %s", name);
	*out = n;
	return CLV_OK;
}

const char *const node_roles[NODE_ROLES] = {
    [NODE_AGENT] = "agent", [NODE_GATEWAY] = "gateway", [NODE_SERVER] = "management-server"};

static void fill_texts(struct node *n, const struct store_agent *a)
{
	clv_free(n->name);
	clv_free(n->pinned_by);
	clv_free(n->via);
	clv_free(n->via_before);
	clv_free(n->address);
	n->name = clv_strdup(a->name);
	n->pinned_by = clv_strdup(a->pinned_by);
	n->via = clv_strdup(a->via);
	n->via_before = clv_strdup(a->via_before);
	n->address = clv_strdup(a->address);
}

static void fill_node(struct node *n, const struct store_agent *a)
{
	fill_texts(n, a);
	n->role = NODE_AGENT;
	for (int r = 0; r < NODE_ROLES; r++)
		if (strcmp(a->role, node_roles[r]) == 0)
			n->role = (uint8_t)r;
	buf_release(&n->node_key);
	buf_init(&n->node_key, STORE_SPKI_MAX);
	if (buf_put(&n->node_key, slice_of(a->node_key, a->node_key_len), NULL))
		clv_fatal("a node key that is larger than it may be");
	if (sha256(buf_slice(&n->node_key), n->node_key_id, NULL))
		clv_fatal("SHA-256 failed");
	memcpy(n->machine, a->machine, sizeof n->machine);
	n->approval = a->approval;
	n->generation = a->generation;
	n->rotate_above = a->rotate_above;
	n->config_version = a->config_version;
	n->config_ordinal = a->config_ordinal;
	n->config_confirmed = a->config_confirmed;
	n->config_confirmed_ordinal = a->config_confirmed_ordinal;
	n->config_confirmed_at = a->config_confirmed_at;
	n->pinned_at = a->pinned_at;
	n->last_seen = n->seen_stored = a->last_seen;
	n->row_version = a->row_version;
	n->has_configured = a->has_configured;
	memcpy(n->configured, a->channel_configured, sizeof n->configured);
	n->has_key = a->has_key;
	n->key = a->key;
	memcpy(n->content, a->content, sizeof n->content);
}

struct node *server_add(struct server *s, const struct store_agent *a)
{
	size_t i = lower_bound(s, a->name);
	struct node *n;

	if (i < s->n_nodes && strcmp(s->nodes[i]->name, a->name) == 0) {
		fill_node(s->nodes[i], a);
		return s->nodes[i];
	}
	if (s->n_nodes == s->cap_nodes) {
		s->cap_nodes = s->cap_nodes ? s->cap_nodes * 2 : 64;
		s->nodes = clv_realloc(s->nodes, s->cap_nodes, sizeof(struct node *));
	}
	n = clv_calloc(1, sizeof *n);
	fill_node(n, a);
	s->structure = ++s->change;
	memmove(&s->nodes[i + 1], &s->nodes[i], (s->n_nodes - i) * sizeof(struct node *));
	s->nodes[i] = n;
	s->n_nodes++;
	return n;
}

void server_drop(struct core *c, struct node *n)
{
	struct server *s = c->srv;
	size_t i = lower_bound(s, n->name);

	server_let_go(c, n, REFUSAL_REMOVED, "it was removed from the management group");
	for (size_t q = 0; q < s->n_queue; q++)
		if (s->queue[q] == n)
			s->queue[q] = NULL;
	deliver_forget(n);
	memmove(&s->nodes[i], &s->nodes[i + 1], (s->n_nodes - i - 1) * sizeof(struct node *));
	s->n_nodes--;
	s->structure = ++s->change;
	clv_free(n->name);
	clv_free(n->pinned_by);
	clv_free(n->via);
	clv_free(n->via_before);
	clv_free(n->address);
	buf_release(&n->node_key);
	clv_free(n);
	server_changed(c);
}

void server_fill(const struct core *c, const struct node *n, struct clv_agent_fact *f)
{
	memset(f, 0, sizeof *f);
	f->name = n->name;
	f->approval = n->approval;
	f->has_key = n->has_key;
	f->key = n->key;
	f->last_seen = n->last_seen;
	f->config_version = n->config_version;
	f->config_ordinal = n->config_ordinal;
	f->row_version = n->row_version;
	f->gateway = n->session && n->session->via ? n->session->via->open->peer_name
	             : !n->session && *n->via && strcmp(n->via, c->start->name) != 0 ? n->via
	                                                                             : NULL;
	if (n->session) {
		f->contact = CLV_CONTACT_UP;
		f->server = c->start->name;
		f->mechanism =
		    n->session->open->mechanism == 2 ? CLV_MECHANISM_KERBEROS : CLV_MECHANISM_CERTIFICATE;
		f->protocol = n->session->open->protocol;
		f->cipher = n->session->open->cipher;
	} else {
		/* Three heartbeats missed is silent; after a day it is down. */
		f->contact = n->last_seen && clock_wall_ms() - n->last_seen < 86400000ll ? CLV_CONTACT_SILENT
		                                                                         : CLV_CONTACT_DOWN;
	}
}

void server_approval_row(const struct server *s, struct act *a, const struct store_agent *m)
{
	Clv__ApprovalRow row = CLV__APPROVAL_ROW__INIT;

	row.name = (char *)(uintptr_t)m->name;
	row.role = (char *)(uintptr_t)m->role;
	row.approval = m->approval;
	row.node_key = PROTO_BYTES(slice_of(m->node_key, m->node_key_len));
	row.machine = PROTO_BYTES(slice_of(m->machine, sizeof m->machine));
	row.pinned_at = m->pinned_at;
	row.pinned_by = (char *)(uintptr_t)m->pinned_by;
	row.via = (char *)(uintptr_t)m->via;
	row.via_before = (char *)(uintptr_t)m->via_before;
	act_row(a, "approval", m->name, rules_seq(s, "approval", m->name), &row.base);
}

void server_joined(struct core *c, struct node *n, const struct act_row *approval)
{
	deliver_forget(n);
	n->row_seq = approval->seq;
	memcpy(n->row_mac, approval->mac, sizeof n->row_mac);
	server_changed(c);
}
