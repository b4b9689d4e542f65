/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that is safe to show. One function makes it from foreign bytes; screen, log, CSV,
 * clipboard and title take nothing else (T19, T20). Invalid bytes and C0, DEL, C1 become \xNN;
 * bidi controls, zero-width, tag characters, other invisible format characters, unassigned and
 * private-use code points become \u{NNNN}; a backslash stays as it is. Combining marks stay (at
 * most 4 on one base; a mark without a base is escaped). Width is in terminal cells (utf8proc).
 */
#ifndef CLAVIGER_TEXT_H
#define CLAVIGER_TEXT_H

#include "claviger/buf.h"

#define CLV_TEXT_MAX (16u * 1024u) /* bytes of input looked at; the rest becomes "…" */

struct clv_text; /* opaque, immutable */

struct clv_text *text_new(struct clv_slice foreign); /* never NULL */
struct clv_text *text_new_str(const char *foreign);  /* NULL gives empty */
void text_free(struct clv_text *t);
const char *text_str(const struct clv_text *t); /* valid UTF-8, 0-terminated, safe to write to a terminal */
size_t text_len(const struct clv_text *t);      /* bytes */
uint32_t text_cells(const struct clv_text *t);  /* columns */

/* Cut to at most `cells` columns, never inside a cluster: at the end with "…", or in the middle
 * ("web-pro…07"). The result is owned by the caller. */
struct clv_text *text_cut(const struct clv_text *t, uint32_t cells);
struct clv_text *text_cut_middle(const struct clv_text *t, uint32_t cells);

/* Walks the clusters: from byte offset *off gives the next cluster's bytes and width (1 or 2) and
 * advances; false at the end. For drawing into cells. */
bool text_next(const struct clv_text *t, size_t *off, struct clv_slice *cluster, uint32_t *cells);

/* Escapes into b (one line, for logs and CSV: quotes are the caller's). */
CLV_MUST clv_rc text_escape(struct clv_buf *b, struct clv_slice foreign, struct clv_err *err);

#endif
