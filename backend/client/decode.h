/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies of the server become facts. Inside of backend/client, and of tests that speak for a
 * server.
 */
#ifndef CLIENT_DECODE_H
#define CLIENT_DECODE_H

#include "claviger/client.h"

/* Takes a frame apart: *out is owned by the caller. CLV_E_PROTO when the server breaks the
 * grammar. Frames that are no reply to a request (the server's proof) are refused here. */
CLV_MUST clv_rc decode_reply(uint16_t type, struct clv_slice body, struct clv_reply **out,
                             struct clv_err *err);

#endif
