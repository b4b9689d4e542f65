/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel's certificate in a network process (P3): a renewed set is judged before it replaces the one in
 * use, by the signer too, which must have its private key; a bad one keeps the old, and core is told.
 */
#include "base/file.h"
#include "daemon/net.h"
#include "proto/codec.h"
#include <string.h>

#define PEM_MAX (1024u * 1024u)

enum { FILE_CA, FILE_CERT, FILE_KEY, FILE_CRL, FILES };

/* The newest files, until they are settled: the signer may not be there yet. */
struct net_files {
	struct clv_buf b[FILES]; /* FILE_KEY stays empty: that file is the signer's */
	bool has_key;
};

static void release_files(struct net *n)
{
	if (!n->files)
		return;
	for (size_t i = 0; i < FILES; i++)
		buf_release(&n->files->b[i]);
	clv_free(n->files);
	n->files = NULL;
}

void net_creds_report(struct net *n)
{
	const struct clv_err *why = n->key_err.code ? &n->key_err : &n->creds_err;
	Clv__CredsResult m = CLV__CREDS_RESULT__INIT;

	if (!n->creds_tried)
		return;
	m.serial = n->creds_serial;
	m.ok = why->code == CLV_E_NONE;
	m.text = (char *)(uintptr_t)why->text;
	if (n->creds &&
	    *chan_creds_name(n->creds)) { /* without a certificate of our own there is none to name */
		m.thumbprint = PROTO_BYTES(slice_of(chan_creds_thumbprint(n->creds), 32));
		m.not_after = chan_creds_not_after(n->creds);
		m.name = (char *)(uintptr_t)chan_creds_name(n->creds);
		m.in_use = true;
		chan_creds_ends(n->creds, &m.ca_not_after, &m.crl_due);
	}
	net_tell(n, IPC_CREDS_RESULT, &m.base);
}

static void settled(struct net *n, const struct clv_err *why)
{
	release_files(n);
	n->creds_tried = true;
	n->creds_err = *why;
	if (n->key_err.code && n->creds) {
		err_clear(&n->key_err);
		(void)chan_creds_key_there(n->creds, &n->key_err);
	}
	net_creds_report(n);
	net_listen(n);
}

/* Takes the newest files into use when they are good. */
static void settle(struct net *n)
{
	const struct net_files *f = n->files;
	struct chan_creds_pem pem = {.ca = buf_slice(&f->b[FILE_CA]),
	                             .cert = buf_slice(&f->b[FILE_CERT]),
	                             .crl = buf_slice(&f->b[FILE_CRL]),
	                             .asker = f->has_key ? net_signer_asker(n) : NULL,
	                             .crl_grace_ms = n->start->crl_grace_ms,
	                             .peer_kind_accept = net_role.accepts};
	struct clv_err why = {0};
	struct chan_creds *creds;

	/* Without its signer a set cannot be judged: it waits. What is in use stays meanwhile. */
	if (f->has_key && !net_signer_ready(n))
		return;
	creds = chan_creds_new(&pem, &why);
	if (!creds && f->has_key && !net_signer_ready(n))
		return;
	if (creds) {
		chan_creds_free(n->creds);
		n->creds = creds;
		err_clear(&why);
		net_recheck(n);
	}
	settled(n, &why);
}

clv_rc net_on_creds(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__Creds *q = (const Clv__Creds *)msg;
	struct net *n = ctx;
	struct clv_err why = {0};
	size_t next = 0;

	(void)err;
	release_files(n);
	n->files = clv_calloc(1, sizeof *n->files);
	n->files->has_key = q->has >> FILE_KEY & 1u;
	n->creds_serial = q->serial;
	for (size_t i = 0; i < FILES; i++) {
		buf_init(&n->files->b[i], PEM_MAX);
		if (i == FILE_KEY || !(q->has >> i & 1u))
			continue;
		if (file_read_fd(fds[next++], "a certificate file", &n->files->b[i], &why)) {
			settled(n, &why);
			return CLV_OK;
		}
	}
	settle(n);
	return CLV_OK;
}

void net_creds_sweep(struct net *n)
{
	if (n->files)
		settle(n);
}

/* A signer that was started anew may have read other files than ours; the next one may have read ours. */
static void look_for_key(struct net *n)
{
	bool lacked = n->key_err.code != CLV_E_NONE;

	err_clear(&n->key_err);
	if (!chan_creds_key_there(n->creds, &n->key_err) || lacked)
		net_creds_report(n);
}

clv_rc net_creds_signer(struct net *n, int fd, struct clv_err *err)
{
	if (net_signer_peer(n, fd, err))
		return CLV_FAILED;
	if (n->files)
		settle(n);
	else if (n->creds)
		look_for_key(n);
	return CLV_OK;
}
