/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `claviger recovery status|verify|aside|finish`: how far a recovery is and its signed report, which
 * hosts confirmed the newest password of each account, what nobody needs any more, the end.
 */
#include "console/batch_json.h"

#include "claviger/text.h"

#include <stdlib.h>
#include <string.h>

clv_rc batch_recovery_check(const struct options *o, struct clv_err *err)
{
	const char *sub = o->args[1];
	if (o->report && strcmp(sub, "status") != 0)
		return err_set(err, CLV_E_USAGE, "--report belongs to recovery status");
	if (o->back && (strcmp(sub, "aside") != 0 || o->reason != NULL))
		return err_set(err, CLV_E_USAGE, "--back belongs to recovery aside, without a reason");
	if (strcmp(sub, "aside") == 0 && !o->back && (o->reason == NULL || o->reason[0] == '\0'))
		return err_set(err, CLV_E_USAGE, "recovery aside ACCOUNT --reason TEXT, or --back");
	if (o->output != OUTPUT_DEFAULT && o->output != OUTPUT_TEXT && o->output != OUTPUT_JSON)
		return err_set(err, CLV_E_USAGE, "recovery: -o is text or json");
	return CLV_OK;
}

/* --- status --- */

static void number(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, json_integer((json_int_t)n));
}

static void foreign_or_null(json_t *o, const char *name, const char *s)
{
	batch_json_foreign(o, name, s != NULL && s[0] != '\0' ? s : NULL);
}

static json_t *status_json(const struct clv_recovery_fact *r)
{
	json_t *o = json_object(), *claims = json_array();
	const char *state = r->epoch == 0 ? "none" : r->finished != 0 ? "finished" : "under way";
	json_object_set_new(o, "state", json_string(state));
	number(o, "epoch", r->epoch);
	number(o, "group_key", r->group_key);
	batch_json_time(o, "time", r->began);
	foreign_or_null(o, "by", r->by);
	json_object_set_new(o, "kept_keys", json_boolean(r->kept_keys));
	batch_json_time(o, "finished", r->finished);
	foreign_or_null(o, "finished_by", r->finished_by);
	number(o, "accounts", r->accounts);
	number(o, "to_enter", r->to_enter);
	number(o, "entered", r->entered);
	number(o, "confirmed", r->confirmed);
	number(o, "aside", r->aside);
	number(o, "agents", r->agents);
	number(o, "agents_back", r->agents_back);
	batch_json_time(o, "first_end", r->first_end);
	foreign_or_null(o, "first_end_account", r->first_end_account);
	for (size_t i = 0; i < r->n_claims; i++) {
		json_t *c = json_object();
		batch_json_foreign(c, "account", r->claims[i].account);
		batch_json_foreign(c, "by", r->claims[i].by);
		batch_json_time(c, "last_key", r->claims[i].at);
		json_array_append_new(claims, c);
	}
	json_object_set_new(o, "claims", claims);
	return o;
}

static void put_base64(json_t *o, const char *name, const struct clv_buf *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct clv_slice s = buf_slice(b);
	char *out = clv_calloc(s.len / 3 * 4 + 5, 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i += 3) {
		uint32_t v = (uint32_t)s.ptr[i] << 16;
		v |= i + 1 < s.len ? (uint32_t)s.ptr[i + 1] << 8 : 0;
		v |= i + 2 < s.len ? (uint32_t)s.ptr[i + 2] : 0;
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = i + 1 < s.len ? digits[v >> 6 & 63] : '=';
		out[n++] = i + 2 < s.len ? digits[v & 63] : '=';
	}
	json_object_set_new(o, name, json_string(out));
	clv_free(out);
}

static int show_report_json(struct batch *b, const struct clv_report_fact *r)
{
	json_t *o = json_object();
	number(o, "epoch", r->epoch);
	batch_json_foreign(o, "server", r->server);
	batch_json_time(o, "time", r->time);
	number(o, "audit_seq", r->audit_seq);
	batch_json_hex(o, "audit_hash", r->audit_hash, sizeof(r->audit_hash), true);
	batch_json_hex(o, "group_key_id", r->group_key_id, sizeof(r->group_key_id), true);
	batch_json_foreign(o, "text", r->text);
	put_base64(o, "statement", &r->body);
	put_base64(o, "signature", &r->signature);
	put_base64(o, "group_key", &r->group_key);
	int code = batch_json_show(b, o);
	json_decref(o);
	return code;
}

