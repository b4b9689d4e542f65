/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: read whole with a limit; replace atomically (write new, fsync, rename, fsync the folder,
 * T30); folders with a mode. All writing under state/ goes through here or the SQLite VFS, so that
 * the test build can count and stop at every such call (fault_point).
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "claviger/buf.h"
#include <sys/types.h>

/* Appends the whole file to b (b's limit holds). CLV_E_NOTFOUND when absent. */
CLV_MUST clv_rc file_read(const char *path, struct clv_buf *b, struct clv_err *err);
CLV_MUST clv_rc file_read_fd(int fd, const char *name, struct clv_buf *b, struct clv_err *err);
/* Refuses a file that group or others may read or write (keys, machine secret). */
CLV_MUST clv_rc file_read_private(const char *path, struct clv_buf *b, struct clv_err *err);
/* Writes path.new (mode, umask ignored), fsyncs, renames over path, fsyncs the folder. */
CLV_MUST clv_rc file_replace(const char *path, struct clv_slice bytes, mode_t mode, struct clv_err *err);
/* Makes a rename or removal last: fsyncs the folder that path lies in. Blocks on the disk. CLV_E_IO. */
CLV_MUST clv_rc file_sync_folder(const char *path, struct clv_err *err);
/* As file_replace but refuses when path exists (CLV_E_EXISTS). */
CLV_MUST clv_rc file_create(const char *path, struct clv_slice bytes, mode_t mode, struct clv_err *err);
CLV_MUST clv_rc file_remove(const char *path, struct clv_err *err); /* absent is fine; fsyncs the folder */
/* Makes the folder and its parents; an existing one is fine. */
CLV_MUST clv_rc file_mkdirs(const char *path, mode_t mode, struct clv_err *err);
bool file_exists(const char *path);
CLV_MUST clv_rc fd_write_all(int fd, struct clv_slice s, struct clv_err *err);
void fd_close(int *fd); /* closes and sets to -1; -1 is fine; errno survives */
CLV_MUST clv_rc fd_nonblock(int fd, struct clv_err *err);

/* Test build: counts; at the N-th call of this process (environment CLAVIGER_TEST_KILL_AT=N with
 * CLAVIGER_TEST_KILL_IN=process) the process kills itself, and with CLAVIGER_TEST_FAIL_AT the call
 * fails with CLAVIGER_TEST_FAIL_ERRNO. Product build: nothing (a macro). */
#ifdef CLV_TEST_BUILD
int fault_point(const char *what); /* 0, or the errno to fail with */
void fault_init(const char *process);
#else
#define fault_point(what)   (0)
#define fault_init(process) ((void)0)
#endif

#endif
