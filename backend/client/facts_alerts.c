/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeing the facts of alerts, traces and the report on encryption. Decides nothing.
 */
#include "claviger/facts.h"

void facts_alert_release(struct clv_alert_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->agent);
	clv_free(f->name);
	clv_free(f->text);
	clv_free(f->source);
	clv_free(f->why);
	clv_free(f->acknowledged_by);
	*f = (struct clv_alert_fact){0};
}

void facts_alerts_free(struct clv_alert_fact *f, size_t n)
{
	for (size_t i = 0; f != NULL && i < n; i++)
		facts_alert_release(&f[i]);
	clv_free(f);
}

void facts_trace_free(struct clv_trace_fact *f)
{
	if (f == NULL)
		return;
	facts_alerts_free(f->alert, f->alert != NULL ? 1 : 0);
	clv_free(f->agent);
	clv_free(f->why);
	for (size_t i = 0; i < f->n_nodes; i++) {
		clv_free(f->nodes[i].name);
		clv_free(f->nodes[i].role);
		clv_free(f->nodes[i].why);
	}
	clv_free(f->nodes);
	for (size_t i = 0; i < f->n_links; i++) {
		clv_free(f->links[i].from);
		clv_free(f->links[i].to);
		clv_free(f->links[i].protocol);
		clv_free(f->links[i].cipher);
		clv_free(f->links[i].weak);
	}
	clv_free(f->links);
	clv_free(f);
}

static void free_strings(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		clv_free(list[i]);
	clv_free(list);
}

void facts_encryption_free(struct clv_encryption_fact *f)
{
	if (f == NULL)
		return;
	clv_free(f->group);
	clv_free(f->server);
	clv_free(f->node);
	for (size_t i = 0; i < f->n_links; i++) {
		clv_free(f->links[i].from);
		clv_free(f->links[i].to);
		clv_free(f->links[i].protocol);
		clv_free(f->links[i].cipher);
		clv_free(f->links[i].key);
		clv_free(f->links[i].weak);
		clv_free(f->links[i].later);
	}
	clv_free(f->links);
	for (size_t i = 0; i < f->n_deliveries; i++) {
		clv_free(f->deliveries[i].host);
		clv_free(f->deliveries[i].account);
		clv_free(f->deliveries[i].how);
	}
	clv_free(f->deliveries);
	free_strings(f->weak, f->n_weak);
	free_strings(f->limits, f->n_limits);
	free_strings(f->clear, f->n_clear);
	clv_free(f);
}
