/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parcels of alerts at the root (design 3, "Alerts and hop records"): the agent's own record is verified,
 * this server's is made by the key holder, all of it is stored in one transaction with the next expected
 * number, and only then acknowledged. A parcel whose own record does not hold takes nobody's number: it is
 * kept as unverified, and its link is closed. Runs in core.
 */
#include "daemon/core_server_alerts.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_relay.h"
#include "daemon/core_rules.h"
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define CLOCK_OFF_MOST 10000000000000ll /* ms: three hundred years */
#define PROBE_MS       10000
#define HELD_BACK_MS   10000
#define PROBES_MAX     64u
#define COUNT_MS       60000 /* the last hour moves on, if nothing else does */

struct intake {
	uint64_t conn;
	char name[STORE_NAME_MAX];
	Clv__Parcel *parcel;
	struct clv_buf body, records[TRACE_HOPS_MAX], signatures[TRACE_HOPS_MAX];
	size_t n;
	uint8_t hash[KEY_HASH_LEN];
	int64_t received, stored;
	bool own;
	void (*own_done)(struct core *c, bool ok); /* this server's own: NULL else */
	/* what came of it */
	uint64_t upto, skipped, gap, conflict;
	char why[TRACE_WHY_MAX];
};

struct probe {
	struct probe *next;
	char name[STORE_NAME_MAX];
	uint8_t nonce[TRACE_PROBE_LEN];
	int64_t limit; /* monotonic */
	probe_done *done;
	void *ctx;
};

/* --- intake --- */
static void free_intake(struct intake *i)
{
	proto_free((ProtobufCMessage *)i->parcel);
	buf_release(&i->body);
	for (size_t h = 0; h < TRACE_HOPS_MAX; h++) {
		buf_release(&i->records[h]);
		buf_release(&i->signatures[h]);
	}
	clv_free(i);
}

static clv_rc store_records(struct db *d, const struct intake *i, const char *why, uint64_t *id,
                            struct clv_err *err)
{
	struct store_parcel p = {.agent = i->name,
	                         .body = buf_slice(&i->body),
	                         .hash = slice_of(i->hash, sizeof i->hash),
	                         .received = i->received,
	                         .own = i->own,
	                         .verdict = i->own ? CLV_VERDICT_UNCHECKED : CLV_VERDICT_UNSIGNED,
	                         .why = why,
	                         .checked = i->own ? 0 : i->received,
	                         .alerts = (uint32_t)i->parcel->n_alerts};

	if (store_parcel_add(d, &p, err))
		return CLV_FAILED;
	for (uint32_t h = 0; h < i->n; h++)
		if (store_hop_add(d, p.id, h, buf_slice(&i->records[h]), buf_slice(&i->signatures[h]), err))
			return CLV_FAILED;
	*id = p.id;
	return CLV_OK;
}

static struct store_alert alert_of(const struct intake *i, const Clv__Alert *a, uint64_t parcel)
{
	return (struct store_alert){.parcel = parcel,
	                            .sequence = a->sequence,
	                            .lost_from = a->lost_from,
	                            .outbox = i->own ? PROTO_SLICE(i->parcel->outbox) : slice_of(NULL, 0),
	                            .time = a->time,
	                            .severity = a->severity,
	                            .name = a->name,
	                            .text = a->text,
	                            .source = a->source};
}

/* Those that are here already must be what came before under the same number. */
static clv_rc check_known(struct db *d, struct intake *i, uint64_t next, struct clv_err *err)
{
	for (size_t k = 0; k < i->parcel->n_alerts && i->parcel->alerts[k]->sequence < next; k++) {
		struct store_alert a = alert_of(i, i->parcel->alerts[k], 0);
		bool same = true;

		if (store_alert_same(d, &a, &same, err))
			return CLV_FAILED;
		if (!same && !i->conflict)
			i->conflict = a.sequence;
	}
	return CLV_OK;
}

