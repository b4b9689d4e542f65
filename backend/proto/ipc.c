/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between sibling processes (see ipc.h). Runs in every process of the health service. Never
 * trusts a length before it was compared with the limit.
 */
#include "proto/ipc.h"
#include "base/file.h"
#include "ipc.pb-c.h"
#include "proto/codec.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IPC_MAGIC       0x49504331u
#define IPC_HEADER      8u
#define IPC_READ_CHUNK  65536u
#define IPC_FDQ_MAX     64u
#define IPC_FDS_AT_ONCE (IPC_FDS_MAX * 4u) /* what one read can bring */

struct ipc_kind {
	enum ipc_type type;
	const ProtobufCMessageDescriptor *body;
	size_t n_fds;
};

#define X(sym, num, msg, fds) {sym, &clv__##msg##__descriptor, fds},
static const struct ipc_kind kinds[] = {IPC_LIST(X)};
#undef X

/* One message with descriptors in the output: where its first byte stands. */
struct ipc_mark {
	struct ipc_mark *next;
	uint64_t at;
	size_t n;
	int fds[IPC_FDS_MAX];
};

struct ipc {
	uint32_t magic;
	int fd;
	char *peer;
	struct clv_buf in, out;
	uint64_t sent, queued; /* bytes ever written and ever queued */
	struct ipc_mark *marks, **last_mark;
	int fdq[IPC_FDQ_MAX];
	size_t n_fdq;
	bool ended; /* the other end closed; what it said last is still to be dispatched */
	bool deaf;  /* the other end reads no more */
};

static const struct ipc_kind *kind_of(uint32_t type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if ((uint32_t)kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

clv_rc ipc_pair(int fds[2], struct clv_err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return err_sys(err, CLV_E_IO, "making a socket pair");
	return CLV_OK;
}

clv_rc ipc_new(int fd, const char *peer, struct ipc **out, struct clv_err *err)
{
	struct ipc *i = NULL;

	if (fd_nonblock(fd, err)) {
		(void)close(fd);
		return CLV_FAILED;
	}
	i = clv_calloc(1, sizeof *i);
	i->magic = IPC_MAGIC;
	i->fd = fd;
	i->peer = clv_strdup(peer);
	i->last_mark = &i->marks;
	buf_init(&i->in, IPC_BODY_MAX + IPC_HEADER + IPC_READ_CHUNK);
	buf_init(&i->out, IPC_QUEUE_MAX);
	*out = i;
	return CLV_OK;
}

static void drop_unsent(struct ipc *i)
{
	while (i->marks) {
		struct ipc_mark *m = i->marks;

		i->marks = m->next;
		close_all(m->fds, m->n);
		clv_free(m);
	}
	i->last_mark = &i->marks;
	buf_clear(&i->out);
	i->sent = i->queued;
}

void ipc_free(struct ipc *i)
{
	if (!i)
		return;
	drop_unsent(i);
	close_all(i->fdq, i->n_fdq);
	fd_close(&i->fd);
	buf_release(&i->in);
	buf_release(&i->out);
	clv_free(i->peer);
	i->magic = 0;
	clv_free(i);
}

int ipc_fd(const struct ipc *i)
{
	return i->fd;
}

const char *ipc_peer(const struct ipc *i)
{
	return i->peer;
}

bool ipc_unsent(const struct ipc *i)
{
	return i->sent != i->queued;
}

size_t ipc_unsent_bytes(const struct ipc *i)
{
	return (size_t)(i->queued - i->sent);
}

/* One sendmsg, up to the next message that brings descriptors. */
static ssize_t write_some(struct ipc *i)
{
	struct clv_slice s = buf_slice(&i->out);
	struct iovec iov = {.iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	} control;
	struct ipc_mark *m = i->marks;
	ssize_t n;

	if (m && m->at == i->sent) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * m->n);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * m->n);
		memcpy(CMSG_DATA(c), m->fds, sizeof(int) * m->n);
		if (m->next)
			iov.iov_len = (size_t)(m->next->at - i->sent);
	} else if (m) {
		iov.iov_len = (size_t)(m->at - i->sent);
		m = NULL;
	}
	n = sendmsg(i->fd, &mh, MSG_NOSIGNAL);
	if (n > 0 && m) {
		close_all(m->fds, m->n);
		i->marks = m->next;
		if (!i->marks)
			i->last_mark = &i->marks;
		clv_free(m);
	}
	return n;
}

clv_rc ipc_flush(struct ipc *i, struct clv_err *err)
{
	while (ipc_unsent(i)) {
		ssize_t n = write_some(i);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return CLV_OK;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			/* What it said before is still to be read, and reading is what tells of its end. */
			i->deaf = true;
			drop_unsent(i);
			return CLV_OK;
		}
		if (n < 0)
			return err_sys(err, CLV_E_CLOSED, "writing to %s", i->peer);
		i->sent += (uint64_t)n;
		buf_consume(&i->out, (size_t)n);
	}
	return CLV_OK;
}

