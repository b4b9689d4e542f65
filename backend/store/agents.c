/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of nodes, their keys, outboxes and requests to be accepted (see store.h). Database thread of
 * core.
 */
#include "store/store.h"
#include <inttypes.h>
#include <string.h>

static void copy_text(char *out, size_t cap, const char *in)
{
	size_t n = in ? strnlen(in, cap - 1) : 0;

	if (n)
		memcpy(out, in, n);
	out[n] = 0;
}

static clv_rc damaged(struct clv_err *err, const char *what)
{
	return err_set(err, CLV_E_CORRUPT, "a stored %s has the wrong size", what);
}

static clv_rc key_fact(struct db_row *r, int c, struct clv_key_fact *k, struct clv_err *err)
{
	memset(k, 0, sizeof *k);
	k->generation = (uint64_t)db_i(r, c);
	k->ordinal = (uint32_t)db_i(r, c + 1);
	k->state = (enum clv_key_state)db_i(r, c + 2);
	if (!slice_fill(db_b(r, c + 3), k->sha1, 20) || !slice_fill(db_b(r, c + 4), k->sha256, 32) ||
	    k->state >= CLV_KEY_STATE_MAX)
		return damaged(err, "key");
	memcpy(k->key_id, k->sha256, sizeof k->key_id);
	k->rsa_bits = (uint32_t)db_i(r, c + 5);
	k->not_before = db_i(r, c + 6);
	k->not_after = db_i(r, c + 7);
	k->made = db_i(r, c + 8);
	k->published = db_i(r, c + 9);
	k->stored = db_i(r, c + 10);
	k->in_use = db_i(r, c + 11);
	k->confirmed = db_i(r, c + 12);
	k->retired = db_i(r, c + 13);
	k->destroyed = db_i(r, c + 14);
	return CLV_OK;
}

#define KEY_COLUMNS                                                                                       \
	"k.generation, k.ordinal, k.state, k.sha1, k.sha256, k.bits, k.not_before, k.not_after, k.made, " \
	"k.published,"                                                                                    \
	" k.stored, k.in_use, k.confirmed, k.retired, k.destroyed"

struct agents_ctx {
	store_agent_fn *fn;
	void *ctx;
};

static clv_rc one_agent(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct agents_ctx *c = ctx;
	struct store_agent a = {.approval = (enum clv_approval)db_i(r, 2)};
	struct clv_slice key = db_b(r, 3);

	(void)stop;
	copy_text(a.name, sizeof a.name, db_t(r, 0));
	copy_text(a.role, sizeof a.role, db_t(r, 1));
	copy_text(a.pinned_by, sizeof a.pinned_by, db_t(r, 6));
	if (key.len > sizeof a.node_key || !slice_fill(db_b(r, 4), a.machine, 32))
		return damaged(err, "node");
	memcpy(a.node_key, key.ptr, key.len);
	a.node_key_len = key.len;
	a.pinned_at = db_i(r, 5);
	a.generation = (uint64_t)db_i(r, 7);
	a.rotate_above = (uint64_t)db_i(r, 8);
	a.config_version = (uint64_t)db_i(r, 9);
	a.config_ordinal = (uint32_t)db_i(r, 10);
	a.config_confirmed = (uint64_t)db_i(r, 11);
	a.config_confirmed_ordinal = (uint32_t)db_i(r, 12);
	a.config_confirmed_at = db_i(r, 13);
	a.last_seen = db_i(r, 14);
	a.has_configured = slice_fill(db_b(r, 15), a.channel_configured, 32);
	a.row_version = (uint64_t)db_i(r, 16);
	(void)slice_fill(db_b(r, 17), a.content, 32);
	copy_text(a.via, sizeof a.via, db_t(r, 18));
	copy_text(a.via_before, sizeof a.via_before, db_t(r, 19));
	copy_text(a.address, sizeof a.address, db_t(r, 20));
	if (db_i(r, 21)) {
		if (key_fact(r, 21, &a.key, err))
			return CLV_FAILED;
		a.has_key = true;
	}
	return c->fn(&a, c->ctx, err);
}

clv_rc store_agents(struct db *d, store_agent_fn *fn, void *ctx, struct clv_err *err)
{
	struct agents_ctx c = {fn, ctx};

	return db_each(d, one_agent, &c, err,
	               "SELECT a.name, a.role, a.approval, a.node_key, a.machine, a.pinned_at, a.pinned_by, "
	               "a.generation,"
	               " a.rotate_above, a.config_version, a.config_ordinal, a.config_confirmed, "
	               "a.config_confirmed_ordinal,"
	               " a.config_confirmed_at, a.last_seen, a.channel_configured, "
	               "a.row_version, a.content, a.via, a.via_before, a.address, " KEY_COLUMNS
	               " FROM agents a LEFT JOIN keys k ON k.agent=a.name AND k.generation=a.generation"
	               " ORDER BY a.name",
	               "");
}

