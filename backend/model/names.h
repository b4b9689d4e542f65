/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that a tired person takes for each other (web01, webO1, web0l; rn for m). Pure.
 */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include "claviger/err.h"

/* True when the two names differ but are alike once letters and digits that look the same are folded. */
bool names_look_alike(const char *a, const char *b);

/* A node's name as a channel proves it: lower-case DNS labels, 253 bytes at most. For names that came by
 * somebody else's word. */
bool names_is_node(const char *name);

#endif
