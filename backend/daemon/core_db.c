/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's database thread: owns the handle, takes all queued jobs into one transaction, each in its
 * savepoint, commits, and only then reports them done (stored first, acknowledged second). So no
 * fsync and no lost disk stalls the loop. The one thread beside a loop that STYLE 30 allows.
 */
#include "base/log.h"
#include "daemon/core.h"
#include <string.h>

struct job {
	struct job *next;
	db_job_run *run;
	db_job_done *done;
	void *ctx;
	bool alone;
	clv_rc rc;
	struct clv_err err;
};

struct core_db {
	struct core *core;
	struct db *db;
	clv_rc (*walls)(struct core *c, struct clv_err *err);
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t more;
	uv_async_t ready;
	struct job *queue, **queue_end;
	struct job *finished, **finished_end;
	bool stop, started;
	bool lost; /* nobody can say what the database holds: set before the jobs are handed back */
	struct clv_err start_err, lost_err;
};

static struct job *take_queue(struct core_db *q)
{
	struct job *list;

	uv_mutex_lock(&q->lock);
	while (!q->queue && !q->stop)
		uv_cond_wait(&q->more, &q->lock);
	list = q->queue;
	q->queue = NULL;
	q->queue_end = &q->queue;
	uv_mutex_unlock(&q->lock);
	return list;
}

static void run_one(struct db *d, struct job *j)
{
	j->rc = CLV_FAILED;
	if (db_savepoint(d, &j->err))
		return;
	if (j->run(d, j->ctx, &j->err)) {
		db_rollback_to(d);
		return;
	}
	j->rc = db_release(d, &j->err);
}

/* One transaction for the jobs from `from` up to `to`; a failed commit fails them all. */
static void run_batch(struct core_db *q, struct job *from, const struct job *to)
{
	struct db *d = q->db;
	bool unknown = false;
	struct clv_err err = {0};
	clv_rc rc = db_begin(d, &err);

	for (struct job *j = from; !rc && j != to; j = j->next) {
		run_one(d, j);
		if (!db_in_transaction(d)) { /* the next savepoint would commit by itself */
			err = j->err;
			rc = CLV_FAILED;
		}
	}
	if (!rc)
		rc = db_commit_told(d, &unknown, &err);
	if (!rc)
		return;
	if (unknown) {
		q->lost_err = err;
		q->lost = true;
	}
	db_rollback(d);
	for (struct job *j = from; j != to; j = j->next) {
		j->rc = CLV_FAILED;
		j->err = err;
	}
}

static void run_list(struct core_db *q, struct job *list)
{
	struct job *j = list;

	while (j) {
		struct job *end = j;

		if (j->alone) {
			j->rc = j->run(q->db, j->ctx, &j->err);
			j = j->next;
			continue;
		}
		while (end && !end->alone)
			end = end->next;
		run_batch(q, j, end);
		j = end;
	}
}

static void finish_list(struct core_db *q, struct job *list)
{
	uv_mutex_lock(&q->lock);
	*q->finished_end = list;
	while (*q->finished_end)
		q->finished_end = &(*q->finished_end)->next;
	uv_mutex_unlock(&q->lock);
	(void)uv_async_send(&q->ready);
}

static void thread_main(void *arg)
{
	struct core_db *q = arg;
	clv_rc rc = q->walls(q->core, &q->start_err);
	struct job *list;

	uv_mutex_lock(&q->lock);
	q->started = true;
	if (!rc)
		err_clear(&q->start_err);
	uv_cond_signal(&q->more);
	uv_mutex_unlock(&q->lock);
	while (!rc && (list = take_queue(q))) {
		run_list(q, list);
		finish_list(q, list);
	}
}

static void on_ready(uv_async_t *a)
{
	struct core_db *q = a->data;
	struct job *list;

	uv_mutex_lock(&q->lock);
	list = q->finished;
	q->finished = NULL;
	q->finished_end = &q->finished;
	uv_mutex_unlock(&q->lock);
	if (q->lost) {
		/* What is in memory may be older or newer than the file: start again from the file. */
		log_err(LOG_ERROR, &q->lost_err,
		        "core ends: the database cannot be read after a commit that failed");
		q->core->status = 1;
		uv_stop(&q->core->loop);
	}
	while (list) {
		struct job *j = list;

		list = j->next;
		if (j->done)
			j->done(q->core, j->ctx, j->rc, &j->err);
		else if (j->rc)
			log_err(LOG_ERROR, &j->err, "a database job");
		clv_free(j);
	}
}

clv_rc core_db_start(struct core *c, struct db *d, clv_rc (*walls)(struct core *c, struct clv_err *err),
                     struct clv_err *err)
{
	struct core_db *q = clv_calloc(1, sizeof *q);

	q->core = c;
	q->db = d;
	q->walls = walls;
	q->queue_end = &q->queue;
	q->finished_end = &q->finished;
	c->db = q;
	if (uv_mutex_init(&q->lock) || uv_cond_init(&q->more) || uv_async_init(&c->loop, &q->ready, on_ready))
		return err_set(err, CLV_E_INTERNAL, "the database thread's locks");
	q->ready.data = q;
	if (uv_thread_create(&q->thread, thread_main, q))
		return err_set(err, CLV_E_INTERNAL, "the database thread does not start");
	uv_mutex_lock(&q->lock);
	while (!q->started)
		uv_cond_wait(&q->more, &q->lock);
	uv_mutex_unlock(&q->lock);
	if (q->start_err.code) {
		*err = q->start_err;
		return CLV_FAILED;
	}
	return CLV_OK;
}

static void put(struct core *c, db_job_run *run, db_job_done *done, void *ctx, bool alone)
{
	struct core_db *q = c->db;
	struct job *j = clv_calloc(1, sizeof *j);

	j->run = run;
	j->done = done;
	j->ctx = ctx;
	j->alone = alone;
	uv_mutex_lock(&q->lock);
	*q->queue_end = j;
	q->queue_end = &j->next;
	uv_cond_signal(&q->more);
	uv_mutex_unlock(&q->lock);
}

void core_db_put(struct core *c, db_job_run *run, db_job_done *done, void *ctx)
{
	put(c, run, done, ctx, false);
}

void core_db_put_alone(struct core *c, db_job_run *run, db_job_done *done, void *ctx)
{
	put(c, run, done, ctx, true);
}

void core_db_stop(struct core *c)
{
	struct core_db *q = c->db;

	if (!q || !q->started)
		return;
	uv_mutex_lock(&q->lock);
	q->stop = true;
	uv_cond_signal(&q->more);
	uv_mutex_unlock(&q->lock);
	(void)uv_thread_join(&q->thread);
	db_close(q->db);
	q->db = NULL;
}
