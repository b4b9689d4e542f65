/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For unit tests of channels by Kerberos: a realm's principals, two ends in memory, and who does their steps.
 * The program starts itself again inside a realm (tests/lib/realm.sh).
 */
#ifndef TESTS_UNIT_GSS_FIXTURE_H
#define TESTS_UNIT_GSS_FIXTURE_H

#include "tests/lib/unit.h"
#include "base/clock.h"
#include "channel/gss.h"
#include "channel/negotiate.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define AES256 "aes256-cts-hmac-sha384-192"
/* The order that the service's own krb5.conf gives; RC4 too, so that what refuses it is ours. */
#define ENCTYPES " permitted_enctypes = " AES256 " aes256-cts-hmac-sha1-96 arcfour-hmac\n"

static char folder[256], agent_keytab[320], server_keytab[320], ccache[320];
static const char *const realm[] = {"OPS.TEST"};
static const char *const other_realm[] = {"OTHER.TEST"};
static struct gss_acceptor *acceptor;

/* One end: a channel, and who does its steps. */
struct end {
	struct chan *chan;
	struct chan_krb krb;
	struct gss_attempt *attempt;
	struct gss_acceptor *acceptor;
	struct clv_buf token; /* the last of ours */
};

static inline void run(const char *command)
{
	/* Words without quotes; kadmin.local is the KDC's own tool. */
	char *text = clv_strdup(command), *rest = text, *word, *argv[32];
	size_t n = 0;
	int status = 0;
	pid_t pid;

	while ((word = strsep(&rest, " ")) && n < 31)
		argv[n++] = word;
	argv[n] = NULL;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (dup2(null, 1) >= 0 && dup2(null, 2) >= 0)
			execvp(argv[0], argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("%s: status %d", command, status);
	clv_free(text);
}

static inline void add(const char *principal, const char *kinds, const char *keytab)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "kadmin.local -r OPS.TEST addprinc -randkey -e %s %s", kinds,
	               principal);
	run(text);
	(void)snprintf(text, sizeof text, "kadmin.local -r OPS.TEST ktadd -k %s -norandkey %s", keytab,
	               principal);
	run(text);
}

/* A configuration that includes the realm's. */
static inline void configure(const char *name, const char *lines)
{
	char path[400];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "[libdefaults]\n%s\ninclude %s/krb5.conf\n", lines, folder);
	(void)fclose(f);
	assert_int_equal(setenv("KRB5_CONFIG", path, 1), 0);
}

static inline int setup(void **state)
{
	char name[400];
	struct clv_err err = {0};

	(void)state;
	(void)snprintf(folder, sizeof folder, "%s", getenv("CLV_REALM"));
	(void)snprintf(agent_keytab, sizeof agent_keytab, "%s/agent.keytab", folder);
	(void)snprintf(server_keytab, sizeof server_keytab, "%s/server.keytab", folder);
	(void)snprintf(ccache, sizeof ccache, "MEMORY:test");
	add("MSOMHSvc/web01.ops.test", AES256 ":normal", agent_keytab);
	add("MSOMHSvc/rms1.ops.test", AES256 ":normal", server_keytab);
	add("MSOMSdkSvc/rms1.ops.test", AES256 ":normal", server_keytab);
	add("MSOMHSvc/old.ops.test", "arcfour-hmac:normal", server_keytab);
	add("MSOMHSvc/mix.ops.test", AES256 ":normal", server_keytab);
	run("kadmin.local -r OPS.TEST setstr MSOMHSvc/mix.ops.test session_enctypes arcfour-hmac");
	run("kadmin.local -r OPS.TEST setstr MSOMHSvc/old.ops.test session_enctypes " AES256);
	configure("ours.conf", ENCTYPES);
	if (gss_process_init(&err))
		fail_msg("%s", err.text);
	(void)snprintf(name, sizeof name, "FILE:%s", server_keytab);
	acceptor = gss_acceptor_new(name, "MSOMHSvc/rms1.ops.test@OPS.TEST", &err);
	if (!acceptor)
		fail_msg("%s", err.text);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	gss_acceptor_free(acceptor);
	return 0;
}

static inline struct gss_from from(void)
{
	static char keytab[400];

	(void)snprintf(keytab, sizeof keytab, "FILE:%s", agent_keytab);
	return (struct gss_from){
	    .principal = "MSOMHSvc/web01.ops.test@OPS.TEST", .ccache = ccache, .keytab = keytab};
}

