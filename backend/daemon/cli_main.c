/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clavigerd's commands. run, init and enroll hand over to the parent (libexec/claviger/parent), which
 * starts the processes; the others work here. Holds no secret but a recovery key it has just made.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "claviger/client.h"
#include "daemon/cli.h"
#include "keys/statement.h"
#include <openssl/pem.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONF   "/etc/claviger/clavigerd.conf"
#define EXIT_USAGE     2
#define BACKUP_WAIT_MS 120000
#define OPEN_WAIT_MS   5000

static int usage(const char *what)
{
	(void)fprintf(
	    stderr,
	    "%s%s"
	    "usage: clavigerd run    [-c FILE]\n"
	    "       clavigerd init   [-c FILE] [--group G] [--name N] [--recovery-key OUT]\n"
	    "       clavigerd enroll [-c FILE] --role agent [--server NAME[@ADDRESS][:PORT]] [--replace]\n"
	    "       clavigerd check  [-c FILE]\n"
	    "       clavigerd store backup [-c FILE] NAME\n"
	    "       clavigerd ca init|issue|revoke DIR ...\n"
	    "       clavigerd --version\n",
	    what ? what : "", what ? "\n" : "");
	return EXIT_USAGE;
}

static int fail(const char *command, const struct clv_err *err)
{
	(void)fprintf(stderr, "clavigerd %s: %s\n", command, err->text);
	return err->cls == CLV_CLASS_USAGE ? EXIT_USAGE : 1;
}

/* Beside this executable, in build/ as installed in PREFIX/bin. */
static char *parent_path(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash, *path;

	if (n <= 0)
		return NULL;
	self[n] = 0;
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = 0;
	path = clv_asprintf("%s/libexec/claviger/parent", self);
	if (!file_exists(path)) {
		clv_free(path);
		path = clv_asprintf("%s/../libexec/claviger/parent", self);
	}
	return path;
}

static int exec_parent(const char *mode, const char *conf, char **extra)
{
	char *argv[16] = {NULL};
	char *path = parent_path();
	size_t n = 0;

	argv[n++] = path;
	argv[n++] = (char *)(uintptr_t)mode;
	argv[n++] = (char *)(uintptr_t)conf;
	while (extra && *extra && n < 15)
		argv[n++] = *extra++;
	if (path)
		(void)execv(path, argv);
	(void)fprintf(stderr, "clavigerd: %s cannot be started; is the installation whole?\n",
	              path ? path : "the parent process");
	return 1;
}

struct args {
	const char *conf, *group, *name, *recovery, *role, *server;
	bool replace;
	const char *rest[4];
	size_t n_rest;
};

/* Options with a value, then words. */
static const char *parse_args(int argc, char **argv, struct args *a)
{
	const struct {
		const char *option;
		const char **value;
	} table[] = {{"-c", &a->conf},     {"--group", &a->group},
	             {"--name", &a->name}, {"--recovery-key", &a->recovery},
	             {"--role", &a->role}, {"--server", &a->server}};

	a->conf = DEFAULT_CONF;
	for (int i = 0; i < argc; i++) {
		size_t t = 0;

		while (t < sizeof table / sizeof table[0] && strcmp(argv[i], table[t].option) != 0)
			t++;
		if (t < sizeof table / sizeof table[0]) {
			if (i + 1 == argc)
				return "an option lacks its value";
			*table[t].value = argv[++i];
		} else if (strcmp(argv[i], "--replace") == 0) {
			a->replace = true;
		} else if (argv[i][0] == '-') {
			return "an option is not known";
		} else if (a->n_rest == sizeof a->rest / sizeof a->rest[0]) {
			return "too many words";
		} else {
			a->rest[a->n_rest++] = argv[i];
		}
	}
	return NULL;
}

/* What the command line says must be what the file says: the file is what the service will run by. */
static clv_rc agrees(const struct conf *c, const char *option, const char *given, struct clv_err *err)
{
	const char *have = conf_str(c, "node", option);

	if (given && strcmp(given, have) != 0)
		return err_set(err, CLV_E_USAGE, "%s:%d: %s is %s, the command says %s: make them agree",
		               conf_name(c), conf_line(c, "node", option), option, have, given);
	return CLV_OK;
}

