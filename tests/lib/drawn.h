/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind the drawings of design 7, for golden screens and for the fake server. All times
 * hang on DRAWN_NOW.
 */
#ifndef TESTS_LIB_DRAWN_H
#define TESTS_LIB_DRAWN_H

#include "claviger/client.h"

#define DRAWN_NOW 1795295050000LL /* 2026-11-21T21:04:10Z */

struct clv_overview_fact *drawn_overview(void);
struct clv_overview_fact *drawn_first_run(void);
struct clv_overview_fact *drawn_all_well(void);
/* The three agents of the drawing, then n - 3 more. */
struct clv_agent_fact *drawn_agents(size_t n);
struct clv_agent_detail *drawn_detail(void);
struct clv_pending_fact *drawn_pending(size_t *n);
/* A management server of that name, before the others. */
void drawn_joining(struct clv_pending_fact **p, size_t *n, const char *name);
struct clv_event_fact *drawn_events(size_t n);
struct clv_whoami_fact *drawn_whoami(void);

#endif
