/* SPDX-License-Identifier: Apache-2.0 */
/* A key holder on a vault of its own, without a process around it: for the tests of its verbs. */
#ifndef TESTS_UNIT_KEYHOLDER_FIXTURE_H
#define TESTS_UNIT_KEYHOLDER_FIXTURE_H

#include "daemon/keyholder_group.h"
#include "tests/unit/vault_fixture.h"

static inline void begin_holder(struct kh *k, const char *p, char *group)
{
	memset(k, 0, sizeof *k);
	k->magic = KH_MAGIC;
	k->keygen = k->machine_fd = -1;
	k->start = clv_calloc(1, sizeof *k->start);
	clv__start__init(k->start);
	k->start->group = group;
	k->vault = open_at(p, NOW);
	assert_int_equal(kh_load(k, NULL), CLV_OK);
}

static inline void end_holder(struct kh *k)
{
	kh_unload(k);
	vault_close(k->vault);
	clv_free(k->start);
}

#endif
