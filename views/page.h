/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pages of one object have in common.
 */
#ifndef VIEWS_PAGE_H
#define VIEWS_PAGE_H

#include "views/draw.h"
#include "views/view.h"

/* Its events, a line each: time, number, the text's first line. */
void page_events(struct pager *p, const struct clv_event_fact *events, size_t n, const struct view_ctx *ctx);

#endif
