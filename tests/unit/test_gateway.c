/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gateways stand on: names that came by somebody else's word, which frame may come when, and the servers
 * in a configuration.
 */
#include "model/names.h"
#include "proto/types.h"
#include "runas/config.h"
#include "tests/lib/unit.h"
#include <stdio.h>
#include <string.h>

static void names_are_names(void **state)
{
	static const char *const good[] = {"a", "gw1.ops.test", "x-y.0.z", "a1.b2"};
	static const char *const bad[] = {"",     ".",   "a.",  ".a",  "a..b", "-a",         "a-",  "a-.b",
	                                  "a.-b", "A.b", "a_b", "a b", "a\n",  "\303\244.b", "a/b", "*.b"};
	char big[300];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(names_is_node(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (names_is_node(bad[i]))
			fail_msg("taken: '%s'", bad[i]);
	memset(big, 'a', sizeof big);
	big[253] = 0;
	assert_true(names_is_node(big));
	big[253] = 'a';
	big[254] = 0;
	assert_false(names_is_node(big));
}

/* Each row by hand: who may send it, unproven or proven. */
static void frames_come_when_they_may(void **state)
{
	static const struct {
		uint16_t type;
		bool node_unproven, node, server_unproven, server;
	} rows[] = {{FRAME_LINK_PROOF, true, false, false, false},
	            {FRAME_GREETING, false, false, true, true},
	            {FRAME_REFUSAL, false, false, true, true},
	            {FRAME_WELCOME, false, false, false, true},
	            {FRAME_HEARTBEAT, false, true, false, false},
	            {FRAME_PARCEL, false, true, false, false},
	            {FRAME_CONFIG, false, false, false, true},
	            {FRAME_ACK, false, false, false, true},
	            {FRAME_RELAY_OPEN, false, true, false, false},
	            {FRAME_RELAY, false, true, false, true},
	            {FRAME_RELAY_CLOSE, false, true, false, true},
	            {FRAME_SERVER_LIST, false, false, false, true},
	            {FRAME_OFFER, false, false, false, false},
	            {FRAME_ANSWER, false, false, false, false},
	            {0, false, false, false, false},
	            {0xffff, false, false, false, false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(frame_may(rows[i].type, 1, false, false), rows[i].node_unproven);
		assert_int_equal(frame_may(rows[i].type, 1, true, false), rows[i].node);
		assert_int_equal(frame_may(rows[i].type, 1, false, true), rows[i].server_unproven);
		assert_int_equal(frame_may(rows[i].type, 1, true, true), rows[i].server);
		assert_false(frame_may(rows[i].type, 1 << 20, true, true));
		assert_false(frame_may(rows[i].type, 1 << 20, true, false));
	}
}

static void servers_go_there_and_back(void **state)
{
	struct config_head with = {.group = "OMMG1", .agent = "web01.ops.test", .version = 7, .fencing = 3},
	                   h;
	struct config_association *back = NULL;
	struct clv_buf xml, der;
	struct clv_err err = {0};
	size_t n = 0;

	(void)state;
	buf_init(&xml, CONFIG_XML_MAX);
	buf_init(&der, CONFIG_XML_MAX);
	for (size_t i = 0; i < CONFIG_SERVERS_MAX; i++) {
		(void)snprintf(with.servers[i].name, sizeof with.servers[i].name, "gw<%zu>.ops.test", i);
		if (i % 2)
			(void)snprintf(with.servers[i].address, sizeof with.servers[i].address,
			               "10.0.0.%zu:5723", i);
		with.n_servers = i + 1;
		buf_clear(&xml);
		buf_clear(&der);
		assert_int_equal(config_write(&with, NULL, 0, SLICE_LIT("sealed"), &xml, &err), CLV_OK);
		assert_int_equal(config_read(buf_slice(&xml), &h, &back, &n, &der, &err), CLV_OK);
		assert_int_equal(h.n_servers, i + 1);
		for (size_t k = 0; k <= i; k++) {
			assert_string_equal(h.servers[k].name, with.servers[k].name);
			assert_string_equal(h.servers[k].address, with.servers[k].address);
		}
	}
	with.n_servers = CONFIG_SERVERS_MAX + 1;
	assert_int_equal(config_write(&with, NULL, 0, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	with.n_servers = 1;
	with.servers[0].name[0] = 0;
	assert_int_equal(config_write(&with, NULL, 0, SLICE_LIT("x"), &xml, &err), CLV_FAILED);
	buf_release(&xml);
	buf_release(&der);
}

static bool taken(const char *servers)
{
	struct config_association *list = NULL;
	struct config_head h;
	struct clv_buf xml, der;
	struct clv_err err = {0};
	size_t n = 0;
	bool ok;

	buf_init(&xml, CONFIG_XML_MAX);
	buf_init(&der, CONFIG_XML_MAX);
	assert_int_equal(
	    buf_printf(&xml, &err,
	               "<Message managementGroup=\"a\" agent=\"b\" version=\"1\" fencing=\"1\">%s</Message>",
	               servers),
	    CLV_OK);
	ok = config_read(buf_slice(&xml), &h, &list, &n, &der, &err) == CLV_OK;
	clv_free(list);
	buf_release(&xml);
	buf_release(&der);
	return ok;
}

#define STATE "<State><SecureData>AAAA</SecureData></State>"
#define THREE "<Server name=\"a\"/><Server name=\"b\"/><Server name=\"c\"/>"

static void hostile_servers_are_refused(void **state)
{
	static const char *const bad[] = {
	    "<Servers><Server/></Servers>" STATE,
	    "<Servers><Server name=\"\"/></Servers>" STATE,
	    "<Servers><Server address=\"a\"/></Servers>" STATE,
	    "<Servers><Server name=\"a\" port=\"1\"/></Servers>" STATE,
	    "<Servers><Server name=\"a\">x</Server></Servers>" STATE,
	    "<Servers x=\"\"><Server name=\"a\"/></Servers>" STATE,
	    "<Servers><Server name=\"a\"/></Servers><Servers/>" STATE,
	    "<Profiles/><Servers><Server name=\"a\"/></Servers>" STATE,
	    STATE "<Servers><Server name=\"a\"/></Servers>",
	    "<Server name=\"a\"/>" STATE,
	    "<Servers>" THREE THREE THREE "</Servers>" STATE,
	};

	(void)state;
	assert_true(taken(STATE));
	assert_true(taken("<Servers>" THREE THREE "</Servers>" STATE));
	assert_true(taken("<Servers><Server name=\"a\" address=\"b:1\"/></Servers><Profiles/>" STATE));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (taken(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_names),
	    cmocka_unit_test(frames_come_when_they_may),
	    cmocka_unit_test(servers_go_there_and_back),
	    cmocka_unit_test(hostile_servers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
