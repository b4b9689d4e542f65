/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/signer_end.h"
#include "channel/sigblock.h"
#include "proto/codec.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 60000

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "signer_end: %s\n", what);
	abort();
}

static void run(int fd)
{
	char path[PATH_MAX], exe[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *slash;

	must(n > 0, "readlink");
	path[n] = 0;
	for (int i = 0; i < 3; i++) { /* tests/unit/test_x */
		slash = strrchr(path, '/');
		must(slash != NULL, "a path");
		*slash = 0;
	}
	(void)snprintf(exe, sizeof exe, "%s/libexec/claviger/signer", path);
	if (fd == 3)
		(void)fcntl(3, F_SETFD, 0);
	else
		must(dup2(fd, 3) == 3, "dup2");
	(void)execl(exe, exe, (char *)NULL);
	perror(exe);
	_exit(127);
}

static clv_rc has(void *ctx, const uint8_t *key, struct clv_err *err)
{
	Clv__SignerHas m = CLV__SIGNER_HAS__INIT;
	struct signer_end *s = ctx;

	m.id = s->id + 1;
	m.key = PROTO_BYTES(slice_of(key, SIGBLOCK_KEY_LEN));
	if (signer_end_ask(s, IPC_SIGNER_HAS, &m.base, err))
		return CLV_FAILED;
	return s->answer->code ? err_set(err, CLV_E_CONFIG, "%s", s->answer->text) : CLV_OK;
}

static clv_rc sign(void *ctx, const uint8_t *key, uint16_t scheme, struct clv_slice block,
                   struct clv_buf *out, struct clv_err *err)
{
	Clv__SignerSign m = CLV__SIGNER_SIGN__INIT;
	struct signer_end *s = ctx;

	m.id = s->id + 1;
	m.key = PROTO_BYTES(slice_of(key, SIGBLOCK_KEY_LEN));
	m.scheme = scheme;
	m.block = PROTO_BYTES(block);
	if (signer_end_ask(s, IPC_SIGNER_SIGN, &m.base, err))
		return CLV_FAILED;
	if (s->answer->code)
		return err_set(err, CLV_E_CONFIG, "%s", s->answer->text);
	return buf_put(out, PROTO_SLICE(s->answer->signature), err);
}

void signer_end_start(struct signer_end *s)
{
	static char role[] = "agent";
	Clv__Start m = CLV__START__INIT;
	int pair[2];

	memset(s, 0, sizeof *s);
	s->asker = (struct chan_asker){.has = has, .sign = sign, .ctx = s};
	must(!ipc_pair(pair, NULL), "socketpair");
	s->pid = fork();
	must(s->pid >= 0, "fork");
	if (s->pid == 0)
		run(pair[1]);
	(void)close(pair[1]);
	must(!ipc_new(pair[0], "signer", &s->parent, NULL), "ipc");
	m.role = role;
	m.log_level = 1;
	must(!ipc_send(s->parent, IPC_START, &m.base, NULL, 0, NULL), "start");
}

int signer_end_stop(struct signer_end *s)
{
	int status = -1;

	ipc_free(s->net);
	ipc_free(s->parent);
	proto_free((ProtobufCMessage *)s->answer);
	(void)waitpid(s->pid, &status, 0);
	memset(s, 0, sizeof *s);
	return status;
}

void signer_end_key(struct signer_end *s, int fd)
{
	Clv__SignerKey m = CLV__SIGNER_KEY__INIT;

	must(!ipc_send(s->parent, IPC_SIGNER_KEY, &m.base, &fd, fd >= 0, NULL), "key");
}

void signer_end_key_bytes(struct signer_end *s, struct clv_slice bytes)
{
	int fd = memfd_create("key", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len && lseek(fd, 0, SEEK_SET) == 0,
	     "memfd");
	signer_end_key(s, fd);
}

void signer_end_peer(struct signer_end *s, const char *name)
{
	Clv__Peer m = CLV__PEER__INIT;
	int pair[2];

	ipc_free(s->net);
	s->id = 0;
	must(!ipc_pair(pair, NULL), "socketpair");
	m.name = (char *)(uintptr_t)name;
	must(!ipc_send(s->parent, IPC_PEER, &m.base, &pair[1], 1, NULL), "peer");
	must(!ipc_new(pair[0], "signer", &s->net, NULL), "ipc");
}

static clv_rc on_answer(void *ctx, const ProtobufCMessage *msg, int *fds, struct clv_err *err)
{
	struct signer_end *s = ctx;

	(void)fds;
	proto_free((ProtobufCMessage *)s->answer);
	s->answer = NULL;
	return proto_dup(msg, (ProtobufCMessage **)&s->answer, err);
}

clv_rc signer_end_ask(struct signer_end *s, enum ipc_type type, const ProtobufCMessage *m,
                      struct clv_err *err)
{
	static const struct ipc_row rows[] = {{IPC_SIGNER_ANSWER, on_answer}, {0, NULL}};

	s->id++;
	proto_free((ProtobufCMessage *)s->answer);
	s->answer = NULL;
	if (ipc_send(s->net, type, m, NULL, 0, err))
		return CLV_FAILED;
	for (int waited = 0; !s->answer && waited < WAIT_MS; waited += 100)
		if (ipc_wait(s->net, rows, s, 100, err))
			return CLV_FAILED;
	must(s->answer != NULL, "the signer does not answer");
	return CLV_OK;
}
