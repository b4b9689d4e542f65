/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clavigerd's commands. run, init and enroll hand over to the parent (libexec/claviger/parent), which
 * starts the processes; the others work here.
 */
#include "base/file.h"
#include "base/options.h"
#include "daemon/cli.h"
#include "keys/statement.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONF "/etc/claviger/clavigerd.conf"
#define EXIT_USAGE   2

static int usage(const char *what)
{
	if (what)
		(void)fprintf(stderr, "%s\n", what);
	cli_usage(stderr);
	return EXIT_USAGE;
}

static int fail(const char *command, const struct clv_err *err)
{
	(void)fprintf(stderr, "clavigerd %s: %s\n", command, err->text);
	return err->cls == CLV_CLASS_USAGE ? EXIT_USAGE : 1;
}

/* Beside this executable, in build/ as installed in PREFIX/bin. */
char *cli_libexec(const char *name)
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
	path = clv_asprintf("%s/libexec/claviger/%s", self, name);
	if (!file_exists(path)) {
		clv_free(path);
		path = clv_asprintf("%s/../libexec/claviger/%s", self, name);
	}
	return path;
}

int cli_exec_bare(const char *mode, const char *conf, char **extra)
{
	char *argv[16] = {NULL};
	char *path = cli_libexec("parent");
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

int cli_exec_parent(const char *mode, const char *conf, const char *vault_fd, char **extra)
{
	char *words[16] = {NULL}, *word = NULL;
	struct clv_err err = {0};
	size_t n = 0;

	if (cli_vault_word(conf, vault_fd, &word, &err))
		return fail(mode, &err);
	while (extra && *extra && n < 14)
		words[n++] = *extra++;
	words[n] = word;
	return cli_exec_bare(mode, conf, words);
}

char *cli_caller(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return pw ? clv_asprintf("caller=user:%s", pw->pw_name) : clv_asprintf("caller=uid:%u", getuid());
}

struct args {
	const char *conf, *group, *name, *recovery, *role, *server, *passphrase_fd, *vault_fd, *new_fd, *by;
	const char *severity, *text;
	bool replace, user, lines;
	const char *rest[4];
	size_t n_rest;
};

/* Options with a value, then words. */
static const char *parse_args(int argc, char **argv, struct args *a)
{
	const struct {
		const char *option;
		const char **value;
	} table[] = {{"-c", &a->conf},
	             {"--group", &a->group},
	             {"--name", &a->name},
	             {"--recovery-key", &a->recovery},
	             {"--role", &a->role},
	             {"--server", &a->server},
	             {"--passphrase-fd", &a->passphrase_fd},
	             {"--vault-passphrase-fd", &a->vault_fd},
	             {"--new-passphrase-fd", &a->new_fd},
	             {"--severity", &a->severity},
	             {"--text", &a->text},
	             {"--by", &a->by}};

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
		} else if (strcmp(argv[i], "--lines") == 0) {
			a->lines = true;
		} else if (strcmp(argv[i], "--user") == 0) {
			a->user = true;
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

/* Where no other passphrase is asked for, either option names the vault's. */
static const char *vault_fd(const struct args *a)
{
	return a->vault_fd ? a->vault_fd : a->passphrase_fd;
}

static int cmd_run(const struct args *a)
{
	return a->n_rest ? usage("run takes no words") : cli_exec_parent("run", a->conf, vault_fd(a), NULL);
}

static int cmd_init(const struct args *a)
{
	char *extra[3] = {cli_caller(), NULL, NULL};
	struct clv_err err = {0};
	char hex[65];

	if (a->n_rest)
		return usage("init takes no words");
	if (check_conf(a, &err))
		return fail("init", &err);
	if (a->recovery) {
		if (cli_recovery_key(a->recovery, a->passphrase_fd, hex, &err))
			return fail("init", &err);
		extra[1] = clv_asprintf("recovery=%s", hex);
	}
	return cli_exec_parent("init", a->conf, a->recovery ? a->vault_fd : vault_fd(a), extra);
}

/* The role on the command line is the one that the file names: who types the wrong one is told. */
static clv_rc check_role(const struct args *a, struct clv_err *err)
{
	struct conf *c = NULL;
	clv_rc rc = CLV_OK;

	if (!a->role)
		return CLV_OK;
	if (options_load(a->conf, &c, err))
		return CLV_FAILED;
	if (strcmp(a->role, conf_str(c, "node", "role")) != 0)
		rc = err_set(err, CLV_E_USAGE, "%s says role = %s, not %s; expected agent or gateway in both",
		             a->conf, conf_str(c, "node", "role"), a->role);
	conf_free(c);
	return rc;
}

static int cmd_enroll(const struct args *a)
{
	char *extra[3] = {NULL, NULL, NULL};
	struct clv_err err = {0};
	size_t n = 0;

	if (a->n_rest)
		return usage("enroll takes no words");
	if (check_conf(a, &err) || check_role(a, &err))
		return fail("enroll", &err);
	if (a->server)
		extra[n++] = clv_asprintf("server=%s", a->server);
	if (a->replace)
		extra[n++] = clv_strdup("replace");
	return cli_exec_parent("enroll", a->conf, vault_fd(a), extra);
}

static int cmd_join(const struct args *a)
{
	char *extra[2] = {NULL, NULL};
	struct clv_err err = {0};

	if (a->n_rest)
		return usage("join takes no words");
	if (check_conf(a, &err))
		return fail("join", &err);
	if (a->server)
		extra[0] = clv_asprintf("server=%s", a->server);
	return cli_exec_parent("join", a->conf, vault_fd(a), extra);
}

static int cmd_store(const struct args *a)
{
	if (a->n_rest == 2 && strcmp(a->rest[0], "backup") == 0)
		return cli_store_backup(a->conf, a->rest[1]);
	if (a->n_rest == 2 && strcmp(a->rest[0], "restore") == 0)
		return cli_store_restore(a->conf, a->rest[1], a->replace);
	return usage("store backup NAME, or store restore FILE");
}

/* --- after a total loss --- */
static int cmd_trust(const struct args *a)
{
	return a->n_rest == 1 ? cli_trust(a->conf, a->rest[0])
	                      : usage("trust takes one fingerprint, in quotes");
}

static int cmd_recover(const struct args *a)
{
	struct clv_err err = {0};

	if (a->n_rest)
		return usage("recover takes no words");
	if (check_conf(a, &err))
		return fail("recover", &err);
	return cli_come_back(&(struct cli_come_back){.command = "recover",
	                                             .conf = a->conf,
	                                             .recovery_key = a->recovery,
	                                             .replace = a->replace,
	                                             .passphrase_fd = a->passphrase_fd,
	                                             .vault_fd = a->vault_fd});
}

static int cmd_key(const struct args *a)
{
	struct clv_err err = {0};

	if (a->n_rest == 2 && (strcmp(a->rest[0], "backup") == 0 || strcmp(a->rest[0], "drill") == 0))
		return cli_key(a->conf, a->rest[0], a->rest[1], a->passphrase_fd);
	if (a->n_rest != 2 || strcmp(a->rest[0], "restore") != 0)
		return usage("key backup, drill or restore, and the name of one file");
	if (check_conf(a, &err))
		return fail("key restore", &err);
	return cli_come_back(&(struct cli_come_back){.command = "key restore",
	                                             .conf = a->conf,
	                                             .backup = a->rest[1],
	                                             .passphrase_fd = a->passphrase_fd,
	                                             .vault_fd = a->vault_fd});
}

static int cmd_credential(const struct args *a)
{
	return a->n_rest == 1 ? cli_credential(a->conf, a->rest[0], a->user)
	                      : usage("credential takes the name of one profile");
}

static int cmd_alert(const struct args *a)
{
	if (a->n_rest || (a->lines ? a->severity || a->name || a->text : !a->severity || !a->name))
		return usage(
		    "alert --severity information|warning|critical --name NAME [--text TEXT], or --lines");
	return cli_alert(&(struct cli_alert){
	    .conf = a->conf, .severity = a->severity, .name = a->name, .text = a->text, .lines = a->lines});
}

static int cmd_vault(const struct args *a)
{
	if (a->n_rest != 1 || strcmp(a->rest[0], "protect") != 0 || !a->by)
		return usage("vault protect --by file, credential or passphrase");
	return cli_vault_protect(
	    &(struct cli_protect){.conf = a->conf, .by = a->by, .fd = vault_fd(a), .new_fd = a->new_fd});
}

static const struct {
	const char *name;
	int (*run)(const struct args *a);
} commands[] = {
    {"vault", cmd_vault},   {"credential", cmd_credential}, {"run", cmd_run},    {"init", cmd_init},
    {"enroll", cmd_enroll}, {"store", cmd_store},           {"join", cmd_join},  {"recover", cmd_recover},
    {"key", cmd_key},       {"trust", cmd_trust},           {"alert", cmd_alert}};

int main(int argc, char **argv)
{
	struct args a = {0};
	const char *wrong;

	if (argc < 2)
		return usage(NULL);
	if (strcmp(argv[1], "manual") == 0 && argc == 2)
		return cli_manual();
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
