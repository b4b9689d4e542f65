/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hosts an account goes to (P1): names, patterns and groups of them; and which hosts a target
 * names. Pure. Used by core, and again by the key holder before it seals.
 */
#ifndef MODEL_DISTRIBUTION_H
#define MODEL_DISTRIBUTION_H

#include "claviger/buf.h"

#define DISTRIBUTION_SPEC_MAX 256u
#define DISTRIBUTION_GROUP    "group:"

/* A name and patterns' grammar: lower-case letters, digits, - . and in patterns * and ?; a group's name after
 * "group:". CLV_E_USAGE says what is wrong. Names are made lower-case by the caller. */
CLV_MUST clv_rc distribution_check_spec(const char *spec, bool groups_too, struct clv_err *err);
bool distribution_is_pattern(const char *spec);
/* * any run, ? one character; the whole name. Linear in the name times the number of *. */
bool distribution_matches(const char *pattern, const char *name);

/* Members of a group (names and patterns); NULL with *n 0 when there is none of that name. */
typedef char *const *distribution_group_fn(void *ctx, const char *group, size_t *n);
/* Does a list of names, patterns and "group:NAME" cover this node? */
bool distribution_covers(char *const *specs, size_t n, const char *node, distribution_group_fn *group,
                         void *ctx);

#endif
