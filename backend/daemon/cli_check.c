/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd check` (P4): reads the configuration as the service would, looks at every file it
 * names, says which certificate would be used for each link and why, and for every problem the
 * fix. Changes nothing. Runs as a command, best as the user who starts the service.
 */
#include "daemon/cli.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "channel/krb.h"
#include "claviger/text.h"
#include "daemon/cli_check.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONF "/etc/claviger/clavigerd.conf"
#define DEFAULT_PORT "5723"

void check_say(const char *what, const char *fmt, ...)
{
	va_list ap;

	printf("%-14s ", what);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void check_problem(struct check *c, const char *fix, const char *fmt, ...)
{
	va_list ap;

	c->problems++;
	printf("%-14s ", "PROBLEM");
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	printf("; fix: %s\n", fix);
}

/* ---- the node ---- */

/* Inside by its real place: a link does not take it out of a copy. */
static bool is_inside(const char *path, const char *folder)
{
	char real[PATH_MAX], dir[PATH_MAX];
	size_t n;

	if (!realpath(path, real) || !realpath(folder, dir))
		return false;
	n = strlen(dir);
	return strncmp(real, dir, n) == 0 && real[n] == '/';
}

static void check_secret(struct check *c)
{
	const char *path = conf_str(c->conf, "node", "machine_secret");
	struct stat st;

	if (lstat(path, &st) != 0) {
		check_say("vault", "opened by a machine secret that is made at the first start: %s", path);
		return;
	}
	check_say(
	    "vault",
	    "opened by the machine secret %s: copies and backups of the state folder are protected: yes; a "
	    "stolen disk: no",
	    path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		check_problem(c, "chmod 400 it and see who could have read it",
		              "the machine secret %s has mode %04o", path, (unsigned)(st.st_mode & 07777));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		check_problem(c, "chown it to who starts the service, and see who could have read it",
		              "the machine secret %s belongs to the user %u", path, (unsigned)st.st_uid);
	if (is_inside(path, conf_str(c->conf, "node", "state")))
		check_problem(c, "move it elsewhere and set machine_secret under [node]",
		              "the machine secret lies inside the state folder, so that a copy of the state "
		              "opens itself");
}

/* What is protected against what (T11, T12). */
static void check_vault(struct check *c)
{
	const char *how = conf_str(c->conf, "node", "vault_protect");

	if (strcmp(how, "passphrase") == 0)
		check_say(
		    "vault",
		    "opened by a passphrase at every start: copies and backups of the state folder are "
		    "protected: yes; a stolen disk: yes. When the key holder ends, so does the service");
	else if (strcmp(how, "credential") == 0)
		check_say("vault",
		          "opened by the systemd credential %s: copies and backups of the state folder are "
		          "protected: yes; a stolen disk: yes if the credential is sealed to a TPM or comes "
		          "from elsewhere, else no",
		          conf_str(c->conf, "node", "vault_credential"));
	else
		check_secret(c);
}

static void check_node(struct check *c)
{
	const char *name = conf_str(c->conf, "node", "name");
	const char *state = conf_str(c->conf, "node", "state");
	struct stat st;
	struct clv_err err;

	check_say("node", "%s, %s of group %s", name, conf_str(c->conf, "node", "role"),
	          conf_str(c->conf, "node", "group"));
	if (verify_node_name(slice_str(name), &err) != CLV_OK)
		check_problem(c, "set name under [node] to the full host name, in lower case", "%s",
		              err.text);
	if (stat(state, &st) != 0)
		check_say("state", "%s (is made at the first start)", state);
	else if (!S_ISDIR(st.st_mode))
		check_problem(c, "move the file away or set state under [node]",
		              "the state folder %s is no folder", state);
	else if ((st.st_mode & 022) != 0)
		check_problem(c, "chmod go-w it", "the state folder %s can be written by others (mode %04o)",
		              state, (unsigned)(st.st_mode & 07777));
	else
		check_say("state", "%s", state);
	check_vault(c);
	if (conf_bool(c->conf, "node", "bare"))
		check_say("warning",
		          "bare = yes: the service runs without its sandbox where that cannot be set up");
}

/* ---- the links ---- */

/* name[@address][:port]; IPv6 addresses in brackets. */
static bool split_server(const char *item, char name[256], char port[8])
{
	const char *at = strchr(item, '@');
	const char *host = at == NULL ? item : at + 1;
	const char *colon = strrchr(host, ':');
	const char *bracket = strrchr(host, ']');
	size_t host_len;
	size_t len;
	long value = 0;

	if (host[0] == '[' && (bracket == NULL || (colon != NULL && colon < bracket)))
		colon = NULL;
	host_len = colon == NULL ? strlen(host) : (size_t)(colon - host);
	len = at == NULL ? host_len : (size_t)(at - item);
	if (len == 0 || len > 253 || host_len == 0 || (host[0] == '[' && (bracket == NULL || at == NULL)))
		return false;
	memcpy(name, item, len);
	name[len] = '\0';
	(void)snprintf(port, 8, "%s", DEFAULT_PORT);
	if (colon == NULL)
		return true;
	if (strlen(colon + 1) < 1 || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	for (const char *p = colon + 1; *p != '\0'; p++)
		value = value * 10 + (*p - '0');
	(void)snprintf(port, 8, "%s", colon + 1);
	return value >= 1 && value <= 65535;
}

static const char *why_of(const char *mechanism)
{
	if (strcmp(mechanism, "certificate") == 0)
		return "mechanism = certificate: TLS at once, nothing else is tried";
	return "mechanism = auto: a certificate is installed, so it is offered and the server takes it (S2)";
}

static void check_link(struct check *c, const char *item)
{
	const char *mechanism = conf_str(c->conf, "channel", "mechanism");
	char host[256];
	char port[8];
	struct clv_err err;

	if (!split_server(item, host, port)) {
		check_problem(c, "write name[@address][:port], with a port from 1 to 65535",
		              "server '%s' cannot be read", item);
		return;
	}
	if (verify_node_name(slice_str(host), &err) != CLV_OK) {
		check_problem(c, "name the server as its certificate does, by its full host name",
		              "server: %s", err.text);
		return;
	}
	if (strcmp(mechanism, "kerberos") == 0 && !c->kerberos)
		check_problem(c, "set keytab and realms under [kerberos]",
		              "link to %s:%s: mechanism = kerberos, and there is no Kerberos here", host,
		              port);
	else if (strcmp(mechanism, "kerberos") == 0 ||
	         (strcmp(mechanism, "auto") == 0 && !c->usable && c->kerberos))
		check_say("link", "%s:%s by Kerberos as %s (%s); the server must prove %s/%s", host, port,
		          c->principal,
		          strcmp(mechanism, "auto") == 0
		              ? "mechanism = auto: there is no certificate here (S3)"
		              : "mechanism = kerberos: nothing else is tried",
		          KRB_SERVICE_NODE, host);
	else if (!c->usable)
		check_problem(c, "mend the certificate (see above)",
		              "link to %s:%s: no certificate could be used", host, port);
	else
		check_say("link", "%s:%s by certificate %s (%s%s); the server must prove the name %s", host,
		          port, c->thumb, why_of(mechanism),
		          c->kerberos && strcmp(mechanism, "auto") == 0
		              ? "; Kerberos where it has none, and no certificate link was proven before"
		              : "",
		          host);
}

static void check_links(struct check *c)
{
	const char *const *servers;
	size_t n = conf_list(c->conf, "channel", "server", &servers);
	const char *role = conf_str(c->conf, "node", "role");
	bool is_server = strcmp(role, "management-server") == 0;

	for (size_t i = 0; i < n; i++)
		check_link(c, servers[i]);
	if (n == 0 && !is_server)
		check_problem(c, "add server = HOST under [channel]", "this %s has no server to connect to",
		              role);
	if (!is_server && strcmp(role, "gateway") != 0)
		return;
	n = conf_list(c->conf, "channel", "listen", &servers);
	for (size_t i = 0; i < n; i++)
		check_say("listen", "%s for nodes, by certificate %s", servers[i],
		          c->usable ? c->thumb : "(none usable)");
	if (!is_server)
		return;
	n = conf_list(c->conf, "channel", "listen_console", &servers);
	for (size_t i = 0; i < n; i++)
		check_say("listen", "%s for consoles, by certificate %s", servers[i],
		          c->usable ? c->thumb : "(none usable)");
	check_say("listen", "%s for consoles on this host", conf_str(c->conf, "channel", "console_socket"));
}

static int check_file(const char *path)
{
	struct check c = {0};
	struct clv_err err;

	if (channel_process_init(&err) != CLV_OK || options_load(path, &c.conf, &err) != CLV_OK) {
		fprintf(stderr, "clavigerd check: %s\n", err.text);
		return 1;
	}
	check_say("configuration", "%s", path);
	check_node(&c);
	check_kerberos(&c);
	check_channel(&c);
	check_links(&c);
	if (c.problems == 0)
		printf("fine: no problem found\n");
	else
		printf("%d problem%s found\n", c.problems, c.problems == 1 ? "" : "s");
	conf_free(c.conf);
	return c.problems == 0 ? 0 : 1;
}

int cli_check(int argc, char **argv)
{
	const char *path = DEFAULT_CONF;
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt(argc, argv, "c:")) != -1) {
		if (c != 'c') {
			fprintf(stderr, "usage: clavigerd check [-c FILE]\n");
			return 2;
		}
		path = optarg;
	}
	if (optind != argc) {
		fprintf(stderr, "usage: clavigerd check [-c FILE]\n");
		return 2;
	}
	return check_file(path);
}