clv_rc store_agent_put(struct db *d, struct store_agent *a, struct clv_err *err)
{
	int64_t version = 1;

	/* What an earlier node of this name had is no longer its own. */
	if (db_run(d, err, "UPDATE keys SET state=?2 WHERE agent=?1 AND state<?2", "ti", a->name,
	           (int64_t)CLV_KEY_REVOKED) ||
	    db_run(d, err,
	           "INSERT INTO agents(name, role, approval, node_key, machine, pinned_at, pinned_by, via) "
	           "VALUES(?,?,?,?,?,?,?,?)"
	           " ON CONFLICT(name) DO UPDATE SET role=excluded.role, approval=excluded.approval, "
	           "node_key=excluded.node_key,"
	           " machine=excluded.machine, pinned_at=excluded.pinned_at, pinned_by=excluded.pinned_by, "
	           "via=excluded.via, via_before='', address='', rotate_above=0,"
	           " generation=0, config_version=0, config_ordinal=0, config_confirmed=0, "
	           "config_confirmed_ordinal=0,"
	           " config_confirmed_at=0, channel_configured=NULL, content=NULL, row_version=row_version+1",
	           "ttibbitt", a->name, a->role, (int64_t)a->approval, slice_of(a->node_key, a->node_key_len),
	           slice_of(a->machine, 32), a->pinned_at, a->pinned_by, a->via) ||
	    db_number(d, 1, &version, err, "SELECT row_version FROM agents WHERE name=?", "t", a->name))
		return CLV_FAILED;
	a->row_version = (uint64_t)version;
	return CLV_OK;
}

static clv_rc must_change(clv_rc rc, int64_t changed, const char *name, struct clv_err *err)
{
	if (rc)
		return rc;
	return changed
	           ? CLV_OK
	           : err_set(err, CLV_E_CONFLICT, "%s changed meanwhile or is gone; nothing was done", name);
}

clv_rc store_agent_remove(struct db *d, const char *name, uint64_t row_version, struct clv_err *err)
{
	int64_t n = 0;
	clv_rc rc = db_change(d, &n, err, "DELETE FROM agents WHERE name=? AND (?2=0 OR row_version=?2)",
	                      "ti", name, (int64_t)row_version);

	if (must_change(rc, n, name, err) || db_run(d, err, "DELETE FROM keys WHERE agent=?", "t", name))
		return CLV_FAILED;
	return db_run(d, err, "DELETE FROM outboxes WHERE agent=?", "t", name);
}

clv_rc store_servers_forget(struct db *d, struct clv_err *err)
{
#define SERVERS " IN (SELECT name FROM agents WHERE role='management-server')"
	if (db_run(d, err, "DELETE FROM rows WHERE kind='approval' AND key" SERVERS, "") ||
	    db_run(d, err, "DELETE FROM keys WHERE agent" SERVERS, "") ||
	    db_run(d, err, "DELETE FROM outboxes WHERE agent" SERVERS, ""))
		return CLV_FAILED;
#undef SERVERS
	return db_run(d, err, "DELETE FROM agents WHERE role='management-server'", "");
}

clv_rc store_agent_rotate(struct db *d, const char *name, uint64_t above, uint64_t row_version,
                          struct clv_err *err)
{
	int64_t n = 0;
	clv_rc rc = db_change(d, &n, err,
	                      "UPDATE agents SET rotate_above=?2, row_version=row_version+1 WHERE name=?1 "
	                      "AND (?3=0 OR row_version=?3)",
	                      "tii", name, (int64_t)above, (int64_t)row_version);

	return must_change(rc, n, name, err);
}

clv_rc store_agent_seen(struct db *d, const char *name, int64_t when, struct clv_err *err)
{
	return db_run(d, err, "UPDATE agents SET last_seen=?2 WHERE name=?1", "ti", name, when);
}

clv_rc store_agent_via(struct db *d, const char *name, const char *via, const char *before,
                       struct clv_err *err)
{
	int64_t n = 0;
	clv_rc rc = db_change(
	    d, &n, err, "UPDATE agents SET via=?2, via_before=?3, row_version=row_version+1 WHERE name=?1",
	    "ttt", name, via, before);

