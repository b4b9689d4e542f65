/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger status`, `overview aside`: what needs a person, for people, programs and Nagios;
 * and a line of the overview that waits.
 */
#include "console/batch.h"
#include "console/batch_json.h"
#include "console/needs.h"

#include "claviger/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum nagios { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };

static json_t *need_json(const struct clv_need_fact *n)
{
	json_t *o = json_object();
	batch_json_foreign(o, "level", clv_level_word(n->level));
	batch_json_foreign(o, "text", n->text);
	batch_json_foreign(o, "key", n->key);
	batch_json_time(o, "aside_until", n->aside_until);
	batch_json_foreign(o, "aside_by", n->aside_by[0] != '\0' ? n->aside_by : NULL);
	batch_json_foreign(o, "aside_reason", n->aside_reason[0] != '\0' ? n->aside_reason : NULL);
	return o;
}

static int status_json(struct batch *b, const struct clv_overview_fact *f)
{
	json_t *o = json_object(), *needs = json_array();
	const struct {
		const char *name;
		uint64_t n;
	} counts[] = {{"agents", f->agents},
	              {"up", f->up},
	              {"silent", f->silent},
	              {"pending", f->pending},
	              {"keys", f->keys},
	              {"confirmed", f->confirmed},
	              {"late", f->late},
	              {"accounts", f->accounts},
	              {"accounts_missing", f->accounts_missing},
	              {"ends_7d", f->ends_7d},
	              {"ends_30d", f->ends_30d},
	              {"audit_rows", f->audit_rows}};
	batch_json_foreign(o, "group", f->group);
	batch_json_foreign(o, "server", f->server);
	batch_json_time(o, "time", f->time);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(o, counts[i].name, json_integer((json_int_t)counts[i].n));
	batch_json_time(o, "audit_checked", f->audit_checked);
	for (size_t i = 0; i < f->n_needs; i++)
		json_array_append_new(needs, need_json(&f->needs[i]));
	json_object_set_new(o, "needs", needs);
	int code = batch_json_show(b, o);
	json_decref(o);
	return code;
}

static void status_text(const struct clv_overview_fact *f, unsigned person, unsigned wait, unsigned aside)
{
	if (person + wait == 0)
		printf("Nothing needs you.\n");
	else
		printf("%u %s a person, %u can wait.\n", person, person == 1 ? "thing needs" : "things need",
		       wait);
	for (size_t i = 0; i < f->n_needs; i++) {
		const struct clv_need_fact *n = &f->needs[i];
		char *s = n->aside_until != 0
		              ? clv_asprintf("set aside  %s (%s: %s)", n->text, n->aside_by, n->aside_reason)
		              : clv_asprintf("%-10s %s", clv_level_word(n->level), n->text);
		batch_say(stdout, s);
		clv_free(s);
	}
	printf("agents %u, in touch %u, silent %u, pending %u\n", f->agents, f->up, f->silent, f->pending);
	printf("keys %u, confirmed %u, late %u; end within 7 d %u, 30 d %u\n", f->keys, f->confirmed, f->late,
	       f->ends_7d, f->ends_30d);
	printf("accounts %u, everywhere %u, not everywhere %u; set aside %u\n", f->accounts, f->accounts_done,
	       f->accounts_missing, aside);
}

/* One line and the plugin's own exit codes. */
static int status_nagios(const struct clv_overview_fact *f, unsigned person, bool bad)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
	enum nagios code = bad ? NAGIOS_CRITICAL : person > 0 ? NAGIOS_WARNING : NAGIOS_OK;
	char *s = NULL;
	for (size_t i = 0; i < f->n_needs && s == NULL; i++) {
		if (f->needs[i].aside_until == 0 && f->needs[i].level != CLV_LEVEL_INFORMATION)
			s = clv_asprintf("%.300s", f->needs[i].text);
	}
	struct clv_text *t = text_new_str(s != NULL ? s : "nothing needs a person");
	printf("CLAVIGER %s - ", words[code]);
	for (const char *p = text_str(t); *p != '\0'; p++) /* a bar would begin the numbers */
		putchar(*p == '|' ? '/' : *p);
	printf(" | agents=%u up=%u silent=%u pending=%u late=%u ends_7d=%u\n", f->agents, f->up, f->silent,
	       f->pending, f->late, f->ends_7d);
	text_free(t);
	clv_free(s);
	return (int)code;
}

int batch_status(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	unsigned person = 0, wait = 0, aside = 0;
	bool bad = false;
	int code = EXIT_DONE;
	(void)argc;
	(void)argv;
	enum output out = b->o->output;
	if (out != OUTPUT_DEFAULT && out != OUTPUT_TEXT && out != OUTPUT_JSON && out != OUTPUT_NAGIOS) {
		err_set(&err, CLV_E_USAGE, "status has -o text, json and nagios");
		return batch_fail(&err);
	}
	struct clv_reply *r = batch_wait(b, clv_session_overview(b->s, false, &err), &err);
	if (r == NULL || r->overview == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	for (size_t i = 0; i < r->overview->n_needs; i++) {
		const struct clv_need_fact *n = &r->overview->needs[i];
		aside += n->aside_until != 0;
		if (n->aside_until != 0)
			continue;
		bad |= n->level == CLV_LEVEL_ERROR;
		wait += n->level == CLV_LEVEL_INFORMATION;
		person += n->level != CLV_LEVEL_INFORMATION;
	}
	if (out == OUTPUT_JSON)
		code = status_json(b, r->overview);
	else if (out == OUTPUT_NAGIOS)
		code = status_nagios(r->overview, person, bad);
	else
		status_text(r->overview, person, wait, aside);
	clv_reply_free(r);
	return code;
}

int batch_overview(struct batch *b, int argc, char **argv)
{
	struct clv_err err = {0};
	struct timespec now;
	struct clv_act act = {.kind = CLV_ACT_NEED_ASIDE, .name = argv[2], .reason = b->o->reason};
	(void)argc;
	clock_gettime(CLOCK_REALTIME, &now);
	bool until = b->o->until != NULL &&
	             needs_until(b->o->until, strlen(b->o->until), (int64_t)now.tv_sec * 1000, &act.ends);
	if (!b->o->back && (!until || b->o->reason == NULL)) {
		err_set(&err, CLV_E_USAGE,
		        "overview aside KEY --until 14d|2026-12-24 --reason TEXT, or --back; claviger status "
		        "-o json "
		        "has the keys");
		return batch_fail(&err);
	}
	if (b->o->back)
		act.ends = 0;
	return batch_send_act(b, &act);
}
