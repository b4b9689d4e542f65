/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch commands of the real program against the fake server: outputs, exit codes, acts that never
 * ask a pipe, and hostile names in every output.
 */
#include "tests/views/batch_fixture.h"

static void test_outputs(void **state)
{
	(void)state;
	assert_int_equal(run("get agents"), 0);
	assert_int_equal(lines(out), 1501); /* two windows and a header */
	assert_non_null(strstr(out, "NAME"));
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(err, "1500 agents, rms1, 2026-11-21T21:0"));
	assert_int_equal(run("get agents --filter state:refused"), 0); /* none found: header, exit 0 */
	assert_int_equal(lines(out), 1);
	assert_non_null(strstr(err, "0 of 1500 agents"));
	assert_int_equal(run("get agents --filter expires<30d --sort -name --limit 3 -o csv"), 0);
	assert_int_equal(lines(out), 4);
	assert_memory_equal(
	    out,
	    "name,approval,contact,key_id,sha1,sha256,not_before,not_after,generation,key_state,gateway,"
	    "server,mechanism,protocol,cipher,last_seen,config_version\nweb999.",
	    156);
	assert_int_equal(run("get events --filter level:error -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 10);
	json_decref(j);
	assert_int_equal(run("get pending"), 0);
	assert_null(strstr(out, "7D18"));
	assert_int_equal(run("--version"), 0);
	assert_int_equal(run("--help"), 0);
	assert_non_null(strstr(out, "claviger get agents"));
}

static void test_json_names(void **state)
{
	static const char *const names[] = {
	    "name",       "approval",  "contact",    "key_id",    "sha1",          "sha256",
	    "not_before", "not_after", "generation", "key_state", "gateway",       "server",
	    "mechanism",  "protocol",  "cipher",     "last_seen", "config_version"};
	(void)state;
	assert_int_equal(run("get agents -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 1500);
	json_t *a = json_array_get(j, 0);
	assert_int_equal(json_object_size(a), sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(json_object_get(a, names[i]));
	assert_int_equal(json_string_length(json_object_get(a, "key_id")), 32);
	assert_int_equal(json_string_length(json_object_get(a, "sha1")), 40);
	assert_int_equal(json_string_length(json_object_get(a, "sha256")), 64);
	assert_true(json_is_null(json_object_get(json_array_get(j, 5), "gateway")));
	json_decref(j);
	assert_int_equal(run("describe agent web01 -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "keys")), 2);
	json_decref(j);
	assert_int_equal(run("describe agent web01"), 0);
	assert_non_null(strstr(out, "key_state            confirmed"));
}

static void test_exit_codes(void **state)
{
	static const struct {
		const char *args;
		int code;
		const char *says;
	} rows[] = {
	    {"get nonsense", 2, "one of"},
	    {"get", 2, "get agents"},
	    {"get agents --filter colour:red", 2, "there are"},
	    {"get agents --sort colour", 2, "column"},
	    {"get agents --limit none", 2, "--limit"},
	    {"get agents -o xml", 2, "-o is one of"},
	    {"get agents --nonsense", 2, "no such option"},
	    {"get agents -s 10.0.0.1", 2, "name the server"},
	    {"get agents -s unix:/nowhere", 4, "cannot reach"},
	    {"describe agent nobody", 1, "no agent"},
	    {"describe server x", 2, "describe agent"},
	    {"describe account nobody", 1, "no account"},
	    {"describe account sql-reader -o csv", 2, "text or json"},
	    {"get servers -o text", 2, "pem"},
	    {"get accounts -o pem", 2, "-o is one of"},
	    {"account", 2, "account add|edit"},
	    {"account frobnicate x", 2, "account add|edit"},
	    {"account add x", 2, "--type"},
	    {"account add x --type wooden", 2, "a type is one of"},
	    {"account add x y --type basic", 2, "account add NAME"},
	    {"account add x --type basic --ends 2027-02-30", 2, "a date is written"},
	    {"account add x --type snmpv3 --auth-protocol sha9", 2, "md5, sha, none"},
	    {"account add x --type snmpv3 --privacy-protocol rot13", 2, "des, aes, none"},
	    {"account add sql-reader --type basic", 1, "exists"},
	    {"account add x --type basic --plan", 2, "no --plan"},
	    {"account edit sql-reader", 2, "say what changes"},
	    {"account edit nobody --user u", 1, "no account"},
	    {"account remove nobody", 1, "no account"},
	    {"account distribute sql-reader", 2, "--to SPEC"},
	    {"account distribute sql-reader --to", 2, "--to SPEC"},
	    {"account distribute sql-reader --less-secure --more-secure", 2, "one of"},
	    {"account distribute sql-reader --to nobody", 1, "no agent is called nobody"},
	    {"account distribute --to sql-reader", 2, "account distribute NAME"},
	    {"account continue sql-reader", 1, "no host tries"},
	    {"profile associate P", 2, "profile associate PROFILE ACCOUNT"},
	    {"profile associate P sql-reader --all --class c", 2, "one of --all"},
	    {"profile associate P nobody --all", 1, "no account"},
	    {"profile rename P", 2, "profile add|remove|associate"},
	    {"group add g", 2, "group add NAME MEMBER"},
	    {"group edit g", 2, "--add M"},
	    {"group", 2, "group add|edit|remove"},
	    {"reenter", 2, "reenter ACCOUNT"},
	    {"reenter sql-reader", 2, "stdin is no terminal"},
	    {"reenter sql-reader --password-fd 3", 2, "open here"},
	    {"reenter sql-reader --password-fd x", 2, "open here"},
	    {"reenter sql-reader --password-fd 0 --first app01 --all-at-once", 2, "one of"},
	    {"reenter sql-reader --password-fd 0", 2, "an empty password is none"},
	    {"reenter nobody --password-fd 0", 1, "no account"},
	    {"reenter sql-reader --password-fd 0 --read-only", 3, "read-only"},
	    {"recovery", 2, "recovery status|verify|aside|finish"},
	    {"recovery frobnicate", 2, "recovery status|verify|aside|finish"},
	    {"recovery status x", 2, "recovery status [--report]"},
	    {"recovery status -o csv", 2, "text or json"},
	    {"recovery status --report", 1, "there is no report"},
	    {"recovery verify --report", 2, "--report belongs to"},
	    {"recovery verify nobody", 1, "no account"},
	    {"recovery aside sql-reader", 2, "--reason TEXT"},
	    {"recovery aside sql-reader --back --reason x", 2, "--back belongs to"},
	    {"recovery aside sql-reader --reason x", 2, "does not wait"},
	    {"recovery aside sql-reader --reason x --read-only", 3, "read-only"},
	    {"recovery finish", 2, "no recovery to finish"},
	    {"recovery finish --read-only", 3, "read-only"},
	    {"approve app07", 2, "--fingerprint"},
	    {"approve nobody --fingerprint 7D18F4650B9A", 1, "waits"},
	    {"approve app07.ops.test --fingerprint 000000000000", 4, "nothing was accepted"},
	    {"remove web01", 2, "remove agent NAME"},
	    {"rotate", 2, "rotate NAME"},
	    {"rotate nobody", 1, "nobody"},
	    {"role grant x boss", 2, "a role is one of"},
	    {"remove agent web01 --read-only", 3, "read-only"},
	    {"--plain", 2, "needs a terminal"},
	    {"", 2, "needs a terminal"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int code = run(rows[i].args);
		if (code != rows[i].code || strstr(err, rows[i].says) == NULL)
			print_message("%s: %d %s\n", rows[i].args, code, err);
		assert_int_equal(code, rows[i].code);
		assert_non_null(strstr(err, rows[i].says));
		assert_int_equal(lines(err), 1);
	}
}

static void test_acts(void **state)
{
	(void)state;
	assert_int_equal(run("rotate web01 web02 --wait"), 0);
	assert_string_equal(out, "web01.ops.test confirmed\nweb02.ops.test confirmed\n");
	assert_int_equal(run("approve app07.ops.test --fingerprint 7d18:f465:0b9a"), 0);
	assert_int_equal(run("reject web07.ops.test --reason impostor"), 0);
	assert_int_equal(run("get pending -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 2);
	json_decref(j);
	assert_int_equal(run("remove agent web05"), 0);
	assert_int_equal(run("get agents --filter name=web05.ops.test"), 0);
	assert_int_equal(lines(out), 1);
}

/* A server that asks to join under another node's name does not take the digits typed for that node. */
static void test_approve_beside_a_server(void **state)
{
	static const char *const names[] = {"app07.ops.test", "app07.ops.test.lab.test"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fake_server_stop(server);
		joining = names[i];
		serve(CLV_ROLE_ADMINISTRATOR);
		joining = NULL;
		assert_int_equal(run("approve app07.ops.test --fingerprint 7d18:f465:0b9a"), 0);
		assert_non_null(strstr(err, "app07.ops.test is accepted."));
		assert_int_equal(run("get pending -o json"), 0);
		assert_non_null(strstr(out, "management-server"));
	}
}

static void test_accounts(void **state)
{
	static const char *const names[] = {"name", "type",      "state",   "distribution", "targets",
	                                    "sent", "confirmed", "missing", "changed"};
	(void)state;
	assert_int_equal(run("get accounts -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 6);
	json_t *a = json_array_get(j, 4);
	assert_int_equal(json_object_size(a), sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(json_object_get(a, names[i]));
	assert_string_equal(json_string_value(json_object_get(a, "type")), "windows");
	assert_string_equal(json_string_value(json_object_get(a, "distribution")), "more secure");
	assert_int_equal(json_integer_value(json_object_get(a, "confirmed")), 39);
	json_decref(j);
	assert_int_equal(run("get accounts -o csv"), 0);
	assert_memory_equal(out, "name,type,state,distribution,targets,sent,confirmed,missing,changed\n", 67);
	assert_int_equal(run("get profiles -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_object_size(json_array_get(j, 0)), 3);
	assert_true(json_is_null(json_object_get(json_array_get(j, 2), "account")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 3), "target")),
	                    "class SQL Server");
	json_decref(j);
	assert_int_equal(run("get groups -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json_array_get(j, 1), "members")), 3);
	json_decref(j);
	assert_int_equal(run("get groups -o csv"), 0);
	assert_non_null(strstr(out, "\"db*, sql01.ops.test, sql02.ops.test\""));
	assert_int_equal(run("get servers"), 0);
	assert_int_equal(run("get servers -o pem"), 0);
	assert_memory_equal(out, "-----BEGIN CERTIFICATE-----\n", 28);
	assert_int_equal(run("describe account sql-reader -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "hosts")), 2);
	assert_int_equal(json_array_size(json_object_get(j, "goes_to")), 2);
	assert_int_equal(json_integer_value(json_object_get(j, "version")), 8);
	json_decref(j);
	assert_int_equal(run("describe account sql-reader"), 0);
	assert_non_null(strstr(out, "goes_to              db*, group:sql-servers"));
	assert_non_null(strstr(out, "why                7004 sealed for a key"));
}

static void test_account_acts(void **state)
{
	(void)state;
	assert_int_equal(
	    run("account add mail --type snmpv3 --user u --kept-by net --ends 2027-02-19 --context c "
	        "--auth-protocol sha --privacy-protocol aes"),
	    0);
	assert_int_equal(run("account edit mail --name post --ends never --note x"), 0);
	assert_int_equal(run("describe account post -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "auth_protocol")), "sha");
	assert_string_equal(json_string_value(json_object_get(j, "kept_by")), "net");
	assert_true(json_is_null(json_object_get(j, "ends")));
	json_decref(j);
	assert_int_equal(run("account distribute post --to db* x group:g --not app09 --plan"), 0);
	assert_non_null(strstr(out, "post: 25 hosts gain it, 1 loses it"));
	assert_non_null(strstr(out, "\n+ app10.ops.test\n"));
	assert_non_null(strstr(out, "\n- app09.ops.test\n"));
	assert_int_equal(run("account distribute post --to db* --plan -o json"), 0);
	j = json_loads(out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(j, "gain_count")), 12);
	assert_int_equal(json_array_size(json_object_get(j, "gains")), 12);
	json_decref(j);
	assert_int_equal(run("get accounts --filter post -o json"), 0);
	assert_non_null(strstr(out, "\"targets\":0")); /* a plan does nothing */
	assert_int_equal(run("account distribute post --to db* x --less-secure"),
	                 0); /* a pipe is not asked */
	assert_int_equal(run("get accounts --filter post -o json"), 0);
	assert_non_null(strstr(out, "\"targets\":13"));
	assert_non_null(strstr(out, "less secure"));
	assert_int_equal(run("account remove post --plan"), 0);
	assert_int_equal(run("account remove post"), 0);
	assert_int_equal(run("describe account post"), 1);
	assert_int_equal(run("profile add Mail"), 0);
	assert_int_equal(run("profile associate Mail backup --class Postfix"), 0);
	assert_int_equal(run("get profiles --filter Mail -o json"), 0);
	assert_non_null(strstr(out, "\"target\":\"class Postfix\""));
	assert_int_equal(run("profile associate --remove Mail backup --class Postfix"), 0);
	assert_int_equal(run("profile remove Mail"), 0);
	assert_int_equal(run("group add g db* x"), 0);
	assert_int_equal(run("group edit g --add a b --remove c --plan"), 0);
	assert_non_null(strstr(out, "g: 2 hosts gain accounts by it, 1 loses some"));
	assert_int_equal(run("group remove g"), 0);
}

static const char *entered_line(void)
{
	static char line[2048];
	FILE *f = fopen(entered, "r");
	line[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		;
	if (f != NULL)
		fclose(f);
	return line;
}

/* One line end is dropped, and only one; a file is taken as it is. */
static void test_reenter(void **state)
{
	(void)state;
	on_3 = "hunter 2\n";
	assert_int_equal(run("reenter sql-reader --password-fd 3"), 0);
	assert_non_null(strstr(err, "Saved as v9, sealed for rms1's key holder."));
	assert_string_equal(out, "");
	assert_string_equal(entered_line(), "sql-reader 8 first= 68756e7465722032\n");
	on_3 = "a\n\n";
	assert_int_equal(run("reenter sql-reader --password-fd 3 --first app01 "), 0);
	assert_string_equal(entered_line(), "sql-reader 9 first=app01 610a\n");
	on_3 = "a\n";
	assert_int_equal(run("reenter web-keytab --password-fd 3 --all-at-once"), 0);
	assert_string_equal(entered_line(), "web-keytab 2 first= all 610a\n");
	on_3 = "\n";
	assert_int_equal(run("reenter sql-reader --password-fd 3"), 2);
	assert_non_null(strstr(err, "an empty password is none"));
	char *big = clv_calloc(CLV_PASSWORD_MAX + 2, 1);
	memset(big, 'x', CLV_PASSWORD_MAX);
	on_3 = big;
	assert_int_equal(run("reenter web-keytab --password-fd 3"), 0);
	big[CLV_PASSWORD_MAX] = 'x';
	assert_int_equal(run("reenter web-keytab --password-fd 3"), 1);
	clv_free(big);
	on_3 = NULL;
}

static void test_denied(void **state)
{
	(void)state;
	fake_server_stop(server);
	serve(CLV_ROLE_VIEWER);
	assert_int_equal(run("account add x --type basic"), 3);
	assert_int_equal(run("account remove sql-reader"), 3);
	on_3 = "secret";
	assert_int_equal(run("reenter sql-reader --password-fd 3"), 3);
	on_3 = NULL;
	assert_string_equal(entered_line(), "");
	assert_int_equal(run("rotate web01"), 3);
	assert_int_equal(run("remove agent web01"), 3);
	assert_int_equal(run("get agents --limit 1"), 0);
}

static void test_hostile(void **state)
{
	static const char *const names[] = {"\033[2Jgone",
	                                    "a\rOK",
	                                    "\xe2\x80\xae"
	                                    "gnp",
	                                    "=cmd|'/C calc'!A0",
	                                    "+1",
	                                    "-1",
	                                    "@SUM(1)",
	                                    "\tx",
	                                    "\rx",
	                                    "a\"b,c",
	                                    "\xff\xfe",
	                                    "new\nline",
	                                    "\xc2\x9b"
	                                    "2J"};
	static struct fake_opts o;
	(void)state;
	fake_server_stop(server);
	o = (struct fake_opts){.path = sock,
	                       .n_agents = 3,
	                       .role = CLV_ROLE_ADMINISTRATOR,
	                       .hostile = names,
	                       .n_hostile = sizeof(names) / sizeof(names[0])};
	server = fake_server_start(&o);
	static const char *const runs[] = {"get agents",         "get agents -o wide", "get agents -o csv",
	                                   "get agents -o json", "get events",         "get events -o csv"};
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		assert_int_equal(run(runs[i]), 0);
		for (const char *s = out; *s != '\0'; s++) {
			assert_true((unsigned char)*s >= 0x20 || *s == '\n');
			assert_false(memcmp(s, "\xe2\x80\xae", 3) == 0);
		}
	}
	assert_int_equal(run("get agents -o csv"), 0);
	assert_int_equal(lines(out), 3 + 13 + 1);
	assert_non_null(strstr(out, "\"'=cmd|'/C calc'!A0\""));
	assert_non_null(strstr(out, "\"'+1\""));
	assert_non_null(strstr(out, "\"'-1\""));
	assert_non_null(strstr(out, "\"'@SUM(1)\""));
	assert_non_null(strstr(out, "\"'\\x09x\""));
	assert_non_null(strstr(out, "\"a\"\"b,c\""));
	assert_int_equal(run("get agents -o json"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(j), 16);
	json_decref(j);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_outputs, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_json_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_exit_codes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_acts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_approve_beside_a_server, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_accounts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_account_acts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reenter, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};
	(void)argc;
	if (!batch_begin(argv[0]))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	batch_end();
	return rc;
}
