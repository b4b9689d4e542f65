/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the fake server's lists, by the real filter and sort.
 */
#include "tests/lib/fake_list.h"

#include "model/filter.h"
#include "proto/types.h"
#include "tests/lib/fake_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sort_cmp *cmp;
static bool descending;

static int compare(const void *a, const void *b)
{
	const void *const *x = a, *const *y = b;
	int r = cmp(*x, *y);
	return descending ? -r : r;
}

static void list_source(const struct fake_source *src, uint16_t type, enum filter_kind *kind,
                        const char **base, size_t *size, size_t *n)
{
	*kind = type == REQ_AGENTS ? FILTER_AGENTS : type == REQ_EVENTS ? FILTER_EVENTS : FILTER_PENDING;
	*base = type == REQ_AGENTS   ? (const char *)src->agents
	        : type == REQ_EVENTS ? (const char *)src->events
	                             : (const char *)src->pending;
	*size = type == REQ_AGENTS   ? sizeof(*src->agents)
	        : type == REQ_EVENTS ? sizeof(*src->events)
	                             : sizeof(*src->pending);
	*n = type == REQ_AGENTS ? src->n_agents : type == REQ_EVENTS ? src->n_events : src->n_pending;
}

static bool hits(const struct filter *f, enum filter_kind kind, const void *fact)
{
	return kind == FILTER_AGENTS   ? filter_agent(f, fact)
	       : kind == FILTER_EVENTS ? filter_event(f, fact)
	                               : filter_pending(f, fact);
}

static size_t anchor_at(enum filter_kind kind, const void *const *rows, size_t n, const char *anchor)
{
	char id[64];
	for (size_t i = 0; i < n; i++) {
		if (kind == FILTER_AGENTS &&
		    strcmp(((const struct clv_agent_fact *)rows[i])->name, anchor) == 0)
			return i;
		if (kind == FILTER_AGENTS)
			continue;
		snprintf(id, sizeof(id), "%llu",
		         (unsigned long long)(kind == FILTER_EVENTS
		                                  ? ((const struct clv_event_fact *)rows[i])->seq
		                                  : ((const struct clv_pending_fact *)rows[i])->id));
		if (strcmp(id, anchor) == 0)
			return i;
	}
	return n;
}

uint16_t fake_answer_list(const struct fake_source *src, uint16_t type, const Clv__ListRequest *m,
                          struct clv_buf *out)
{
	struct clv_err err = {0};
	enum filter_kind kind;
	const char *base;
	size_t size, n, matched = 0;
	list_source(src, type, &kind, &base, &size, &n);
	struct filter *f = filter_parse(m->filter, kind, src->now, &err);
	const void **rows = clv_calloc(n + 1, sizeof(*rows));
	uint16_t rep = REP_REFUSED;
	if (f == NULL || sort_parse(m->sort, kind, &cmp, &err) != CLV_OK) {
		fake_encode_refused(out, m->req, err.code, err.text, 0);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (hits(f, kind, base + i * size))
			rows[matched++] = base + i * size;
	}
	descending = m->descending;
	qsort(rows, matched, sizeof(*rows), compare);
	size_t from = m->offset < matched ? (size_t)m->offset : matched;
	if (m->anchor[0] != '\0') {
		size_t at = anchor_at(kind, rows, matched, m->anchor);
		from = at == matched ? 0 : at > m->offset ? at - (size_t)m->offset : 0;
	}
	size_t count = matched - from < m->limit ? matched - from : m->limit;
	if (kind == FILTER_AGENTS)
		fake_encode_agents(out, m->req, src->now, n, matched, from,
		                   (const struct clv_agent_fact *const *)(rows + from), count);
	else if (kind == FILTER_EVENTS)
		fake_encode_events(out, m->req, src->now, n, matched, from,
		                   (const struct clv_event_fact *const *)(rows + from), count);
	else
		fake_encode_pending(out, m->req, src->now, n, matched, from,
		                    (const struct clv_pending_fact *const *)(rows + from), count);
	rep = kind == FILTER_AGENTS ? REP_AGENTS : kind == FILTER_EVENTS ? REP_EVENTS : REP_PENDING;
out:
	clv_free(rows);
	filter_free(f);
	return rep;
}
