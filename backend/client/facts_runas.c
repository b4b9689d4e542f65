/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frees the facts about RunAs accounts, profiles, groups and servers. Used by client, console and
 * core. None of them holds a password.
 */
#include "claviger/facts.h"

static void strings_free(char **list, size_t n)
{
	for (size_t i = 0; list != NULL && i < n; i++)
		clv_free(list[i]);
	clv_free(list);
}

static void account_release(struct clv_account_fact *a)
{
	clv_free(a->id);
	clv_free(a->name);
	clv_free(a->changed_by);
	clv_free(a->user);
	clv_free(a->domain);
	clv_free(a->kept_by);
	clv_free(a->note);
	clv_free(a->context);
	clv_free(a->auth_protocol);
	clv_free(a->privacy_protocol);
	clv_free(a->entered_by);
	clv_free(a->aside);
	clv_free(a->aside_by);
	clv_free(a->claim_by);
	*a = (struct clv_account_fact){0};
}

void facts_accounts_free(struct clv_account_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++)
		account_release(&f[i]);
	clv_free(f);
}

void facts_account_detail_free(struct clv_account_detail *f)
{
	if (f == NULL)
		return;
	account_release(&f->account);
	strings_free(f->goes_to, f->n_goes_to);
	strings_free(f->also_in, f->n_also_in);
	for (size_t i = 0; i < f->n_uses; i++) {
		clv_free(f->uses[i].profile);
		clv_free(f->uses[i].target);
	}
	clv_free(f->uses);
	for (size_t i = 0; i < f->n_rows; i++) {
		clv_free(f->rows[i].host);
		clv_free(f->rows[i].why);
	}
	clv_free(f->rows);
	clv_free(f->first);
	clv_free(f->trial_text);
	facts_events_free(f->events, f->n_events);
	clv_free(f);
}

void facts_profiles_free(struct clv_profile_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].name);
		clv_free(f[i].account);
		clv_free(f[i].target);
	}
	clv_free(f);
}

void facts_groups_free(struct clv_group_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].name);
		strings_free(f[i].members, f[i].n_members);
		strings_free(f[i].used_by, f[i].n_used_by);
	}
	clv_free(f);
}

void facts_servers_free(struct clv_server_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++) {
		clv_free(f[i].name);
		clv_free(f[i].version);
		clv_free(f[i].pem);
		clv_free(f[i].role);
		clv_free(f[i].via);
		clv_free(f[i].address);
	}
	clv_free(f);
}

void facts_intake_free(struct clv_intake_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->group);
	clv_free(f->account_id);
	clv_free(f->account);
	clv_free(f->user);
	clv_free(f->domain);
	clv_free(f->principal);
	clv_free(f->first);
	clv_free(f->server);
	buf_release(&f->certificate);
	clv_free(f);
}

void facts_plan_free(struct clv_plan_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->text);
	strings_free(f->gains, f->gains_len);
	strings_free(f->loses, f->loses_len);
	strings_free(f->offline, f->offline_len);
	strings_free(f->warnings, f->warnings_len);
	clv_free(f);
}

void facts_claim_free(struct clv_claim_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->account);
	clv_free(f->by);
	clv_free(f);
}

void facts_recovery_free(struct clv_recovery_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->by);
	clv_free(f->finished_by);
	clv_free(f->first_end_account);
	for (size_t i = 0; i < f->n_claims; i++) {
		clv_free(f->claims[i].account);
		clv_free(f->claims[i].by);
	}
	clv_free(f->claims);
	clv_free(f);
}

void facts_report_free(struct clv_report_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->server);
	clv_free(f->text);
	buf_release(&f->body);
	buf_release(&f->signature);
	buf_release(&f->group_key);
	clv_free(f);
}