static clv_rc run_intake(struct db *d, void *ctx, struct clv_err *err)
{
	struct intake *i = ctx;
	const Clv__Parcel *p = i->parcel;
	uint64_t next = 0, id = 0;
	size_t first = 0;

	if (store_outbox_begin(d, i->name, PROTO_SLICE(p->outbox), &next, err))
		return CLV_FAILED;
	i->upto = next - 1;
	if (p->first > next && p->acked + 1 >= p->first) {
		/* What was acknowledged is gone there; this database is an older copy. */
		if (store_outbox_advance(d, i->name, PROTO_SLICE(p->outbox), next, p->first, err))
			return CLV_FAILED;
		i->gap = next;
		next = p->first;
	}
	if (check_known(d, i, next, err))
		return CLV_FAILED;
	if (i->conflict && store_outbox_settle(d, i->name, PROTO_SLICE(p->outbox), err))
		return CLV_FAILED;
	if (i->conflict || p->first > next || p->last < next)
		return CLV_OK; /* "expected N": the answer says what is here */
	while (p->alerts[first]->sequence < next)
		first++;
	i->skipped = first;
	if (store_records(d, i, "", &id, err))
		return CLV_FAILED;
	for (size_t k = first; k < p->n_alerts; k++) {
		struct store_alert a = alert_of(i, p->alerts[k], id);

		if (store_alert_add(d, &a, err))
			return CLV_FAILED;
	}
	if (store_outbox_advance(d, i->name, PROTO_SLICE(p->outbox), next, p->last + 1, err))
		return CLV_FAILED;
	i->upto = p->last;
	return CLV_OK;
}

static void tell_intake(struct core *c, const struct intake *i)
{
	if (i->gap)
		core_event(
		    c, 20027,
		    "%s's outbox goes on at %" PRIu64 ": %" PRIu64
		    " and later were acknowledged before, and are not in this database. It is an older "
		    "copy.",
		    i->name, i->parcel->first, i->gap);
	if (i->conflict)
		core_event(
		    c, 20029,
		    "%s sent another alert under number %" PRIu64
		    " of its outbox than was stored under it. Nothing was changed; it opens a new outbox.",
		    i->name, i->conflict);
}

static void done_own(struct core *c, struct intake *i, clv_rc rc, const struct clv_err *err)
{
	if (rc)
		log_err(LOG_ERROR, err, "storing alerts of this server");
	c->srv->alerts_change++;
	server_changed(c);
	i->own_done(c, !rc);
	free_intake(i);
}

static void done_intake(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct intake *i = ctx;
	struct session *s = server_session(c->srv, i->conn);
	Clv__OutboxAck ack = CLV__OUTBOX_ACK__INIT;

	if (i->own_done) {
		done_own(c, i, rc, err);
		return;
	}
	if (s)
		s->batch = false;
	if (rc) {
		/* Nothing is acknowledged that is not stored: the agent keeps it and comes again. */
		log_err(LOG_ERROR, err, "storing a parcel of alerts");
		core_conn_close(c, false, i->conn, "this server cannot store now");
	} else {
		tell_intake(c, i);
		if (s && s->upto < i->upto)
			s->upto = i->upto;
		if (s && i->conflict)
			s->conflicted = true;
		ack.agent = i->name;
		ack.outbox = i->parcel->outbox;
		ack.upto = i->upto;
		ack.conflict = i->conflict != 0;
		ack.fencing = c->srv->fencing;
		server_sign_and_send(c, i->conn, STATEMENT_ACK, FRAME_ACK, &ack.base);
		c->srv->alerts_change++;
		server_changed(c);
	}
	free_intake(i);
}

static clv_rc run_unverified(struct db *d, void *ctx, struct clv_err *err)
{
	struct intake *i = ctx;
	uint64_t id = 0;

	if (store_records(d, i, i->why, &id, err))
		return CLV_FAILED;
	for (size_t k = 0; k < i->parcel->n_alerts; k++) {
		struct store_alert a = alert_of(i, i->parcel->alerts[k], id);

		if (store_alert_add(d, &a, err))
			return CLV_FAILED;
	}
	return store_unverified_trim(d, err);
}

static void done_unverified(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	if (rc)
		log_err(LOG_ERROR, err, "keeping an unverified parcel");
	c->srv->alerts_change++;
	server_changed(c);
	free_intake(ctx);
}

/* It is kept, shown as what it is, and acknowledged to nobody. */
static void keep_unverified(struct core *c, struct session *s, struct intake *i, const struct clv_err *why)
{
	(void)snprintf(i->why, sizeof i->why, "%.180s", why->text);
	core_event(
	    c, 20028,
	    "A parcel of alerts that came from %s does not carry the record that %s signs: %s. It is kept "
	    "as unverified.",
	    s->open->address, i->name, why->text);
	server_refuse(c, s, REFUSAL_PROOF, "the parcel's own record does not hold: %s", why->text);
	core_db_put(c, run_unverified, done_unverified, i);
}

