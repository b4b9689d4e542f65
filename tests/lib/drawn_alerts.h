/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts behind alerts, traces and the proof, for golden screens and for the fake server.
 */
#ifndef TESTS_LIB_DRAWN_ALERTS_H
#define TESTS_LIB_DRAWN_ALERTS_H

#include "tests/lib/drawn.h"

struct clv_alert_fact *drawn_alerts(size_t *n);
enum drawn_path {
	DRAWN_WHOLE,
	DRAWN_TWO,
	DRAWN_BROKEN,
	DRAWN_DIFFER,
	DRAWN_CLAIMED,
	DRAWN_WEAK,
	DRAWN_PROBE
};
struct clv_trace_fact *drawn_trace(enum drawn_path what);
struct clv_encryption_fact *drawn_encryption(bool good);

#endif
