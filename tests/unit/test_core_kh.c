/* SPDX-License-Identifier: Apache-2.0 */
/* Each call of the key holder is answered once, and from the loop: also where it could not be sent. */
#include "daemon/core.h"

#include "tests/lib/unit.h"
#include <string.h>

static bool full; /* the key holder's queue */
static uint64_t last_id;

clv_rc core_try_send(struct core *c, enum core_link_id link, enum ipc_type type, const ProtobufCMessage *m,
                     struct clv_err *err)
{
	assert_int_equal(link, LINK_KEYHOLDER);
	assert_int_equal(type, IPC_KH_INFO_REQUEST);
	(void)c;
	if (full)
		return err_set(err, CLV_E_LIMIT, "it does not read");
	last_id = ((const Clv__KhInfoRequest *)m)->id;
	return CLV_OK;
}

clv_rc core_on_key_act(void *ctx, const ProtobufCMessage *m, int *fds, struct clv_err *err)
{
	(void)ctx;
	(void)m;
	(void)fds;
	(void)err;
	return CLV_OK;
}

struct told {
	unsigned n, again; /* how often it was told, how often it asks once more */
	enum ipc_type type;
	enum clv_code code;
};

static void ask(struct core *c, struct told *t);

static void on_done(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                    const struct clv_err *err)
{
	struct told *t = ctx;

	assert_true((m == NULL) == (type == IPC_KH_FAILED));
	t->n++;
	t->type = type;
	t->code = m ? CLV_E_NONE : err->code;
	if (t->again) {
		t->again--;
		ask(c, t);
	}
}

static void ask(struct core *c, struct told *t)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;
	unsigned before = t->n;

	kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, on_done, t);
	assert_int_equal(t->n, before);
}

static void answer(struct core *c, uint64_t id)
{
	Clv__KhInfo m = CLV__KH_INFO__INIT;
	struct clv_err err;

	m.id = id;
	for (const struct ipc_row *r = core_keyholder_rows; r->handler; r++)
		if (r->type == IPC_KH_INFO)
			assert_int_equal(r->handler(c, &m.base, NULL, &err), CLV_OK);
}

static void refused(void **state)
{
	struct core c = {.next_id = 1};
	struct told sent = {0}, not_sent = {.again = 1};

	(void)state;
	c.links[LINK_KEYHOLDER].ipc = (struct ipc *)&c; /* there is one */
	full = false;
	ask(&c, &sent);
	full = true;
	ask(&c, &not_sent);
	kh_tick(&c);
	assert_int_equal(not_sent.n, 1);
	assert_int_equal(not_sent.code, CLV_E_LIMIT);
	/* It asked again: told at the next, and no more after that. */
	kh_tick(&c);
	kh_tick(&c);
	assert_int_equal(not_sent.n, 2);
	assert_int_equal(sent.n, 0);
	answer(&c, last_id);
	answer(&c, last_id);
	assert_int_equal(sent.n, 1);
	assert_int_equal(sent.type, IPC_KH_INFO);
	assert_null(c.kh_calls);
}

static void lost(void **state)
{
	struct core c = {.next_id = 1};
	struct told t = {.again = 1}, other = {0};
	uint64_t before;

	(void)state;
	c.links[LINK_KEYHOLDER].ipc = (struct ipc *)&c;
	full = false;
	ask(&c, &t);
	ask(&c, &other);
	before = last_id;
	/* The next one is there already: what is asked now it is asked, and it answers. */
	kh_lost(&c);
	assert_int_equal(t.n, 1);
	assert_int_equal(other.n, 1);
	assert_int_equal(t.code, CLV_E_CLOSED);
	assert_true(last_id > before);
	answer(&c, last_id);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.type, IPC_KH_INFO);
	/* There is none. */
	c.links[LINK_KEYHOLDER].ipc = NULL;
	ask(&c, &t);
	kh_tick(&c);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.code, CLV_E_CLOSED);
	assert_null(c.kh_calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refused),
	    cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