/* The probe that this parcel answers; NULL in it: nobody waits for that. */
static struct probe **find_probe(struct server *s, const struct intake *i)
{
	struct probe **at = &s->probes;

	while (*at && (strcmp((*at)->name, i->name) != 0 ||
	               !slice_eq(PROTO_SLICE(i->parcel->probe), slice_of((*at)->nonce, TRACE_PROBE_LEN))))
		at = &(*at)->next;
	return at;
}

static void finish_probe(struct core *c, const struct intake *i)
{
	struct probe **at = find_probe(c->srv, i), *p = *at;
	struct trace_path path;

	if (!p)
		return; /* it came too late */
	*at = p->next;
	path_judge(c, &i->body, i->records, i->signatures, i->n, &path);
	p->done(c, p->ctx, &path, "");
	trace_path_release(&path);
	clv_free(p);
}

static void on_hop_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                          const struct clv_err *err)
{
	const Clv__KhSigned *k = (const Clv__KhSigned *)m;
	struct intake *i = ctx;
	struct session *s = server_session(c->srv, i->conn);

	(void)type;
	if (!m || buf_put(&i->records[i->n], PROTO_SLICE(k->body), NULL) ||
	    buf_put(&i->signatures[i->n], PROTO_SLICE(k->signature), NULL)) {
		if (!m)
			log_err(LOG_WARN, err, "signing the hop record of a parcel");
		if (s && !i->parcel->probe.len)
			s->batch = false;
		if (i->own_done)
			i->own_done(c, false);
		else
			core_conn_close(c, false, i->conn, "this server cannot sign now");
		free_intake(i);
		return;
	}
	i->n++;
	if (i->parcel->probe.len) {
		finish_probe(c, i);
		free_intake(i);
		return;
	}
	core_db_put(c, run_intake, done_intake, i);
}

/* This server's own record: what it saw of the link that the parcel came by. */
static void sign_hop(struct core *c, const struct session *s, struct intake *i)
{
	Clv__KhHop q = CLV__KH_HOP__INIT;
	Clv__HopLink in = CLV__HOP_LINK__INIT;
	Clv__SignedStatement before = CLV__SIGNED_STATEMENT__INIT;

	s = relay_outer(s);
	in.mechanism = s->open->mechanism;
	in.protocol = s->open->protocol;
	in.cipher = s->open->cipher;
	in.peer = s->open->peer_name;
	in.fingerprint = s->open->fingerprint;
	before.body = PROTO_BYTES(buf_slice(&i->records[i->n - 1]));
	before.signature = PROTO_BYTES(buf_slice(&i->signatures[i->n - 1]));
	i->stored = clock_wall_ms();
	q.parcel = PROTO_BYTES(buf_slice(&i->body));
	q.before = &before;
	q.incoming = &in;
	q.received = i->received;
	q.stored = i->stored;
	kh_ask(c, IPC_KH_HOP, &q.base, on_hop_signed, i);
}

static clv_rc take_frame(struct intake *i, const Clv__ParcelFrame *f, struct clv_err *err)
{
	if (trace_parcel_open(PROTO_SLICE(f->parcel), &i->parcel, err))
		return CLV_FAILED;
	if (f->n_hops == 0 || f->n_hops >= TRACE_HOPS_MAX)
		return err_set(err, CLV_E_LIMIT, "a parcel comes with 1 to %u records", TRACE_HOPS_MAX - 1);
	for (i->n = 0; i->n < f->n_hops; i->n++) {
		struct clv_slice body = PROTO_SLICE(f->hops[i->n]->body),
		                 sig = PROTO_SLICE(f->hops[i->n]->signature);

		if (body.len > TRACE_RECORD_MAX || sig.len > STATEMENT_SIG_MAX)
			return err_set(err, CLV_E_LIMIT, "a record that is larger than one may be");
		if (buf_put(&i->records[i->n], body, err) || buf_put(&i->signatures[i->n], sig, err))
			return CLV_FAILED;
	}
	if (buf_put(&i->body, PROTO_SLICE(f->parcel), err))
		return CLV_FAILED;
	return sha256(buf_slice(&i->body), i->hash, err);
}

static struct intake *new_intake(uint64_t conn, const char *name)
{
	struct intake *i = clv_calloc(1, sizeof *i);

