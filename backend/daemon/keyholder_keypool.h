/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test build only: RSA keys that were made beforehand (tests/tools/keypool), so that a test does not wait for
 * their making. In the product both are nothing.
 */
#ifndef DAEMON_KEYHOLDER_KEYPOOL_H
#define DAEMON_KEYHOLDER_KEYPOOL_H

#include <openssl/evp.h>
#include <stdint.h>

#ifdef CLV_TEST_BUILD
/* Maps the pool, where the environment names one. Before the sandbox shuts. */
void keypool_open(void);
/* The next key of the pool, the caller's; NULL where there is none of that length. */
EVP_PKEY *keypool_take(uint32_t bits);
#else
static inline void keypool_open(void)
{
}
static inline EVP_PKEY *keypool_take(uint32_t bits)
{
	(void)bits;
	return NULL;
}
#endif
#endif
