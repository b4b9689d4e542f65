/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake server's answers about the audit trail, what ends and what is found, and lines set aside.
 */
#ifndef TESTS_LIB_FAKE_LOOK_H
#define TESTS_LIB_FAKE_LOOK_H

#include "claviger/buf.h"
#include "console.pb-c.h"

/* NULL: the request is another's. */
const ProtobufCMessageDescriptor *fake_look_body(uint16_t type);
/* Gives the reply's type. */
uint16_t fake_look_query(uint16_t type, const ProtobufCMessage *m, struct clv_buf *out, bool *watch,
                         uint64_t *req);
struct clv_overview_fact;
/* What was set aside so far. */
void fake_look_asides(struct clv_overview_fact *o);

#endif
