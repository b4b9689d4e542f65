/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of the SQLite VFS to open files with: the system's in the product; in the test build one
 * that counts writes, syncs, truncations and deletions and fails or kills at a chosen one
 * (file.h, fault_point).
 */
#ifndef BASE_DB_FAULT_H
#define BASE_DB_FAULT_H

#ifdef CLV_TEST_BUILD
const char *db_fault_vfs(void);
#else
#define db_fault_vfs() (NULL)
#endif

#endif
