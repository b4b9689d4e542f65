/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching of names, patterns and groups (see distribution.h). Pure.
 */
#include "model/distribution.h"
#include <string.h>

#define NAME_CHARS  "abcdefghijklmnopqrstuvwxyz0123456789-."
#define GROUP_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._ "

bool distribution_is_pattern(const char *spec)
{
	return strpbrk(spec, "*?") != NULL;
}

clv_rc distribution_check_spec(const char *spec, bool groups_too, struct clv_err *err)
{
	size_t prefix = strlen(DISTRIBUTION_GROUP), len = strlen(spec);

	if (len == 0 || len >= DISTRIBUTION_SPEC_MAX)
		return err_set(err, CLV_E_USAGE, "a name of %zu bytes; 1 to %u are taken", len,
		               DISTRIBUTION_SPEC_MAX - 1);
	if (strncmp(spec, DISTRIBUTION_GROUP, prefix) == 0) {
		if (!groups_too)
			return err_set(err, CLV_E_USAGE, "a group holds names and patterns, no other group");
		if (len == prefix || strspn(spec + prefix, GROUP_CHARS) != len - prefix)
			return err_set(err, CLV_E_USAGE, "'%.64s' names no group", spec);
		return CLV_OK;
	}
	if (strspn(spec, distribution_is_pattern(spec) ? "*?" NAME_CHARS : NAME_CHARS) != len)
		return err_set(err, CLV_E_USAGE,
		               "'%.64s' is no name and no pattern: lower-case letters, digits, - and . ; in "
		               "patterns * and ?",
		               spec);
	return CLV_OK;
}

bool distribution_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *back = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			back = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == 0;
}

static bool one_covers(const char *spec, const char *node)
{
	return distribution_is_pattern(spec) ? distribution_matches(spec, node) : strcmp(spec, node) == 0;
}

bool distribution_covers(char *const *specs, size_t n, const char *node, distribution_group_fn *group,
                         void *ctx)
{
	size_t prefix = strlen(DISTRIBUTION_GROUP);

	for (size_t i = 0; i < n; i++) {
		size_t n_members = 0;
		char *const *members;

		if (strncmp(specs[i], DISTRIBUTION_GROUP, prefix) != 0) {
			if (one_covers(specs[i], node))
				return true;
			continue;
		}
		members = group(ctx, specs[i] + prefix, &n_members);
		for (size_t j = 0; j < n_members; j++)
			if (one_covers(members[j], node))
				return true;
	}
	return false;
}