static clv_rc queue(struct ipc *i, enum ipc_type type, const ProtobufCMessage *m, size_t n_fds,
                    struct clv_err *err)
{
	size_t len = protobuf_c_message_get_packed_size(m);

	if (len > IPC_BODY_MAX)
		return err_set(err, CLV_E_LIMIT, "a message of %zu bytes to %s", len, i->peer);
	/* All of it or nothing: what follows a header without its body is nonsense to the reader. */
	if (ipc_unsent_bytes(i) + IPC_HEADER + len > IPC_QUEUE_MAX)
		return err_set(err, CLV_E_LIMIT, "%s does not read: %zu bytes wait for it", i->peer,
		               ipc_unsent_bytes(i));
	if (buf_put_u32(&i->out, (uint32_t)len, err) || buf_put_u16(&i->out, (uint16_t)type, err) ||
	    buf_put_u16(&i->out, (uint16_t)n_fds, err) || proto_encode(m, &i->out, err))
		return err_wrap(err, "queueing for %s", i->peer);
	return CLV_OK;
}

clv_rc ipc_send(struct ipc *i, enum ipc_type type, const ProtobufCMessage *m, const int *fds, size_t n_fds,
                struct clv_err *err)
{
	const struct ipc_kind *k = kind_of((uint32_t)type);
	uint64_t at = i->queued;

	if (!k || k->body != m->descriptor || n_fds > k->n_fds) {
		close_all(fds, n_fds);
		return err_set(err, CLV_E_INTERNAL, "message %d to %s has another shape", (int)type, i->peer);
	}
	if (i->deaf) {
		close_all(fds, n_fds);
		return CLV_OK;
	}
	if (queue(i, type, m, n_fds, err)) {
		close_all(fds, n_fds);
		return CLV_FAILED;
	}
	i->queued = i->sent + buf_slice(&i->out).len;
	if (n_fds) {
		struct ipc_mark *mark = clv_calloc(1, sizeof *mark);

		mark->at = at;
		mark->n = n_fds;
		memcpy(mark->fds, fds, n_fds * sizeof *fds);
		*i->last_mark = mark;
		i->last_mark = &mark->next;
	}
	return ipc_flush(i, err);
}

static clv_rc keep_fds(struct ipc *i, struct msghdr *mh, struct clv_slice came, struct clv_err *err)
{
	size_t before = i->n_fdq;
	uint16_t named = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (i->n_fdq + n > IPC_FDQ_MAX)
			return err_set(err, CLV_E_LIMIT, "too many descriptors from %s", i->peer);
		memcpy(i->fdq + i->n_fdq, CMSG_DATA(c), n * sizeof(int));
		i->n_fdq += n;
	}
	if (!(mh->msg_flags & MSG_CTRUNC))
		return CLV_OK;
	/*
	 * This process has no descriptor left: pressure, and no fault of the sender. What came begins with
	 * the header of the message that they belong to (see write_some); those that are missing are -1 for
	 * its handler.
	 */
	if (came.len < IPC_HEADER)
		return err_set(err, CLV_E_LIMIT, "descriptors from %s were cut", i->peer);
	named = (uint16_t)(came.ptr[6] << 8 | came.ptr[7]);
	while (i->n_fdq - before < named && i->n_fdq < IPC_FDQ_MAX)
		i->fdq[i->n_fdq++] = -1;
	return CLV_OK;
}

clv_rc ipc_read(struct ipc *i, struct clv_err *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_AT_ONCE)];
	} control;

	for (;;) {
		struct iovec iov = {.iov_len = IPC_READ_CHUNK};
		struct msghdr mh = {.msg_iov = &iov,
		                    .msg_iovlen = 1,
		                    .msg_control = control.bytes,
		                    .msg_controllen = sizeof control.bytes};
		uint8_t *room = NULL;
		ssize_t n;

		/* Dispatch first, before bytes or descriptors are more than there is room for. Where there is
		 * nothing to dispatch the sender breaks the grammar: no message has so many. */
		if (buf_slice(&i->in).len > IPC_BODY_MAX)
			return CLV_OK;
		if (i->n_fdq > IPC_FDQ_MAX - IPC_FDS_AT_ONCE)
			return ipc_ready(i) ? CLV_OK
			                    : err_set(err, CLV_E_PROTO,
			                              "%s sent descriptors that no message names", i->peer);
		if (buf_reserve(&i->in, IPC_READ_CHUNK, &room, err))
			return CLV_FAILED;
		iov.iov_base = room;
		n = recvmsg(i->fd, &mh, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return CLV_OK;
		/* Reset: it ended without having read all; what it said itself came before that. */
		if (n < 0 && errno == ECONNRESET)
			n = 0;
		if (n < 0)
			return err_sys(err, CLV_E_CLOSED, "reading from %s", i->peer);
		if (n == 0 && !i->ended && buf_slice(&i->in).len) {
			i->ended = true; /* its last words first */
			return CLV_OK;
		}
		if (n == 0)
			return err_set(err, CLV_E_CLOSED, "%s is gone", i->peer);
		buf_commit(&i->in, (size_t)n);
		if (keep_fds(i, &mh, slice_of(room, (size_t)n), err))
			return CLV_FAILED;
	}
}

