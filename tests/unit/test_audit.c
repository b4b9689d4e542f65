/* SPDX-License-Identifier: Apache-2.0 */
/* The walk along the audit trail: of 10,000 rows one is edited, deleted, moved, inserted, or the tail is cut
 * off or written anew; each is found and has its number. A stranger's hand works on the file itself. */
#include "base/db.h"
#include "store/store.h"
#include "tests/lib/unit.h"
#include "tests/lib/home.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 10000u

static char dir[HOME_LEN];
static char path[64], good[64];
static struct store_audit_vouched head, middle;

static void run(const char *sql)
{
	sqlite3 *s = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &s), SQLITE_OK);
	if (sqlite3_exec(s, sql, NULL, NULL, &why))
		fail_msg("%s: %s", sql, why);
	(void)sqlite3_close(s);
}

static void copy(const char *from, const char *to)
{
	char cmd[260];

	(void)snprintf(cmd, sizeof cmd, "cp %s %s && rm -f %s-journal", from, to, to);
	assert_int_equal(system(cmd), 0);
}

static struct db *open_store(void)
{
	struct clv_err err = {0};
	struct db *d = NULL;

	if (store_open(path, &d, &err))
		fail_msg("%s", err.text);
	return d;
}

static void add(struct db *d, uint64_t n, const char *who)
{
	char object[32];
	struct store_audit a = {1795000000000ll + (int64_t)n, who, "local", "rotate", object, "done", ""};
	uint64_t seq = 0;

	(void)snprintf(object, sizeof object, "web%05" PRIu64, n);
	assert_int_equal(store_audit_add(d, &a, &seq, NULL), CLV_OK);
}

static int setup(void **state)
{
	struct db *d;

	(void)state;
	home_make(dir, sizeof(dir));
	(void)snprintf(path, sizeof path, "%s/store.db", dir);
	(void)snprintf(good, sizeof good, "%s/good.db", dir);
	d = open_store();
	assert_int_equal(db_begin(d, NULL), CLV_OK);
	for (uint64_t i = 1; i <= ROWS; i++) {
		add(d, i, "user:ann");
		if (i == ROWS / 2)
			assert_int_equal(store_audit_last(d, &middle.seq, middle.hash, NULL), CLV_OK);
	}
	assert_int_equal(db_commit(d, NULL), CLV_OK);
	assert_int_equal(store_audit_last(d, &head.seq, head.hash, NULL), CLV_OK);
	assert_int_equal(head.seq, ROWS);
	db_close(d);
	copy(path, good);
	return 0;
}

static int teardown(void **state)
{
	char cmd[100];

	(void)state;
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return system(cmd);
}

/* vouched: bit 0 the key holder's word for the last row, bit 1 a signed head in the middle */
static struct store_audit_walk walk(unsigned vouched)
{
	struct store_audit_vouched list[2];
	struct store_audit_walk w = {.vouched = list};
	struct clv_err err = {0};
	struct db *d = open_store();

	if (vouched & 2)
		list[w.n_vouched++] = middle;
	if (vouched & 1)
		list[w.n_vouched++] = head;
	assert_int_equal(store_audit_begin(d, &w, &err), CLV_OK);
	while (!w.ended)
		if (store_audit_walk(d, &w, 777, &err))
			fail_msg("%s", err.text);
	db_close(d);
	w.vouched = NULL;
	return w;
}

static void expect(const char *what, unsigned vouched, size_t n, enum store_audit_wrong wrong, uint64_t from,
                   uint64_t to)
{
	struct store_audit_walk w = walk(vouched);

	if (w.n_found != n)
		fail_msg("%s: %zu things are wrong, not %zu; first %d at %" PRIu64, what, w.n_found, n,
		         w.n_found ? (int)w.found[0].wrong : -1, w.n_found ? w.found[0].from : 0);
	if (n && (w.found[0].wrong != wrong || w.found[0].from != from || w.found[0].to != to))
		fail_msg("%s: wrong %d, rows %" PRIu64 " to %" PRIu64, what, (int)w.found[0].wrong,
		         w.found[0].from, w.found[0].to);
	copy(good, path);
}

static void whole(void **state)
{
	(void)state;
	expect("as it was", 3, 0, 0, 0, 0);
	struct store_audit_walk w = walk(3);
	assert_int_equal(w.rows, ROWS);
	assert_int_equal(w.first, 1);
	assert_int_equal(w.last, ROWS);
	assert_int_equal(w.vouched_upto, ROWS);
}

static void edited(void **state)
{
	static const char *const columns[] = {"time",   "who",    "origin", "act",
	                                      "object", "result", "detail", "hash"};
	char sql[200];

	(void)state;
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		(void)snprintf(sql, sizeof sql, "UPDATE audit SET %s=%s WHERE seq=7902", columns[i],
		               i == 0   ? "time+1"
		               : i == 7 ? "randomblob(32)"
		                        : "'x'");
		run(sql);
		/* Another hash alone shows in the row after it, too. */
		expect(columns[i], 3, 1, STORE_AUDIT_CHANGED, 7902, i == 7 ? 7903 : 7902);
	}
	run("UPDATE audit SET who='x' WHERE seq=1");
	expect("the first", 3, 1, STORE_AUDIT_CHANGED, 1, 1);
	run("UPDATE audit SET who='x' WHERE seq=10000");
	expect("the last", 3, 1, STORE_AUDIT_CHANGED, ROWS, ROWS);
	run("UPDATE audit SET hash=x'00' WHERE seq=4000");
	expect("a hash of another size", 3, 1, STORE_AUDIT_CHANGED, 4000, 4001);
}

