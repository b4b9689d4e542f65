/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kerberos contexts a second, and wrapped messages a second, by the channel's own code beside the same
 * GSS-API calls in a bare loop, in one run on one machine. The tickets are there: no KDC is in either loop.
 * Started by kerberos.sh in a realm.
 */
#include "base/clock.h"
#include "channel/gss.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE 1024u
#define TARGET  "MSOMHSvc/rms1.ops.test@OPS.TEST"
#define OWN     "MSOMHSvc/web01.ops.test@OPS.TEST"

static char keytab[512];
static const char *const realms[] = {"OPS.TEST"};
static struct gss_acceptor *acceptor;

static void die(const char *what)
{
	fprintf(stderr, "kerberos: %s\n", what);
	exit(1);
}

struct end {
	struct chan *chan;
	struct gss_attempt *attempt;
};

static void step(struct end *e)
{
	struct gss_from from = {OWN, "MEMORY:bench", keytab};
	struct gss_result g;
	struct chan_stepped r;
	struct chan_step s;
	struct clv_err err = {0};
	clv_rc rc;

	if (!chan_step(e->chan, &s))
		return;
	gss_result_init(&g);
	rc = !s.initiator ? gss_accept(acceptor, s.token, s.t, false, &g, &err)
	     : e->attempt ? gss_go_on(e->attempt, s.token, &g, &err)
	                  : gss_begin(&from, s.target, s.t, false, &e->attempt, &g, &err);
	if (rc)
		die(err.text);
	r = (struct chan_stepped){.token = buf_slice(&g.token),
	                          .done = g.done,
	                          .context = buf_slice(&g.context),
	                          .principal = g.principal,
	                          .ticket = g.ticket,
	                          .session = g.session,
	                          .key = g.key,
	                          .ends_ms = g.ends_ms};
	if (chan_step_done(e->chan, &r, &err))
		die(err.text);
	gss_result_release(&g);
}

static void carry(struct end *a, struct end *b)
{
	struct clv_buf *out = chan_output(a->chan);
	struct clv_err err = {0};

	if (buf_slice(out).len == 0)
		return;
	if (chan_feed(b->chan, buf_slice(out), &err))
		die(err.text);
	buf_consume(out, buf_slice(out).len);
	step(b);
}

static void open_two(struct end *a, struct end *b)
{
	static const struct chan_krb krb = {
	    .ops = &gss_ops, .names = {realms, 1, NULL, 0}, .service = KRB_SERVICE_NODE};
	struct chan_opts ours = {
	    .initiator = true, .krb = &krb, .peer_name = "rms1.ops.test", .role = "agent"};
	struct chan_opts theirs = {.krb = &krb, .role = "management-server"};
	struct clv_err err = {0};

	*a = (struct end){.chan = chan_new(&ours, &err)};
	*b = (struct end){.chan = chan_new(&theirs, &err)};
	if (!a->chan || !b->chan)
		die(err.text);
	while (chan_state(a->chan) != CHAN_OPEN || chan_state(b->chan) != CHAN_OPEN) {
		carry(a, b);
		carry(b, a);
	}
}

static void close_two(struct end *a, struct end *b)
{
	chan_free(a->chan);
	chan_free(b->chan);
	gss_attempt_free(a->attempt);
}

static double our_contexts(int seconds)
{
	int64_t from = clock_mono_ms(), until = from + seconds * 1000;
	long n = 0;

	for (; clock_mono_ms() < until; n++) {
		struct end a, b;

		open_two(&a, &b);
		close_two(&a, &b);
	}
	return (double)n * 1000 / (double)(clock_mono_ms() - from);
}

static double our_messages(int seconds)
{
	static const uint8_t body[MESSAGE];
	int64_t from, until;
	struct clv_slice got;
	struct clv_err err = {0};
	struct end a, b;
	uint16_t type;
	bool have;
	long n = 0;

	open_two(&a, &b);
	from = clock_mono_ms();
	until = from + seconds * 1000;
	for (; clock_mono_ms() < until; n++) {
		if (chan_send(a.chan, 0x15, slice_of(body, sizeof body), &err))
			die(err.text);
		carry(&a, &b);
		if (chan_next(b.chan, &have, &type, &got, &err) || !have || got.len != MESSAGE)
			die("a message did not arrive");
	}
	close_two(&a, &b);
	return (double)n * 1000 / (double)(clock_mono_ms() - from);
}

/* --- the same calls, bare --- */
static gss_cred_id_t bare_accept, bare_init;
static gss_name_t bare_target;

