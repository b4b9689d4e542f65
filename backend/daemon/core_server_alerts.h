/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts at the server: parcels that come in, probes that go out, the judging of stored paths.
 * core_server_alerts.c: intake and probes; core_console_alerts.c: what consoles ask.
 */
#ifndef DAEMON_CORE_SERVER_ALERTS_H
#define DAEMON_CORE_SERVER_ALERTS_H

#include "daemon/core_console.h"
#include "trace/trace.h"

/* A parcel as it lies in the database, in memory. */
struct stored_path {
	uint64_t parcel, alerts;
	int64_t received;
	bool own, found;
	enum clv_verdict verdict; /* as it was judged before */
	int64_t checked;
	struct clv_buf body;
	struct clv_buf records[TRACE_HOPS_MAX], signatures[TRACE_HOPS_MAX];
	size_t n;
};
/* core_server_judge.c */
void stored_path_init(struct stored_path *p);
void stored_path_release(struct stored_path *p);
/* Database thread. A parcel that is missing leaves found false. */
CLV_MUST clv_rc stored_path_load(struct db *d, uint64_t parcel, struct stored_path *p, struct clv_err *err);
/* In the loop: by the keys that are pinned now. *out is released by trace_path_release. */
void stored_path_judge(const struct core *c, const struct stored_path *p, struct trace_path *out);
void path_judge(const struct core *c, const struct clv_buf *body, const struct clv_buf *records,
                const struct clv_buf *signatures, size_t n, struct trace_path *out);
void server_judge(const struct core *c, struct trace_judge *j); /* fills in who judges */

/* core_server_own.c: events of this server that are alerts too */
void own_event(struct core *c, const struct clv_event_fact *e);
void own_tick(struct core *c);
/* A parcel of this server's own: its record is made, both are stored. done tells once, from the loop. */
CLV_MUST clv_rc alerts_put_own(struct core *c, struct clv_slice parcel, void (*done)(struct core *c, bool ok),
                               struct clv_err *err);

void alerts_on_parcel(struct core *c, struct session *s, const Clv__ParcelFrame *f);
/* core_server_told.c: a state that counts; what it says was made and has not come is kept, and what an outbox
 * before it never sent is named. */
void told_on_state(struct core *c, struct session *s, const Clv__OutboxState *o);
/* true: the node signed it, and on this link, now. */
bool alerts_on_state(struct core *c, struct session *s, const Clv__SignedStatement *st);
/* done gets the judged path of the parcel that came back, or NULL with why. */
typedef void probe_done(struct core *c, void *ctx, const struct trace_path *path, const char *why);
CLV_MUST clv_rc alerts_probe(struct core *c, struct node *n, probe_done *done, void *ctx,
                             struct clv_err *err);
void alerts_tick(struct core *c);

/* core_console_alerts.c */
void console_alerts(struct core *c, const struct console_request *q, const Clv__ListRequest *m);
void console_trace(struct core *c, const struct console_request *q, const Clv__TraceRequest *m);
void console_probe(struct core *c, const struct console_request *q, const Clv__ProbeRequest *m);
void console_ack(struct core *c, const struct console_request *q, const Clv__AlertAckRequest *m);
/* core_console_encryption.c */
void console_encryption(struct core *c, const struct console_request *q, const Clv__EncryptionRequest *m);
const char *link_weakness(uint32_t mechanism, const char *protocol, const char *cipher);

#endif
