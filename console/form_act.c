/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each form has for fields, and how its fields become an act.
 */
#include "console/fields.h"
#include "console/form.h"

#include "views/fmt.h"

#include <stdio.h>
#include <string.h>

#define X(sym, word) word,
static const char *const types[] = {CLV_ACCOUNT_TYPE_LIST(X) NULL};
static const char *const targets[] = {CLV_TARGET_LIST(X) NULL};
#undef X
static const char *const auths[] = {"none", "md5", "sha", NULL};
static const char *const privacies[] = {"none", "des", "aes", NULL};
static const char *const distributions[] = {"as it is", "more secure", "less secure", NULL};

/* Places of the fields. */
enum { A_NAME, A_TYPE, A_USER, A_DOMAIN, A_KEPT, A_NOTE, A_ENDS, A_CONTEXT, A_AUTH, A_PRIVACY, A_MAX };
enum { S_TO, S_NOT, S_DISTRIBUTION, S_MAX };
enum { P_NAME, P_MAX };
enum { R_ACCOUNT, R_WHERE, R_WHICH, R_MAX };

static const struct form_field account_fields[A_MAX] = {
    [A_NAME] = {.label = "Name", .help = "what this account is called here"},
    [A_TYPE] = {.label = "Type", .help = "← → choose; binary is a file, such as a keytab", .choices = types},
    [A_USER] = {.label = "User", .help = "the name that logs on"},
    [A_DOMAIN] = {.label = "Domain", .help = "where it has one: CORP, or corp.example"},
    [A_KEPT] = {.label = "Kept by", .help = "who has the password, when it must be entered again"},
    [A_NOTE] = {.label = "Note", .help = "a word for whoever reads this at 3 a.m."},
    [A_ENDS] = {.label = "Ends", .help = "the day its password ends: 2027-02-19; empty: never"},
    [A_CONTEXT] = {.label = "Context", .help = "SNMPv3 context name", .snmp = true},
    [A_AUTH] = {.label = "Authentication", .help = "← → choose", .choices = auths, .snmp = true},
    [A_PRIVACY] = {.label = "Privacy", .help = "← → choose", .choices = privacies, .snmp = true},
};
static const struct form_field send_fields[S_MAX] = {
    [S_TO] = {.label = "Also to", .help = "hosts, patterns with * or ?, group:NAME; blanks between them"},
    [S_NOT] = {.label = "No longer to", .help = "the same, as they stand under Goes to"},
    [S_DISTRIBUTION] = {.label = "Distribution",
                        .help = "← → choose; less secure: every agent gets it",
                        .choices = distributions},
};
static const struct form_field profile_fields[P_MAX] = {
    [P_NAME] = {.label = "Profile", .help = "what hosts ask for: clavigerd credential PROFILE"},
};
static const struct form_field associate_fields[R_MAX] = {
    [R_ACCOUNT] = {.label = "Account", .help = "which account the profile uses there"},
    [R_WHERE] = {.label = "Used for",
                 .help = "← → choose; classes and objects are named by the hosts",
                 .choices = targets},
    [R_WHICH] = {.label = "Which", .help = "its name, or a pattern of host names", .target = true},
};

static void put_text(struct form_field *f, const char *s)
{
	snprintf(f->text, sizeof(f->text), "%s", s != NULL ? s : "");
	snprintf(f->was, sizeof(f->was), "%s", f->text);
}

static void put_choice(struct form_field *f, const char *word)
{
	for (int i = 0; f->choices[i] != NULL; i++) {
		if (strcmp(f->choices[i], word) == 0)
			f->choice = f->choice_was = i;
	}
}

static void fill_account(struct form *f, const struct clv_account_fact *a)
{
	char date[FMT_MAX];
	put_text(&f->f[A_NAME], a->name);
	put_choice(&f->f[A_TYPE], clv_account_type_word(a->type));
	put_text(&f->f[A_USER], a->user);
	put_text(&f->f[A_DOMAIN], a->domain);
	put_text(&f->f[A_KEPT], a->kept_by);
	put_text(&f->f[A_NOTE], a->note);
	put_text(&f->f[A_ENDS], a->ends != 0 ? fmt_date(date, a->ends) : "");
	put_text(&f->f[A_CONTEXT], a->context);
	put_choice(&f->f[A_AUTH], a->auth_protocol);
	put_choice(&f->f[A_PRIVACY], a->privacy_protocol);
}

static void take_fields(struct form *f, const struct form_field *from, int n)
{
	memcpy(f->f, from, (size_t)n * sizeof(*from));
	f->n = n;
}

void form_fields(struct form *f, const struct target *t)
{
	switch (f->kind) {
	case FORM_ACCOUNT_ADD:
	case FORM_ACCOUNT_CHANGE:
		take_fields(f, account_fields, A_MAX);
		if (f->kind == FORM_ACCOUNT_ADD)
			put_choice(&f->f[A_TYPE], "basic");
		else if (t->account != NULL)
			fill_account(f, t->account);
		break;
	case FORM_SEND:
		take_fields(f, send_fields, S_MAX);
		break;
	case FORM_PROFILE_ADD:
		take_fields(f, profile_fields, P_MAX);
		break;
	case FORM_ASSOCIATE:
		take_fields(f, associate_fields, R_MAX);
		break;
	}
}

bool form_visible(const struct form *f, int i)
{
	const struct form_field *x = &f->f[i];
	if (x->snmp)
		return strcmp(types[f->f[A_TYPE].choice], "snmpv3") == 0;
	return !x->target || f->f[i - 1].choice != CLV_TARGET_ALL;
}

