/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding of look-alike characters in node names (see names.h). Pure.
 */
#include "model/names.h"
#include <string.h>

/* Takes one folded character from *p: o0 -> 0, l1i -> 1, rn -> m, vv -> w, s5 -> 5, b8 -> 8, z2 -> 2; dots
 * and hyphens count as one kind. */
static char next_folded(const char **p)
{
	static const char from[] = "ol1i5s8b2z_-";
	static const char to[] = "011155882"
	                         "2--";
	const char *hit;
	char c = **p;

	if (!c)
		return 0;
	if (c == 'r' && (*p)[1] == 'n') {
		*p += 2;
		return 'm';
	}
	if (c == 'v' && (*p)[1] == 'v') {
		*p += 2;
		return 'w';
	}
	(*p)++;
	hit = strchr(from, c);
	return hit ? to[hit - from] : c;
}

bool names_look_alike(const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return false;
	for (;;) {
		char x = next_folded(&a), y = next_folded(&b);

		if (x != y)
			return false;
		if (!x)
			return true;
	}
}

bool names_is_node(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool inner = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');

		if (name[i] == '.' ? label == 0 || name[i - 1] == '-' : !inner && (name[i] != '-' || !label))
			return false;
		label = name[i] == '.' ? 0 : label + 1;
	}
	return label > 0 && name[len - 1] != '-';
}
