/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging paths at the server: by the node keys that are pinned now, from the bytes that came or are stored.
 * Runs in core; reading is the database thread's, judging the loop's, where the nodes are.
 */
#include "daemon/core_server_alerts.h"
#include <string.h>

static bool find_signer(void *ctx, const char *node, struct clv_slice *spki, const char **role)
{
	const struct core *c = ctx;
	const struct node *n;

	if (strcmp(node, c->start->name) == 0) {
		*spki = buf_slice(&c->node_key);
		*role = c->start->role;
		return true;
	}
	n = server_find(c->srv, node);
	if (!n || n->approval != CLV_APPROVAL_APPROVED)
		return false;
	*spki = buf_slice(&n->node_key);
	*role = node_roles[n->role];
	return true;
}

void server_judge(const struct core *c, struct trace_judge *j)
{
	*j = (struct trace_judge){.group = c->start->group,
	                          .root = c->start->name,
	                          .signer = find_signer,
	                          .ctx = (void *)(uintptr_t)c};
}

void stored_path_init(struct stored_path *p)
{
	memset(p, 0, sizeof *p);
	buf_init(&p->body, TRACE_PARCEL_MAX);
	for (size_t i = 0; i < TRACE_HOPS_MAX; i++) {
		buf_init(&p->records[i], TRACE_RECORD_MAX);
		buf_init(&p->signatures[i], STATEMENT_SIG_MAX);
	}
}

void stored_path_release(struct stored_path *p)
{
	buf_release(&p->body);
	for (size_t i = 0; i < TRACE_HOPS_MAX; i++) {
		buf_release(&p->records[i]);
		buf_release(&p->signatures[i]);
	}
}

static clv_rc load_parcel(const struct store_parcel *s, void *ctx, bool *stop, struct clv_err *err)
{
	struct stored_path *p = ctx;

	(void)err;
	*stop = true;
	p->received = s->received;
	p->own = s->own;
	p->alerts = s->alerts;
	p->verdict = s->verdict;
	p->checked = s->checked;
	/* What is larger than a parcel may be is none: it stays empty, and its path is broken. */
	p->found = s->body.len <= TRACE_PARCEL_MAX && !buf_put(&p->body, s->body, NULL);
	return CLV_OK;
}

static clv_rc load_hop(uint32_t position, struct clv_slice body, struct clv_slice signature, void *ctx,
                       struct clv_err *err)
{
	struct stored_path *p = ctx;

	(void)position;
	(void)err;
	if (p->n < TRACE_HOPS_MAX && body.len <= TRACE_RECORD_MAX && signature.len <= STATEMENT_SIG_MAX &&
	    (buf_put(&p->records[p->n], body, NULL) || buf_put(&p->signatures[p->n], signature, NULL)))
		return err_set(err, CLV_E_INTERNAL, "a record that does not fit");
	p->n++; /* more than there may be is a broken chain */
	return CLV_OK;
}

clv_rc stored_path_load(struct db *d, uint64_t parcel, struct stored_path *p, struct clv_err *err)
{
	struct clv_err gone = {0};

	p->parcel = parcel;
	if (store_parcel_get(d, parcel, load_parcel, p, &gone) && gone.code != CLV_E_NOTFOUND) {
		*err = gone;
		return CLV_FAILED;
	}
	return store_hops(d, parcel, load_hop, p, err);
}

void path_judge(const struct core *c, const struct clv_buf *body, const struct clv_buf *records,
                const struct clv_buf *signatures, size_t n, struct trace_path *out)
{
	struct trace_record list[TRACE_HOPS_MAX];
	struct trace_judge j;

	server_judge(c, &j);
	for (size_t i = 0; i < n && i < TRACE_HOPS_MAX; i++)
		list[i] = (struct trace_record){buf_slice(&records[i]), buf_slice(&signatures[i])};
	trace_verify(&j, buf_slice(body), list, n, out);
}

void stored_path_judge(const struct core *c, const struct stored_path *p, struct trace_path *out)
{
	path_judge(c, &p->body, p->records, p->signatures, p->n, out);
}
