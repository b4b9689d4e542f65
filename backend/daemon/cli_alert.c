/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `clavigerd alert`: raises an alert at this host's agent, or one for each line of standard input, and says
 * once each is stored in the outbox. Whether the caller may is the agent's to say.
 */
#include "base/file.h"
#include "base/options.h"
#include "claviger/facts.h"
#include "claviger/text.h"
#include "daemon/cli.h"
#include "proto/alertask.h"
#include "proto/codec.h"
#include "statement.pb-c.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 30000
#define AHEAD_MAX 500u /* alerts that are asked for before their answers are read */

struct talk {
	int fd;
	struct clv_buf in;
	size_t waiting, stored, refused;
	bool broken; /* the agent takes no more: it has said why, or is gone */
	char last[ALERTASK_ANSWER_MAX];
};

static clv_rc send_alert(struct talk *t, const char *severity, const char *name, const char *text,
                         struct clv_err *err)
{
	Clv__Alert a = CLV__ALERT__INIT;
	enum clv_severity s = CLV_SEVERITY_NONE;
	struct clv_buf body, frame;
	clv_rc rc = CLV_FAILED;

	if (!clv_severity_parse(severity, &s))
		return err_set(err, CLV_E_USAGE,
		               "'%.40s' is no severity; expected information, warning or critical", severity);
	a.severity = s;
	a.name = (char *)(uintptr_t)name;
	a.text = (char *)(uintptr_t)text;
	buf_init(&body, ALERTASK_MAX);
	buf_init(&frame, ALERTASK_MAX + 4);
	if (!proto_encode(&a.base, &body, err) && !alertask_put(&frame, buf_slice(&body), err))
		rc = fd_write_all(t->fd, buf_slice(&frame), err);
	buf_release(&body);
	buf_release(&frame);
	if (rc && err->sys == EPIPE) {
		err_clear(err);
		t->broken = true;
		rc = CLV_OK;
	}
	if (!rc)
		t->waiting++;
	return rc;
}

static void take_answer(struct talk *t, struct clv_slice m)
{
	struct clv_text *shown;
	size_t n = m.len - 1 < sizeof t->last ? m.len - 1 : sizeof t->last - 1;

	memcpy(t->last, m.ptr + 1, n);
	t->last[n] = 0;
	t->waiting -= t->waiting > 0;
	if (m.ptr[0] == ALERTASK_STORED) {
		t->stored++;
		return;
	}
	t->refused++;
	shown = text_new_str(t->last);
	(void)fprintf(stderr, "clavigerd alert: %s\n", text_str(shown));
	text_free(shown);
}

/* Reads answers until at most `left` are outstanding. */
static clv_rc read_answers(struct talk *t, size_t left, struct clv_err *err)
{
	struct clv_slice m;
	size_t used = 0;
	int got = 0;

	while (t->waiting > left) {
		uint8_t bytes[4096];
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		ssize_t n;

		while ((got = alertask_next(buf_slice(&t->in), ALERTASK_ANSWER_MAX, &m, &used, err)) == 1) {
			take_answer(t, m);
			buf_consume(&t->in, used);
		}
		if (got < 0)
			return CLV_FAILED;
		if (t->waiting <= left)
			break;
		if (poll(&p, 1, ANSWER_MS) == 0)
			return err_set(err, CLV_E_TIMEOUT, "the agent did not answer");
		n = read(t->fd, bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, CLV_E_IO, "the agent's answer");
		if (n == 0)
			return t->refused
			           ? CLV_OK
			           : err_set(err, CLV_E_CLOSED,
			                     "the agent closed the connection: %zu alerts were stored, "
			                     "%zu may not have been",
			                     t->stored, t->waiting);
		if (buf_put(&t->in, slice_of(bytes, (size_t)n), err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

/* SEVERITY TAB NAME TAB TEXT, a line each. */
static clv_rc send_lines(struct talk *t, struct clv_err *err)
{
	char line[ALERTASK_MAX];
	size_t number = 0;
	clv_rc rc = CLV_OK;

	while (!rc && !t->broken && fgets(line, sizeof line, stdin)) {
		char *name = strchr(line, '\t'), *text, *end = strchr(line, '\n');

		number++;
		if (!name || (!end && !feof(stdin)))
			return err_set(err, CLV_E_USAGE,
			               "line %zu: expected SEVERITY TAB NAME TAB TEXT, at most %u bytes",
			               number, ALERTASK_MAX - 2);
		if (end)
			*end = 0;
		*name++ = 0;
		text = strchr(name, '\t');
		if (text)
			*text++ = 0;
		rc = send_alert(t, line, name, text ? text : "", err);
		if (!rc && t->waiting >= AHEAD_MAX)
			rc = read_answers(t, AHEAD_MAX / 2, err);
	}
	return rc;
}

int cli_alert(const struct cli_alert *a)
{
	struct talk t = {.fd = -1};
	struct conf *conf = NULL;
	struct clv_err err = {0};
	clv_rc rc = CLV_FAILED;

	buf_init(&t.in, 65536);
	(void)signal(SIGPIPE, SIG_IGN);
	if (options_load(a->conf, &conf, &err))
		goto out;
	if (strcmp(conf_str(conf, "node", "role"), "management-server") == 0) {
		(void)err_set(&err, CLV_E_USAGE,
		              "alerts are raised at an agent or a gateway; this node is a %s",
		              conf_str(conf, "node", "role"));
		goto out;
	}
	if (cli_connect(conf_str(conf, "channel", "alert_socket"), &t.fd, &err))
		goto out;
	rc = a->lines ? send_lines(&t, &err)
	              : send_alert(&t, a->severity, a->name, a->text ? a->text : "", &err);
	if (!rc)
		rc = read_answers(&t, 0, &err);
	if (!rc && !t.refused && !a->lines)
		(void)printf("stored as %s; it goes to the group when the link is up\n", t.last);
	else if (!rc && a->lines)
		(void)printf("%zu stored, %zu refused\n", t.stored, t.refused);
out:
	fd_close(&t.fd);
	buf_release(&t.in);
	conf_free(conf);
	if (rc) {
		(void)fprintf(stderr, "clavigerd alert: %s\n", err.text);
		return err.cls == CLV_CLASS_USAGE ? 2 : 1;
	}
	return t.refused ? 3 : 0;
}