static void taken_away(void **state)
{
	(void)state;
	run("DELETE FROM audit WHERE seq=5001");
	expect("one", 3, 1, STORE_AUDIT_MISSING, 5001, 5001);
	run("DELETE FROM audit WHERE seq BETWEEN 12 AND 19");
	expect("some", 3, 1, STORE_AUDIT_MISSING, 12, 19);
	run("DELETE FROM audit WHERE seq=1");
	expect("the first", 3, 1, STORE_AUDIT_MISSING, 1, 1);
	run("DELETE FROM audit WHERE seq=7000; UPDATE audit SET seq=-(seq-1) WHERE seq>7000; UPDATE audit "
	    "SET seq=-seq "
	    "WHERE seq<0");
	struct store_audit_walk w = walk(2);
	assert_int_equal(w.n_found, 1);
	assert_int_equal(w.found[0].wrong, STORE_AUDIT_TAKEN);
	assert_int_equal(w.found[0].from, 7000);
	/* With the key holder's word it shows at the end as well. */
	expect("the numbers moved", 3, 2, STORE_AUDIT_TAKEN, 7000, 7000);
}

static void cut_off(void **state)
{
	(void)state;
	run("DELETE FROM audit WHERE seq>9990");
	expect("without the key holder's word nothing shows", 2, 0, 0, 0, 0);
	run("DELETE FROM audit WHERE seq>9990");
	expect("the tail", 3, 1, STORE_AUDIT_CUT, 9991, ROWS);
	run("DELETE FROM audit");
	expect("all of it", 3, 1, STORE_AUDIT_CUT, 1, ROWS);
	/* What is written later does not close the hole. */
	run("DELETE FROM audit WHERE seq>9990");
	struct db *d = open_store();
	assert_int_equal(store_audit_floor(d, ROWS, NULL), CLV_OK);
	add(d, 1, "user:ben");
	add(d, 2, "user:ben");
	db_close(d);
	struct store_audit_walk w = walk(2);
	assert_int_equal(w.last, ROWS + 2);
	expect("the hole stays", 2, 1, STORE_AUDIT_MISSING, 9991, ROWS);
}

static void moved(void **state)
{
	(void)state;
	run("UPDATE audit SET seq=0 WHERE seq=300; UPDATE audit SET seq=300 WHERE seq=600; UPDATE audit SET "
	    "seq=600 "
	    "WHERE seq=0");
	struct store_audit_walk w = walk(3);
	assert_int_equal(w.n_found, 2);
	assert_int_equal(w.found[1].from, 600);
	expect("two changed places", 3, 2, STORE_AUDIT_CHANGED, 300, 301);
}

static void inserted(void **state)
{
	(void)state;
	run("UPDATE audit SET seq=-(seq+1) WHERE seq>=8000; UPDATE audit SET seq=-seq WHERE seq<0;"
	    "INSERT INTO audit SELECT 8000, time, 'user:eve', origin, act, object, result, detail, "
	    "randomblob(32) FROM "
	    "audit WHERE seq=7999");
	struct store_audit_walk w = walk(2);
	assert_int_equal(w.n_found, 1);
	assert_int_equal(w.found[0].wrong, STORE_AUDIT_INSERTED);
	assert_int_equal(w.found[0].from, 8000);
	expect("with a hash of its own", 3, 2, STORE_AUDIT_INSERTED, 8000, 8000);
	/* With the hash that it should have: made by the store itself. */
	char sql[400], kept[HOME_LEN + 16]; /* beside it: a table of somebody else is refused */
	(void)snprintf(kept, sizeof kept, "%s/kept.db", dir);
	(void)snprintf(sql, sizeof sql,
	               "ATTACH '%s' AS kept; CREATE TABLE kept.t AS SELECT * FROM audit WHERE seq>=8000; "
	               "DELETE FROM audit WHERE seq>=8000",
	               kept);
	run(sql);
	struct db *d = open_store();
	add(d, 1, "user:eve");
	db_close(d);
	(void)snprintf(sql, sizeof sql,
	               "ATTACH '%s' AS kept; INSERT INTO audit SELECT seq+1, time, who, origin, act, object, "
	               "result, detail, hash FROM kept.t",
	               kept);
	run(sql);
	expect("with the right hash", 2, 1, STORE_AUDIT_INSERTED, 8000, 8000);
}

static void written_anew(void **state)
{
	(void)state;
	/* Edited, and every hash after it made anew: whole in itself. */
	for (int vouched = 0; vouched < 4; vouched++) {
		run("DELETE FROM audit WHERE seq>=3000");
		struct db *d = open_store();
		assert_int_equal(db_begin(d, NULL), CLV_OK);
		for (uint64_t i = 3000; i <= ROWS; i++)
			add(d, i, i == 3000 ? "user:eve" : "user:ann");
		assert_int_equal(db_commit(d, NULL), CLV_OK);
		db_close(d);
		if (vouched == 0)
			expect("nobody vouches", 0, 0, 0, 0, 0);
		else
			expect("somebody vouches", (unsigned)vouched, vouched == 3 ? 2 : 1, STORE_AUDIT_ANEW,
			       1, vouched == 1 ? ROWS : ROWS / 2);
	}
}

static void heads_are_kept(void **state)
{
	struct store_head h = {5000, slice_of(middle.hash, 32), slice_str("body"), slice_str("sig"), 1};
	struct db *d;

	(void)state;
	d = open_store();
	assert_int_equal(store_head_put(d, &h, NULL), CLV_OK);
	assert_int_equal(store_heads_forget(d, NULL), CLV_OK);
	db_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole),        cmocka_unit_test(edited),         cmocka_unit_test(taken_away),
	    cmocka_unit_test(cut_off),      cmocka_unit_test(moved),          cmocka_unit_test(inserted),
	    cmocka_unit_test(written_anew), cmocka_unit_test(heads_are_kept),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
