/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of batch commands: the fake server, the real program, what it printed and its exit code.
 */
#ifndef TESTS_VIEWS_BATCH_FIXTURE_H
#define TESTS_VIEWS_BATCH_FIXTURE_H

#include "tests/lib/fake_server.h"
#include "tests/lib/unit.h"

#include "claviger/buf.h"
#include "tests/lib/home.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[128], sock[160], server_env[200], bin[512], home_env[160];
static pid_t server;
static char out[4 << 20], err[65536];

static inline void slurp(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(to, 1, size - 1, f);
	to[n] = '\0';
	fclose(f);
	unlink(path);
}

static const char *on_3; /* what descriptor 3 of the program gives; NULL: it is closed */

/* Arguments by blanks; gives the exit code. */
static inline int run(const char *args)
{
	char copy[512], o[200], e[200], three[200], *argv[24] = {bin}, *save = NULL;
	char *env[] = {server_env, home_env, NULL};
	int n = 1, st = 0;
	snprintf(copy, sizeof(copy), "%s", args);
	for (char *w = strtok_r(copy, " ", &save); w != NULL && n < 23; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	snprintf(o, sizeof(o), "%s/out", dir);
	snprintf(e, sizeof(e), "%s/err", dir);
	snprintf(three, sizeof(three), "%s/three", dir);
	if (on_3 != NULL) {
		FILE *f = fopen(three, "w");
		fputs(on_3, f);
		fclose(f);
	}
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY), fo = open(o, O_CREAT | O_WRONLY | O_TRUNC, 0600),
		    fe = open(e, O_CREAT | O_WRONLY | O_TRUNC, 0600);
		dup2(null, 0);
		dup2(fo, 1);
		dup2(fe, 2);
		int fd = open(three, O_RDONLY);
		for (int i = 3; i < 20; i++) {
			if (on_3 == NULL || i != fd)
				close(i);
		}
		if (on_3 != NULL)
			dup2(fd, 3);
		execve(bin, argv, env);
		_exit(127);
	}
	waitpid(pid, &st, 0);
	unlink(three);
	slurp(o, out, sizeof(out));
	slurp(e, err, sizeof(err));
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static char entered[200];

static const char *joining; /* a management server that waits; NULL: none */

static inline void serve(enum clv_role role)
{
	static struct fake_opts o;
	o = (struct fake_opts){.path = sock, .n_agents = 1500, .role = role, .joins = joining, .step_ms = 30};
	o.runas.entered = entered;
	unlink(entered);
	server = fake_server_start(&o);
}

static inline int setup(void **state)
{
	(void)state;
	serve(CLV_ROLE_ADMINISTRATOR);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	if (server > 0)
		fake_server_stop(server);
	server = 0;
	return 0;
}

static inline size_t lines(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static inline void find_program(const char *self)
{
	char path[400];
	const char *given = getenv("CLAVIGER_PROGRAM");
	snprintf(path, sizeof(path), "%s", self);
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	snprintf(bin, sizeof(bin), "%s/claviger", path);
	if (given != NULL)
		snprintf(bin, sizeof(bin), "%s", given);
}

/* A folder of its own; the program beside the test. */
static inline bool batch_begin(const char *self)
{
	find_program(self);
	snprintf(dir, sizeof(dir), "/tmp/claviger-batch-XXXXXX");
	home_make(dir, sizeof(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(entered, sizeof(entered), "%s/entered", dir);
	fake_runas_prepare();
	snprintf(server_env, sizeof(server_env), "CLAVIGER_SERVER=unix:%s", sock);
	snprintf(home_env, sizeof(home_env), "HOME=%s", dir);
	return true;
}

static inline void batch_end(void)
{
	unlink(sock);
	unlink(entered);
	rmdir(dir);
}

#endif
