/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of a configuration: what its row's type makes of the text. Used by conf.c alone.
 */
#ifndef BASE_CONFVALUE_H
#define BASE_CONFVALUE_H

#include "base/conf.h"

struct conf_value {
	int line; /* 0: defaulted or unset */
	char *str;
	int64_t num;
	char **items;
	size_t n_items;
};

/* text is trimmed UTF-8. Errors read `file:line: what; expected ...; what to do`. */
CLV_MUST clv_rc confvalue_parse(const struct conf_option *o, struct clv_slice text, struct conf_value *v,
                                const char *file, int line, struct clv_err *err);
void confvalue_release(struct conf_value *v);

#endif
