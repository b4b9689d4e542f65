/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gateways at the management server: a gateway speaks only for nodes that are assigned to it (design 3); the
 * assignment is part of the approval's row. One event for a gateway that is gone, none for each node behind
 * it (P8). Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_act.h"
#include "daemon/core_relay.h"
#include "daemon/core_rules.h"
#include <stdio.h>
#include <string.h>

#define ADDRESS_EVERY_S 120u

bool relay_may(const struct core *c, const struct session *s, const struct node *n)
{
	const char *gateway = s->via ? s->via->node->name : "";

	(void)c;
	return !s->via || strcmp(n->via, gateway) == 0 || strcmp(n->via_before, gateway) == 0;
}

void relay_refuse(struct core *c, struct session *s, const struct node *n)
{
	const char *gateway = s->via->node->name;

	core_event(
	    c, 20002,
	    "A link of %s through the gateway %s was refused: %s is not assigned to it (%s). If it shall "
	    "come that way: claviger move %s --to %s.",
	    n->name, gateway, n->name, *n->via ? n->via : "it comes directly", n->name, gateway);
	server_refuse(c, s, REFUSAL_GATEWAY,
	              "%s may not come through %s; an operator of %s may move it there", n->name, gateway,
	              c->start->group);
}

/* --- where it is reached --- */
struct address_job {
	char name[STORE_NAME_MAX], address[STORE_ADDRESS_MAX];
};

static clv_rc run_address(struct db *d, void *ctx, struct clv_err *err)
{
	const struct address_job *j = ctx;

	return store_agent_address(d, j->name, j->address, err);
}

static void done_address(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	(void)c;
	if (rc)
		log_err(LOG_ERROR, err, "keeping where a gateway is reached");
	clv_free(ctx);
}

static bool is_address(const char *a)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";

	return strlen(a) < STORE_ADDRESS_MAX && strspn(a, letters) == strlen(a);
}

void gateways_address(struct core *c, struct node *n, const char *address)
{
	struct address_job *j;
	uint32_t now_s = (uint32_t)(clock_mono_ms() / 1000);

	if (strcmp(n->address, address) == 0 || !is_address(address))
		return;
	/* Every node behind it is told, in a list that is signed anew: not at each of a rogue one's links. */
	if (*n->address && n->addressed_s && now_s - n->addressed_s < ADDRESS_EVERY_S) {
		log_notice(
		    "%s says again that it is reached elsewhere: taken when its link begins anew after %u "
		    "s",
		    n->name, ADDRESS_EVERY_S);
		return;
	}
	n->addressed_s = now_s | 1;
	clv_free(n->address);
	n->address = clv_strdup(address);
	j = clv_calloc(1, sizeof *j);
	(void)snprintf(j->name, sizeof j->name, "%s", n->name);
	(void)snprintf(j->address, sizeof j->address, "%s", address);
	core_db_put(c, run_address, done_address, j);
	server_list_sign(c);
	deliver_all(c); /* nodes are told where it is */
}

size_t gateways_way(const struct core *c, const struct node *n, struct way out[WAY_MAX])
{
	const struct node *g = server_find(c->srv, n->via);
	size_t k = 0;

	if (!*n->via)
		return 0;
	for (; g && g->role != NODE_AGENT && k < RELAY_DEPTH_MAX; g = server_find(c->srv, g->via))
		out[k++] = (struct way){g->name, g->address};
	if (k == 0 && strcmp(n->via, c->start->name) != 0)
		out[k++] =
		    (struct way){n->via, ""}; /* it is no member any more: its row says so all the same */
	out[k++] = (struct way){c->start->name, c->start->reached};
	return k;
}

/* --- a gateway that is gone --- */
void gateways_lost(struct core *c, const struct session *s, const char *why)
{
	size_t n = 0;

	for (const struct session *p = c->srv->sessions; p; p = p->next)
		n += p->node && p->node->session == p && relay_is_behind(p, s);
	core_event(
	    c, 20022,
	    "The gateway %s is not in touch: %s. %zu node%s behind it %s out of touch with it, until it "
	    "is back or they come another way.",
	    s->node->name, why, n, n == 1 ? "" : "s", n == 1 ? "is" : "are");
}

size_t gateways_depend(const struct core *c, const struct node *gateway, const struct node **first)
{
	size_t count = 0;

	*first = NULL;
	for (size_t i = 0; i < c->srv->n_nodes; i++) {
		const struct node *n = c->srv->nodes[i];

		if (strcmp(n->via, gateway->name) != 0 && strcmp(n->via_before, gateway->name) != 0)
			continue;
		*first = *first ? *first : n;
		count++;
	}
	return count;
}

