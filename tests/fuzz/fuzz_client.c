/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a server: two bytes of type, then any body; what is taken is drawn as well. */
#include "tests/fuzz/common.h"

#include "client/decode.h"
#include "client/session.h"
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

static void seed_runas(void)
{
	static char name[] = "sql-reader", target[] = "class SQL Server", why[] = "wrong password";
	static char *names[2] = {name, target};
	Clv__Account account = CLV__ACCOUNT__INIT, *accounts[1] = {&account};
	Clv__AccountList list = CLV__ACCOUNT_LIST__INIT;
	Clv__AccountHost host = CLV__ACCOUNT_HOST__INIT, *hosts[1] = {&host};
	Clv__AccountUse use = CLV__ACCOUNT_USE__INIT, *uses[1] = {&use};
	Clv__AccountDetail detail = CLV__ACCOUNT_DETAIL__INIT;
	Clv__Profile profile = CLV__PROFILE__INIT, *profiles[1] = {&profile};
	Clv__ProfileList profile_list = CLV__PROFILE_LIST__INIT;
	Clv__Group group = CLV__GROUP__INIT, *groups[1] = {&group};
	Clv__GroupList group_list = CLV__GROUP_LIST__INIT;
	Clv__Plan plan = CLV__PLAN__INIT;
	Clv__Intake intake = CLV__INTAKE__INIT;

	account.name = account.user = name;
	account.type = CLV_ACCOUNT_WINDOWS;
	account.version = 8;
	account.targets = 41;
	list.req = list.matched = list.total = list.n_rows = 1;
	list.rows = accounts;
	seed(REP_ACCOUNTS, &list.base);
	host.host = name;
	host.why = why;
	host.step = CLV_STEP_SENT;
	use.profile = name;
	use.target = target;
	detail.req = detail.n_rows = detail.n_uses = 1;
	detail.account = &account;
	detail.rows = hosts;
	detail.uses = uses;
	detail.goes_to = detail.also_in = names;
	detail.n_goes_to = detail.n_also_in = 2;
	detail.trial = CLV_TRIAL_OPENED;
	detail.first = name;
	seed(REP_ACCOUNT, &detail.base);
	profile.name = profile.account = name;
	profile.target = target;
	profile_list.req = profile_list.matched = profile_list.n_rows = 1;
	profile_list.rows = profiles;
	seed(REP_PROFILES, &profile_list.base);
	group.name = name;
	group.members = group.used_by = names;
	group.n_members = group.n_used_by = 2;
	group_list.req = group_list.matched = group_list.n_rows = 1;
	group_list.rows = groups;
	seed(REP_GROUPS, &group_list.base);
	plan.req = plan.gain_count = 1;
	plan.gains = plan.loses = plan.offline = plan.warnings = names;
	plan.n_gains = plan.n_loses = plan.n_offline = plan.n_warnings = 2;
	seed(REP_PLAN, &plan.base);
	intake.req = 1;
	intake.group = intake.account = intake.account_id = name;
	seed(REP_INTAKE, &intake.base);
}

static void seed_recovery(void)
{
	static char name[] = "sql-reader", by[] = "user:ben";
	static uint8_t bytes[4] = {1, 2, 3, 4};
	Clv__Claim claim = CLV__CLAIM__INIT, *claims[1] = {&claim};
	Clv__Recovery r = CLV__RECOVERY__INIT;
	Clv__ClaimReply c = CLV__CLAIM_REPLY__INIT;
	Clv__RecoveryReportReply report = CLV__RECOVERY_REPORT_REPLY__INIT;
	Clv__Account account = CLV__ACCOUNT__INIT, *accounts[1] = {&account};
	Clv__AccountList list = CLV__ACCOUNT_LIST__INIT;

	claim.account = name;
	claim.by = by;
	claim.at = 1795295050000;
	r.req = r.epoch = r.to_enter = r.n_claims = 1;
	r.by = r.finished_by = by;
	r.first_end = 1795295050000;
	r.first_end_account = name;
	r.claims = claims;
	seed(REP_RECOVERY, &r.base);
	c.req = 1;
	c.other = &claim;
	seed(REP_CLAIM, &c.base);
	report.req = 1;
	report.statement = report.signature = report.group_key =
	    (ProtobufCBinaryData){.data = bytes, .len = sizeof(bytes)};
	report.group = name;
	seed(REP_RECOVERY_REPORT, &report.base);
	Clv__AuditFinding finding = CLV__AUDIT_FINDING__INIT, *findings[1] = {&finding};
	Clv__AuditCheck audit = CLV__AUDIT_CHECK__INIT;
	finding.from = finding.to = 77;
	finding.text = name;
	audit.req = audit.first = audit.last = audit.found = audit.n_findings = 1;
	audit.findings = findings;
	seed(REP_AUDIT_CHECK, &audit.base);
	Clv__Thing thing = CLV__THING__INIT, *things[] = {&thing};
	Clv__ThingList ends = CLV__THING_LIST__INIT;
	thing.what = thing.whose = thing.text = thing.go = name;
	ends.req = ends.matched = ends.total = ends.n_rows = 1;
	ends.rows = things;
	seed(REP_EXPIRY, &ends.base);
	seed(REP_FOUND, &ends.base);
	account.name = name;
	account.recovery = CLV_RECOVERY_ASIDE;
	account.aside = account.aside_by = account.claim_by = account.entered_by = by;
	list.req = list.matched = list.total = list.n_rows = 1;
	list.rows = accounts;
	list.recovery = &r;
	seed(REP_ACCOUNTS, &list.base);
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
	seed_runas();
	seed_recovery();
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

static struct clv_session *local_session(void)
{
	static struct clv_session *s;
	static const struct clv_target t = {.server = "unix:/nowhere"};
	struct clv_err err;

	if (s == NULL)
		s = clv_session_new(&t, &err);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_slice s = slice_of(data, size);
	struct clv_reply *r = NULL;
	struct clv_err err;
	uint16_t type;

	if (slice_get_u16(&s, &type, &err) != CLV_OK ||
	    (type == REP_INTAKE            ? session_take_intake(local_session(), s, &r, &err)
	     : type == REP_RECOVERY_REPORT ? session_take_report(local_session(), s, &r, &err)
	                                   : decode_reply(type, s, &r, &err)) != CLV_OK) {
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
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_ACCOUNTS && r->rows.recovery != NULL)
		draw(view_recover_open(""), r);
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_ACCOUNTS)
		draw(view_accounts_open(""), r);
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_PROFILES)
		draw(view_profiles_open(""), r);
	else if (r->kind == CLV_REPLY_LIST && r->rows.list == CLV_LIST_GROUPS)
		draw(view_groups_open(""), r);
	else if (r->kind == CLV_REPLY_ACCOUNT)
		draw(view_account_open("x"), r);
	clv_reply_free(r);
	return 0;
}
