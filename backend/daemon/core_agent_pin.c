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
	uint64_t list_epoch, list_number;
};

static clv_rc run_load(struct db *d, void *ctx, struct clv_err *err)
{
	struct pins *p = ctx;

	for (size_t i = 0; i < p->n; i++)
		if (outbox_get(d, p->keys[i], &p->mechanism[i], err))
			return CLV_FAILED;
	return outbox_get(d, "list epoch", &p->list_epoch, err) ||
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