static gss_cred_id_t acquire(const char *principal, gss_cred_usage_t usage)
{
	gss_key_value_element_desc e[] = {{"ccache", "MEMORY:bench"}, {"client_keytab", keytab}};
	gss_key_value_element_desc k = {"keytab", keytab};
	gss_key_value_set_desc init = {2, e}, accept = {1, &k};
	gss_OID_set_desc mechs = {1, (gss_OID)gss_mech_krb5};
	gss_buffer_desc name = {strlen(principal), (void *)(uintptr_t)principal};
	gss_cred_id_t out = GSS_C_NO_CREDENTIAL;
	gss_name_t n;
	OM_uint32 minor;

	if (gss_import_name(&minor, &name, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &n) ||
	    gss_acquire_cred_from(&minor, n, GSS_C_INDEFINITE, &mechs, usage,
	                          usage == GSS_C_INITIATE ? &init : &accept, &out, NULL, NULL))
		die("credentials");
	if (usage == GSS_C_ACCEPT)
		bare_target = n;
	return out;
}

static void bare_context(gss_ctx_id_t *a, gss_ctx_id_t *b)
{
	struct gss_channel_bindings_struct cb = {.application_data = {32, (void *)(uintptr_t)keytab}};
	gss_buffer_desc one = GSS_C_EMPTY_BUFFER, two = GSS_C_EMPTY_BUFFER, none = GSS_C_EMPTY_BUFFER;
	OM_uint32 flags = GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG | GSS_C_SEQUENCE_FLAG |
	                  GSS_C_REPLAY_FLAG,
	          minor;

	*a = *b = GSS_C_NO_CONTEXT;
	(void)gss_init_sec_context(&minor, bare_init, a, bare_target, (gss_OID)gss_mech_krb5, flags, 0, &cb,
	                           NULL, NULL, &one, NULL, NULL);
	if (gss_accept_sec_context(&minor, b, bare_accept, &one, &cb, NULL, NULL, &two, NULL, NULL, NULL) ||
	    gss_init_sec_context(&minor, bare_init, a, bare_target, (gss_OID)gss_mech_krb5, flags, 0, &cb,
	                         &two, NULL, &none, NULL, NULL))
		die("a bare context");
	(void)gss_release_buffer(&minor, &one);
	(void)gss_release_buffer(&minor, &two);
}

static double bare_contexts(int seconds)
{
	int64_t from = clock_mono_ms(), until = from + seconds * 1000;
	OM_uint32 minor;
	long n = 0;

	for (; clock_mono_ms() < until; n++) {
		gss_ctx_id_t a, b;

		bare_context(&a, &b);
		(void)gss_delete_sec_context(&minor, &a, GSS_C_NO_BUFFER);
		(void)gss_delete_sec_context(&minor, &b, GSS_C_NO_BUFFER);
	}
	return (double)n * 1000 / (double)(clock_mono_ms() - from);
}

static double bare_messages(int seconds)
{
	static uint8_t body[MESSAGE];
	gss_buffer_desc in = {sizeof body, body}, token, plain;
	int64_t from, until;
	gss_ctx_id_t a, b;
	OM_uint32 minor;
	long n = 0;

	bare_context(&a, &b);
	from = clock_mono_ms();
	until = from + seconds * 1000;
	for (; clock_mono_ms() < until; n++) {
		if (gss_wrap(&minor, a, 1, GSS_C_QOP_DEFAULT, &in, NULL, &token) ||
		    gss_unwrap(&minor, b, &token, &plain, NULL, NULL))
			die("a bare message");
		(void)gss_release_buffer(&minor, &token);
		(void)gss_release_buffer(&minor, &plain);
	}
	return (double)n * 1000 / (double)(clock_mono_ms() - from);
}

int main(int argc, char **argv)
{
	int seconds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
	double c, bare_c, m, bare_m;
	struct clv_err err = {0};

	if (seconds < 1 || seconds > 60) {
		fprintf(stderr, "usage: kerberos KEYTAB SECONDS   (in a realm: tests/bench/kerberos.sh)\n");
		return 2;
	}
	(void)snprintf(keytab, sizeof keytab, "FILE:%s", argv[1]);
	if (gss_process_init(&err))
		die(err.text);
	acceptor = gss_acceptor_new(keytab, TARGET, &err);
	if (!acceptor)
		die(err.text);
	bare_accept = acquire(TARGET, GSS_C_ACCEPT);
	bare_init = acquire(OWN, GSS_C_INITIATE);
	c = our_contexts(seconds);
	bare_c = bare_contexts(seconds);
	m = our_messages(seconds);
	bare_m = bare_messages(seconds);
	printf("Kerberos contexts a second, both ends: claviger %.0f, bare GSS-API %.0f, ratio %.2f\n", c,
	       bare_c, c / bare_c);
	printf("wrapped messages of %u bytes a second, both ends: claviger %.0f, bare GSS-API %.0f, ratio "
	       "%.2f\n",
	       MESSAGE, m, bare_m, m / bare_m);
	return 0;
}
