/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clavigerd store: a copy of the database by the running service, and a copy brought back under a stopped
 * one. Holds no secret.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "claviger/client.h"
#include "daemon/cli.h"
#include "store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUP_WAIT_MS 120000
#define OPEN_WAIT_MS   5000
#define COPY_BYTES     (1u << 20)

static int fail(const char *command, const struct clv_err *err)
{
	(void)fprintf(stderr, "clavigerd store %s: %s\n", command, err->text);
	return err->cls == CLV_CLASS_USAGE ? 2 : 1;
}

/* --- store backup: the running core copies, page by page --- */
static void step(struct clv_session *s)
{
	struct pollfd p = {.fd = clv_session_fd(s), .events = clv_session_events(s)};
	int t = clv_session_timeout_ms(s);

	(void)poll(&p, p.fd >= 0 ? 1 : 0, t < 0 || t > 200 ? 200 : t);
	clv_session_step(s);
}

static clv_rc wait_open(struct clv_session *s, struct clv_err *err)
{
	int64_t limit = clock_mono_ms() + OPEN_WAIT_MS;

	while (clv_session_state(s) != CLV_SESSION_OPEN) {
		if (clv_session_state(s) == CLV_SESSION_FAILED || clock_mono_ms() > limit)
			return err_set(err, CLV_E_CLOSED, "%s",
			               clv_session_error(s)->code ? clv_session_error(s)->text
			                                          : "the service does not answer");
		step(s);
	}
	return CLV_OK;
}

static clv_rc wait_reply(struct clv_session *s, uint64_t req, struct clv_reply **out, struct clv_err *err)
{
	int64_t limit = clock_mono_ms() + BACKUP_WAIT_MS;

	while (clock_mono_ms() < limit) {
		struct clv_reply *r = clv_session_pop(s);

		if (r && r->req == req) {
			*out = r;
			return CLV_OK;
		}
		clv_reply_free(r);
		step(s);
	}
	return err_set(err, CLV_E_TIMEOUT, "the server did not answer within two minutes");
}

static clv_rc backup(const char *socket, const char *name, struct clv_err *err)
{
	char *server = clv_asprintf("unix:%s", socket);
	struct clv_target t = {.server = server};
	struct clv_act act = {.kind = CLV_ACT_STORE_BACKUP, .name = name};
	struct clv_session *s = clv_session_new(&t, err);
	struct clv_reply *r = NULL;
	uint64_t req;
	clv_rc rc = CLV_FAILED;

	if (!s || wait_open(s, err))
		goto out;
	req = clv_session_act(s, &act, err);
	if (!req || wait_reply(s, req, &r, err))
		goto out;
	if (r->kind == CLV_REPLY_DONE) {
		(void)printf("%s\n", r->text);
		rc = CLV_OK;
	} else {
		(void)err_set(err, r->code, "%s", r->text ? r->text : "the line was lost");
	}
out:
	clv_reply_free(r);
	clv_session_free(s);
	clv_free(server);
	return rc;
}

int cli_store_backup(const char *conf_path, const char *name)
{
	struct conf *c = NULL;
	struct clv_err err = {0};
	clv_rc rc;

	if (options_load(conf_path, &c, &err))
		return fail("backup", &err);
	rc = backup(conf_str(c, "channel", "console_socket"), name, &err);
	conf_free(c);
	return rc ? fail("backup", &err) : 0;
}

/* --- restore --- */
struct restoring {
	const char *state, *group, *file;
	bool replace;
	char *db, *journal, *fresh, *fresh_journal, *kept;
};

