/* SPDX-License-Identifier: Apache-2.0 */
/* A link is welcomed once its mechanism was looked up: that link, and none that came under its number
 * meanwhile. */
#include "daemon/core_relay.h"
#include "tests/lib/unit.h"

#include <string.h>

static struct session *session; /* what stands under every number */
static struct node node;
static unsigned welcomed, refused;
static db_job_done *done;
static void *job;

void core_db_put(struct core *c, db_job_run *run, db_job_done *d, void *ctx)
{
	(void)c;
	(void)run;
	done = d;
	job = ctx;
}

void core_event(struct core *c, uint32_t id, const char *fmt, ...)
{
	(void)c;
	(void)id;
	(void)fmt;
}

struct session *server_session(const struct server *s, uint64_t conn)
{
	(void)s;
	(void)conn;
	return session;
}

struct node *server_find(const struct server *s, const char *name)
{
	(void)s;
	assert_string_equal(name, node.name);
	return &node;
}

void server_refuse(struct core *c, struct session *s, enum refusal_code code, const char *fmt, ...)
{
	(void)c;
	(void)s;
	(void)code;
	(void)fmt;
	refused++;
}

void server_welcome(struct core *c, struct session *s, struct node *n)
{
	(void)c;
	assert_ptr_equal(s, session);
	assert_ptr_equal(n, &node);
	welcomed++;
}

bool relay_may(const struct core *c, const struct session *s, const struct node *n)
{
	(void)c;
	(void)s;
	(void)n;
	return true;
}

void relay_refuse(struct core *c, struct session *s, const struct node *n)
{
	(void)c;
	(void)s;
	(void)n;
	refused++;
}

static Clv__Start start;
static struct server srv;
static struct core core = {.magic = CORE_MAGIC, .start = &start, .srv = &srv};
static Clv__ConnOpen mine, others;

static int set_up(void **state)
{
	static char name[] = "a.ops.test", other[] = "b.ops.test";

	(void)state;
	clv__start__init(&start);
	clv__conn_open__init(&mine);
	clv__conn_open__init(&others);
	mine.mechanism = others.mechanism = CLV_MECHANISM_CERTIFICATE;
	node.name = mine.peer_name = name;
	others.peer_name = other;
	node.approval = CLV_APPROVAL_APPROVED;
	welcomed = refused = 0;
	return 0;
}

/* As the database thread leaves it where nothing was pinned before. */
static void looked_up(clv_rc rc)
{
	struct clv_err err = {0};

	(void)err_set(&err, CLV_E_IO, "the disk");
	done(&core, job, rc, &err);
}

static void its_own_link(void **state)
{
	struct session s = {.conn = 7, .open = &mine};

	(void)state;
	session = &s;
	server_pin_then_welcome(&core, &s, &node);
	assert_true(s.pinning);
	/* It cannot be read: told to that link. */
	looked_up(CLV_FAILED);
	assert_false(s.pinning);
	assert_int_equal(refused, 1);
	assert_int_equal(welcomed, 0);
}

static void another_under_its_number(void **state)
{
	struct session s = {.conn = 7, .open = &mine}, other = {.conn = 7, .open = &others},
	               again = {.conn = 7, .open = &mine};

	(void)state;
	/* Another node's, whose own look-up is under way. */
	session = &s;
	server_pin_then_welcome(&core, &s, &node);
	session = &other;
	other.pinning = true;
	looked_up(CLV_FAILED);
	assert_true(other.pinning);
	/* The same node's, which has proven nothing yet. */
	session = &s;
	server_pin_then_welcome(&core, &s, &node);
	session = &again;
	looked_up(CLV_FAILED);
	/* None. */
	session = &s;
	server_pin_then_welcome(&core, &s, &node);
	session = NULL;
	looked_up(CLV_FAILED);
	assert_int_equal(refused + welcomed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(its_own_link, set_up),
	    cmocka_unit_test_setup(another_under_its_number, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
