/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a password in another process's memory, in any form? Reads /proc/PID/mem as root may; pages
 * that nobody can read (memfd_secret) hold it from us too.
 */
#ifndef TESTS_LIB_MEMSEARCH_H
#define TESTS_LIB_MEMSEARCH_H

#include "claviger/buf.h"

#include <sys/types.h>

/* UTF-8, UTF-16LE, hex in both cases, base64 at each of its three alignments. NULL: nowhere; else
 * which form at which address; owned by the caller. Ends the test when memory cannot be read. */
char *memsearch_forms(pid_t pid, const char *text);
/* Root may look into a process that is not dumpable. Nobody else may, not even its own user: that is held
 * here (it ends the test where it can be read after all), and false is returned. */
bool memsearch_may(pid_t pid);
/* The same forms among bytes; NULL: not there. */
const uint8_t *memsearch_bytes(const uint8_t *bytes, size_t len, const char *text);

#endif
