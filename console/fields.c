/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as an operator types them, and the sentence that a plan is.
 */
#include "console/fields.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

clv_rc fields_date(const char *s, int64_t *ms, struct clv_err *err)
{
	struct tm tm = {0};
	if (s[0] == '\0' || strcmp(s, "never") == 0) {
		*ms = 0;
		return CLV_OK;
	}
	const char *end = strlen(s) == 10 ? strptime(s, "%Y-%m-%d", &tm) : NULL;
	int day = tm.tm_mday, month = tm.tm_mon;
	time_t t = end != NULL && *end == '\0' ? timegm(&tm) : -1;
	/* timegm makes 2027-03-02 of a 30th of February */
	if (t <= 0 || tm.tm_mday != day || tm.tm_mon != month)
		return err_set(err, CLV_E_USAGE, "a date is written 2027-02-19, or never");
	*ms = (int64_t)t * 1000;
	return CLV_OK;
}

clv_rc fields_type(const char *s, enum clv_account_type *out, struct clv_err *err)
{
	return clv_account_type_parse(s, out)
	           ? CLV_OK
	           : err_set(err, CLV_E_USAGE,
	                     "a type is one of: simple, basic, digest, windows, action, community, "
	                     "snmpv3, binary");
}

static bool one_of(const char *s, const char *a, const char *b)
{
	return s == NULL || strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, "none") == 0;
}

clv_rc fields_protocols(const char *auth, const char *privacy, struct clv_err *err)
{
	if (!one_of(auth, "md5", "sha"))
		return err_set(err, CLV_E_USAGE, "--auth-protocol is one of: md5, sha, none");
	if (!one_of(privacy, "des", "aes"))
		return err_set(err, CLV_E_USAGE, "--privacy-protocol is one of: des, aes, none");
	return CLV_OK;
}

/* "; app09 is offline and has it until it returns": only who loses it matters then. */
static void offline_text(const struct clv_plan_fact *p, char *out, size_t size)
{
	out[0] = '\0';
	if (p->n_offline == 1 && p->offline_len == 1)
		snprintf(out, size, "; %.90s is offline and follows when it returns", p->offline[0]);
	else if (p->n_offline > 0)
		snprintf(out, size, "; %u are offline and follow when they return", p->n_offline);
}

static char *associate_text(const struct clv_act *act)
{
	bool all = act->target_kind == CLV_TARGET_ALL;
	return clv_asprintf("Profile %.120s %s %.120s for %s%s%.120s.", act->name,
	                    act->remove ? "no longer uses" : "uses", act->account,
	                    clv_target_kind_word(act->target_kind), all ? "" : " ", all ? "" : act->target);
}

char *fields_plan_text(const struct clv_act *act, const struct clv_plan_fact *p)
{
	char offline[200];
	offline_text(p, offline, sizeof(offline));
	switch (act->kind) {
	case CLV_ACT_ACCOUNT_REMOVE: /* design 8, message 3 */
		return clv_asprintf("Remove account %.200s: %u host%s it%s.", act->name, p->n_loses,
		                    p->n_loses == 1 ? " forgets" : "s forget", offline);
	case CLV_ACT_PROFILE_REMOVE:
		return clv_asprintf("Remove profile %.200s: no host is given its account any more.",
		                    act->name);
	case CLV_ACT_GROUP_REMOVE:
		return clv_asprintf("Remove group %.200s: %u host%s accounts by it%s.", act->name, p->n_loses,
		                    p->n_loses == 1 ? " loses" : "s lose", offline);
	case CLV_ACT_ASSOCIATE:
		return associate_text(act);
	default: /* message 4 */
		return clv_asprintf("%.200s: %u host%s %s, %u lose%s %s%s.", act->name, p->n_gains,
		                    p->n_gains == 1 ? " gains" : "s gain",
		                    act->kind == CLV_ACT_GROUP_PUT ? "accounts by it" : "it", p->n_loses,
		                    p->n_loses == 1 ? "s" : "",
		                    act->kind == CLV_ACT_GROUP_PUT ? "some" : "it", offline);
	}
}
