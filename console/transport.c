/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transport process at a time; a lost line gets a new one. Its words are foreign.
 */
#include "console/transport.h"

#include "claviger/text.h"
#include "console/exec.h"
#include "console/ssh_config.h"
#include "console/ssh_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct transport {
	struct clv_dialer dialer;
	bool command; /* proxy: a whole command line; else an SSH transport */
	char *to, *goal, *proxy, *ssh_config, *ssh_command;
	bool can_ask, was_ready;
	struct exec_child child;
	int control;
	struct transport_ask ask; /* title NULL: none */
	char *notice;
};

static void forget_ask(struct transport *t)
{
	clv_free(t->ask.title);
	clv_free(t->ask.text);
	t->ask.title = t->ask.text = NULL;
}

static void hang_up(struct transport *t)
{
	forget_ask(t);
	if (t->control >= 0)
		close(t->control);
	t->control = -1;
	if (t->child.pid > 0)
		(void)exec_end(&t->child);
}

static clv_rc begin_ssh(struct transport *t, struct clv_err *err)
{
	int pair[2];
	const char *const argv[] = {SSH_TRANSPORT_WORD,
	                            t->to,
	                            t->goal,
	                            t->can_ask ? "ask" : "",
	                            "0",
	                            "",
	                            t->proxy != NULL ? t->proxy : "",
	                            t->ssh_config != NULL ? t->ssh_config : "",
	                            t->ssh_command != NULL ? t->ssh_command : "",
	                            NULL};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(err, CLV_E_IO, "cannot make a socket pair");
	clv_rc rc = exec_self(argv, pair[1], &t->child, err);
	close(pair[1]);
	t->control = pair[0];
	return rc;
}

static clv_rc begin(void *ctx, struct clv_err *err)
{
	struct transport *t = ctx;
	hang_up(t);
	return t->command ? exec_command(t->proxy, &t->child, err) : begin_ssh(t, err);
}

/* Line by line safe to show; our messages have several. */
static void safe_lines(struct clv_slice s, char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	while (s.len > 0 && used + 1 < size) {
		const uint8_t *end = memchr(s.ptr, '\n', s.len);
		size_t len = end != NULL ? (size_t)(end - s.ptr) : s.len;
		struct clv_text *t = text_new(slice_of(s.ptr, len));
		int n = snprintf(out + used, size - used, "%s%s", used > 0 ? "\n" : "", text_str(t));
		used += n > 0 ? (size_t)n : 0;
		text_free(t);
		s.ptr += len + (end != NULL);
		s.len -= len + (end != NULL);
	}
}

