/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that turn replies into facts share. Nothing here indexes with a number from the
 * wire; an absent string stays absent or becomes empty, as the fact says. Inside of backend/client.
 */
#ifndef CLIENT_DECODE_PARTS_H
#define CLIENT_DECODE_PARTS_H

#include "claviger/client.h"

#include "console.pb-c.h"

char *decode_dup_or_null(const char *s);  /* "" becomes NULL */
char *decode_dup_or_empty(const char *s); /* NULL becomes "" */
/* A number outside its list (a newer server's) becomes the list's first word. */
int decode_within(uint32_t v, int max);
/* Exactly len bytes, or zeroes and false. */
bool decode_bytes(const ProtobufCBinaryData *b, uint8_t *out, size_t len);
/* A copy of n strings; NULL for none. */
char **decode_strings(char *const *from, size_t n);
/* n events, owned by the caller. */
struct clv_event_fact *decode_events(Clv__Event *const *from, size_t n);

/* A body becomes a reply: fills r, which was all zero. */
typedef void take_fn(struct clv_reply *r, const ProtobufCMessage *m);

/* For a list of rows: the reply's head, then `one` for each row. */
#define LIST_TAKER(fn, Msg, list_id, member, type, one)                     \
	void fn(struct clv_reply *r, const ProtobufCMessage *base)          \
	{                                                                   \
		const Msg *m = (const Msg *)base;                           \
		r->kind = CLV_REPLY_LIST;                                   \
		r->req = m->req;                                            \
		r->time = m->time;                                          \
		r->rows = (struct clv_rows){.list = (list_id),              \
		                            .total = m->total,              \
		                            .matched = m->matched,          \
		                            .offset = m->offset,            \
		                            .time = m->time,                \
		                            .n = m->n_rows};                \
		r->rows.u.member = clv_calloc(m->n_rows + 1, sizeof(type)); \
		for (size_t i = 0; i < m->n_rows; i++)                      \
			one(&r->rows.u.member[i], m->rows[i]);              \
	}

/* decode_runas.c */
take_fn decode_accounts, decode_profiles, decode_groups, decode_servers, decode_account, decode_plan,
    decode_recovery, decode_claim;

/* decode_alerts.c */
take_fn decode_alerts, decode_trace, decode_encryption;

#endif
