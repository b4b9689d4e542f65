/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first frame of a server that was reached by TLS: the signed server list and a link proof by
 * the node key in it (design 3, "Fingerprint and link proof"). A certificate alone does not make a
 * server of the group. Runs in the console, before any request is sent.
 */
#include "client/session.h"

#include "console.pb-c.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include "statement.pb-c.h"

#include <string.h>
#include <strings.h>

static const Clv__ServerEntry *entry_of(const Clv__ServerList *list, const char *name)
{
	for (size_t i = 0; i < list->n_servers; i++) {
		if (strcmp(list->servers[i]->name, name) == 0)
			return list->servers[i];
	}
	return NULL;
}

/* The key is compared before anything that it signed is believed. */
static clv_rc check_pin(struct clv_session *s, const Clv__ServerProof *p, struct clv_err *err)
{
	uint8_t hash[KEY_HASH_LEN];
	char hex[2 * KEY_HASH_LEN + 1];
	if (sha256(PROTO_SLICE(p->group_key), hash, err) != CLV_OK)
		return CLV_FAILED;
	hex_encode((struct clv_slice){hash, sizeof(hash)}, true, hex);
	clv_free(s->shown);
	s->shown = clv_strdup(hex);
	if (s->pinned == NULL) {
		char text[FINGERPRINT_TEXT_MAX];
		fingerprint_text(hash, false, text);
		return err_set(
		    err, CLV_E_AUTH,
		    "the group signing key of %s is not known here yet. It shows %s; compare that with "
		    "what clavigerd init printed, then: --trust-group '%s'",
		    s->host, text, text);
	}
	if (strcasecmp(s->pinned, hex) != 0)
		return err_set(err, CLV_E_AUTH,
		               "STOP. %s shows another group signing key than was pinned; nothing was sent. "
		               "known %.16s…  shown %.16s…",
		               s->host, s->pinned, hex);
	return CLV_OK;
}

static clv_rc check_link(const struct clv_session *s, const Clv__LinkProof *l, struct clv_err *err)
{
	const struct chan_desc *d = chan_describe(s->chan);
	struct clv_slice t = {d->t, sizeof(d->t)}, f = {d->fingerprint, sizeof(d->fingerprint)};
	if (strcmp(l->role, "management-server") != 0 || strcmp(l->from, s->host) != 0 || l->initiator)
		return err_set(err, CLV_E_AUTH, "the server's link proof is for another link");
	if (!slice_eq_ct(PROTO_SLICE(l->t), t) || !slice_eq_ct(PROTO_SLICE(l->fingerprint), f))
		return err_set(
		    err, CLV_E_AUTH,
		    "the two ends of the channel differ: somebody may be in between; nothing was sent");
	return CLV_OK;
}

clv_rc session_check_proof(struct clv_session *s, struct clv_slice body, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	ProtobufCMessage *proof = NULL, *list = NULL, *link = NULL;
	if (proto_decode(&clv__server_proof__descriptor, body, &proof, err) != CLV_OK)
		goto out;
	const Clv__ServerProof *p = (const Clv__ServerProof *)proof;
	if (check_pin(s, p, err) != CLV_OK)
		goto out;
	if (statement_open(STATEMENT_SERVER_LIST, p->group, PROTO_SLICE(p->group_key),
	                   PROTO_SLICE(p->server_list), PROTO_SLICE(p->server_list_signature), &list,
	                   err) != CLV_OK)
		goto out;
	const Clv__ServerEntry *e = entry_of((const Clv__ServerList *)list, s->host);
	if (e == NULL) {
		err_set(err, CLV_E_AUTH, "%s is not in the group's signed list of servers", s->host);
		goto out;
	}
	if (statement_open(STATEMENT_LINK_PROOF, p->group, PROTO_SLICE(e->node_key),
	                   PROTO_SLICE(p->link_proof), PROTO_SLICE(p->link_proof_signature), &link,
	                   err) != CLV_OK)
		goto out;
	rc = check_link(s, (const Clv__LinkProof *)link, err);
out:
	proto_free(link);
	proto_free(list);
	proto_free(proof);
	return rc;
}