/* --- moving --- */
static clv_rc change_via(struct db *d, struct act *a, struct clv_err *err)
{
	return store_agent_via(d, a->object, a->agent.via, a->agent.via_before, err);
}

static void effect_via(struct core *c, struct act *a)
{
	struct node *n = server_find(c->srv, a->object);

	if (!n)
		return;
	clv_free(n->via);
	clv_free(n->via_before);
	n->via = clv_strdup(a->agent.via);
	n->via_before = clv_strdup(a->agent.via_before);
	n->row_version++;
	n->moving = false;
	a->row_version = n->row_version;
	if (n->role != NODE_AGENT)
		server_list_sign(c);
	deliver_node(c, n);
	server_changed(c);
}

static void failed_via(struct core *c, struct act *a, const struct clv_err *err)
{
	struct node *n = server_find(c->srv, a->object);

	(void)err; /* it is told by who asked, or tried again when the node comes again */
	if (n)
		n->moving = false;
}

/* The row is the whole approval; what decides of it stays as it is. */
static void put_via(struct core *c, struct act *a, struct node *n, const char *via, const char *before)
{
	struct store_agent *m = &a->agent;

	memset(m, 0, sizeof *m);
	(void)snprintf(m->name, sizeof m->name, "%s", n->name);
	(void)snprintf(m->role, sizeof m->role, "%s", node_roles[n->role]);
	(void)snprintf(m->pinned_by, sizeof m->pinned_by, "%s", n->pinned_by);
	(void)snprintf(m->via, sizeof m->via, "%s", via);
	(void)snprintf(m->via_before, sizeof m->via_before, "%s", before);
	m->approval = n->approval;
	m->pinned_at = n->pinned_at;
	m->node_key_len = buf_slice(&n->node_key).len;
	memcpy(m->node_key, buf_slice(&n->node_key).ptr, m->node_key_len);
	memcpy(m->machine, n->machine, sizeof m->machine);
	server_approval_row(c->srv, a, m);
	a->change = change_via;
	a->effect = effect_via;
	a->failed = failed_via;
	n->moving = true;
	act_put(c, a);
}

void gateways_arrived(struct core *c, const struct session *s, struct node *n)
{
	const char *by = s->via ? s->via->node->name : c->start->name;
	struct act *a;

	if (!*n->via_before || n->moving || strcmp(n->via, by) != 0)
		return;
	a = act_new_own("move", n->name);
	act_detail(a, "came by %s: %s is no longer its way", by, n->via_before);
	put_via(c, a, n, n->via, "");
}

static clv_rc check_move(const struct core *c, const struct node *n, const char *to, struct clv_err *err)
{
	const struct node *g = server_find(c->srv, to);

	if (n->moving)
		return err_set(err, CLV_E_CONFLICT, "Not done: %s is being moved just now.", n->name);
	if (strcmp(n->via, to) == 0 || (!*n->via && strcmp(to, c->start->name) == 0))
		return err_set(err, CLV_E_CONFLICT, "Not done: %s comes by %s already.", n->name, to);
	if (strcmp(to, c->start->name) == 0)
		return CLV_OK;
	if (!g || g->role == NODE_AGENT)
		return err_set(err, CLV_E_NOTFOUND, "%s is neither a gateway nor a management server", to);
	for (size_t i = 0; g && i < RELAY_DEPTH_MAX; i++, g = server_find(c->srv, g->via))
		if (g == n)
			return err_set(err, CLV_E_USAGE, "%s would come through itself", n->name);
	return g ? err_set(err, CLV_E_LIMIT, "more than %u gateways in a chain", RELAY_DEPTH_MAX) : CLV_OK;
}

static bool is_short_for(const char *name, const char *full)
{
	size_t len = strlen(name);

	return strcmp(name, full) == 0 ||
	       (len && !strchr(name, '.') && strncmp(name, full, len) == 0 && full[len] == '.');
}

void gateways_move(struct core *c, const struct console_request *q, const Clv__MoveRequest *m)
{
	struct node *n = NULL, *g = NULL;
	const char *to = m->to;
	struct clv_err err = {0};
	struct act *a;

	/* Both may be named in short, as a node may. */
	if (is_short_for(to, c->start->name))
		to = c->start->name;
	else if (!server_resolve(c->srv, to, &g, &err))
		to = g->name;
	err_clear(&err);
	if (server_resolve(c->srv, m->name, &n, &err) || check_move(c, n, to, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	a = act_new(q, "move", n->name);
	act_detail(a, "from %s to %s", *n->via ? n->via : c->start->name, to);
	act_done_text(a, "%s is told to come by %s; until it does it may come as before", n->name, to);
	/* Twice moved before it came: the way that it really has is the one to keep. */
	put_via(c, a, n, to, *n->via_before ? n->via_before : *n->via ? n->via : c->start->name);
}
