/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local socket of a management server: `clavigerd key backup` and `key drill` (proto/keyask.h). Who asks
 * is the kernel's word on the descriptor: root, or who started the service. One at a time; after a wrong
 * passphrase the next waits a little. The answer goes out when core has the act in its audit trail. Runs in
 * the key holder: nothing of the keys leaves it but the sealed file.
 */
#include "daemon/keyholder_keyask.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/keyholder_backup.h"
#include "proto/keyask.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_TIME_MS  10000 /* from the knock to the last byte of the request */
#define CORE_TIME_MS 15000
#define WRONG_MS     2000

enum stage { READING_LINE, READING_PASSPHRASE, READING_FILE, READY, WAITING_FOR_CORE };

struct kh_keyask {
	int fd;
	struct ucred peer;
	int64_t deadline;
	enum stage stage;
	char line[KEYASK_LINE_MAX];
	size_t n;
	struct keyask q;
	struct clv_secret *passphrase;
	struct clv_buf file, answer; /* answer: what goes out once the act is kept */
	bool good;
	uint64_t id; /* of the question to core */
};

static void end(struct kh *k)
{
	struct kh_keyask *a = k->keyask;

	k->keyask = NULL;
	fd_close(&a->fd);
	secret_free(a->passphrase);
	buf_release(&a->file);
	buf_release(&a->answer);
	clv_free(a);
}

void kh_keyask_end(struct kh *k)
{
	if (k->keyask)
		end(k);
}