	i->conn = conn;
	i->received = clock_wall_ms();
	(void)snprintf(i->name, sizeof i->name, "%s", name);
	buf_init(&i->body, TRACE_PARCEL_MAX);
	for (size_t h = 0; h < TRACE_HOPS_MAX; h++) {
		buf_init(&i->records[h], TRACE_RECORD_MAX);
		buf_init(&i->signatures[h], STATEMENT_SIG_MAX);
	}
	return i;
}

void alerts_on_parcel(struct core *c, struct session *s, const Clv__ParcelFrame *f)
{
	struct intake *i = new_intake(s->conn, s->node->name);
	struct trace_record first;
	struct clv_err err = {0};

	if (take_frame(i, f, &err) || (s->batch && !i->parcel->probe.len)) {
		server_refuse(c, s, REFUSAL_PROOF, "a parcel that makes no sense: %s",
		              err.code ? err.text : "one is under way");
	} else if (strcmp(i->parcel->agent, s->node->name) != 0) {
		enroll_quarantine(c, s, i->parcel->agent, "a parcel of alerts");
	} else {
		first = (struct trace_record){buf_slice(&i->records[0]), buf_slice(&i->signatures[0])};
		i->own = !trace_own_record(c->start->group, s->node->name, buf_slice(&s->node->node_key),
		                           buf_slice(&i->body), &first, &err);
		if (!i->own) {
			keep_unverified(c, s, i, &err);
			return;
		}
		/* A probe comes beside what the outbox sends; one that nobody waits for is not signed for. */
		if (!i->parcel->probe.len)
			s->batch = true;
		if (!i->parcel->probe.len || *find_probe(c->srv, i)) {
			sign_hop(c, s, i);
			return;
		}
	}
	free_intake(i);
}

clv_rc alerts_put_own(struct core *c, struct clv_slice parcel, void (*done)(struct core *c, bool ok),
                      struct clv_err *err)
{
	struct intake *i = new_intake(0, c->start->name);
	Clv__KhHop q = CLV__KH_HOP__INIT;

	if (trace_parcel_open(parcel, &i->parcel, err) || buf_put(&i->body, parcel, err) ||
	    sha256(parcel, i->hash, err)) {
		free_intake(i);
		return CLV_FAILED;
	}
	i->own = true;
	i->own_done = done;
	q.parcel = PROTO_BYTES(buf_slice(&i->body));
	q.stored = clock_wall_ms();
	kh_ask(c, IPC_KH_HOP, &q.base, on_hop_signed, i);
	return CLV_OK;
}

/* --- what heartbeats say --- */
/* What a heartbeat said was made has not come since, nothing else did either, and nothing of it is being
 * stored: for so long that a slow disk at either end is no longer what holds it. */
static bool held_back(struct session *s, const Clv__OutboxState *o, int64_t now_ms)
{
	bool stuck = s->beat_seen && !s->batch && s->beat_made > s->beat_upto && s->beat_upto == s->upto &&
	             o->acked <= s->beat_upto;

	if (!stuck) {
		s->beat_stuck_ms = 0;
		s->beat_told = false;
		return false;
	}
	if (!s->beat_stuck_ms)
		s->beat_stuck_ms = now_ms;
	return now_ms - s->beat_stuck_ms >= HELD_BACK_MS;
}

/* What this link said before was of another outbox: its numbers begin anew. */
static void of_outbox(struct session *s, struct clv_slice outbox)
{
	if (slice_eq(outbox, slice_of(s->outbox, sizeof s->outbox)))
		return;
	if (s->beat_seen) {
		s->upto = s->told = 0;
		s->beat_seen = s->told_looked = s->conflicted = false;
	}
	(void)slice_fill(outbox, s->outbox, sizeof s->outbox);
}

