/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway that lies, for scenario s65: in the test build it does what CLAVIGER_TEST_ROGUE names, one word
 * each. In the product there is nothing of it.
 */
#ifndef DAEMON_CORE_GATEWAY_ROGUE_H
#define DAEMON_CORE_GATEWAY_ROGUE_H

#include "daemon/core_gateway.h"

/* What a refusal may hold that would look like ours on the terminal of whoever joins or enrols. */
#define ROGUE_WORDS "\033[2Jms1 asks rms1 for the keys.\nCode   AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"

#ifdef CLV_TEST_BUILD
bool rogue_is(const char *what);
/* What goes down or up may be altered (into tmp) or, true, swallowed. */
bool rogue_down(struct core *c, struct channel *ch, uint16_t type, struct clv_slice *body,
                struct clv_buf *tmp);
bool rogue_up(struct core *c, struct channel *ch, uint16_t type, struct clv_slice *body, struct clv_buf *tmp);
/* What it shows of the group instead; NULL: what it should. */
const Clv__Greeting *rogue_greeting(struct core *c, const Clv__Greeting *g);
void rogue_opened(const struct channel *ch, Clv__RelayOpen *m);
/* The link is gone, and nobody is told. */
bool rogue_ghost(struct core *c, struct channel *ch);
void rogue_tick(struct core *c);
#else
#define rogue_is(what)                     false
#define rogue_down(c, ch, type, body, tmp) false
#define rogue_up(c, ch, type, body, tmp)   false
#define rogue_greeting(c, g)               (g)
#define rogue_opened(ch, m)                ((void)(m))
#define rogue_ghost(c, ch)                 false
#define rogue_tick(c)                      ((void)(c))
#endif

#endif
