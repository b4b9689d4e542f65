/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of clavigerd.conf (see conf.h). One table for all roles; what a role does not use is
 * refused by the parent with the line's number.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/conf.h"

extern const struct conf_option node_options[];

/* Reads and parses FILE: CLV_E_CONFIG names file and line. */
CLV_MUST clv_rc options_load(const char *path, struct conf **out, struct clv_err *err);

#endif