/* Each line made safe by itself; then who signed it. */
static void show_report_text(const struct clv_report_fact *r)
{
	char hex[65], *copy = clv_strdup(r->text), *save = NULL;
	for (char *s = strtok_r(copy, "\n", &save); s != NULL; s = strtok_r(NULL, "\n", &save))
		batch_say(stdout, s);
	clv_free(copy);
	hex_encode(slice_of(r->group_key_id, sizeof(r->group_key_id)), true, hex);
	printf("Signed    by the group signing key %s; the signature holds\n", hex);
}

static int report(struct batch *b)
{
	struct clv_err err = {0};
	struct clv_reply *r = batch_wait(b, clv_session_report(b->s, &err), &err);
	int code = EXIT_DONE;
	if (r == NULL || r->report == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	if (b->o->output == OUTPUT_JSON)
		code = show_report_json(b, r->report);
	else
		show_report_text(r->report);
	clv_reply_free(r);
	return code;
}

static int status(struct batch *b)
{
	struct clv_err err = {0};
	struct clv_reply *r = batch_wait(b, clv_session_recovery(b->s, &err), &err);
	if (r == NULL || r->recovery == NULL) {
		clv_reply_free(r);
		return batch_fail(&err);
	}
	json_t *o = status_json(r->recovery);
	int code = batch_json_show(b, o);
	json_decref(o);
	clv_reply_free(r);
	return code;
}

/* --- verify --- */

struct verdict {
	const char *word; /* "ok", "missing", "to enter", "set aside", "one host first", "never entered" */
	bool bad;
};

static struct verdict judge(const struct clv_account_detail *d)
{
	const struct clv_account_fact *a = &d->account;
	if (a->recovery == CLV_RECOVERY_ASIDE)
		return (struct verdict){"set aside", false};
	if (a->state == CLV_ACCOUNT_NEEDS_REENTRY && a->recovery != CLV_RECOVERY_ENTERED)
		return (struct verdict){"to enter", true};
	if (a->version == 0)
		return (struct verdict){"never entered", false};
	if (a->version != a->released)
		return (struct verdict){"one host first", true};
	return a->confirmed >= a->targets ? (struct verdict){"ok", false} : (struct verdict){"missing", true};
}

static bool misses(const struct clv_account_host *h)
{
	return h->step < CLV_STEP_OPENED;
}

static json_t *verdict_json(const struct clv_account_detail *d, const struct verdict *v)
{
	json_t *o = json_object(), *hosts = json_array();
	batch_json_foreign(o, "name", d->account.name);
	json_object_set_new(o, "verdict", json_string(v->word));
	number(o, "version", d->account.version);
	number(o, "targets", d->account.targets);
	number(o, "confirmed", d->account.confirmed);
	for (size_t i = 0; i < d->n_rows; i++) {
		if (!misses(&d->rows[i]))
			continue;
		json_t *h = json_object();
		batch_json_foreign(h, "host", d->rows[i].host);
		json_object_set_new(h, "step", json_string(clv_step_word(d->rows[i].step)));
		batch_json_time(h, "since", d->rows[i].since);
		foreign_or_null(h, "why", d->rows[i].why);
		json_array_append_new(hosts, h);
	}
	json_object_set_new(o, "missing", hosts);
	return o;
}

static void verdict_line(const struct clv_account_detail *d, const struct verdict *v)
{
	const struct clv_account_fact *a = &d->account;
	struct clv_text *t = text_new_str(a->name);
	printf("%-14s %s", v->word, text_str(t));
	text_free(t);
	if (a->version != 0)
		printf("  v%llu  %u of %u hosts", (unsigned long long)a->version, a->confirmed, a->targets);
	for (size_t i = 0, n = 0; i < d->n_rows; i++) {
		if (!misses(&d->rows[i]))
			continue;
		t = text_new_str(d->rows[i].host);
		printf("%s %s", n++ == 0 ? "  missing:" : "", text_str(t));
		text_free(t);
	}
	putchar('\n');
}

static clv_rc verify_one(struct batch *b, const char *name, json_t *out, bool *bad, struct clv_err *err)
{
	struct clv_reply *r = batch_wait(b, clv_session_account(b->s, name, false, err), err);
	if (r == NULL || r->account == NULL) {
		clv_reply_free(r);
		return CLV_FAILED;
	}
	struct verdict v = judge(r->account);
	*bad = *bad || v.bad;
	if (b->o->output == OUTPUT_JSON)
		json_array_append_new(out, verdict_json(r->account, &v));
	else
		verdict_line(r->account, &v);
	clv_reply_free(r);
	return CLV_OK;
}

/* Every account, by windows. */
static clv_rc verify_all(struct batch *b, json_t *out, bool *bad, struct clv_err *err)
{
	uint64_t at = 0, all = 1;
	clv_rc rc = CLV_OK;
	while (at < all && rc == CLV_OK) {
		struct clv_window w = {.sort = "name", .offset = at, .limit = CLV_LIST_LIMIT_MAX};
		struct clv_reply *r = batch_wait(b, clv_session_list(b->s, CLV_LIST_ACCOUNTS, &w, err), err);
		if (r == NULL || r->kind != CLV_REPLY_LIST) {
			clv_reply_free(r);
			return CLV_FAILED;
		}
		all = r->rows.n > 0 ? r->rows.matched : 0;
		at += r->rows.n;
		for (size_t i = 0; i < r->rows.n && rc == CLV_OK; i++)
			rc = verify_one(b, r->rows.u.accounts[i].name, out, bad, err);
		clv_reply_free(r);
	}
	return rc;
}

static int verify(struct batch *b)
{
	struct clv_err err = {0};
	json_t *out = json_array();
	bool bad = false;
	int code = EXIT_DONE;
	clv_rc rc =
	    b->o->n_args > 2 ? verify_one(b, b->o->args[2], out, &bad, &err) : verify_all(b, out, &bad, &err);
	if (rc != CLV_OK)
		code = batch_fail(&err);
	else if (b->o->output == OUTPUT_JSON)
		code = batch_json_show(b, out);
	if (code == EXIT_DONE && bad)
		code = EXIT_VERIFY;
	json_decref(out);
	return code;
}

/* --- acts --- */

static int aside(struct batch *b)
{
	const struct options *o = b->o;
	struct clv_act act = {
	    .kind = CLV_ACT_ASIDE, .name = o->args[2], .reason = o->reason, .remove = o->back};
	char *question = clv_asprintf(o->back ? "Take %s back in %s: it is to be entered again?"
	                                      : "Set %s aside in %s? Nobody has to enter it again.",
	                              o->args[2], b->who->group);
	int code = EXIT_FAILED;
	if (batch_confirm(b, question, NULL))
		code = batch_send_act(b, &act);
	else
		fprintf(stderr, "Nothing was done.\n");
	clv_free(question);
	return code;
}

static int finish(struct batch *b)
{
	struct clv_act act = {.kind = CLV_ACT_RECOVERY_FINISH, .name = b->who->group};
	char *question =
	    clv_asprintf("Finish the recovery of %s with a signed report? Cannot be undone.", b->who->group);
	int code = EXIT_FAILED;
	if (batch_confirm(b, question, b->who->group))
		code = batch_send_act(b, &act);
	else
		fprintf(stderr, "Nothing was done.\n");
	clv_free(question);
	return code;
}

int batch_recovery(struct batch *b, int argc, char **argv)
{
	(void)argc;
	if (strcmp(argv[1], "status") == 0)
		return b->o->report ? report(b) : status(b);
	if (strcmp(argv[1], "verify") == 0)
		return verify(b);
	return strcmp(argv[1], "aside") == 0 ? aside(b) : finish(b);
}
