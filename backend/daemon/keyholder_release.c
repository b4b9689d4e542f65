/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Release to local callers (design 3, "Release on the agent"): who asks is what the kernel says of the
 * descriptor; what they may have is the host's own configuration. `clavigerd credential` writes one line;
 * systemd's LoadCredential= says unit and name by the address it is bound to, which counts from uid 0 only.
 * And checks: a version that was just opened goes to the parent's check on a pipe. Runs in the agent's key
 * holder; logs who got which account, never what.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/keyholder_group.h"
#include "daemon/keyholder_held.h"
#include "daemon/keyholder_recover.h"
#include "keys/statement.h"
#include "proto/codec.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK_MAX     512u
#define ASK_TIME_MS 5000
#define GROUPS_MAX  64u
#define SECRET_SENT (60u * 1024u + 1024u)

struct kh_release {
	int fd;
	int64_t deadline;
	struct ucred peer;
	gid_t groups[GROUPS_MAX];
	size_t n_groups;
	char unit[256], profile[256]; /* unit: LoadCredential= */
	char ask[ASK_MAX];
	size_t n;
};

static void end(struct kh *k, size_t i)
{
	quota_give(&k->callers, k->releases[i]->peer.uid);
	fd_close(&k->releases[i]->fd);
	clv_free(k->releases[i]);
	k->n_releases--;
	memmove(&k->releases[i], &k->releases[i + 1], (k->n_releases - i) * sizeof k->releases[0]);
}

void kh_release_end(struct kh *k)
{
	while (k->n_releases)
		end(k, k->n_releases - 1);
}

/* --- who asks --- */
/* "\0<random>/unit/<unit>/<name>": anybody can bind that, so it is read from root's sockets alone. */
static void read_unit(struct kh_release *r)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t len = sizeof a;
	char text[sizeof a.sun_path + 1], *unit, *name;
	size_t n;

	if (r->peer.uid != 0 || getpeername(r->fd, (struct sockaddr *)&a, &len) ||
	    len <= offsetof(struct sockaddr_un, sun_path) + 1 || a.sun_path[0] != 0)
		return;
	n = len - offsetof(struct sockaddr_un, sun_path) - 1;
	memcpy(text, a.sun_path + 1, n);
	text[n] = 0;
	unit = strstr(text, "/unit/");
	name = unit ? strchr(unit + 6, '/') : NULL;
	if (!name || strlen(text) != n || !name[1])
		return;
	*name = 0;
	(void)snprintf(r->unit, sizeof r->unit, "%s", unit + 6);
	(void)snprintf(r->profile, sizeof r->profile, "%s", name + 1);
}

clv_rc kh_release_take(struct kh *k, int fd, struct clv_err *err)
{
	struct kh_release *r;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof peer;

	(void)err;
	if (fd_nonblock(fd, NULL) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len)) {
		(void)close(fd);
		return CLV_OK;
	}
	if (!quota_take(&k->callers, peer.uid)) {
		log_warn("uid=%u asks for more credentials at once than one user may, or too many ask; one "
		         "caller is turned away",
		         peer.uid);
		(void)close(fd);
		return CLV_OK;
	}
	r = clv_calloc(1, sizeof *r);
	r->fd = fd;
	r->peer = peer;
	r->deadline = clock_mono_ms() + ASK_TIME_MS;
	len = sizeof r->groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, r->groups, &len) == 0)
		r->n_groups = len / sizeof r->groups[0];
	read_unit(r);
	k->releases[k->n_releases++] = r;
	return CLV_OK;
}

static const Clv__ProfileConf *conf_of(const struct kh *k, const char *profile)
{
	for (size_t i = 0; i < k->start->n_profiles; i++)
		if (strcmp(k->start->profiles[i]->name, profile) == 0)
			return k->start->profiles[i];
	return NULL;
}

static bool in_groups(const struct kh_release *r, uint32_t gid)
{
	for (size_t i = 0; i < r->n_groups; i++)
		if (r->groups[i] == gid)
			return true;
	return r->peer.gid == gid;
}

static bool is_entitled(const struct kh *k, const struct kh_release *r)
{
	const Clv__ProfileConf *p = conf_of(k, r->profile);

	if (!p)
		return false;
	for (size_t i = 0; *r->unit && i < p->n_units; i++)
		if (strcmp(p->units[i], r->unit) == 0)
			return true;
	if (*r->unit)
		return false; /* asks as a unit, and is none of those */
	for (size_t i = 0; i < p->n_uids; i++)
		if (p->uids[i] == r->peer.uid)
			return true;
	for (size_t i = 0; i < p->n_gids; i++)
		if (in_groups(r, p->gids[i]))
			return true;
	return false;
}

