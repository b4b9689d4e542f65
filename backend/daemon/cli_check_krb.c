/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kerberos in `clavigerd check`: which principals the keytab holds, under which enctypes, and as whom this
 * node initiates and accepts. The keytab is read by krb_accept, which is linked with libkrb5; this command
 * reads what that prints.
 */
#include "daemon/cli_check.h"
#include "base/file.h"
#include "channel/krb.h"
#include "claviger/text.h"
#include "daemon/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTING_MAX (1024u * 1024u)

/* What `krb_accept check FILE` prints; its complaint in err otherwise. */
static clv_rc list_keytab(const char *path, struct clv_buf *out, struct clv_err *err)
{
	char *exe = cli_libexec("krb_accept");
	int fds[2], status = 1;
	clv_rc rc = CLV_FAILED;
	pid_t pid;

	if (!exe || pipe(fds)) {
		clv_free(exe);
		return err_set(err, CLV_E_IO, "krb_accept cannot be started");
	}
	pid = fork();
	if (pid == 0) {
		if (dup2(fds[1], 1) < 0 || dup2(fds[1], 2) < 0)
			_exit(126);
		(void)close(fds[0]);
		(void)execl(exe, exe, "check", path, (char *)NULL);
		_exit(127);
	}
	(void)close(fds[1]);
	if (pid > 0)
		rc = file_read_fd(fds[0], "the keytab's listing", out, err);
	(void)close(fds[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && !rc && status != 0)
		rc = err_set(err, CLV_E_CONFIG, "%.*s", (int)strcspn((const char *)buf_slice(out).ptr, "\n"),
		             (const char *)buf_slice(out).ptr);
	clv_free(exe);
	return rc;
}

struct wanted {
	char node[KRB_PRINCIPAL_MAX * 2], console[KRB_PRINCIPAL_MAX * 2];
	const char *initiator;
	bool has_node, has_console, has_initiator;
};

/* "PRINCIPAL KVNO ENCTYPE NAME" */
static void take_line(struct check *c, char *line, struct wanted *w)
{
	char *principal = strsep(&line, " "), *kvno = strsep(&line, " "), *number = strsep(&line, " ");
	uint32_t enctype = number ? (uint32_t)strtoul(number, NULL, 10) : 0;
	bool rc4 = conf_bool(c->conf, "kerberos", "permit_rc4");
	enum krb_strength s = krb_strength(enctype);
	struct clv_text *safe = text_new_str(principal);

	if (!number) {
		text_free(safe);
		return;
	}
	check_say("  key", "%s, version %s, %s", text_str(safe), kvno, krb_enctype_name(enctype));
	if (s == KRB_REFUSED || (s == KRB_WEAK && !rc4))
		check_problem(c,
		              s == KRB_WEAK
		                  ? "take the entry out, give the principal AES keys at the KDC, or "
		                    "set permit_rc4 = yes under [kerberos]"
		                  : "take the entry out, and give the principal AES keys at the KDC",
		              "the keytab holds a key of %s for %s; the service will not start",
		              krb_enctype_name(enctype), text_str(safe));
	w->has_node |= strcmp(principal, w->node) == 0;
	w->has_console |= strcmp(principal, w->console) == 0;
	w->has_initiator |= strcmp(principal, w->initiator) == 0;
	text_free(safe);
}

static void check_keys(struct check *c, struct wanted *w)
{
	const char *path = conf_str(c->conf, "kerberos", "keytab");
	struct clv_err err = {0};
	struct clv_buf b;
	char *rest, *line;

	buf_init(&b, LISTING_MAX);
	if (list_keytab(path, &b, &err) || buf_put_u8(&b, 0, &err)) {
		check_problem(c, "export it again at the KDC (kadmin ktadd), and chmod 600 it",
		              "the keytab %s: %s", path, err.text);
	} else {
		rest = (char *)b.ptr;
		while ((line = strsep(&rest, "\n")))
			take_line(c, line, w);
	}
	buf_release(&b);
}

static void need_key(struct check *c, bool has, const char *principal, const char *what)
{
	char *fix;

	if (has) {
		check_say("kerberos", "%s %s", what, principal);
		return;
	}
	fix = clv_asprintf("kadmin ktadd -k %s %s", conf_str(c->conf, "kerberos", "keytab"), principal);
	check_problem(c, fix, "the keytab holds no key of %s (%s)", principal, what);
	clv_free(fix);
}

void check_kerberos(struct check *c)
{
	const char *role = conf_str(c->conf, "node", "role");
	bool server = strcmp(role, "management-server") == 0;
	const char *path = conf_str(c->conf, "kerberos", "keytab"), *name = conf_str(c->conf, "node", "name");
	const char *const *realms = NULL;
	struct krb_names names = {.n_realms = conf_list(c->conf, "kerberos", "realms", &realms)};
	struct wanted w = {.initiator = conf_str(c->conf, "kerberos", "principal")};
	struct clv_err err = {0};
	struct stat st;

	names.realms = realms;
	if (!path && names.n_realms == 0)
		return;
	if (!path || krb_service_of(&names, KRB_SERVICE_NODE, name, w.node, &err) ||
	    krb_service_of(&names, KRB_SERVICE_CONSOLE, name, w.console, &err)) {
		check_problem(c, "set both keytab and realms under [kerberos], or neither",
		              "[kerberos] is half set; the service will not start");
		return;
	}
	c->kerberos = true;
	if (!w.initiator)
		w.initiator = w.node;
	check_say("keytab", "%s", path);
	if (lstat(path, &st) == 0 && (!S_ISREG(st.st_mode) || (st.st_mode & 077)))
		check_problem(c, "chmod 600 it", "the keytab may be read by others (mode %04o)",
		              (unsigned)(st.st_mode & 07777));
	if (conf_bool(c->conf, "kerberos", "permit_rc4"))
		check_say("warning", "permit_rc4 = yes: links may be protected by RC4, which is weak");
	check_keys(c, &w);
	(void)snprintf(c->principal, sizeof c->principal, "%.400s", w.initiator);
	if (server || strcmp(role, "gateway") == 0)
		need_key(c, w.has_node, w.node, "nodes are accepted as");
	if (server) {
		need_key(c, w.has_console, w.console, "consoles are accepted as");
	} else {
		need_key(c, w.has_initiator, w.initiator, "this node initiates as");
	}
}
