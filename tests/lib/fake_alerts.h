/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fake server says of alerts and their paths.
 */
#ifndef TESTS_LIB_FAKE_ALERTS_H
#define TESTS_LIB_FAKE_ALERTS_H

#include "claviger/buf.h"

#include <protobuf-c/protobuf-c.h>

/* NULL: it is none of these. */
const ProtobufCMessageDescriptor *fake_alerts_body(uint16_t type);
uint16_t fake_alerts_query(uint16_t type, const ProtobufCMessage *m, struct clv_buf *out, bool *watch,
                           uint64_t *req);

#endif
