/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the overview that wait until a date, with who said so and why: one value of the database's meta,
 * an audit row for each change. And the audit trail's chain, looked at when a console asks. Runs in core.
 */
#include "base/clock.h"
#include "daemon/core_console.h"
#include "daemon/core_act.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define META_ASIDE "needs-aside"
#define ASIDE_MAX  64u
#define ASIDE_LONG (366ll * 86400000) /* at most so long */

static const Clv__ThingList *asides(const struct server *s)
{
	return (const Clv__ThingList *)s->asides;
}

clv_rc aside_load(struct db *d, struct server *s, struct clv_err *err)
{
	struct clv_buf b;
	clv_rc rc;

	buf_init(&b, 65536);
	rc = store_meta_get(d, META_ASIDE, &b, err);
	if (!rc && buf_slice(&b).len)
		rc = proto_decode(&clv__thing_list__descriptor, buf_slice(&b), &s->asides, err);
	buf_release(&b);
	return rc;
}

void aside_free(struct server *s)
{
	proto_free(s->asides);
	s->asides = NULL;
}

/* Fills in until when a line waits; true when it waits now. */
bool aside_look(const struct server *s, Clv__Need *n, int64_t now)
{
	const Clv__ThingList *l = asides(s);

	for (size_t i = 0; l && i < l->n_rows; i++) {
		if (l->rows[i]->ends <= now || strcmp(l->rows[i]->what, n->key) != 0)
			continue;
		n->aside_until = l->rows[i]->ends;
		n->aside_by = l->rows[i]->whose;
		n->aside_reason = l->rows[i]->text;
		return true;
	}
	return false;
}

static clv_rc change_aside(struct db *d, struct act *a, struct clv_err *err)
{
	return store_meta_put(d, META_ASIDE, buf_slice(&a->blob), err);
}

static void effect_aside(struct core *c, struct act *a)
{
	struct clv_err err = {0};

	aside_free(c->srv);
	if (proto_decode(&clv__thing_list__descriptor, buf_slice(&a->blob), &c->srv->asides, &err))
		c->srv->asides = NULL;
}

void aside_act(struct core *c, const struct console_request *q, const Clv__NeedAsideRequest *m)
{
	const Clv__ThingList *old = asides(c->srv);
	Clv__ThingList next = CLV__THING_LIST__INIT;
	Clv__Thing *rows[ASIDE_MAX], own = CLV__THING__INIT;
	struct clv_err err = {0};
	int64_t now = clock_wall_ms();
	struct act *a;

	if (!*m->name || (m->until && (m->until <= now || m->until > now + ASIDE_LONG || !*m->reason))) {
		(void)err_set(&err, CLV_E_USAGE,
		              "a line of the overview, a date within a year, and a reason are wanted");
		console_refuse(c, q->conn, q->req, &err, 0);
		return;
	}
	for (size_t i = 0; old && i < old->n_rows && next.n_rows + 1 < ASIDE_MAX; i++)
		if (strcmp(old->rows[i]->what, m->name) != 0 && old->rows[i]->ends > now)
			rows[next.n_rows++] = old->rows[i];
	own.what = m->name;
	own.whose = q->console->principals[0];
	own.text = m->reason;
	own.ends = m->until;
	if (m->until)
		rows[next.n_rows++] = &own;
	next.rows = rows;
	a = act_new(q, "overview aside", m->name);
	buf_init(&a->blob, 65536);
	if (proto_encode(&next.base, &a->blob, &err)) {
		console_refuse(c, q->conn, q->req, &err, 0);
		act_free(a);
		return;
	}
	a->change = change_aside;
	a->effect = effect_aside;
	act_detail(a, m->until ? "%.300s" : "shown again", m->reason);
	act_done_text(a, m->until ? "set aside" : "shown again");
	act_put(c, a);
}
