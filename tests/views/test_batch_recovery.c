/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger recovery` of the real program against the fake server: names, exit codes, a reason, the end,
 * a report that was altered.
 */
#include "tests/views/batch_fixture.h"

static void serve_recovery(enum clv_role role, bool altered)
{
	static struct fake_opts o;
	fake_server_stop(server);
	o = (struct fake_opts){.path = sock, .n_agents = 5, .role = role};
	o.runas.recovery = "under way";
	o.runas.claim = "snmp-core";
	o.runas.foreign_key = altered;
	o.runas.entered = entered;
	server = fake_server_start(&o);
}

static void assert_names(const json_t *j, const char *const *names, size_t n)
{
	assert_int_equal(json_object_size(j), n);
	for (size_t i = 0; i < n; i++)
		assert_non_null(json_object_get(j, names[i]));
}

/* The names that share/doc/reentry.md lists. */
static void test_recovery_names(void **state)
{
	static const char *const names[] = {
	    "state",       "epoch",     "group_key",         "time",    "by",        "kept_keys", "finished",
	    "finished_by", "accounts",  "to_enter",          "entered", "confirmed", "aside",     "agents",
	    "agents_back", "first_end", "first_end_account", "claims"};
	static const char *const rows[] = {"name", "verdict", "version", "targets", "confirmed", "missing"};
	(void)state;
	assert_int_equal(run("recovery status -o json"), 0); /* there never was one */
	json_t *j = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "none");
	assert_names(j, names, sizeof(names) / sizeof(names[0]));
	json_decref(j);
	serve_recovery(CLV_ROLE_VIEWER, false);
	assert_int_equal(run("recovery status -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "under way");
	assert_int_equal(json_integer_value(json_object_get(j, "to_enter")), 1);
	json_t *claim = json_array_get(json_object_get(j, "claims"), 0);
	assert_string_equal(json_string_value(json_object_get(claim, "account")), "snmp-core");
	assert_string_equal(json_string_value(json_object_get(claim, "by")), "ben");
	assert_non_null(json_object_get(claim, "last_key"));
	json_decref(j);
	assert_int_equal(run("recovery verify -o json"), 5);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 6);
	assert_names(json_array_get(j, 0), rows, sizeof(rows) / sizeof(rows[0]));
	json_decref(j);
	assert_int_equal(run("describe account sql-reader -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "entered_by")), "ann@OPS.TEST");
	assert_string_equal(json_string_value(json_object_get(j, "entered")), "2026-11-21T21:02:11Z");
	json_decref(j);
	assert_int_equal(run("describe agent web01 -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(j, "accounts_missing")), 1);
	assert_int_equal(json_array_size(json_object_get(j, "account_rows")), 3);
	json_decref(j);
	assert_int_equal(run("recovery aside snmp-core --reason gone"), 3);
	assert_int_equal(run("recovery finish"), 3);
}

/* Who misses what, a reason, the end; a report that was altered is no report. */
static void test_recovery(void **state)
{
	(void)state;
	serve_recovery(CLV_ROLE_ADMINISTRATOR, false);
	assert_int_equal(run("recovery verify"), 5);
	assert_non_null(strstr(out, "to enter       snmp-core  v2  0 of 3 hosts\n"));
	assert_non_null(
	    strstr(out, "missing        sql-reader  v8  39 of 41 hosts  missing: db017.ops.test\n"));
	assert_non_null(strstr(out, "ok             backup  v2  12 of 12 hosts\n"));
	assert_non_null(strstr(out, "never entered  old-batch\n"));
	assert_int_equal(run("recovery verify backup"), 0);
	assert_int_equal(lines(out), 1);
	assert_int_equal(run("recovery finish"), 1);
	assert_non_null(strstr(err, "to be entered again"));
	assert_int_equal(run("recovery aside snmp-core --reason gone"), 0);
	assert_int_equal(run("recovery verify snmp-core"), 0);
	assert_non_null(strstr(out, "set aside"));
	assert_int_equal(run("recovery aside snmp-core --back"), 0);
	on_3 = "authkey1\nprivkey2";
	assert_int_equal(run("reenter snmp-core --password-fd 3"), 0);
	on_3 = NULL;
	assert_non_null(strstr(err, "ben is at it too, last key 20 s ago."));
	assert_int_equal(run("recovery status --report"), 1);
	assert_int_equal(run("recovery finish"), 0);
	assert_int_equal(run("recovery status"), 0);
	assert_non_null(strstr(out, "state                finished\n"));
	assert_int_equal(run("recovery status --report"), 0);
	assert_non_null(strstr(out, "Recovery of group OMMG1 at rms1.ops.test, epoch 1\n"));
	assert_non_null(strstr(out, "the signature holds\n"));
	assert_null(strchr(out, '\033'));
	assert_int_equal(run("recovery status --report -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(j, "audit_seq")), 41);
	assert_int_equal(json_string_length(json_object_get(j, "audit_hash")), 64);
	json_decref(j);
	serve_recovery(CLV_ROLE_ADMINISTRATOR, true);
	assert_int_equal(run("recovery aside snmp-core --reason gone"), 0);
	assert_int_equal(run("recovery finish"), 0);
	assert_int_equal(run("recovery status --report"), 5);
	assert_string_equal(out, "");
	assert_int_equal(lines(err), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_recovery_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_recovery, setup, teardown),
	};
	(void)argc;
	if (!batch_begin(argv[0]))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	batch_end();
	return rc;
}
