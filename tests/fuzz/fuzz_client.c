/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a server: two bytes of type, then any body; what is taken is drawn as well. */
#include "tests/fuzz/common.h"

#include "client/decode.h"
#include "console.pb-c.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "views/view.h"

#include <string.h>

static void nothing_put(void *ctx, int y, int x, const char *cluster, size_t len, int cells, unsigned ink)
{
	const struct canvas *c = ctx;

	(void)ink;
	fuzz_check(y >= 0 && y < c->rows && x >= 0 && x + cells <= c->cols && len > 0 && cluster != NULL,
	           "drawn outside");
}

static void seed(uint16_t type, const ProtobufCMessage *m)
{
	struct clv_buf b;

	buf_init(&b, 65536);
	if (buf_put_u16(&b, type, NULL) == CLV_OK && proto_encode(m, &b, NULL) == CLV_OK)
		fuzz_seed(buf_slice(&b));
	buf_release(&b);
}

static void seed_lists(void)
{
	static char name[] = "web01.ops.test";
	static uint8_t digest[32] = {1, 2, 3};
	Clv__Key key = CLV__KEY__INIT;
	Clv__Agent agent = CLV__AGENT__INIT, *agents[1] = {&agent};
	Clv__AgentList list = CLV__AGENT_LIST__INIT;
	Clv__AgentDetail detail = CLV__AGENT_DETAIL__INIT;
	Clv__Event event = CLV__EVENT__INIT, *events[1] = {&event};
	Clv__EventList event_list = CLV__EVENT_LIST__INIT;
	Clv__Pending pending = CLV__PENDING__INIT, *pendings[1] = {&pending};
	Clv__PendingList pending_list = CLV__PENDING_LIST__INIT;

	key.sha256 = (ProtobufCBinaryData){.data = digest, .len = 32};
	key.not_after = 1795295050000;
	key.state = CLV_KEY_CONFIRMED;
	agent.name = name;
	agent.key = &key;
	agent.approval = CLV_APPROVAL_APPROVED;
	list.req = 1;
	list.matched = list.total = list.n_rows = 1;
	list.rows = agents;
	seed(REP_AGENTS, &list.base);
	detail.req = 1;
	detail.agent = &agent;
	detail.n_events = 1;
	detail.events = events;
	event.text = name;
	event.id = 7006;
	seed(REP_AGENT, &detail.base);
	event_list.req = 1;
	event_list.matched = event_list.n_rows = 1;
	event_list.rows = events;
	seed(REP_EVENTS, &event_list.base);
	pending_list.req = 1;
	pending_list.matched = pending_list.n_rows = 1;
	pending.name = name;
	pending.conflict = 1;
	pending_list.rows = pendings;
	seed(REP_PENDING, &pending_list.base);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	Clv__Whoami who = CLV__WHOAMI__INIT;
	Clv__Overview overview = CLV__OVERVIEW__INIT;
	Clv__Refused refused = CLV__REFUSED__INIT;

	(void)argc;
	(void)argv;
	fuzz_start("client");
	who.req = 1;
	seed(REP_WHOAMI, &who.base);
	overview.req = 1;
	overview.agents = 3;
	seed(REP_OVERVIEW, &overview.base);
	refused.req = 1;
	refused.code = CLV_E_DENIED;
	seed(REP_REFUSED, &refused.base);
	seed_lists();
	return 0;
}

static void draw(struct view *v, struct clv_reply *r)
{
	static const struct canvas_ops ops = {.put = nothing_put};
	struct view_ctx ctx = {.domain = ".ops.test", .fresh = FRESH_LIVE, .time = {.now_ms = 1795295050000}};
	struct want w;

	v->ops->want(v, &w);
	v->ops->take(v, r);
	for (int cols = 40; cols <= 160; cols += 60) {
		struct canvas c = {.ops = &ops, .rows = 12, .cols = cols};

		c.ctx = &c;
		frame_draw(&c, v, &ctx);
		v->ops->draw(v, &c, &ctx);
	}
	view_close(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice s = slice_of(data, size);
	struct clv_reply *r = NULL;
	struct clv_err err;
	uint16_t type;

	if (slice_get_u16(&s, &type, &err) != CLV_OK || decode_reply(type, s, &r, &err) != CLV_OK) {
		fuzz_count(false);
		return 0;
	}
	fuzz_count(true);
	if (r->kind == CLV_REPLY_OVERVIEW)
		draw(view_overview_open(), r);
	else if (r->kind == CLV_REPLY_AGENT)
		draw(view_agent_open("x"), r);
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_AGENTS)
		draw(view_agents_open(""), r);
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_EVENTS)
		draw(view_events_open(""), r);
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_PENDING)
		draw(view_pending_open(""), r);
	clv_reply_free(r);
	return 0;
}
