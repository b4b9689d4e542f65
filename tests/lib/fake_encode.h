/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts to messages: the other direction of backend/client/decode.c, for tests.
 */
#ifndef TESTS_LIB_FAKE_ENCODE_H
#define TESTS_LIB_FAKE_ENCODE_H

#include "claviger/client.h"

void fake_encode_agents(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                        uint64_t offset, const struct clv_agent_fact *const *rows, size_t n);
void fake_encode_events(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                        uint64_t offset, const struct clv_event_fact *const *rows, size_t n);
void fake_encode_pending(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                         uint64_t offset, const struct clv_pending_fact *const *rows, size_t n);
void fake_encode_overview(struct clv_buf *out, uint64_t req, const struct clv_overview_fact *o);
void fake_encode_detail(struct clv_buf *out, uint64_t req, int64_t time, const struct clv_agent_detail *d);
void fake_encode_whoami(struct clv_buf *out, uint64_t req, const struct clv_whoami_fact *w);
void fake_encode_done(struct clv_buf *out, uint64_t req, const char *text);
void fake_encode_refused(struct clv_buf *out, uint64_t req, enum clv_code code, const char *text,
                         uint64_t audit_row);
void fake_encode_accounts(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                          uint64_t offset, const struct clv_account_fact *const *rows, size_t n,
                          const struct clv_recovery_fact *recovery);
void fake_encode_recovery(struct clv_buf *out, uint64_t req, int64_t time, const struct clv_recovery_fact *r);
void fake_encode_profiles(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                          uint64_t offset, const struct clv_profile_fact *const *rows, size_t n);
void fake_encode_groups(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                        uint64_t offset, const struct clv_group_fact *const *rows, size_t n);
void fake_encode_servers(struct clv_buf *out, uint64_t req, int64_t time, uint64_t total, uint64_t matched,
                         uint64_t offset, const struct clv_server_fact *const *rows, size_t n);
void fake_encode_account(struct clv_buf *out, uint64_t req, int64_t time, const struct clv_account_detail *d);
void fake_encode_plan(struct clv_buf *out, uint64_t req, const struct clv_plan_fact *p);

#endif