static clv_rc copy_bytes(int from, int to, const char *name, struct clv_err *err)
{
	uint8_t *bytes = clv_calloc(1, COPY_BYTES);
	ssize_t n;
	clv_rc rc = CLV_OK;

	while (!rc && (n = read(from, bytes, COPY_BYTES)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? err_sys(err, CLV_E_IO, "%s", name)
		           : fd_write_all(to, slice_of(bytes, (size_t)n), err);
	}
	clv_free(bytes);
	if (!rc && fsync(to))
		rc = err_sys(err, CLV_E_IO, "writing the copy");
	return rc;
}

static clv_rc copy_in(const struct restoring *r, struct clv_err *err)
{
	int from = open(r->file, O_RDONLY | O_CLOEXEC), to = -1;
	clv_rc rc = CLV_FAILED;

	if (from < 0)
		return err_sys(err, CLV_E_IO, "%s", r->file);
	to = open(r->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		(void)err_sys(err, CLV_E_IO, "%s", r->fresh);
	else
		rc = copy_bytes(from, to, r->file, err);
	fd_close(&from);
	fd_close(&to);
	return rc;
}

/* Whole, of this release's schema or an older one, and of this group. */
static clv_rc check_copy(const struct restoring *r, struct clv_err *err)
{
	struct db *d = NULL;
	struct clv_buf group;
	clv_rc rc = CLV_FAILED;

	buf_init(&group, 1024);
	if (store_open(r->fresh, &d, err)) {
		(void)err_wrap(err, "%s is no database to restore", r->file);
	} else if (!store_meta_get(d, "group", &group, err)) {
		if (slice_eq(buf_slice(&group), slice_str(r->group)))
			rc = CLV_OK;
		else if (!buf_slice(&group).len)
			(void)err_set(err, CLV_E_CONFLICT, "%s is the database of no management group",
			              r->file);
		else
			(void)err_set(
			    err, CLV_E_CONFLICT, "%s is of management group %.*s, this server of %s", r->file,
			    (int)buf_slice(&group).len, (const char *)buf_slice(&group).ptr, r->group);
	}
	db_close(d);
	buf_release(&group);
	return rc;
}

/* Nobody has it open, and it may go. */
static clv_rc check_old(const struct restoring *r, struct clv_err *err)
{
	struct stat st;
	struct db *d = NULL;

	if (stat(r->db, &st) || st.st_size == 0)
		return CLV_OK;
	if (!r->replace)
		return err_set(err, CLV_E_EXISTS,
		               "%s is there: nothing was changed; with --replace it is kept beside the "
		               "restored one",
		               r->db);
	if (store_open(r->db, &d, err)) {
		if (err->code != CLV_E_CORRUPT)
			return err_wrap(err, "the database that is there (stop the service first)");
		err_clear(err); /* damaged: that is why it is replaced */
	}
	db_close(d);
	return CLV_OK;
}

/* The old journal goes before the new file comes: it must never be played into it. */
static clv_rc put_in_place(const struct restoring *r, struct clv_err *err)
{
	struct stat st;

	if (!stat(r->db, &st) && st.st_size > 0 && (link(r->db, r->kept) && errno != EEXIST))
		return err_sys(err, CLV_E_IO, "keeping the old database as %s", r->kept);
	if (file_remove(r->journal, err) || file_remove(r->fresh_journal, err))
		return CLV_FAILED;
	if (rename(r->fresh, r->db))
		return err_sys(err, CLV_E_IO, "putting %s in place", r->db);
	return file_sync_folder(r->db, err);
}

static clv_rc restore(struct restoring *r, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;

	r->db = clv_asprintf("%s/OperationsManager.db", r->state);
	r->journal = clv_asprintf("%s-journal", r->db);
	r->fresh = clv_asprintf("%s.restoring", r->db);
	r->fresh_journal = clv_asprintf("%s-journal", r->fresh);
	r->kept = clv_asprintf("%s.before-%lld", r->db, (long long)clock_wall_ms());
	if (!file_mkdirs(r->state, 0755, err) && !check_old(r, err) && !copy_in(r, err) &&
	    !check_copy(r, err))
		rc = put_in_place(r, err);
	if (rc) {
		(void)unlink(r->fresh);
		(void)unlink(r->fresh_journal);
	}
	return rc;
}

int cli_store_restore(const char *conf_path, const char *file, bool replace)
{
	struct restoring r = {.file = file, .replace = replace};
	struct conf *c = NULL;
	struct clv_err err = {0};
	char *vault;
	clv_rc rc;

	if (options_load(conf_path, &c, &err))
		return fail("restore", &err);
	r.state = conf_str(c, "node", "state");
	r.group = conf_str(c, "node", "group");
	rc = strcmp(conf_str(c, "node", "role"), "management-server") == 0
	         ? restore(&r, &err)
	         : err_set(&err, CLV_E_USAGE, "a management server alone has this database");
	vault = clv_asprintf("%s/vault/vault.db", r.state);
	if (!rc)
		(void)printf(
		    "%s is %s's database now%s%s.\n%s\n", file, r.group,
		    file_exists(r.kept) ? "; the one before is " : "", file_exists(r.kept) ? r.kept : "",
		    file_exists(vault)
		        ? "Next: clavigerd run. Rows that this server has seen newer are named (2004) "
		          "and not used."
		        : "Next: clavigerd key restore FILE, or, without a key backup, clavigerd "
		          "recover.");
	conf_free(c);
	clv_free(vault);
	clv_free(r.db);
	clv_free(r.journal);
	clv_free(r.fresh);
	clv_free(r.fresh_journal);
	clv_free(r.kept);
	return rc ? fail("restore", &err) : 0;
}
