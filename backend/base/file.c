/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: whole reads with a limit and replacements that survive a power cut (T30). Every call that
 * changes a file passes a fault point, so that the test build can stop a process at each of them.
 * The network processes do not use it once their sandbox is shut.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef CLV_TEST_BUILD
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#endif

#define READ_STEP 16384u

#ifdef CLV_TEST_BUILD
static struct {
	uint64_t count;
	uint64_t kill_at;
	uint64_t fail_at;
	int fail_errno;
	char *shown; /* where the test reads how many points there were; a descriptor would be closed */
} fault;

#define SHOWN_LEN 21u

static uint64_t env_number(const char *name)
{
	const char *v = getenv(name);

	return v == NULL ? 0 : strtoull(v, NULL, 10);
}

void fault_init(const char *process)
{
	const char *in = getenv("CLAVIGER_TEST_KILL_IN");
	const char *dir = getenv("CLAVIGER_TEST_COUNT_DIR");
	char path[PATH_MAX];
	void *at;
	int fd;

	fault.count = 0;
	if (in == NULL || strcmp(in, process) == 0) {
		fault.kill_at = env_number("CLAVIGER_TEST_KILL_AT");
		fault.fail_at = env_number("CLAVIGER_TEST_FAIL_AT");
		fault.fail_errno = (int)env_number("CLAVIGER_TEST_FAIL_ERRNO");
		if (fault.fail_errno == 0)
			fault.fail_errno = EIO;
	}
	if (dir == NULL || snprintf(path, sizeof(path), "%s/%s", dir, process) >= (int)sizeof(path))
		return;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd >= 0 && ftruncate(fd, SHOWN_LEN) == 0) {
		at = mmap(NULL, SHOWN_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		fault.shown = at == MAP_FAILED ? NULL : at;
	}
	if (fd >= 0)
		(void)close(fd);
}

int fault_point(const char *what)
{
	char line[32];

	(void)what;
	fault.count++;
	if (fault.shown != NULL) {
		(void)snprintf(line, sizeof(line), "%020llu\n", (unsigned long long)fault.count);
		memcpy(fault.shown, line, SHOWN_LEN);
	}
	if (fault.kill_at != 0 && fault.count == fault.kill_at)
		(void)raise(SIGKILL);
	if (fault.fail_at != 0 && fault.count == fault.fail_at)
		return fault.fail_errno;
	return 0;
}
#endif

/* True when the test wants this call to fail; errno then says how. */
static bool told_to_fail(const char *what)
{
	int e = fault_point(what);

	(void)what;
	if (e != 0)
		errno = e;
	return e != 0;
}

void fd_close(int *fd)
{
	int keep = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = keep;
}

clv_rc fd_nonblock(int fd, struct clv_err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(err, CLV_E_IO, "cannot make descriptor %d non-blocking", fd);
	return CLV_OK;
}

