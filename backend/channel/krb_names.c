/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals and names. Pure; no DNS is asked, nothing is guessed: a principal is MSOMHSvc/host of a realm
 * that is listed, or a line of the map says whose it is.
 */
#include "channel/krb.h"

#include <stdio.h>
#include <string.h>

/* Printable ASCII without what a principal would have to quote. */
static bool is_plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '\\' || s[i] == '=' || s[i] == '"')
			return false;
	return len > 0;
}

/* The realm behind the only @; NULL when there is none. */
static const char *realm_of(const char *principal)
{
	const char *at = strchr(principal, '@');

	return at && at != principal && !strchr(at + 1, '@') && at[1] ? at + 1 : NULL;
}

static clv_rc check_principal(const struct krb_names *n, const char *principal, struct clv_err *err)
{
	size_t len = strlen(principal);
	const char *realm = realm_of(principal);

	if (len >= KRB_PRINCIPAL_MAX || !is_plain(principal, len) || !realm)
		return err_set(err, CLV_E_AUTH, "the peer's principal is outside the grammar");
	for (size_t i = 0; i < n->n_realms; i++)
		if (strcmp(n->realms[i], realm) == 0)
			return CLV_OK;
	return err_set(err, CLV_E_AUTH,
	               "the principal %s is of a realm that is not listed; see realms under [kerberos]",
	               principal);
}

clv_rc krb_map_parse(const char *item, char from[KRB_PRINCIPAL_MAX], char to[KRB_PRINCIPAL_MAX],
                     struct clv_err *err)
{
	const char *eq = strchr(item, '=');
	size_t n = eq ? (size_t)(eq - item) : 0;

	if (!eq || n >= KRB_PRINCIPAL_MAX || !is_plain(item, n) || strlen(eq + 1) >= KRB_PRINCIPAL_MAX)
		return err_set(err, CLV_E_CONFIG,
		               "map: '%s' cannot be read; expected like WEB01$@OPS.TEST=web01.ops.test",
		               item);
	memcpy(from, item, n);
	from[n] = 0;
	if (!realm_of(from) || verify_node_name(slice_str(eq + 1), err))
		return err_set(err, CLV_E_CONFIG,
		               "map: '%s' cannot be read; expected like WEB01$@OPS.TEST=web01.ops.test",
		               item);
	(void)snprintf(to, KRB_PRINCIPAL_MAX, "%s", eq + 1);
	return CLV_OK;
}

clv_rc krb_node_of(const struct krb_names *n, const char *principal, char name[KRB_PRINCIPAL_MAX],
                   struct clv_err *err)
{
	static const char prefix[] = KRB_SERVICE_NODE "/";
	char host[KRB_PRINCIPAL_MAX] = "";
	size_t len;

	if (check_principal(n, principal, err))
		return CLV_FAILED;
	for (size_t i = 0; i < n->n_maps; i++)
		if (strcmp(n->maps[i].from, principal) == 0) {
			(void)snprintf(name, KRB_PRINCIPAL_MAX, "%s", n->maps[i].to);
			return CLV_OK;
		}
	if (strncmp(principal, prefix, sizeof prefix - 1) != 0)
		return err_set(err, CLV_E_AUTH, "the principal %s is no node's: neither %shost nor in map",
		               principal, prefix);
	len = strcspn(principal + sizeof prefix - 1, "@");
	memcpy(host, principal + sizeof prefix - 1, len);
	if (verify_node_name(slice_str(host), err))
		return err_wrap(err, "the principal %s", principal);
	(void)snprintf(name, KRB_PRINCIPAL_MAX, "%s", host);
	return CLV_OK;
}

clv_rc krb_operator_of(const struct krb_names *n, const char *principal, char name[KRB_PRINCIPAL_MAX],
                       struct clv_err *err)
{
	size_t len = strcspn(principal, "@");

	if (check_principal(n, principal, err))
		return CLV_FAILED;
	/* Nodes and operators are told apart: what is a service's or a machine's never logs on. */
	if (strncmp(principal, KRB_SERVICE_NODE "/", sizeof KRB_SERVICE_NODE) == 0 ||
	    strncmp(principal, KRB_SERVICE_CONSOLE "/", sizeof KRB_SERVICE_CONSOLE) == 0 ||
	    strncmp(principal, "host/", 5) == 0 || principal[len - 1] == '$')
		return err_set(err, CLV_E_AUTH, "the principal %s is a service's or a machine's, no person's",
		               principal);
	(void)snprintf(name, KRB_PRINCIPAL_MAX, "%s", principal);
	return CLV_OK;
}

clv_rc krb_service_of(const struct krb_names *n, const char *service, const char *host,
                      char out[KRB_PRINCIPAL_MAX * 2], struct clv_err *err)
{
	if (n->n_realms == 0)
		return err_set(err, CLV_E_CONFIG, "no realm is listed: set realms under [kerberos]");
	(void)snprintf(out, KRB_PRINCIPAL_MAX * 2, "%s/%s%s%s", service, host, n->realms[0][0] ? "@" : "",
	               n->realms[0]);
	return CLV_OK;
}