bool alerts_on_state(struct core *c, struct session *s, const Clv__SignedStatement *st)
{
	ProtobufCMessage *m = NULL;
	const Clv__OutboxState *o;
	struct clv_err err = {0};
	bool fresh;

	if (!st)
		return false;
	if (statement_open(STATEMENT_OUTBOX_STATE, c->start->group, buf_slice(&s->node->node_key),
	                   PROTO_SLICE(st->body), PROTO_SLICE(st->signature), &m, &err)) {
		core_event(c, 20028, "What %s says of its outbox is not signed by it: %s.", s->node->name,
		           err.text);
		return false;
	}
	o = (const Clv__OutboxState *)m;
	fresh = strcmp(o->agent, s->node->name) == 0 && relay_is_fresh(s, o->nonce);
	if (!fresh && s->via && !s->stale_told) {
		s->stale_told = true;
		core_event(
		    c, 20028,
		    "The gateway %s shows an old state of %s's outbox for one of now. It does not count.",
		    s->via->open->peer_name, s->node->name);
	}
	if ((fresh || !s->via) && strcmp(o->agent, s->node->name) == 0 && o->outbox.len == TRACE_OUTBOX_LEN) {
		of_outbox(s, PROTO_SLICE(o->outbox));
		if (held_back(s, o, clock_mono_ms()) && !s->beat_told) {
			s->beat_told = true;
			core_event(
			    c, 20028,
			    "%s made alerts and events up to %" PRIu64 ", up to %" PRIu64
			    " came here, and none since for several heartbeats: something on the way holds "
			    "them back.",
			    s->node->name, s->beat_made, s->upto);
		}
		if (o->acked > s->upto)
			s->upto = o->acked;
		s->clock_known = o->clock_known && o->clock_ahead_ms > -CLOCK_OFF_MOST &&
		                 o->clock_ahead_ms < CLOCK_OFF_MOST;
		s->clock_ahead_ms = o->clock_ahead_ms;
		s->clock_error_ms = o->clock_error_ms;
		told_on_state(c, s, o);
		s->beat_seen = true;
		s->beat_made = o->made;
		s->beat_upto = s->upto;
	}
	proto_free(m);
	return fresh;
}

/* --- probes --- */
clv_rc alerts_probe(struct core *c, struct node *n, probe_done *done, void *ctx, struct clv_err *err)
{
	Clv__ProbeOrder o = CLV__PROBE_ORDER__INIT;
	struct probe *p;
	size_t waiting = 0;

	for (p = c->srv->probes; p; p = p->next)
		waiting++;
	if (!n->session)
		return err_set(err, CLV_E_NOTFOUND, "%s is not in touch: there is no path now", n->name);
	if (waiting >= PROBES_MAX)
		return err_set(err, CLV_E_AGAIN, "%zu probes are under way already", waiting);
	p = clv_calloc(1, sizeof *p);
	if (RAND_bytes(p->nonce, sizeof p->nonce) != 1) {
		clv_free(p);
		return err_set(err, CLV_E_CRYPTO, "no random bytes for a probe");
	}
	(void)snprintf(p->name, sizeof p->name, "%s", n->name);
	p->limit = clock_mono_ms() + PROBE_MS;
	p->done = done;
	p->ctx = ctx;
	p->next = c->srv->probes;
	c->srv->probes = p;
	o.agent = n->name;
	o.nonce = PROTO_BYTES(slice_of(p->nonce, sizeof p->nonce));
	o.time = clock_wall_ms();
	o.fencing = c->srv->fencing;
	server_sign_and_send(c, n->session->conn, STATEMENT_PROBE, FRAME_PROBE, &o.base);
	return CLV_OK;
}

/* --- what the overview counts --- */
struct counting {
	int64_t since;
	uint64_t change;
	struct clv_slice run;
	struct store_alert_counts n;
};

static clv_rc run_count(struct db *d, void *ctx, struct clv_err *err)
{
	struct counting *k = ctx;

	return store_alert_counts(d, k->run, k->since, &k->n, err);
}

static void done_count(struct core *c, void *ctx, clv_rc rc, const struct clv_err *err)
{
	struct counting *k = ctx;

	c->srv->counting = false;
	c->srv->count_alerts_at = clock_mono_ms() + COUNT_MS;
	if (rc) {
		log_err(LOG_ERROR, err, "counting alerts");
	} else {
		c->srv->alert_counts = k->n;
		c->srv->alerts_counted = k->change;
		server_changed(c);
	}
	clv_free(k);
}

static void count(struct core *c)
{
	struct server *s = c->srv;
	struct counting *k;

	if (s->counting || (s->alerts_counted == s->alerts_change && clock_mono_ms() < s->count_alerts_at))
		return;
	k = clv_calloc(1, sizeof *k);
	k->since = clock_wall_ms() - 3600000;
	k->change = s->alerts_change;
	k->run = slice_of(s->run, STORE_RUN_LEN);
	s->counting = true;
	core_db_put(c, run_count, done_count, k);
}

void alerts_tick(struct core *c)
{
	struct probe **at = &c->srv->probes, *p;
	int64_t now = clock_mono_ms();

	count(c);
	own_tick(c);
	while ((p = *at)) {
		if (now < p->limit) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		p->done(c, p->ctx, NULL, "no parcel came back within 10 s");
		clv_free(p);
	}
}
