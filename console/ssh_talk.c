/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages: kind, code, title, text; answers: one byte, then what was typed.
 */
#include "console/ssh_talk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ANSWER_YES 'y'
#define ANSWER_NO  'n'

clv_rc talk_encode(const struct talk_message *m, struct clv_buf *out, struct clv_err *err)
{
	struct clv_slice title = m->title, text = m->text;
	if (title.len > TALK_TEXT_MAX)
		title.len = TALK_TEXT_MAX;
	if (text.len > TALK_TEXT_MAX)
		text.len = TALK_TEXT_MAX;
	if (buf_put_u8(out, (uint8_t)m->kind, err) != CLV_OK ||
	    buf_put_u8(out, (uint8_t)m->code, err) != CLV_OK || buf_put_lp(out, title, err) != CLV_OK)
		return CLV_FAILED;
	return buf_put_lp(out, text, err);
}

clv_rc talk_decode(struct clv_slice s, struct talk_message *out, struct clv_err *err)
{
	uint8_t kind, code;
	struct clv_slice title, text;
	if (slice_get_u8(&s, &kind, err) != CLV_OK || slice_get_u8(&s, &code, err) != CLV_OK ||
	    slice_get_lp(&s, TALK_TEXT_MAX, &title, err) != CLV_OK ||
	    slice_get_lp(&s, TALK_TEXT_MAX, &text, err) != CLV_OK)
		return CLV_FAILED;
	if (s.len > 0 || kind >= TALK_KINDS || code >= CLV_E_MAX ||
	    (code != CLV_E_NONE) != (kind == TALK_FAILED))
		return err_set(err, CLV_E_PROTO, "the SSH transport said something that makes no sense");
	*out = (struct talk_message){
	    .kind = (enum talk_kind)kind, .code = (enum clv_code)code, .title = title, .text = text};
	return CLV_OK;
}

void talk_send(int fd, enum talk_kind kind, enum clv_code code, const char *title, const char *text)
{
	struct talk_message m = {
	    .kind = kind, .code = code, .title = slice_str(title), .text = slice_str(text)};
	struct clv_buf b;
	buf_init(&b, TALK_MAX);
	if (talk_encode(&m, &b, NULL) == CLV_OK) {
		struct clv_slice s = buf_slice(&b);
		while (send(fd, s.ptr, s.len, MSG_NOSIGNAL) < 0 && errno == EINTR)
			;
	}
	buf_release(&b);
}

struct receiving {
	int fd;
	char head;
};

static clv_rc receive(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct receiving *r = ctx;
	struct iovec v[2] = {{&r->head, 1}, {bytes, cap}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	ssize_t n;
	do
		n = recvmsg(r->fd, &m, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || (m.msg_flags & MSG_TRUNC) != 0 || (r->head != ANSWER_YES && r->head != ANSWER_NO))
		return err_set(err, CLV_E_CLOSED, "the console is gone");
	*len = (size_t)n - 1;
	return CLV_OK;
}

clv_rc talk_ask(int fd, enum talk_kind kind, const char *title, const char *text, struct clv_secret *answer,
                struct clv_err *err)
{
	struct receiving r = {.fd = fd};
	struct clv_secret *own = answer == NULL ? secret_new(TALK_ANSWER_MAX, err) : NULL, *to = answer;
	clv_rc rc = CLV_FAILED;
	if (to == NULL)
		to = own;
	if (to == NULL)
		return CLV_FAILED;
	talk_send(fd, kind, CLV_E_NONE, title, text);
	rc = secret_fill(to, receive, &r, err);
	if (rc == CLV_OK && r.head == ANSWER_NO) {
		secret_clear(to);
		rc = err_set(err, CLV_E_DENIED, "the question was not answered");
	}
	secret_free(own);
	return rc;
}

static clv_rc send_answer(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	char head = ANSWER_YES;
	struct iovec v[2] = {{&head, 1}, {(void *)(uintptr_t)bytes.ptr, bytes.len}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = bytes.len > 0 ? 2 : 1};
	(void)err;
	while (sendmsg(*(const int *)ctx, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	return CLV_OK;
}

void talk_answer(int fd, const struct clv_secret *answer)
{
	static const char no = ANSWER_NO;
	struct clv_err err;
	if (answer == NULL || secret_use(answer, send_answer, &fd, &err) != CLV_OK)
		(void)!send(fd, &no, 1, MSG_NOSIGNAL);
}

void talk_yes(int fd)
{
	static const char yes = ANSWER_YES;
	(void)!send(fd, &yes, 1, MSG_NOSIGNAL);
}