static clv_rc check_conf(const struct args *a, struct clv_err *err)
{
	struct conf *c = NULL;
	clv_rc rc = CLV_FAILED;

	if (options_load(a->conf, &c, err))
		return CLV_FAILED;
	if (!agrees(c, "group", a->group, err) && !agrees(c, "name", a->name, err) &&
	    !agrees(c, "role", a->role, err))
		rc = CLV_OK;
	conf_free(c);
	return rc;
}

static int cmd_run(const struct args *a)
{
	return a->n_rest ? usage("run takes no words") : exec_parent("run", a->conf, NULL);
}

/* --- init --- */
static int ask_passphrase(char *buf, int size, int rw, void *ctx)
{
	char again[256];
	int n, m;

	(void)rw;
	(void)ctx;
	/* OpenSSL's own prompt: reads the terminal without echo. */
	if (EVP_read_pw_string(buf, size, "Passphrase for the offline recovery key: ", 0) ||
	    EVP_read_pw_string(again, sizeof again, "Again: ", 0))
		return 0;
	n = (int)strlen(buf);
	m = (int)strlen(again);
	if (n < 8 || n != m || CRYPTO_memcmp(buf, again, (size_t)n) != 0) {
		(void)fprintf(stderr, "The two differ or have fewer than 8 characters; nothing was made.\n");
		n = 0;
	}
	explicit_bzero(again, sizeof again);
	return n;
}

/* The key signs a new group signing key after a total loss; it is kept offline, never on this host. */
static clv_rc make_recovery_key(const char *path, char hex[65], struct clv_err *err)
{
	EVP_PKEY *key = NULL;
	BIO *b = BIO_new(BIO_s_mem());
	struct clv_buf spki;
	uint8_t hash[KEY_HASH_LEN];
	char *p = NULL;
	long n = 0;
	clv_rc rc = CLV_FAILED;

	buf_init(&spki, STATEMENT_SPKI_MAX);
	if (file_exists(path))
		(void)err_set(err, CLV_E_EXISTS, "%s exists; a recovery key is never written over another",
		              path);
	else if (!pkey_make_p256(&key, err) && !pkey_to_spki(key, &spki, err) &&
	         !sha256(buf_slice(&spki), hash, err)) {
		if (b && PEM_write_bio_PKCS8PrivateKey(b, key, EVP_aes_256_cbc(), NULL, 0, ask_passphrase,
		                                       NULL) == 1)
			n = BIO_get_mem_data(b, &p);
		if (n > 0)
			rc = file_create(path, slice_of(p, (size_t)n), 0400, err);
		else
			(void)err_set(err, CLV_E_USAGE, "no recovery key was made");
		hex_encode(slice_of(hash, sizeof hash), false, hex);
	}
	BIO_free(b);
	EVP_PKEY_free(key);
	buf_release(&spki);
	return rc;
}

static int cmd_init(const struct args *a)
{
	const struct passwd *pw = getpwuid(getuid());
	char *caller =
	    pw ? clv_asprintf("caller=user:%s", pw->pw_name) : clv_asprintf("caller=uid:%u", getuid());
	char *extra[3] = {caller, NULL, NULL};
	struct clv_err err = {0};
	char hex[65];

	if (a->n_rest)
		return usage("init takes no words");
	if (check_conf(a, &err))
		return fail("init", &err);
	if (a->recovery) {
		if (make_recovery_key(a->recovery, hex, &err))
			return fail("init", &err);
		extra[1] = clv_asprintf("recovery=%s", hex);
	}
	return exec_parent("init", a->conf, extra);
}

static int cmd_enroll(const struct args *a)
{
	char *extra[3] = {NULL, NULL, NULL};
	struct clv_err err = {0};
	size_t n = 0;

	if (a->n_rest)
		return usage("enroll takes no words");
	if (a->role && strcmp(a->role, "agent") != 0) {
		(void)fprintf(
		    stderr,
		    "clavigerd enroll: the role %s is not there yet in this release; expected agent\n",
		    a->role);
		return EXIT_USAGE;
	}
	if (check_conf(a, &err))
		return fail("enroll", &err);
	if (a->server)
		extra[n++] = clv_asprintf("server=%s", a->server);
	if (a->replace)
		extra[n++] = clv_strdup("replace");
	return exec_parent("enroll", a->conf, extra);
}

