/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind audit, expiry and find.
 */
#include "tests/lib/drawn_look.h"

#include <string.h>

#define S   1000LL
#define MIN (60 * S)
#define DAY (24 * 60 * MIN)

struct clv_audit_fact *drawn_audit(size_t *n)
{
	static const struct {
		int64_t ago;
		const char *who, *from, *act, *object, *result, *detail;
	} rows[] = {
	    {22 * MIN + 20 * S, "eve@OPS.TEST", "10.66.3.9", "approve", "web07.ops.test", "denied",
	     "needs operator, is viewer"},
	    {31 * MIN, "ops@OPS.TEST", "local", "rotate", "db01.ops.test", "done", ""},
	    {44 * MIN, "ben@OPS.TEST", "10.4.0.9", "account distribute", "sql-reader", "done",
	     "more secure, 41 hosts"},
	    {50 * MIN, "service", "", "account released", "deploy", "done", "v3"},
	    {2 * DAY, "ann@OPS.TEST", "10.4.0.8", "reenter", "sql-reader", "done", "v8"},
	};
	*n = sizeof(rows) / sizeof(rows[0]);
	struct clv_audit_fact *a = clv_calloc(*n + 1, sizeof(*a));
	for (size_t i = 0; i < *n; i++) {
		a[i] = (struct clv_audit_fact){.seq = 18204 - i,
		                               .time = DRAWN_NOW - rows[i].ago,
		                               .who = clv_strdup(rows[i].who),
		                               .from = clv_strdup(rows[i].from),
		                               .act = clv_strdup(rows[i].act),
		                               .object = clv_strdup(rows[i].object),
		                               .result = clv_strdup(rows[i].result),
		                               .detail = clv_strdup(rows[i].detail)};
		memset(a[i].hash, (int)(0x40 + i), sizeof(a[i].hash));
	}
	return a;
}

struct clv_audit_check_fact *drawn_check(bool whole)
{
	struct clv_audit_check_fact *k = clv_calloc(1, sizeof(*k));
	k->time = DRAWN_NOW - 4 * MIN - 8 * S;
	k->first = 1;
	k->last = whole ? 18204 : 17901;
	k->rows = 18204;
	k->bad = whole ? 0 : 17902;
	k->kind = clv_strdup(whole ? "" : "changed");
	k->text = clv_strdup(whole ? "whole, rows 1 to 18204"
	                           : "row 17902 was changed after writing; 1 to 17901 hold");
	return k;
}

static struct clv_thing_fact thing(enum clv_level level, int64_t ends, const char *what, const char *whose,
                                   const char *text, const char *go)
{
	return (struct clv_thing_fact){.level = level,
	                               .ends = ends != 0 ? DRAWN_NOW + ends : 0,
	                               .what = clv_strdup(what),
	                               .whose = clv_strdup(whose),
	                               .text = clv_strdup(text),
	                               .go = clv_strdup(go)};
}

struct clv_thing_fact *drawn_expiry(size_t *n)
{
	struct clv_thing_fact *t = clv_calloc(5, sizeof(*t));
	*n = 4;
	t[0] = thing(CLV_LEVEL_ERROR, -2 * DAY, "channel certificate", "gw4.ops.test",
	             "no: new file not valid", "agent gw4.ops.test");
	t[1] = thing(CLV_LEVEL_WARNING, 3 * DAY + MIN, "agent key", "db01.ops.test",
	             "yes, late 4 d: host silent", "agent db01.ops.test");
	t[2] = thing(CLV_LEVEL_INFORMATION, 14 * DAY + MIN, "account password", "backup",
	             "no: change at the source, then E", "account backup");
	t[3] = thing(CLV_LEVEL_INFORMATION, 200 * DAY + MIN, "agent key", "web01.ops.test", "yes",
	             "agent web01.ops.test");
	for (size_t i = 0; i < *n; i++)
		t[i].seq = i + 1;
	return t;
}

struct clv_thing_fact *drawn_found(size_t *n)
{
	struct clv_thing_fact *t = clv_calloc(4, sizeof(*t));
	*n = 3;
	t[0] = thing(0, 0, "agent key", "web01.ops.test", "generation 3, confirmed", "agent web01.ops.test");
	t[1] = thing(0, 0, "node key", "web01.ops.test", "pinned", "agent web01.ops.test");
	t[2] = thing(0, 0, "audit", "ops@OPS.TEST", "rotate web01.ops.test", "audit seq:18203");
	return t;
}