	return must_change(rc, n, name, err);
}

clv_rc store_agent_address(struct db *d, const char *name, const char *address, struct clv_err *err)
{
	return db_run(d, err, "UPDATE agents SET address=?2 WHERE name=?1", "tt", name, address);
}

clv_rc store_agent_channel(struct db *d, const char *name, struct clv_slice thumbprint, struct clv_err *err)
{
	return db_run(d, err, "UPDATE agents SET channel_configured=?2 WHERE name=?1", "tb", name,
	              thumbprint);
}

clv_rc store_key_add(struct db *d, const struct store_key *k, uint32_t *ordinal, struct clv_err *err)
{
	const struct clv_key_fact *f = &k->fact;
	int64_t n = 0, changed = 0;
	clv_rc rc = db_change(d, &changed, err,
	                      "UPDATE agents SET generation=?2, rotate_above=CASE WHEN rotate_above<?2 THEN "
	                      "0 ELSE rotate_above END,"
	                      " row_version=row_version+1 WHERE name=?1 AND generation<?2 AND approval=1",
	                      "ti", k->agent, (int64_t)k->generation);

	if (rc || db_number(d, 0, &n, err, "SELECT max(ordinal) FROM keys WHERE agent=?", "t", k->agent))
		return CLV_FAILED;
	if (!changed)
		return err_set(err, CLV_E_CONFLICT,
		               "generation %" PRIu64 " of %s is not newer than what is stored", k->generation,
		               k->agent);
	*ordinal = (uint32_t)n + 1;
	return db_run(d, err,
	              "INSERT INTO keys(agent, generation, ordinal, state, cert, publication, signature, "
	              "sha1, sha256, bits,"
	              " not_before, not_after, published, stored) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	              "tiiibbbbbiiiii", k->agent, (int64_t)k->generation, (int64_t)*ordinal,
	              (int64_t)CLV_KEY_STORED, k->cert, k->publication, k->signature, slice_of(f->sha1, 20),
	              slice_of(f->sha256, 32), (int64_t)f->rsa_bits, f->not_before, f->not_after,
	              k->published, k->stored);
}

clv_rc store_key_made(struct db *d, const char *agent, uint64_t generation, int64_t when, struct clv_err *err)
{
	return db_run(d, err, "UPDATE keys SET made=?3 WHERE agent=?1 AND generation=?2", "tii", agent,
	              (int64_t)generation, when);
}

clv_rc store_key_in_use(struct db *d, const char *agent, uint64_t generation, uint64_t version,
                        uint32_t ordinal, int64_t when, struct clv_err *err)
{
	if (db_run(d, err,
	           "UPDATE keys SET state=CASE WHEN state<?4 THEN ?4 ELSE state END, in_use=CASE WHEN "
	           "in_use=0 THEN ?3 ELSE in_use END"
	           " WHERE agent=?1 AND generation=?2",
	           "tiii", agent, (int64_t)generation, when, (int64_t)CLV_KEY_IN_USE))
		return CLV_FAILED;
	return db_run(d, err,
	              "UPDATE agents SET config_version=?2, config_ordinal=?3, row_version=row_version+1 "
	              "WHERE name=?1 AND config_version<?2",
	              "tii", agent, (int64_t)version, (int64_t)ordinal);
}

clv_rc store_key_confirmed(struct db *d, const char *agent, uint64_t generation, uint64_t version,
                           int64_t when, struct clv_err *err)
{
	if (db_run(d, err,
	           "UPDATE keys SET state=?4, confirmed=CASE WHEN confirmed=0 THEN ?3 ELSE confirmed END"
	           " WHERE agent=?1 AND generation=?2 AND state<=?4",
	           "tiii", agent, (int64_t)generation, when, (int64_t)CLV_KEY_CONFIRMED) ||
	    db_run(d, err,
	           "UPDATE keys SET state=?4, retired=?3 WHERE agent=?1 AND generation<?2 AND state<?4",
	           "tiii", agent, (int64_t)generation, when, (int64_t)CLV_KEY_RETIRED))
		return CLV_FAILED;
	return db_run(
	    d, err,
	    "UPDATE agents SET config_confirmed=?2, config_confirmed_at=?3, row_version=row_version+1,"
	    " config_confirmed_ordinal=CASE WHEN config_version=?2 THEN config_ordinal ELSE "
	    "config_confirmed_ordinal END"
	    " WHERE name=?1 AND config_confirmed<?2",
	    "tii", agent, (int64_t)version, when);
}

