/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind audit, expiry and find, for golden screens and for the fake server.
 */
#ifndef TESTS_LIB_DRAWN_LOOK_H
#define TESTS_LIB_DRAWN_LOOK_H

#include "tests/lib/drawn.h"

struct clv_audit_fact *drawn_audit(size_t *n);
struct clv_audit_check_fact *drawn_check(bool whole);
struct clv_thing_fact *drawn_expiry(size_t *n);
struct clv_thing_fact *drawn_found(size_t *n);

#endif