static char *copy(struct clv_slice s)
{
	char *out = clv_calloc(s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		out[i] = s.ptr[i] != '\0' ? (char)s.ptr[i] : '?';
	return out;
}

static clv_rc take_message(struct transport *t, struct clv_slice bytes, bool *ready, struct clv_err *err)
{
	struct talk_message m;
	char text[CLV_ERR_TEXT_MAX];
	if (talk_decode(bytes, &m, err) != CLV_OK)
		return CLV_FAILED;
	switch (m.kind) {
	case TALK_ASK_SECRET:
	case TALK_ASK_TEXT:
	case TALK_ASK_YES:
		forget_ask(t);
		t->ask.kind = m.kind;
		t->ask.title = copy(m.title);
		t->ask.text = copy(m.text);
		t->ask.number++;
		break;
	case TALK_SAY:
		clv_free(t->notice);
		t->notice = copy(m.text);
		break;
	case TALK_READY:
		*ready = true;
		break;
	case TALK_FAILED:
	case TALK_KINDS:
		safe_lines(m.text, text, sizeof(text));
		return err_set(err, m.code, "%s", text);
	}
	return CLV_OK;
}

/* What the transport has said by now. CLV_E_CLOSED at its end. */
static clv_rc listen_to(struct transport *t, bool *ready, struct clv_err *err)
{
	uint8_t bytes[TALK_MAX + 1];
	while (!*ready) {
		ssize_t n = recv(t->control, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return err_set(err, CLV_E_CLOSED, "the SSH transport ended without a word");
		if (take_message(t, slice_of(bytes, (size_t)n), ready, err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc ready(void *ctx, int *fd, struct clv_err *err)
{
	struct transport *t = ctx;
	bool is = t->command;
	if (!is && listen_to(t, &is, err) != CLV_OK) {
		if (t->was_ready &&
		    err->code == CLV_E_DENIED) /* who leaves a question is asked again later */
			err->cls = CLV_CLASS_CLOSED;
		return CLV_FAILED;
	}
	if (!is)
		return CLV_OK;
	if (fcntl(t->child.io, F_SETFL, fcntl(t->child.io, F_GETFL) | O_NONBLOCK) != 0)
		return err_sys(err, CLV_E_IO, "the transport's descriptor");
	*fd = t->child.io;
	t->child.io = -1;
	t->was_ready = true;
	return CLV_OK;
}

static int wait_fd(void *ctx)
{
	const struct transport *t = ctx;
	return t->control;
}

/* A proxy command's last words on stderr. */
static void last_words(const struct transport *t, struct clv_err *err)
{
	char bytes[1024], text[CLV_ERR_TEXT_MAX];
	ssize_t n = t->child.said >= 0 ? read(t->child.said, bytes, sizeof(bytes)) : 0;
	while (n > 0 && strchr("\r\n ", bytes[n - 1]) != NULL)
		n--;
	if (n <= 0)
		return;
	const char *line = memrchr(bytes, '\n', (size_t)n);
	line = line != NULL ? line + 1 : bytes;
	safe_lines(slice_of(line, (size_t)(bytes + n - line)), text, sizeof(text));
	(void)err_set(err, CLV_E_CLOSED, "proxy_command: %s", text);
}

static void drop(void *ctx, struct clv_err *err)
{
	struct transport *t = ctx;
	struct clv_err why = {0};
	bool is = false;
	if (err->cls == CLV_CLASS_CLOSED && t->command)
		last_words(t, err);
	else if (err->cls == CLV_CLASS_CLOSED && t->control >= 0 && listen_to(t, &is, &why) != CLV_OK &&
	         why.code != CLV_E_PROTO && why.text[0] != '\0' && strstr(why.text, "without a word") == NULL)
		*err = why;
	hang_up(t);
}

static struct transport *make(const struct transport_how *how)
{
	struct transport *t = clv_calloc(1, sizeof(*t));
	t->dialer =
	    (struct clv_dialer){.ctx = t, .begin = begin, .ready = ready, .wait_fd = wait_fd, .drop = drop};
	t->child = EXEC_NONE;
	t->control = -1;
	t->can_ask = how->can_ask;
	t->ssh_config = clv_strdup(how->ssh_config);
	t->ssh_command = clv_strdup(how->ssh_command);
	return t;
}

struct transport *transport_new_ssh(const struct ssh_url *url, const struct transport_how *how,
                                    struct clv_err *err)
{
	if (exec_forbidden()) {
		(void)err_set(err, CLV_E_DENIED,
		              "not in restricted mode: no other server and no other program");
		return NULL;
	}
	struct transport *t = make(how);
	t->dialer.local = !url->forward;
	t->proxy = clv_strdup(how->proxy_command);
	t->to = ssh_hop_format(url);
	t->goal = url->forward ? clv_asprintf(strchr(url->to_host, ':') != NULL ? "[%s]:%u" : "%s:%u",
	                                      url->to_host, url->to_port)
	                       : clv_strdup("");
	return t;
}

struct transport *transport_new_command(const char *server, const struct transport_how *how,
                                        struct clv_err *err)
{
	struct ssh_url u;
	char *url = clv_asprintf("ssh://proxy/%s", server); /* the same grammar */
	struct transport *t = NULL;
	if (exec_forbidden()) {
		(void)err_set(err, CLV_E_DENIED,
		              "not in restricted mode: proxy_command would start a program");
	} else if (ssh_url_parse(url, &u, err) == CLV_OK) {
		t = make(how);
		t->command = true;
		t->proxy = ssh_config_expand(how->proxy_command, u.to_host, u.to_port, "", u.to_host, err);
	}
	clv_free(url);
	if (t != NULL && t->proxy == NULL) {
		transport_free(t);
		t = NULL;
	}
	return t;
}

void transport_free(struct transport *t)
{
	if (t == NULL)
		return;
	hang_up(t);
	clv_free(t->notice);
	clv_free(t->to);
	clv_free(t->goal);
	clv_free(t->proxy);
	clv_free(t->ssh_config);
	clv_free(t->ssh_command);
	clv_free(t);
}

const struct clv_dialer *transport_dialer(struct transport *t)
{
	return &t->dialer;
}

const struct transport_ask *transport_asked(const struct transport *t)
{
	return t != NULL && t->ask.title != NULL ? &t->ask : NULL;
}

void transport_answer(struct transport *t, const struct clv_secret *answer)
{
	if (t->ask.title != NULL)
		talk_answer(t->control, answer);
	forget_ask(t);
}

void transport_answer_yes(struct transport *t, bool yes)
{
	if (t->ask.title == NULL)
		return;
	if (yes)
		talk_yes(t->control);
	else
		talk_answer(t->control, NULL);
	forget_ask(t);
}

char *transport_notice(struct transport *t)
{
	char *s = t != NULL ? t->notice : NULL;
	if (s != NULL)
		t->notice = NULL;
	return s;
}