clv_rc store_keys_destroyed(struct db *d, const char *agent, uint64_t upto, int64_t when, struct clv_err *err)
{
	return db_run(
	    d, err, "UPDATE keys SET state=?4, destroyed=?3 WHERE agent=?1 AND generation<=?2 AND state=?5",
	    "tiiii", agent, (int64_t)upto, when, (int64_t)CLV_KEY_DESTROYED, (int64_t)CLV_KEY_RETIRED);
}

struct keys_ctx {
	store_key_fn *fn;
	void *ctx;
};

static clv_rc one_key(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct keys_ctx *c = ctx;
	struct clv_key_fact k;

	(void)stop;
	if (key_fact(r, 0, &k, err))
		return CLV_FAILED;
	return c->fn(&k, db_b(r, 15), c->ctx, err);
}

clv_rc store_keys(struct db *d, const char *agent, store_key_fn *fn, void *ctx, struct clv_err *err)
{
	struct keys_ctx c = {fn, ctx};

	return db_each(d, one_key, &c, err,
	               "SELECT " KEY_COLUMNS
	               ", k.cert FROM keys k WHERE k.agent=? ORDER BY k.generation DESC LIMIT 100",
	               "t", agent);
}

struct all_keys_ctx {
	store_any_key_fn *fn;
	void *ctx;
};

static clv_rc any_key(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct all_keys_ctx *c = ctx;
	struct clv_key_fact k;

	(void)stop;
	if (key_fact(r, 0, &k, err))
		return CLV_FAILED;
	return c->fn(db_t(r, 15), &k, c->ctx, err);
}

clv_rc store_keys_like(struct db *d, const uint8_t least[32], const uint8_t most[32], store_any_key_fn *fn,
                       void *ctx, struct clv_err *err)
{
	struct all_keys_ctx c = {fn, ctx};

	if (db_each(d, any_key, &c, err,
	            "SELECT " KEY_COLUMNS ", k.agent FROM keys k WHERE k.sha256 BETWEEN ? AND ? LIMIT 1000",
	            "bb", slice_of(least, 32), slice_of(most, 32)))
		return CLV_FAILED;
	return db_each(d, any_key, &c, err,
	               "SELECT " KEY_COLUMNS ", k.agent FROM keys k WHERE k.sha1 BETWEEN ? AND ? LIMIT 1000",
	               "bb", slice_of(least, 20), slice_of(most, 20));
}

struct publication_ctx {
	struct clv_buf *body, *sig;
	bool found;
};

static clv_rc one_publication(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct publication_ctx *c = ctx;

	*stop = true;
	c->found = true;
	if (buf_put(c->body, db_b(r, 0), err))
		return CLV_FAILED;
	return buf_put(c->sig, db_b(r, 1), err);
}

clv_rc store_publication(struct db *d, const char *agent, uint64_t generation, struct clv_buf *body,
                         struct clv_buf *sig, struct clv_err *err)
{
	struct publication_ctx c = {body, sig, false};

	if (db_each(d, one_publication, &c, err,
	            "SELECT publication, signature FROM keys WHERE agent=? AND generation=?", "ti", agent,
	            (int64_t)generation))
		return CLV_FAILED;
	return c.found ? CLV_OK : err_set(err, CLV_E_NOTFOUND, "no key of %s is stored", agent);
}

clv_rc store_outbox_begin(struct db *d, const char *agent, struct clv_slice outbox, uint64_t *next,
                          struct clv_err *err)
{
	int64_t n = 1;

	if (db_run(d, err, "INSERT OR IGNORE INTO outboxes(agent, outbox, next) VALUES(?,?,1)", "tb", agent,
	           outbox) ||
	    db_number(d, 1, &n, err, "SELECT next FROM outboxes WHERE agent=? AND outbox=?", "tb", agent,
	              outbox))
		return CLV_FAILED;
	*next = (uint64_t)n;
	return CLV_OK;
}

clv_rc store_outbox_advance(struct db *d, const char *agent, struct clv_slice outbox, uint64_t from,
                            uint64_t to, struct clv_err *err)
{
	int64_t n = 0;
	clv_rc rc =
	    db_change(d, &n, err, "UPDATE outboxes SET next=?4 WHERE agent=?1 AND outbox=?2 AND next=?3",
	              "tbii", agent, outbox, (int64_t)from, (int64_t)to);

	return must_change(rc, n, agent, err);
}