/* In one piece: it is far less than a socket takes. */
static void say(int fd, bool ok, struct clv_slice bytes)
{
	struct clv_buf b;

	buf_init(&b, KEYASK_BYTES_MAX + KEYASK_LINE_MAX);
	if (!keyask_answer_put(&b, ok, bytes, NULL) &&
	    send(fd, buf_slice(&b).ptr, buf_slice(&b).len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warn("a caller about the key backup did not take the answer: %s", strerror(errno));
	buf_release(&b);
}

static void refuse(struct kh *k, const char *why)
{
	log_warn("refused: key backup or drill, uid=%u pid=%d: %s", k->keyask->peer.uid, k->keyask->peer.pid,
	         why);
	say(k->keyask->fd, false, slice_str(why));
	end(k);
}

static bool may(const struct kh *k, uid_t uid)
{
	return uid == 0 || uid == k->start->owner;
}

clv_rc kh_keyask_take(struct kh *k, int fd)
{
	static const char no[] = "the key backup is for root and for the user who runs the service",
	                  busy[] = "another key backup or drill is under way: try again";
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof peer;
	struct kh_keyask *a;

	if (fd_nonblock(fd, NULL) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	    !may(k, peer.uid)) {
		log_warn("refused: local caller uid=%u pid=%d is neither root nor who runs the service",
		         peer.uid, peer.pid);
		say(fd, false, slice_str(no));
		(void)close(fd);
		return CLV_OK;
	}
	if (k->keyask) {
		say(fd, false, slice_str(busy));
		(void)close(fd);
		return CLV_OK;
	}
	a = clv_calloc(1, sizeof *a);
	a->fd = fd;
	a->peer = peer;
	a->deadline = clock_mono_ms() + ASK_TIME_MS;
	buf_init(&a->file, KEYASK_BYTES_MAX);
	buf_init(&a->answer, KEYASK_BYTES_MAX);
	k->keyask = a;
	return CLV_OK;
}

/* --- reading: each reader takes what belongs to it and not a byte more --- */
static ssize_t take(int fd, void *to, size_t n, struct clv_err *err)
{
	ssize_t got = recv(fd, to, n, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		(void)err_set(err, CLV_E_AGAIN, "not all is here");
	else if (got <= 0)
		(void)err_set(err, CLV_E_CLOSED, "the caller is gone");
	return got;
}

/* Byte by byte: what follows is the passphrase, which has another place. */
static clv_rc read_line(struct kh_keyask *a, struct clv_err *err)
{
	while (a->n == 0 || a->line[a->n - 1] != '\n') {
		if (a->n == sizeof a->line)
			return err_set(err, CLV_E_PROTO, "this is no request of this release");
		if (take(a->fd, a->line + a->n, 1, err) <= 0)
			return CLV_FAILED;
		a->n++;
	}
	if (keyask_parse(slice_of(a->line, a->n - 1), &a->q, err))
		return CLV_FAILED;
	if (a->q.verb == KEYASK_BACKUP && a->q.passphrase_len < KEYASK_PASSPHRASE_MIN)
		return err_set(err, CLV_E_LIMIT, "the passphrase has fewer than %u characters",
		               KEYASK_PASSPHRASE_MIN);
	a->passphrase = secret_new(a->q.passphrase_len, err);
	return a->passphrase ? CLV_OK : CLV_FAILED;
}

static clv_rc read_passphrase(uint8_t *bytes, size_t cap, size_t *len, void *ctx, struct clv_err *err)
{
	struct kh_keyask *a = ctx;
	ssize_t got = take(a->fd, bytes, cap, err);

	if (got <= 0)
		return CLV_FAILED;
	*len = (size_t)got;
	return CLV_OK;
}

static clv_rc read_file(struct kh_keyask *a, struct clv_err *err)
{
	while (buf_slice(&a->file).len < a->q.file_len) {
		size_t left = a->q.file_len - buf_slice(&a->file).len;
		uint8_t *room = NULL;
		ssize_t got;

		if (buf_reserve(&a->file, left, &room, err))
			return CLV_FAILED;
		got = take(a->fd, room, left, err);
		if (got <= 0)
			return CLV_FAILED;
		buf_commit(&a->file, (size_t)got);
	}
	return CLV_OK;
}

/* As far as the bytes go. */
static clv_rc read_request(struct kh_keyask *a, struct clv_err *err)
{
	if (a->stage == READING_LINE) {
		if (read_line(a, err))
			return CLV_FAILED;
		a->stage = READING_PASSPHRASE;
	}
	while (a->stage == READING_PASSPHRASE && secret_len(a->passphrase) < a->q.passphrase_len)
		if (secret_extend(a->passphrase, a->q.passphrase_len - secret_len(a->passphrase),
		                  read_passphrase, a, err))
			return CLV_FAILED;
	a->stage = READING_FILE;
	if (read_file(a, err))
		return CLV_FAILED;
	a->stage = READY;
	return CLV_OK;
}

/* --- doing it --- */
/* The act before its effect: core answers when it is in the audit trail. */
static clv_rc ask_core(struct kh *k, const char *text, struct clv_err *err)
{
	static const char *const acts[] = {"key backup", "key drill"};
	struct kh_keyask *a = k->keyask;
	Clv__KhKeyAct m = CLV__KH_KEY_ACT__INIT;

	if (!k->core)
		return err_set(err, CLV_E_CLOSED, "core is being restarted: try again");
	a->id = m.id = ++k->keyask_id;
	m.uid = a->peer.uid;
	m.act = (char *)(uintptr_t)acts[a->q.verb];
	m.good = a->good;
	m.text = (char *)(uintptr_t)text;
	a->stage = WAITING_FOR_CORE;
	a->deadline = clock_mono_ms() + CORE_TIME_MS;
	return ipc_send(k->core, IPC_KH_KEY_ACT, &m.base, NULL, 0, err);
}

static void perform(struct kh *k)
{
	struct kh_keyask *a = k->keyask;
	bool drill = a->q.verb == KEYASK_DRILL;
	char text[CLV_ERR_TEXT_MAX] = "signing key and every group key, sealed under a passphrase";
	struct clv_err err = {0};
	clv_rc rc = drill ? kh_backup_drill(k, buf_slice(&a->file), a->passphrase, text, sizeof text, &err)
	                  : kh_backup_seal(k, a->passphrase, &a->answer, &err);

	secret_free(a->passphrase);
	a->passphrase = NULL;
	a->good = !rc;
	if (rc) {
		if (err.code == CLV_E_AUTH)
			k->keyask_not_before = clock_mono_ms() + WRONG_MS;
		(void)snprintf(text, sizeof text, "%s", err.text);
		if (!drill) {
			refuse(k, text);
			return;
		}
	}
	if ((drill && buf_put(&a->answer, slice_str(text), &err)) || ask_core(k, text, &err))
		refuse(k, err.text);
}

clv_rc kh_on_key_act_kept(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhKeyActKept *m = (const Clv__KhKeyActKept *)msg;
	struct kh *k = ctx;
	struct kh_keyask *a = k->keyask;
	char *why;

	(void)fds;
	(void)err;
	if (!a || a->stage != WAITING_FOR_CORE || a->id != m->id)
		return CLV_OK; /* the caller went away meanwhile */
	if (!m->ok) {
		why =
		    clv_asprintf("it cannot be written to the audit trail, so nothing is done: %s", m->text);
		refuse(k, why);
		clv_free(why);
		return CLV_OK;
	}
	log_notice("%s uid=%u pid=%d result=%s", a->q.verb == KEYASK_BACKUP ? "key backup" : "key drill",
	           a->peer.uid, a->peer.pid, a->good ? "good" : "failed");
	say(a->fd, a->good, buf_slice(&a->answer));
	end(k);
	return CLV_OK;
}

/* --- the loop's part --- */
size_t kh_keyask_poll(const struct kh *k, struct pollfd *p, int *timeout_ms)
{
	const struct kh_keyask *a = k->keyask;
	int64_t now = clock_mono_ms(), at, left;

	if (!a)
		return 0;
	at = a->stage == READY ? k->keyask_not_before : a->deadline;
	left = at > now ? at - now : 0;
	if (*timeout_ms < 0 || left < *timeout_ms)
		*timeout_ms = (int)left;
	*p = (struct pollfd){.fd = a->fd, .events = a->stage < READY ? POLLIN : 0};
	return 1;
}

static void read_more(struct kh *k)
{
	struct clv_err err = {0};

	if (!read_request(k->keyask, &err) || err.code == CLV_E_AGAIN)
		return;
	if (err.code == CLV_E_CLOSED)
		end(k);
	else
		refuse(k, err.text);
}

void kh_keyask_serve(struct kh *k, const struct pollfd *p)
{
	struct kh_keyask *a = k->keyask;
	int64_t now = clock_mono_ms();

	if (!a || p->fd != a->fd)
		return;
	if (a->stage >= READY && (p->revents & (POLLHUP | POLLERR))) {
		end(k); /* nobody is there to take it */
		return;
	}
	if (a->stage < READY && p->revents) {
		read_more(k);
		a = k->keyask;
	}
	if (a && a->stage == READY && now >= k->keyask_not_before)
		perform(k);
	else if (a && a->stage == WAITING_FOR_CORE && !k->core)
		refuse(k, "core is being restarted: try again");
	else if (a && a->stage != READY && now >= a->deadline)
		refuse(k, a->stage == WAITING_FOR_CORE ? "core does not answer: try again"
		                                       : "the request did not come in time");
}