/* --- to acts --- */

static bool changed(const struct form *f, int i)
{
	const struct form_field *x = &f->f[i];
	if (!form_visible(f, i))
		return false;
	return x->choices != NULL ? x->choice != x->choice_was : strcmp(x->text, x->was) != 0;
}

static clv_rc account_act(struct form *f, struct clv_act *act, struct clv_err *err)
{
	static const enum clv_account_field bits[A_MAX] = {
	    [A_NAME] = CLV_FIELD_NEW_NAME,      [A_TYPE] = CLV_FIELD_TYPE,
	    [A_USER] = CLV_FIELD_USER,          [A_DOMAIN] = CLV_FIELD_DOMAIN,
	    [A_KEPT] = CLV_FIELD_KEPT_BY,       [A_NOTE] = CLV_FIELD_NOTE,
	    [A_ENDS] = CLV_FIELD_ENDS,          [A_CONTEXT] = CLV_FIELD_CONTEXT,
	    [A_AUTH] = CLV_FIELD_AUTH_PROTOCOL, [A_PRIVACY] = CLV_FIELD_PRIVACY_PROTOCOL,
	};
	*act = (struct clv_act){.kind = CLV_ACT_ACCOUNT_PUT,
	                        .add = f->kind == FORM_ACCOUNT_ADD,
	                        .name = f->kind == FORM_ACCOUNT_ADD ? f->f[A_NAME].text : f->name,
	                        .new_name = f->f[A_NAME].text,
	                        .row_version = f->row_version,
	                        .user = f->f[A_USER].text,
	                        .domain = f->f[A_DOMAIN].text,
	                        .kept_by = f->f[A_KEPT].text,
	                        .note = f->f[A_NOTE].text,
	                        .context = f->f[A_CONTEXT].text,
	                        .auth_protocol = auths[f->f[A_AUTH].choice],
	                        .privacy_protocol = privacies[f->f[A_PRIVACY].choice]};
	if (f->f[A_NAME].text[0] == '\0') {
		f->at = A_NAME;
		return err_set(err, CLV_E_USAGE, "It needs a name.");
	}
	if (fields_type(types[f->f[A_TYPE].choice], &act->type, err) != CLV_OK)
		return CLV_FAILED;
	if (fields_date(f->f[A_ENDS].text, &act->ends, err) != CLV_OK) {
		f->at = A_ENDS;
		return CLV_FAILED;
	}
	for (int i = 0; i < A_MAX; i++)
		act->set |= changed(f, i) ? bits[i] : 0;
	if (act->add) {
		act->set &= ~(uint32_t)CLV_FIELD_NEW_NAME;
		act->set |= CLV_FIELD_TYPE;
	}
	return act->set != 0 ? CLV_OK : err_set(err, CLV_E_USAGE, "Nothing was changed yet.");
}

static void split(struct form_words *w, int k, const char *text)
{
	char *save = NULL;
	snprintf(w->text[k], sizeof(w->text[k]), "%s", text);
	w->n[k] = 0;
	for (char *s = strtok_r(w->text[k], " ,", &save); s != NULL && w->n[k] < 64;
	     s = strtok_r(NULL, " ,", &save))
		w->list[k][w->n[k]++] = s;
}

static clv_rc send_act(struct form *f, struct clv_act *act, struct form_words *w, struct clv_err *err)
{
	split(w, 0, f->f[S_TO].text);
	split(w, 1, f->f[S_NOT].text);
	*act = (struct clv_act){.kind = CLV_ACT_DISTRIBUTE,
	                        .name = f->name,
	                        .row_version = f->row_version,
	                        .distribution = (uint32_t)f->f[S_DISTRIBUTION].choice,
	                        .add_to = w->list[0],
	                        .n_add_to = w->n[0],
	                        .remove_from = w->list[1],
	                        .n_remove_from = w->n[1]};
	return w->n[0] + w->n[1] > 0 || act->distribution != 0
	           ? CLV_OK
	           : err_set(err, CLV_E_USAGE, "Say where to, or no longer to.");
}

static clv_rc associate_act(struct form *f, struct clv_act *act, struct clv_err *err)
{
	*act = (struct clv_act){.kind = CLV_ACT_ASSOCIATE,
	                        .name = f->name,
	                        .row_version = f->row_version,
	                        .account = f->f[R_ACCOUNT].text,
	                        .target_kind = (enum clv_target_kind)f->f[R_WHERE].choice,
	                        .target = form_visible(f, R_WHICH) ? f->f[R_WHICH].text : ""};
	if (act->account[0] == '\0') {
		f->at = R_ACCOUNT;
		return err_set(err, CLV_E_USAGE, "It needs an account.");
	}
	if (form_visible(f, R_WHICH) && act->target[0] == '\0') {
		f->at = R_WHICH;
		return err_set(err, CLV_E_USAGE, "Say which.");
	}
	return CLV_OK;
}

clv_rc form_act(struct form *f, struct clv_act *act, struct form_words *w, struct clv_err *err)
{
	switch (f->kind) {
	case FORM_SEND:
		return send_act(f, act, w, err);
	case FORM_PROFILE_ADD:
		*act = (struct clv_act){.kind = CLV_ACT_PROFILE_ADD, .name = f->f[P_NAME].text};
		return act->name[0] != '\0' ? CLV_OK : err_set(err, CLV_E_USAGE, "It needs a name.");
	case FORM_ASSOCIATE:
		return associate_act(f, act, err);
	default:
		return account_act(f, act, err);
	}
}