clv_rc store_outbox_told(struct db *d, const char *agent, struct clv_slice outbox, uint64_t made,
                         struct clv_err *err)
{
	/* A node has one outbox at a time; more than a few rows are a node that makes them up. */
	if (db_run(
	        d, err,
	        "INSERT OR IGNORE INTO outboxes(agent, outbox, next) SELECT ?1, ?2, 1 WHERE (SELECT count(*) "
	        "FROM outboxes WHERE agent=?1) < 64",
	        "tb", agent, outbox))
		return CLV_FAILED;
	return db_run(d, err, "UPDATE outboxes SET told=?3 WHERE agent=?1 AND outbox=?2 AND told<?3", "tbi",
	              agent, outbox, (int64_t)made);
}

clv_rc store_outbox_settle(struct db *d, const char *agent, struct clv_slice outbox, struct clv_err *err)
{
	return db_run(d, err, "UPDATE outboxes SET told=0 WHERE agent=?1 AND outbox=?2", "tb", agent, outbox);
}

struct lost_ctx {
	store_lost_fn *fn;
	void *ctx;
};

static clv_rc one_lost(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct lost_ctx *c = ctx;

	(void)stop;
	return c->fn(db_b(r, 0), (uint64_t)db_i(r, 1), (uint64_t)db_i(r, 2), c->ctx, err);
}

clv_rc store_outboxes_lost(struct db *d, const char *agent, struct clv_slice outbox, store_lost_fn *fn,
                           void *ctx, struct clv_err *err)
{
	struct lost_ctx c = {fn, ctx};

	return db_each(d, one_lost, &c, err,
	               "SELECT outbox, next, told FROM outboxes WHERE agent=?1 AND outbox<>?2 AND told>=next",
	               "tb", agent, outbox);
}

struct pending_ctx {
	store_pending_fn *fn;
	void *ctx;
};

static clv_rc one_pending(struct db_row *r, void *ctx, bool *stop, struct clv_err *err)
{
	struct pending_ctx *c = ctx;
	struct store_pending p = {.id = (uint64_t)db_i(r, 0)};
	struct clv_slice key = db_b(r, 3);

	(void)stop;
	copy_text(p.name, sizeof p.name, db_t(r, 1));
	copy_text(p.role, sizeof p.role, db_t(r, 2));
	copy_text(p.from, sizeof p.from, db_t(r, 6));
	copy_text(p.came_by, sizeof p.came_by, db_t(r, 7));
	copy_text(p.looks_like, sizeof p.looks_like, db_t(r, 8));
	if (key.len > sizeof p.node_key || !slice_fill(db_b(r, 4), p.machine, 32) ||
	    !slice_fill(db_b(r, 5), p.fingerprint, 32))
		return damaged(err, "request");
	if (key.len)
		memcpy(p.node_key, key.ptr, key.len);
	p.node_key_len = key.len;
	p.conflict = db_i(r, 9);
	p.vouched = db_i(r, 10);
	p.time = db_i(r, 11);
	copy_text(p.via, sizeof p.via, db_t(r, 12));
	return c->fn(&p, c->ctx, err);
}

clv_rc store_pendings(struct db *d, store_pending_fn *fn, void *ctx, struct clv_err *err)
{
	struct pending_ctx c = {fn, ctx};

	return db_each(d, one_pending, &c, err,
	               "SELECT id, name, role, node_key, machine, fingerprint, origin, came_by, looks_like, "
	               "conflict, vouched, time, via"
	               " FROM pending ORDER BY id",
	               "");
}

clv_rc store_pending_add(struct db *d, const struct store_pending *p, uint64_t *id, struct clv_err *err)
{
	if (db_run(d, err,
	           "INSERT INTO pending(name, role, node_key, machine, fingerprint, origin, came_by, "
	           "looks_like, conflict, vouched, time, via)"
	           " VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
	           "ttbbbtttiiit", p->name, p->role, slice_of(p->node_key, p->node_key_len),
	           slice_of(p->machine, 32), slice_of(p->fingerprint, 32), p->from, p->came_by, p->looks_like,
	           (int64_t)p->conflict, (int64_t)p->vouched, p->time, p->via))
		return CLV_FAILED;
	*id = (uint64_t)db_last_id(d);
	return CLV_OK;
}

clv_rc store_pending_remove(struct db *d, uint64_t id, struct clv_err *err)
{
	int64_t n = 0;
	clv_rc rc = db_change(d, &n, err, "DELETE FROM pending WHERE id=?", "i", (int64_t)id);

	return must_change(rc, n, "the request", err);
}