static inline void begin(struct end *e, bool initiator, const char *peer)
{
	struct chan_opts o = {.initiator = initiator,
	                      .krb = &e->krb,
	                      .peer_name = initiator ? peer : NULL,
	                      .peer_kind = VERIFY_NODE,
	                      .role = initiator ? "agent" : "management-server"};
	struct clv_err err = {0};

	memset(e, 0, sizeof *e);
	e->krb =
	    (struct chan_krb){.ops = &gss_ops, .names = {realm, 1, NULL, 0}, .service = KRB_SERVICE_NODE};
	e->acceptor = acceptor;
	buf_init(&e->token, KRB_TOKEN_MAX);
	e->chan = chan_new(&o, &err);
	if (!e->chan)
		fail_msg("%s", err.text);
}

static inline void end(struct end *e)
{
	chan_free(e->chan);
	gss_attempt_free(e->attempt);
	buf_release(&e->token);
}

/* The step that is due, if one is. */
static inline clv_rc step(struct end *e, struct clv_err *err)
{
	struct gss_from f = from();
	struct chan_step s;
	struct chan_stepped r;
	struct gss_result g;
	clv_rc rc;

	if (!chan_step(e->chan, &s))
		return CLV_OK;
	gss_result_init(&g);
	if (!s.initiator)
		rc = gss_accept(e->acceptor, s.token, s.t, e->krb.permit_rc4, &g, err);
	else if (!e->attempt)
		rc = gss_begin(&f, s.target, s.t, e->krb.permit_rc4, &e->attempt, &g, err);
	else
		rc = gss_go_on(e->attempt, s.token, &g, err);
	if (rc) {
		chan_step_failed(e->chan, err);
	} else {
		buf_clear(&e->token);
		assert_int_equal(buf_put(&e->token, buf_slice(&g.token), err), CLV_OK);
		r = (struct chan_stepped){.token = buf_slice(&g.token),
		                          .done = g.done,
		                          .context = buf_slice(&g.context),
		                          .principal = g.principal,
		                          .ticket = g.ticket,
		                          .session = g.session,
		                          .key = g.key,
		                          .ends_ms = g.ends_ms};
		rc = chan_step_done(e->chan, &r, err);
	}
	gss_result_release(&g);
	return rc;
}

/* All that waits at one end goes to the other, which does what is due then. */
static inline clv_rc carry(struct end *a, struct end *b, size_t piece, struct clv_err *err)
{
	struct clv_buf *out = chan_output(a->chan);

	while (buf_slice(out).len) {
		size_t n = buf_slice(out).len < piece ? buf_slice(out).len : piece;

		if (chan_feed(b->chan, slice_of(buf_slice(out).ptr, n), err) || step(b, err))
			return CLV_FAILED;
		buf_consume(out, n);
	}
	return CLV_OK;
}

static inline clv_rc talk(struct end *a, struct end *b, size_t piece, struct clv_err *err)
{
	for (int i = 0; i < 6; i++)
		if (carry(a, b, piece, err) || carry(b, a, piece, err))
			return CLV_FAILED;
	return CLV_OK;
}

static inline void open_two(struct end *a, struct end *b)
{
	struct clv_err err = {0};

	begin(a, true, "rms1.ops.test");
	begin(b, false, NULL);
	if (talk(a, b, 100000, &err))
		fail_msg("%s", err.text);
	assert_int_equal(chan_state(a->chan), CHAN_OPEN);
	assert_int_equal(chan_state(b->chan), CHAN_OPEN);
}

/* The exchange fails, and for this reason. */
static inline void refused(struct end *a, struct end *b, const char *reason)
{
	struct clv_err err = {0};

	if (!talk(a, b, 100000, &err))
		fail_msg("it was taken; expected: %s", reason);
	if (!strstr(err.text, reason))
		fail_msg("'%s'; expected: %s", err.text, reason);
	assert_true(chan_state(a->chan) == CHAN_CLOSED || chan_state(b->chan) == CHAN_CLOSED);
	end(a);
	end(b);
}

static inline int in_realm(char **argv)
{
	if (getenv("CLV_REALM"))
		return 0;
	(void)execl("/bin/bash", "bash", "tests/lib/realm.sh", argv[0], (char *)NULL);
	return 1;
}

#endif
