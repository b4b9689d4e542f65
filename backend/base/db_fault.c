/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite VFS for the test build: passes everything to the system's, and asks fault_point before
 * each call that changes a file. Not compiled into the product.
 */
#include "base/db_fault.h"

#ifdef CLV_TEST_BUILD
#include "base/file.h"
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs(void)
{
	return sqlite3_vfs_find("unix");
}

static int as_sqlite(int sys, int otherwise)
{
	return sys == ENOSPC ? SQLITE_FULL : otherwise;
}

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct fault_file *)f)->real;
}

static int f_close(sqlite3_file *f)
{
	int rc = real(f)->pMethods ? real(f)->pMethods->xClose(real(f)) : SQLITE_OK;

	clv_free(((struct fault_file *)f)->real);
	return rc;
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int sys = fault_point("db write");

	return sys ? as_sqlite(sys, SQLITE_IOERR_WRITE) : real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	int sys = fault_point("db truncate");

	return sys ? as_sqlite(sys, SQLITE_IOERR_TRUNCATE) : real(f)->pMethods->xTruncate(real(f), n);
}

static int f_sync(sqlite3_file *f, int flags)
{
	int sys = fault_point("db sync");

	return sys ? as_sqlite(sys, SQLITE_IOERR_FSYNC) : real(f)->pMethods->xSync(real(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return real(f)->pMethods->xFileSize(real(f), n);
}

static int f_lock(sqlite3_file *f, int l)
{
	return real(f)->pMethods->xLock(real(f), l);
}

static int f_unlock(sqlite3_file *f, int l)
{
	return real(f)->pMethods->xUnlock(real(f), l);
}

static int f_reserved(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int f_characteristics(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

/* Version 1: no shared memory, so WAL works with exclusive locking only, which is how we run. */
static const sqlite3_io_methods methods = {
    1,        f_close,    f_read,    f_write,  f_truncate,        f_sync, f_size, f_lock,
    f_unlock, f_reserved, f_control, f_sector, f_characteristics, NULL,   NULL,   NULL,
    NULL,     NULL,       NULL,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct fault_file *ff = (struct fault_file *)f;
	int rc;

	(void)v;
	f->pMethods = NULL;
	ff->real = clv_calloc(1, (size_t)real_vfs()->szOsFile);
	rc = real_vfs()->xOpen(real_vfs(), name, ff->real, flags, out);
	if (rc == SQLITE_OK) {
		f->pMethods = &methods;
	} else {
		clv_free(ff->real);
		ff->real = NULL;
	}
	return rc;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
	int sys = fault_point("db delete");

	(void)v;
	return sys ? SQLITE_IOERR_DELETE : real_vfs()->xDelete(real_vfs(), name, sync);
}

const char *db_fault_vfs(void)
{
	static sqlite3_vfs vfs;

	if (!vfs.zName) {
		vfs = *real_vfs();
		vfs.zName = "claviger-fault";
		vfs.szOsFile = (int)sizeof(struct fault_file);
		vfs.pNext = NULL;
		vfs.xOpen = v_open;
		vfs.xDelete = v_delete;
		(void)sqlite3_vfs_register(&vfs, 0);
	}
	return vfs.zName;
}
#else
typedef int db_fault_is_empty;
#endif