/* --- store backup: the running core copies, page by page --- */
static void step(struct clv_session *s)
{
	struct pollfd p = {.fd = clv_session_fd(s), .events = clv_session_events(s)};
	int t = clv_session_timeout_ms(s);

	(void)poll(&p, p.fd >= 0 ? 1 : 0, t < 0 || t > 200 ? 200 : t);
	clv_session_step(s);
}

static clv_rc wait_open(struct clv_session *s, struct clv_err *err)
{
	int64_t limit = clock_mono_ms() + OPEN_WAIT_MS;

	while (clv_session_state(s) != CLV_SESSION_OPEN) {
		if (clv_session_state(s) == CLV_SESSION_FAILED || clock_mono_ms() > limit)
			return err_set(err, CLV_E_CLOSED, "%s",
			               clv_session_error(s)->code ? clv_session_error(s)->text
			                                          : "the service does not answer");
		step(s);
	}
	return CLV_OK;
}

static clv_rc wait_reply(struct clv_session *s, uint64_t req, struct clv_reply **out, struct clv_err *err)
{
	int64_t limit = clock_mono_ms() + BACKUP_WAIT_MS;

	while (clock_mono_ms() < limit) {
		struct clv_reply *r = clv_session_pop(s);

		if (r && r->req == req) {
			*out = r;
			return CLV_OK;
		}
		clv_reply_free(r);
		step(s);
	}
	return err_set(err, CLV_E_TIMEOUT, "the server did not answer within two minutes");
}

static clv_rc backup(const char *socket, const char *name, struct clv_err *err)
{
	char *server = clv_asprintf("unix:%s", socket);
	struct clv_target t = {.server = server};
	struct clv_act act = {.kind = CLV_ACT_STORE_BACKUP, .name = name};
	struct clv_session *s = clv_session_new(&t, err);
	struct clv_reply *r = NULL;
	uint64_t req;
	clv_rc rc = CLV_FAILED;

	if (!s || wait_open(s, err))
		goto out;
	req = clv_session_act(s, &act, err);
	if (!req || wait_reply(s, req, &r, err))
		goto out;
	if (r->kind == CLV_REPLY_DONE) {
		(void)printf("%s\n", r->text);
		rc = CLV_OK;
	} else {
		(void)err_set(err, r->code, "%s", r->text ? r->text : "the line was lost");
	}
out:
	clv_reply_free(r);
	clv_session_free(s);
	clv_free(server);
	return rc;
}

static int cmd_store(const struct args *a)
{
	struct conf *c = NULL;
	struct clv_err err = {0};
	clv_rc rc;

	if (a->n_rest != 2 || strcmp(a->rest[0], "backup") != 0)
		return usage("store backup NAME; restore and copy are not there yet in this release");
	if (options_load(a->conf, &c, &err))
		return fail("store", &err);
	rc = backup(conf_str(c, "channel", "console_socket"), a->rest[1], &err);
	conf_free(c);
	return rc ? fail("store backup", &err) : 0;
}

static const struct {
	const char *name;
	int (*run)(const struct args *a);
} commands[] = {{"run", cmd_run}, {"init", cmd_init}, {"enroll", cmd_enroll}, {"store", cmd_store}};

int main(int argc, char **argv)
{
	struct args a = {0};
	const char *wrong;

	if (argc < 2)
		return usage(NULL);
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("clavigerd %s\n", CLV_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0) {
		(void)usage(NULL);
		return 0;
	}
	if (strcmp(argv[1], "ca") == 0)
		return cli_ca(argc - 1, argv + 1);
	if (strcmp(argv[1], "check") == 0)
		return cli_check(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			wrong = parse_args(argc - 2, argv + 2, &a);
			return wrong ? usage(wrong) : commands[i].run(&a);
		}
	(void)fprintf(stderr, "clavigerd: '%s' is no command of this release\n", argv[1]);
	return usage(NULL);
}
