/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server addresses as an operator types them: unix:PATH, name, name:port, name@address:port. An IP
 * address alone is no name that a certificate could prove, so it is refused.
 */
#include "client/session.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static clv_rc parse_unix(struct clv_session *s, const char *path, struct clv_err *err)
{
	struct sockaddr_un sa;
	if (path[0] != '/')
		return err_set(err, CLV_E_USAGE, "unix: needs an absolute path after it");
	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(err, CLV_E_USAGE, "the socket's path is longer than %zu bytes",
		               sizeof(sa.sun_path) - 1);
	s->path = clv_strdup(path);
	return CLV_OK;
}

static bool port_ok(const char *port)
{
	size_t len = strlen(port);
	return len > 0 && len <= 5 && strspn(port, "0123456789") == len &&
	       strtoul(port, NULL, 10) - 1 < 65535;
}

/* name[@address][:port]; the address, where there is one, only says where to connect. */
static clv_rc parse_tcp(struct clv_session *s, const char *server, struct clv_err *err)
{
	char name[254];
	struct in6_addr any;
	size_t len = strcspn(server, "@:");
	const char *address = server[len] == '@' ? server + len + 1 : NULL;
	const char *colon = strrchr(address != NULL ? address : server, ':');
	if (len == 0 || len >= sizeof(name))
		return err_set(err, CLV_E_USAGE, "a server is unix:PATH or name[@address][:port]");
	for (size_t i = 0; i < len; i++)
		name[i] = (char)tolower((unsigned char)server[i]);
	name[len] = '\0';
	if (inet_pton(AF_INET, name, &any) == 1 || strchr(server, '[') != NULL)
		return err_set(err, CLV_E_USAGE,
		               "name the server, not its address: a name is what it proves; NAME@ADDRESS "
		               "says where it is");
	if (verify_node_name(slice_str(name), err) != CLV_OK)
		return err_wrap(err, "server name");
	if (colon != NULL && !port_ok(colon + 1))
		return err_set(err, CLV_E_USAGE, "the port after %s: is a number from 1 to 65535", name);
	s->host = clv_strdup(name);
	s->port = colon != NULL ? clv_strdup(colon + 1) : clv_asprintf("%u", CLV_CONSOLE_PORT);
	if (address != NULL)
		s->address = clv_asprintf("%.*s", (int)strcspn(address, ":"), address);
	return CLV_OK;
}

clv_rc session_parse_address(struct clv_session *s, const char *server, struct clv_err *err)
{
	if (strncmp(server, "unix:", 5) == 0)
		return parse_unix(s, server + 5, err);
	if (strstr(server, "://") != NULL)
		return err_set(err, CLV_E_USAGE,
		               "a server is unix:PATH, name[@address][:port], ssh://[user@]host[:port] or "
		               "ssh://[user@]host[:port]/name[:port]");
	return parse_tcp(s, server, err);
}
