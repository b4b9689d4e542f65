/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of an SSH attach. What does not fit the grammar is refused; nothing is guessed or unescaped.
 */
#include "console/ssh_url.h"

#include "claviger/client.h"

#include <stdio.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char form[] = "ssh://[user@]host[:port] or ssh://[user@]host[:port]/server[:port]";

bool ssh_url_is(const char *s)
{
	return strncmp(s, "ssh:", 4) == 0;
}

static bool made_of(const char *s, const char *chars)
{
	size_t len = strlen(s);
	return len > 0 && len < SSH_NAME_MAX && s[0] != '-' && strspn(s, chars) == len;
}

bool ssh_host_ok(const char *s)
{
	if (strchr(s, ':') != NULL) /* an address of IPv6, perhaps with its zone */
		return made_of(s, "0123456789abcdefABCDEF:.%" LETTERS "_");
	return s[0] != '.' && made_of(s, LETTERS "._-");
}

bool ssh_user_ok(const char *s)
{
	return made_of(s, LETTERS "._-+");
}

static clv_rc take(const char *s, size_t len, char out[SSH_NAME_MAX], struct clv_err *err)
{
	if (len == 0 || len >= SSH_NAME_MAX)
		return err_set(err, CLV_E_USAGE, "a name is empty or too long; expected %s", form);
	memcpy(out, s, len);
	out[len] = '\0';
	return strlen(out) == len ? CLV_OK : err_set(err, CLV_E_USAGE, "expected %s", form);
}

static clv_rc take_port(const char *s, size_t len, uint16_t *out, struct clv_err *err)
{
	unsigned v = 0;
	for (size_t i = 0; i < len && v < 100000; i++) {
		if (s[i] < '0' || s[i] > '9')
			v = 100000;
		else
			v = v * 10 + (unsigned)(s[i] - '0');
	}
	if (len == 0 || v == 0 || v > 65535)
		return err_set(err, CLV_E_USAGE, "a port is a number from 1 to 65535; expected %s", form);
	*out = (uint16_t)v;
	return CLV_OK;
}

/* host, [address], each with or without :port. *port stays as it is when there is none. */
static clv_rc host_port(const char *s, size_t len, bool any_in_brackets, char host[SSH_NAME_MAX],
                        uint16_t *port, struct clv_err *err)
{
	const char *rest = memchr(s, ':', len), *close = memchr(s, ']', len);
	if (len > 0 && s[0] == '[') {
		if (close == NULL || take(s + 1, (size_t)(close - s) - 1, host, err) != CLV_OK ||
		    (strchr(host, ':') == NULL && !any_in_brackets))
			return err_set(err, CLV_E_USAGE, "brackets hold an IPv6 address; expected %s", form);
		rest = close + 1 < s + len ? close + 1 : NULL;
		if (rest != NULL && *rest != ':')
			return err_set(err, CLV_E_USAGE, "after ] comes :port or nothing; expected %s", form);
	} else if (take(s, rest != NULL ? (size_t)(rest - s) : len, host, err) != CLV_OK) {
		return CLV_FAILED;
	}
	if (!ssh_host_ok(host))
		return err_set(err, CLV_E_USAGE,
		               "a host is made of letters, digits, dots, - and _; expected %s", form);
	return rest == NULL ? CLV_OK : take_port(rest + 1, (size_t)(s + len - rest) - 1, port, err);
}

static clv_rc hop(const char *s, size_t len, bool any_in_brackets, struct ssh_url *out, struct clv_err *err)
{
	struct ssh_url u = {.port = 0};
	const char *at = memchr(s, '@', len);
	if (at != NULL) {
		if (take(s, (size_t)(at - s), u.user, err) != CLV_OK)
			return CLV_FAILED;
		if (!ssh_user_ok(u.user))
			return err_set(err, CLV_E_USAGE,
			               "a user is made of letters, digits, dots, -, + and _; expected %s",
			               form);
		len -= (size_t)(at - s) + 1;
		s = at + 1;
	}
	if (host_port(s, len, any_in_brackets, u.host, &u.port, err) != CLV_OK)
		return CLV_FAILED;
	*out = u;
	return CLV_OK;
}

clv_rc ssh_hop_parse(const char *s, size_t len, struct ssh_url *out, struct clv_err *err)
{
	return hop(s, len, true, out, err);
}

char *ssh_hop_format(const struct ssh_url *u)
{
	bool six = strchr(u->host, ':') != NULL;
	char port[8] = "";
	if (u->port != 0)
		snprintf(port, sizeof(port), ":%u", u->port);
	return clv_asprintf("%s%s%s%s%s%s", u->user, u->user[0] != '\0' ? "@" : "", six ? "[" : "", u->host,
	                    six ? "]" : "", port);
}

/* ms[@address][:port], as everywhere: the name is what it proves. */
static clv_rc forward_part(const char *s, struct ssh_url *u, struct clv_err *err)
{
	char name[SSH_NAME_MAX], where[SSH_NAME_MAX];
	const char *at = strchr(s, '@');
	u->forward = true;
	u->to_port = CLV_CONSOLE_PORT;
	if (at == NULL) {
		if (host_port(s, strlen(s), false, name, &u->to_port, err) != CLV_OK)
			return CLV_FAILED;
		snprintf(u->to_host, sizeof(u->to_host), "%s", name);
		snprintf(u->server, sizeof(u->server), "%s:%u", name, u->to_port);
		return CLV_OK;
	}
	if (take(s, (size_t)(at - s), name, err) != CLV_OK ||
	    host_port(at + 1, strlen(at + 1), false, where, &u->to_port, err) != CLV_OK)
		return CLV_FAILED;
	if (!ssh_host_ok(name) || strchr(name, ':') != NULL || strchr(where, ':') != NULL)
		return err_set(err, CLV_E_USAGE, "the server behind / is name[@address][:port]; expected %s",
		               form);
	snprintf(u->to_host, sizeof(u->to_host), "%s", where);
	snprintf(u->server, sizeof(u->server), "%s@%s:%u", name, where, u->to_port);
	return CLV_OK;
}

clv_rc ssh_url_parse(const char *s, struct ssh_url *out, struct clv_err *err)
{
	struct ssh_url u;
	if (strncmp(s, "ssh://", 6) != 0)
		return err_set(err, CLV_E_USAGE, "an SSH address is %s", form);
	s += 6;
	const char *slash = strchr(s, '/');
	if (hop(s, slash != NULL ? (size_t)(slash - s) : strlen(s), false, &u, err) != CLV_OK ||
	    (slash != NULL && forward_part(slash + 1, &u, err) != CLV_OK))
		return CLV_FAILED;
	*out = u;
	return CLV_OK;
}