clv_rc fd_write_all(int fd, struct clv_slice s, struct clv_err *err)
{
	while (s.len > 0) {
		ssize_t n;

		if (told_to_fail("write"))
			return err_sys(err, errno == ENOSPC ? CLV_E_FULL : CLV_E_IO, "cannot write");
		n = write(fd, s.ptr, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno == ENOSPC || errno == EDQUOT ? CLV_E_FULL : CLV_E_IO,
			               "cannot write");
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return CLV_OK;
}

clv_rc file_read_fd(int fd, const char *name, struct clv_buf *b, struct clv_err *err)
{
	for (;;) {
		size_t left = b->limit - (b->len - b->off);
		size_t step = left < READ_STEP ? left : READ_STEP;
		uint8_t extra;
		uint8_t *room = &extra;
		ssize_t n;

		/* At the limit one more byte is asked for, to tell "just fits" from "too big". */
		if (step > 0 && buf_reserve(b, step, &room, err) != CLV_OK)
			return CLV_FAILED;
		n = read(fd, room, step > 0 ? step : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, CLV_E_IO, "cannot read %s", name);
		if (n == 0)
			return CLV_OK;
		if (step == 0)
			return err_set(err, CLV_E_LIMIT, "%s is larger than %zu bytes", name, b->limit);
		buf_commit(b, (size_t)n);
	}
}

static clv_rc open_regular(const char *path, int *out, struct stat *st, struct clv_err *err)
{
	/* Non-blocking: a FIFO in the file's place must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? CLV_E_NOTFOUND : CLV_E_IO, "cannot open %s", path);
	if (fstat(fd, st) != 0) {
		fd_close(&fd);
		return err_sys(err, CLV_E_IO, "cannot look at %s", path);
	}
	if (S_ISDIR(st->st_mode)) {
		fd_close(&fd);
		return err_set(err, CLV_E_IO, "%s is a folder; expected a file", path);
	}
	*out = fd;
	return CLV_OK;
}

clv_rc file_read(const char *path, struct clv_buf *b, struct clv_err *err)
{
	struct stat st;
	clv_rc rc;
	int fd;

	if (open_regular(path, &fd, &st, err) != CLV_OK)
		return CLV_FAILED;
	rc = file_read_fd(fd, path, b, err);
	fd_close(&fd);
	return rc;
}

clv_rc file_read_private(const char *path, struct clv_buf *b, struct clv_err *err)
{
	struct stat st;
	clv_rc rc;
	int fd;

	if (open_regular(path, &fd, &st, err) != CLV_OK)
		return CLV_FAILED;
	if ((st.st_mode & 077) != 0)
		rc = err_set(err, CLV_E_DENIED,
		             "%s has mode %04o; expected 0600 or less, as others could read or change it: "
		             "chmod 600 it",
		             path, (unsigned)(st.st_mode & 07777));
	else
		rc = file_read_fd(fd, path, b, err);
	fd_close(&fd);
	return rc;
}

/* fsyncs the folder that path lies in, which makes a rename or removal last. */
clv_rc file_sync_folder(const char *path, struct clv_err *err)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	clv_rc rc = CLV_OK;
	int fd;
	int n;

	if (slash == NULL)
		n = snprintf(folder, sizeof(folder), ".");
	else
		n = snprintf(folder, sizeof(folder), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	if (n >= (int)sizeof(folder))
		return err_set(err, CLV_E_LIMIT, "a path of more than %d bytes", PATH_MAX);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, CLV_E_IO, "cannot open folder %s", folder);
	if (told_to_fail("fsync") || fsync(fd) != 0)
		rc = err_sys(err, CLV_E_IO, "cannot make folder %s last", folder);
	fd_close(&fd);
	return rc;
}

static clv_rc write_new(const char *path, struct clv_slice bytes, mode_t mode, struct clv_err *err)
{
	clv_rc rc = CLV_FAILED;
	int fd;

	(void)unlink(path); /* left by an earlier death; a link planted there is not followed either */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? CLV_E_FULL : CLV_E_IO, "cannot create %s", path);
	if (fchmod(fd, mode) != 0) {
		rc = err_sys(err, CLV_E_IO, "cannot set the mode of %s", path);
		goto out;
	}
	if (fd_write_all(fd, bytes, err) != CLV_OK) {
		rc = err_wrap(err, "%s", path);
		goto out;
	}
	if (told_to_fail("fsync") || fsync(fd) != 0) {
		rc = err_sys(err, CLV_E_IO, "cannot make %s last", path);
		goto out;
	}
	rc = CLV_OK;
out:
	fd_close(&fd);
	return rc;
}

/* As rename, but EEXIST where the target is there. */
static int rename_fresh(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (file_exists(to)) { /* a file system without the flag: the nearest thing */
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

static clv_rc put(const char *path, struct clv_slice bytes, mode_t mode, bool fresh, struct clv_err *err)
{
	char temp[PATH_MAX];
	int keep;

	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
		return err_set(err, CLV_E_LIMIT, "a path of more than %d bytes", PATH_MAX);
	if (write_new(temp, bytes, mode, err) != CLV_OK)
		goto fail;
	if (told_to_fail("rename") || (fresh ? rename_fresh(temp, path) : rename(temp, path)) != 0) {
		if (errno == EEXIST)
			(void)err_set(err, CLV_E_EXISTS, "%s exists already", path);
		else
			(void)err_sys(err, CLV_E_IO, "cannot put %s into place", path);
		goto fail;
	}
	return file_sync_folder(path, err);
fail:
	keep = errno;
	(void)unlink(temp);
	errno = keep;
	return CLV_FAILED;
}

clv_rc file_replace(const char *path, struct clv_slice bytes, mode_t mode, struct clv_err *err)
{
	return put(path, bytes, mode, false, err);
}

clv_rc file_create(const char *path, struct clv_slice bytes, mode_t mode, struct clv_err *err)
{
	if (file_exists(path))
		return err_set(err, CLV_E_EXISTS, "%s exists already", path);
	return put(path, bytes, mode, true, err);
}

clv_rc file_remove(const char *path, struct clv_err *err)
{
	if (told_to_fail("unlink") || unlink(path) != 0) {
		if (errno == ENOENT)
			return CLV_OK;
		return err_sys(err, CLV_E_IO, "cannot remove %s", path);
	}
	return file_sync_folder(path, err);
}

static clv_rc make_one(const char *path, mode_t mode, struct clv_err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0) {
		if (chmod(path, mode) != 0)
			return err_sys(err, CLV_E_IO, "cannot set the mode of %s", path);
		return CLV_OK;
	}
	/* Some file systems answer EROFS or EACCES for a folder that is there. */
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return CLV_OK;
		return err_set(err, CLV_E_IO, "%s is there and is no folder", path);
	}
	return err_sys(err, CLV_E_IO, "cannot make folder %s", path);
}

clv_rc file_mkdirs(const char *path, mode_t mode, struct clv_err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return err_set(err, CLV_E_USAGE, "a folder's path has 1 to %d bytes", PATH_MAX - 1);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (part[i - 1] == '/')
			continue;
		if (make_one(part, mode, err) != CLV_OK)
			return CLV_FAILED;
	}
	return CLV_OK;
}

bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}
