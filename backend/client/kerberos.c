/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console's logon by ticket: the steps of the token exchange in a thread of their own, because libkrb5
 * waits for a silent KDC for half a minute and a session never blocks. The tickets are the user's own
 * (KRB5CCNAME, kinit). A thread that nobody waits for any more frees what it has.
 */
#include "client/session.h"

#include "channel/gss.h"

#include <pthread.h>
#include <string.h>

struct session_exchange {
	pthread_mutex_t lock;
	bool running, done, abandoned; /* under the lock */
	/* the thread's while it runs */
	struct gss_attempt *attempt;
	struct gss_result result;
	struct clv_buf token;
	uint8_t t[CHAN_T_LEN];
	char target[KRB_PRINCIPAL_MAX * 2];
	clv_rc rc;
	struct clv_err err;
};

static void exchange_free(struct session_exchange *x)
{
	gss_attempt_free(x->attempt);
	gss_result_release(&x->result);
	buf_release(&x->token);
	(void)pthread_mutex_destroy(&x->lock);
	clv_free(x);
}

static void *run_step(void *ctx)
{
	static const struct gss_from own = {NULL, NULL, NULL};
	struct session_exchange *x = ctx;
	bool abandoned;
	if (x->attempt == NULL)
		x->rc = gss_begin(&own, x->target, slice_of(x->t, sizeof(x->t)), false, &x->attempt,
		                  &x->result, &x->err);
	else
		x->rc = gss_go_on(x->attempt, buf_slice(&x->token), &x->result, &x->err);
	(void)pthread_mutex_lock(&x->lock);
	x->running = false;
	x->done = true;
	abandoned = x->abandoned;
	(void)pthread_mutex_unlock(&x->lock);
	if (abandoned)
		exchange_free(x);
	return NULL;
}

static clv_rc begin_step(struct session_exchange *x, const struct chan_step *step, struct clv_err *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;
	gss_result_release(&x->result);
	gss_result_init(&x->result);
	buf_clear(&x->token);
	if (buf_put(&x->token, step->token, err) != CLV_OK)
		return CLV_FAILED;
	(void)slice_fill(step->t, x->t, sizeof(x->t));
	memcpy(x->target, step->target, strlen(step->target) + 1);
	x->running = true;
	x->done = false;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, run_step, x);
	(void)pthread_attr_destroy(&attr);
	if (rc != 0) {
		x->running = false;
		return err_set(err, CLV_E_IO, "no thread for the Kerberos exchange");
	}
	return CLV_OK;
}

static clv_rc end_step(struct clv_session *s, struct session_exchange *x, struct clv_err *err)
{
	const struct gss_result *g = &x->result;
	struct chan_stepped r = {.token = buf_slice(&g->token),
	                         .done = g->done,
	                         .context = buf_slice(&g->context),
	                         .principal = g->principal,
	                         .ticket = g->ticket,
	                         .session = g->session,
	                         .key = g->key,
	                         .ends_ms = g->ends_ms};
	x->done = false;
	if (x->rc == CLV_OK)
		return chan_step_done(s->chan, &r, err);
	chan_step_failed(s->chan, &x->err);
	*err = x->err;
	return err_wrap(err, "no logon by ticket (kinit, or set ca, cert and key)");
}

static clv_rc logon_step(struct clv_session *s, struct clv_err *err)
{
	struct session_exchange *x = s->exchange;
	struct chan_step step;
	bool done;
	if (x != NULL) {
		(void)pthread_mutex_lock(&x->lock);
		done = x->done;
		(void)pthread_mutex_unlock(&x->lock);
		if (done && end_step(s, x, err) != CLV_OK)
			return CLV_FAILED;
	}
	if (!chan_step(s->chan, &step))
		return CLV_OK;
	if (x == NULL) {
		x = s->exchange = clv_calloc(1, sizeof(*x));
		(void)pthread_mutex_init(&x->lock, NULL);
		gss_result_init(&x->result);
		buf_init(&x->token, KRB_TOKEN_MAX);
	}
	return begin_step(x, &step, err);
}

static bool logon_busy(const struct clv_session *s)
{
	struct session_exchange *x = s->exchange;
	bool busy;
	if (x == NULL)
		return false;
	(void)pthread_mutex_lock(&x->lock);
	busy = x->running || x->done;
	(void)pthread_mutex_unlock(&x->lock);
	return busy;
}

static void logon_drop(struct clv_session *s)
{
	struct session_exchange *x = s->exchange;
	bool running;
	s->exchange = NULL;
	if (x == NULL)
		return;
	(void)pthread_mutex_lock(&x->lock);
	running = x->running;
	x->abandoned = true;
	(void)pthread_mutex_unlock(&x->lock);
	if (!running)
		exchange_free(x);
}

static clv_rc logon_init(struct clv_session *s, struct clv_err *err)
{
	static const char *const own_realm[] = {""}; /* libkrb5's default_realm */
	s->krb = (struct chan_krb){
	    .ops = &gss_ops, .names = {own_realm, 1, NULL, 0}, .service = KRB_SERVICE_CONSOLE};
	return gss_process_init(err);
}

const struct clv_ticket_logon *clv_ticket_logon(void)
{
	static const struct clv_ticket_logon by_ticket = {logon_init, logon_step, logon_busy, logon_drop};
	return &by_ticket;
}
