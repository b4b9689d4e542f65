/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket of this host's service, for the commands that ask its key holder. */
#include "base/file.h"
#include "daemon/cli.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

clv_rc cli_connect(const char *path, int *out, struct clv_err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	*out = -1;
	if (strlen(path) >= sizeof un.sun_path)
		return err_set(err, CLV_E_CONFIG, "%s: a socket's path is shorter", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof un)) {
		(void)err_sys(err, CLV_E_IO, "the service's socket %s (does clavigerd run here?)", path);
		fd_close(&fd);
		return CLV_FAILED;
	}
	*out = fd;
	return CLV_OK;
}