/* --- the answer --- */
static clv_rc write_out(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	ssize_t n = send(*(int *)ctx, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n == (ssize_t)bytes.len ? CLV_OK : err_sys(err, CLV_E_IO, "handing a credential over");
}

static clv_rc append(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	return secret_append(ctx, bytes.ptr, bytes.len, err);
}

/* For a command: "claviger/1 ok <type> <version> <user bytes> <domain bytes> <bytes>\n", then the three; for
 * systemd the credential alone. In one piece, so that a half is never taken for the whole. */
static clv_rc hand_over(struct kh_release *r, const struct runas_account *a,
                        const struct clv_secret *password, struct clv_err *err)
{
	struct clv_secret *all = secret_new(SECRET_SENT, err);
	char *head = *r->unit ? clv_strdup("")
	                      : clv_asprintf("claviger/1 ok %s %" PRIu64 " %zu %zu %zu\n%s%s",
	                                     clv_account_type_word(a->type), a->version, strlen(a->user),
	                                     strlen(a->domain), secret_len(password), a->user, a->domain);
	clv_rc rc = CLV_FAILED;

	if (all && !secret_append(all, head, strlen(head), err) && !secret_use(password, append, all, err))
		rc = secret_use(all, write_out, &r->fd, err);
	clv_free(head);
	secret_free(all);
	return rc;
}

static clv_rc release(struct kh *k, struct kh_release *r, struct clv_err *err)
{
	struct clv_secret *password = secret_new(VAULT_ITEM_MAX, err);
	struct runas_account *a = clv_calloc(1, sizeof *a);
	char account[RUNAS_ID_LEN + 1];
	clv_rc rc = CLV_FAILED;

	if (!is_entitled(k, r))
		(void)err_set(err, CLV_E_DENIED, "not entitled");
	else if (strcmp(r->profile, KH_ACTION_PROFILE) == 0 && kh_held_action(k) == 7010)
		(void)err_set(err, CLV_E_CONFIG, "the action account is of a wrong type (7010)");
	else if (password && !kh_held_choose(k, r->profile, account, err) &&
	         !kh_held_get(k, account, false, a, password, err) && !hand_over(r, a, password, err)) {
		log_notice("released profile=\"%s\" account=\"%s\" version=%" PRIu64 " uid=%u pid=%d unit=%s",
		           r->profile, a->name, a->version, r->peer.uid, r->peer.pid,
		           *r->unit ? r->unit : "-");
		rc = CLV_OK;
	}
	clv_free(a);
	secret_free(password);
	return rc;
}

/* The caller learns no more than that there is nothing for him. */
static void answer(struct kh *k, struct kh_release *r)
{
	static const char no[] = "claviger/1 no\n";
	struct clv_err err = {0};

	if (!release(k, r, &err))
		return;
	log_warn("refused profile=\"%.200s\" uid=%u pid=%d unit=%s: %s", r->profile, r->peer.uid, r->peer.pid,
	         *r->unit ? r->unit : "-", err.text);
	if (!*r->unit)
		(void)!send(r->fd, no, sizeof no - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The words after a verb of one blank; NULL when the line is of another. */
static const char *after_verb(const struct kh_release *r, const char *verb, size_t *len)
{
	const char *nl = memchr(r->ask, '\n', r->n);
	size_t line = nl ? (size_t)(nl - r->ask) : 0, skip = strlen(verb);

	if (line <= skip || strncmp(r->ask, verb, skip) != 0 || memchr(r->ask, 0, line))
		return NULL;
	*len = line - skip;
	return r->ask + skip;
}

/* `clavigerd trust FINGERPRINT`: root, or who started the service, says which group signing key is the new
 * one after a total loss (design 3). */
static void trust(struct kh *k, struct kh_release *r, const char *hex, size_t len)
{
	static const char ok[] = "claviger/1 trusted\n", no[] = "claviger/1 no\n";
	uint8_t hash[KEY_HASH_LEN];
	struct clv_err err = {0};
	clv_rc rc = CLV_FAILED;

	if (r->peer.uid != 0 && r->peer.uid != k->start->owner)
		(void)err_set(&err, CLV_E_DENIED, "neither root nor who runs the service");
	else if (len != sizeof hash * 2 || hex_decode(hex, len, hash, sizeof hash, &err))
		(void)err_set(&err, CLV_E_PROTO, "no fingerprint of 64 digits");
	else
		rc = kh_trust(k, slice_of(hash, sizeof hash), &err);
	if (rc)
		log_warn("refused trust uid=%u pid=%d: %s", r->peer.uid, r->peer.pid, err.text);
	else
		log_notice("trusts the group signing key %.*s from now on, said uid=%u", (int)len, hex,
		           r->peer.uid);
	(void)!send(r->fd, rc ? no : ok, (rc ? sizeof no : sizeof ok) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A whole line is there: does what it says. What is no verb is refused as an unknown profile is. */
static void serve_line(struct kh *k, struct kh_release *r)
{
	size_t len = 0;
	const char *rest = after_verb(r, "trust ", &len);

	if (rest) {
		trust(k, r, rest, len);
		return;
	}
	rest = after_verb(r, "credential ", &len);
	if (rest && len < sizeof r->profile) {
		memcpy(r->profile, rest, len);
		r->profile[len] = 0;
	}
	answer(k, r);
}

size_t kh_release_poll(const struct kh *k, struct pollfd *p, int *timeout_ms)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < k->n_releases; i++) {
		int64_t left = k->releases[i]->deadline - now;

		p[i] = (struct pollfd){.fd = k->releases[i]->fd, .events = POLLIN};
		if (*k->releases[i]->unit)
			left = 0;
		if (left < 0)
			left = 0;
		if (*timeout_ms < 0 || left < *timeout_ms)
			*timeout_ms = (int)left;
	}
	return k->n_releases;
}

/* true: it is done with. */
static bool serve_one(struct kh *k, struct kh_release *r, short revents)
{
	ssize_t n;

	if (*r->unit) {
		answer(k, r);
		return true;
	}
	/* Read even where poll saw nothing: this process may have been at other work since. */
	if (!revents && clock_mono_ms() < r->deadline)
		return false;
	n = recv(r->fd, r->ask + r->n, sizeof r->ask - r->n, MSG_DONTWAIT);
	if (n <= 0)
		return n == 0 || !revents || (errno != EAGAIN && errno != EINTR);
	r->n += (size_t)n;
	if (memchr(r->ask, '\n', r->n)) {
		serve_line(k, r);
		return true;
	}
	return r->n == sizeof r->ask;
}

void kh_release_serve(struct kh *k, const struct pollfd *p, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (i < k->n_releases && serve_one(k, k->releases[i], p[i].revents))
			end(k, i);
}

/* --- checks --- */
static clv_rc fill_pipe(struct clv_slice bytes, void *ctx, struct clv_err *err)
{
	ssize_t n = write(*(int *)ctx, bytes.ptr, bytes.len);

	return n == (ssize_t)bytes.len ? CLV_OK : err_sys(err, CLV_E_IO, "a check's pipe");
}

static clv_rc run_check(struct kh *k, const char *profile, const struct runas_account *a,
                        const struct clv_secret *password, struct clv_err *err)
{
	Clv__CheckRun m = CLV__CHECK_RUN__INIT;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return err_sys(err, CLV_E_IO, "a check's pipe");
	if (secret_use(password, fill_pipe, &fds[1], err)) {
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		return CLV_FAILED;
	}
	fd_close(&fds[1]);
	m.profile = (char *)(uintptr_t)profile;
	m.account = (char *)(uintptr_t)a->id;
	m.version = a->version;
	m.trial = a->trial;
	m.user = (char *)(uintptr_t)a->user;
	return ipc_send(k->parent, IPC_CHECK_RUN, &m.base, fds, 1, err);
}

static clv_rc try_all(struct kh *k, const Clv__KhTry *q, uint32_t *checks, struct clv_err *err)
{
	struct clv_secret *password = secret_new(VAULT_ITEM_MAX, err);
	struct runas_account *a = clv_calloc(1, sizeof *a);
	clv_rc rc = CLV_FAILED;

	if (!password || strlen(q->account) != RUNAS_ID_LEN ||
	    kh_held_get(k, q->account, q->trial, a, password, err))
		goto out;
	if (a->version != q->version) {
		(void)err_set(err, CLV_E_CONFLICT, "another version is held by now");
		goto out;
	}
	for (size_t i = 0; i < k->start->n_profiles; i++) {
		const Clv__ProfileConf *p = k->start->profiles[i];
		bool uses = false;

		if (!p->check)
			continue;
		if (kh_held_uses(k, p->name, q->account, &uses, err))
			goto out;
		if (uses && run_check(k, p->name, a, password, err))
			goto out;
		*checks += uses;
	}
	rc = CLV_OK;
out:
	clv_free(a);
	secret_free(password);
	return rc;
}

clv_rc kh_on_try(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	const Clv__KhTry *q = (const Clv__KhTry *)msg;
	Clv__KhTried m = CLV__KH_TRIED__INIT;
	struct kh *k = ctx;
	struct clv_err why = {0};

	(void)fds;
	m.id = q->id;
	if (try_all(k, q, &m.checks, &why))
		return kh_answer_failed(k, q->id, &why, err);
	return kh_answer(k, IPC_KH_TRIED, &m.base, err);
}
