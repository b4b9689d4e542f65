/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: any bytes as an expression, against a row of each kind. */
#include "tests/fuzz/common.h"

#include "model/filter.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start("filter");
	fuzz_seed(SLICE_LIT("\0app state:stored expires<30d"));
	fuzz_seed(SLICE_LIT("\0!seen:now ~^db[0-9] name=a,b"));
	fuzz_seed(SLICE_LIT("\0"
	                    "4A A8 71 8B key_id:4AA8"));
	fuzz_seed(SLICE_LIT("\1"
	                    "7006 level:error since:1h text~(a|b)+"));
	fuzz_seed(SLICE_LIT("\2conflict:true from:10.4."));
	fuzz_seed(SLICE_LIT("\3who:eve since:24h"));
	return 0;
}

static void match(const struct filter *f, enum filter_kind kind)
{
	static char text[] = "web01.ops.test has a text of some length, 7006";
	const struct clv_agent_fact agent = {
	    .name = text, .has_key = true, .cipher = text, .last_seen = 1, .contact = CLV_CONTACT_UP};
	const struct clv_event_fact event = {
	    .node = text, .source = text, .text = text, .category = text, .id = 7006};
	const struct clv_pending_fact pending = {
	    .name = text, .role = text, .from = text, .came_by = text, .looks_like = text};
	const struct clv_audit_fact audit = {.who = text, .act = text};
	const struct clv_account_fact account = {.id = text,
	                                         .name = text,
	                                         .changed_by = text,
	                                         .user = text,
	                                         .domain = text,
	                                         .kept_by = text,
	                                         .note = text,
	                                         .entered_by = text,
	                                         .aside = text};
	const struct clv_profile_fact profile = {.name = text, .account = text, .target = text};
	const struct clv_group_fact group = {.name = text};
	const struct clv_thing_fact thing = {.what = text, .whose = text, .text = text, .ends = 1};

	const struct clv_alert_fact alert = {
	    .agent = text, .name = text, .text = text, .source = text, .why = text, .time = 1};

	switch (kind) {
	case FILTER_AGENTS:
		(void)filter_agent(f, &agent);
		break;
	case FILTER_EVENTS:
		(void)filter_event(f, &event);
		break;
	case FILTER_PENDING:
		(void)filter_pending(f, &pending);
		break;
	case FILTER_AUDIT:
		(void)filter_audit(f, &audit);
		break;
	case FILTER_ACCOUNTS:
		(void)filter_account(f, &account);
		break;
	case FILTER_PROFILES:
		(void)filter_profile(f, &profile);
		break;
	case FILTER_GROUPS:
		(void)filter_group(f, &group);
		break;
	case FILTER_EXPIRY:
		(void)filter_thing(f, &thing);
		break;
	case FILTER_ALERTS:
		(void)filter_alert(f, &alert);
		break;
	case FILTER_KIND_MAX:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clv_err err = {0};
	enum filter_kind kind;
	char *expr;

	if (size == 0 || size > FILTER_EXPR_MAX) {
		fuzz_count(false);
		return 0;
	}
	kind = (enum filter_kind)(data[0] % FILTER_KIND_MAX);
	expr = clv_calloc(size, 1);
	memcpy(expr, data + 1, size - 1);
	struct filter *f = filter_parse(expr, kind, 1795295050000, &err);
	fuzz_check(f != NULL || err.text[0] != '\0', "refused without a word");
	if (f != NULL)
		match(f, kind);
	fuzz_count(f != NULL);
	filter_free(f);
	clv_free(expr);
	return 0;
}
