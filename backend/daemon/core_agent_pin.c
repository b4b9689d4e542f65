/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's servers as they are configured, and the mechanism that each was last proven by, pinned (S2,
 * T15): under mechanism = auto a server that was proven by its certificate is not tried by Kerberos again.
 * Runs in core.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE_PORT 5723

/* name[@address][:port]; IPv6 addresses in brackets. */
static bool parse_server(const char *text, struct agent_server *s)
{
	const char *at = strchr(text, '@'), *host = at ? at + 1 : text, *end, *port = NULL;
	size_t n = at ? (size_t)(at - text) : 0, h;

	if (*host == '[') {
		end = strchr(++host, ']');
		if (!end)
			return false;
		h = (size_t)(end - host);
		port = end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strrchr(host, ':');
		h = end ? (size_t)(end - host) : strlen(host);
		port = end ? end + 1 : NULL;
	}
	if (!at)
		n = h;
	if (n == 0 || n >= sizeof s->name || h == 0 || h >= sizeof s->host)
		return false;
	memcpy(s->name, text, n);
	memcpy(s->host, host, h);
	s->name[n] = s->host[h] = 0;
	s->port = (uint16_t)(port ? strtoul(port, NULL, 10) : NODE_PORT);
	return s->port != 0;
}

void agent_take_servers(struct core *c)
{
	struct agent *a = c->agent;
	char **list = c->start->servers;
	size_t n = c->start->n_servers;

	if (c->start->server && *c->start->server) {
		list = &c->start->server;
		n = 1;
	}
	for (size_t i = 0; i < n && a->n_servers < AGENT_SERVERS_MAX; i++) {
		if (parse_server(list[i], &a->servers[a->n_servers]))
			a->n_servers++;
		else
			log_error("[channel] server: '%s' is none; expected name[@address][:port]", list[i]);
	}
	memcpy(a->own, a->servers, sizeof a->own);
	a->n_own = a->n_servers;
	if (!a->n_servers)
		core_outcome(c, 2, "no server is named: set [channel] server = NAME[:PORT] or give --server");
}

/* By the name's hash: a key of the outbox's table is short. */
static clv_rc pin_key(const char *server, char key[32], struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];
	char hex[25];

	if (sha256(slice_str(server), hash, err))
		return CLV_FAILED;
	hex_encode(slice_of(hash, 12), false, hex);
	(void)snprintf(key, 32, "mech %s", hex);
	return CLV_OK;
}

struct pins {
	size_t n;
	char keys[AGENT_SERVERS_MAX][32];
	uint64_t mechanism[AGENT_SERVERS_MAX];
	uint64_t list_epoch, list_fencing, list_number;
};

static clv_rc run_load(struct db *d, void *ctx, struct clv_err *err)
{
	struct pins *p = ctx;

	for (size_t i = 0; i < p->n; i++)
		if (outbox_get(d, p->keys[i], &p->mechanism[i], err))
			return CLV_FAILED;
	return outbox_get(d, "list epoch", &p->list_epoch, err) ||
	               outbox_get(d, "list fencing", &p->list_fencing, err) ||
	               outbox_get(d, "list number", &p->list_number, err)
	           ? CLV_FAILED
	           : CLV_OK;
}

static void done_load(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct agent *a = c->agent;
	struct pins *p = ctx;

	if (rc) {
		core_outcome(c, 1, "it cannot be read how servers were proven before: %s", err->text);
	} else {
		for (size_t i = 0; i < p->n && i < a->n_servers; i++)
			a->servers[i].pinned = (uint32_t)p->mechanism[i];
		a->list_epoch = p->list_epoch;
		a->list_fencing = p->list_fencing;
		a->list_number = p->list_number;
		a->dial_at = clock_mono_ms();
		c->role->tick(c, clock_wall_ms());
	}
	clv_free(p);
}

void agent_pins_load(struct core *c)
{
	struct agent *a = c->agent;
	struct pins *p = clv_calloc(1, sizeof *p);
	struct clv_err err = {0};

	a->dial_at = INT64_MAX;
	for (; p->n < a->n_servers; p->n++)
		if (pin_key(a->servers[p->n].name, p->keys[p->n], &err)) {
			core_outcome(c, 1, "%s", err.text);
			clv_free(p);
			return;
		}
	core_db_put(c, run_load, done_load, p);
}

/* --- what the group says: which servers, in which order --- */
struct learning {
	struct agent_server servers[AGENT_SERVERS_MAX];
	struct pins pins;
};