/* The next whole message, still in the buffer; *k NULL when there is none. */
static clv_rc peek(const struct ipc *i, const struct ipc_kind **k, struct clv_slice *body, size_t *n_fds,
                   struct clv_err *err)
{
	struct clv_slice s = buf_slice(&i->in);
	uint32_t len = 0;
	uint16_t type = 0, fds = 0;

	*k = NULL;
	if (s.len < IPC_HEADER)
		return CLV_OK;
	if (slice_get_u32(&s, &len, err) || slice_get_u16(&s, &type, err) || slice_get_u16(&s, &fds, err))
		return CLV_FAILED;
	if (len > IPC_BODY_MAX || !kind_of(type) || fds > kind_of(type)->n_fds)
		return err_set(err, CLV_E_PROTO, "%s sent type %u, %u bytes, %u descriptors", i->peer, type,
		               len, fds);
	if (s.len < len || i->n_fdq < fds)
		return CLV_OK;
	*k = kind_of(type);
	*body = slice_of(s.ptr, len);
	*n_fds = fds;
	return CLV_OK;
}

bool ipc_ready(const struct ipc *i)
{
	const struct ipc_kind *k = NULL;
	struct clv_slice body = {0};
	size_t n_fds = 0;

	return peek(i, &k, &body, &n_fds, NULL) || k;
}

static clv_rc handle(struct ipc *i, const struct ipc_kind *k, struct clv_slice body, size_t n_fds,
                     const struct ipc_row *rows, void *ctx, struct clv_err *err)
{
	int fds[IPC_FDS_MAX] = {-1, -1, -1, -1};
	ProtobufCMessage *m = NULL;
	clv_rc rc = CLV_FAILED;

	memcpy(fds, i->fdq, n_fds * sizeof(int));
	i->n_fdq -= n_fds;
	memmove(i->fdq, i->fdq + n_fds, i->n_fdq * sizeof(int));
	while (rows->handler && rows->type != k->type)
		rows++;
	if (!rows->handler) {
		(void)err_set(err, CLV_E_PROTO, "%s may not send %s", i->peer, k->body->short_name);
		goto out;
	}
	if (proto_decode(k->body, body, &m, err))
		goto out;
	buf_consume(&i->in, IPC_HEADER + body.len);
	rc = rows->handler(ctx, m, fds, err);
out:
	close_all(fds, IPC_FDS_MAX);
	proto_free(m);
	return rc;
}

static clv_rc dispatch(struct ipc *i, const struct ipc_row *rows, void *ctx, size_t most, struct clv_err *err)
{
	for (size_t done = 0; done < most; done++) {
		const struct ipc_kind *k = NULL;
		struct clv_slice body = {0};
		size_t n_fds = 0;

		if (peek(i, &k, &body, &n_fds, err))
			return CLV_FAILED;
		if (!k)
			return CLV_OK;
		if (handle(i, k, body, n_fds, rows, ctx, err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

clv_rc ipc_dispatch(struct ipc *i, const struct ipc_row *rows, void *ctx, struct clv_err *err)
{
	return dispatch(i, rows, ctx, SIZE_MAX, err);
}

/* read: more is fetched; otherwise what is there already is handed over. */
static clv_rc wait_some(struct ipc *i, const struct ipc_row *rows, void *ctx, int timeout_ms, size_t most,
                        bool read, struct clv_err *err)
{
	struct pollfd p = {.fd = i->fd, .events = (short)(POLLIN | (ipc_unsent(i) ? POLLOUT : 0))};
	int n = poll(&p, 1, read ? timeout_ms : 0);

	if (n < 0 && errno == EINTR)
		return CLV_OK;
	if (n < 0)
		return err_sys(err, CLV_E_IO, "waiting for %s", i->peer);
	if (ipc_flush(i, err))
		return CLV_FAILED;
	if (read && (p.revents & (POLLIN | POLLHUP | POLLERR)) && ipc_read(i, err))
		return CLV_FAILED;
	return dispatch(i, rows, ctx, most, err);
}

clv_rc ipc_wait(struct ipc *i, const struct ipc_row *rows, void *ctx, int timeout_ms, struct clv_err *err)
{
	return wait_some(i, rows, ctx, timeout_ms, SIZE_MAX, true, err);
}

clv_rc ipc_wait_one(struct ipc *i, const struct ipc_row *rows, void *ctx, int timeout_ms, struct clv_err *err)
{
	return wait_some(i, rows, ctx, timeout_ms, 1, !ipc_ready(i), err);
}
