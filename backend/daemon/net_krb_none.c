/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network process of a node without Kerberos: links with none of MIT's libraries and offers none.
 */
#include "daemon/net.h"
#include <unistd.h>

const char *const net_krb_rows = "";

clv_rc net_krb_prepare(struct net *n, struct clv_err *err)
{
	return n->start->kerberos
	           ? err_set(err, CLV_E_INTERNAL, "a network process without Kerberos was started")
	           : CLV_OK;
}

const struct chan_krb *net_krb_means(const struct net *n, bool initiator)
{
	(void)n;
	(void)initiator;
	return NULL;
}

clv_rc net_krb_peer(struct net *n, const char *name, int fd, struct clv_err *err)
{
	(void)n;
	(void)close(fd);
	return err_set(err, CLV_E_PROTO, "an unknown sibling, %s", name);
}

clv_rc net_krb_ask(struct conn *c, const struct chan_step *s, struct clv_err *err)
{
	(void)c;
	(void)s;
	return err_set(err, CLV_E_INTERNAL, "Kerberos is not linked here");
}

void net_krb_forget(struct conn *c)
{
	(void)c;
}
