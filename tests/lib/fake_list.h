/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the fake server's lists, by the real filter and sort.
 */
#ifndef TESTS_LIB_FAKE_LIST_H
#define TESTS_LIB_FAKE_LIST_H

#include "claviger/client.h"
#include "console.pb-c.h"

struct fake_source {
	struct clv_agent_fact *agents;
	struct clv_pending_fact *pending;
	struct clv_event_fact *events;
	size_t n_agents, n_pending, n_events;
	int64_t now;
};

/* Appends the reply's body; gives its type. */
uint16_t fake_answer_list(const struct fake_source *src, uint16_t type, const Clv__ListRequest *m,
                          struct clv_buf *out);

#endif