static bool has(const struct learning *l, const char *name)
{
	for (size_t i = 0; i < l->pins.n; i++)
		if (strcmp(l->servers[i].name, name) == 0)
			return true;
	return false;
}

static void add_server(struct learning *l, const struct agent_server *s)
{
	if (l->pins.n == AGENT_SERVERS_MAX || has(l, s->name) ||
	    pin_key(s->name, l->pins.keys[l->pins.n], NULL))
		return;
	l->servers[l->pins.n++] = *s;
}

/* Where the host's own configuration says where a server is, that counts. */
static void add_learnt(const struct core *c, struct learning *l, const Clv__KhServer *k)
{
	struct agent_server s = {.pinned = 0};
	const struct agent *a = c->agent;
	char *text;

	for (size_t i = 0; i < a->n_own; i++)
		if (strcmp(a->own[i].name, k->name) == 0) {
			add_server(l, &a->own[i]);
			return;
		}
	text = *k->address ? clv_asprintf("%s@%s", k->name, k->address) : clv_strdup(k->name);
	if (parse_server(text, &s))
		add_server(l, &s);
	else
		log_warn("the group names a server '%s' that cannot be reached by that", text);
	clv_free(text);
}

static clv_rc run_learn(struct db *d, void *ctx, struct clv_err *err)
{
	return run_load(d, &((struct learning *)ctx)->pins, err);
}

/* Whose link it is stands in the list as long as the link does: what it proves is of no other server. */
static void keep_server(struct learning *l, const struct agent_server *s, size_t *at)
{
	size_t i = 0;

	while (i < l->pins.n && strcmp(l->servers[i].name, s->name) != 0)
		i++;
	if (i == l->pins.n && i == AGENT_SERVERS_MAX)
		i--;
	if (i == l->pins.n)
		l->pins.n++;
	if (strcmp(l->servers[i].name, s->name) != 0) {
		l->servers[i] = *s;
		l->pins.mechanism[i] = s->pinned;
	}
	*at = i;
}

static void done_learn(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct learning *l = ctx;
	struct agent *a = c->agent;
	bool same = l->pins.n == a->n_servers;

	for (size_t i = 0; same && i < a->n_servers; i++)
		same = strcmp(a->servers[i].name, l->servers[i].name) == 0 &&
		       strcmp(a->servers[i].host, l->servers[i].host) == 0 &&
		       a->servers[i].port == l->servers[i].port;
	if (rc) {
		log_err(LOG_ERROR, err, "reading how servers were proven before; the list stays as it is");
	} else if (!same) {
		keep_server(l, &a->servers[a->at], &a->at);
		if (a->other.link != AGENT_IDLE)
			keep_server(l, &a->servers[a->other.at], &a->other.at);
		else
			a->other.at = 0;
		for (size_t i = 0; i < l->pins.n; i++)
			l->servers[i].pinned = (uint32_t)l->pins.mechanism[i];
		memcpy(a->servers, l->servers, sizeof a->servers);
		a->n_servers = l->pins.n;
		log_notice("the group says by which servers to come: %s first, %zu in all",
		           a->servers[0].name, a->n_servers);
		if (a->link == AGENT_IDLE)
			a->at = 0;
		a->return_at = 0; /* at once, beside the link that is up */
	}
	clv_free(l);
}

void agent_learn_servers(struct core *c, const Clv__KhOpened *m)
{
	const struct agent *a = c->agent;
	struct learning *l = clv_calloc(1, sizeof *l);

	for (size_t i = 0; i < m->n_servers; i++)
		add_learnt(c, l, m->servers[i]);
	for (size_t i = 0; i < a->n_own; i++)
		add_server(l, &a->own[i]);
	/* A link that is there stays until another takes over. */
	if (a->link != AGENT_IDLE)
		add_server(l, &a->servers[a->at]);
	core_db_put(c, run_learn, done_learn, l);
}

void agent_pin(struct core *c, struct agent_server *s, uint32_t mechanism)
{
	struct clv_err err = {0};
	char key[32];

	if (s->pinned == mechanism || pin_key(s->name, key, &err))
		return;
	if (s->pinned)
		core_event(c, 20020, "%s is proven by %s from now on; before: by %s.", s->name,
		           clv_mechanism_word((enum clv_mechanism)mechanism),
		           clv_mechanism_word((enum clv_mechanism)s->pinned));
	s->pinned = mechanism;
	agent_remember(c, key, mechanism);
}

uint32_t agent_failure_event(const Clv__ConnClosed *m)
{
	switch (m->failure) {
	case 1:
		return 20057;
	case 2:
		return 21001;
	case 3:
		return 21007;
	default:
		return 20071;
	}
}
