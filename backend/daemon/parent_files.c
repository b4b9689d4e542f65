/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders, files and listeners that the parent opens for the others: the state folder with its
 * owners, the channel's certificate files (watched and passed anew when they change), listening
 * sockets, the first message with each child's part of the configuration. Runs in the parent.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "daemon/parent.h"
#include "proto/codec.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDS_WATCH_MS 1000
#define NAMES_MAX      2000u

static const char *const creds_options[] = {"ca", "certificate", "key", "crl"};
#define CREDS_KEY 2u /* of these; it goes to the signer, the others to the network processes */

static clv_rc own_dir(const struct parent *p, const char *sub, enum proc_id owner, mode_t mode,
                      struct clv_err *err)
{
	const struct child *c = &p->children[owner];
	char *path = clv_asprintf("%s/%s", conf_str(p->conf, "node", "state"), sub);
	clv_rc rc = file_mkdirs(path, mode, err);

	if (!rc && geteuid() == 0 && chown(path, c->uid, c->gid))
		rc = err_sys(err, CLV_E_IO, "giving %s to %s", path, proc_name(owner));
	if (!rc && chmod(path, mode))
		rc = err_sys(err, CLV_E_IO, "setting the mode of %s", path);
	clv_free(path);
	return rc;
}

/* The database and its journal exist beforehand, so that core needs rights to these two alone. */
static clv_rc own_file(const struct parent *p, const char *name, struct clv_err *err)
{
	const struct child *c = &p->children[PROC_CORE];
	char *path = clv_asprintf("%s/%s", conf_str(p->conf, "node", "state"), name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	clv_rc rc = CLV_OK;

	if (fd < 0)
		rc = err_sys(err, CLV_E_IO, "%s cannot be opened", path);
	else if (geteuid() == 0 && fchown(fd, c->uid, c->gid))
		rc = err_sys(err, CLV_E_IO, "giving %s to core", path);
	fd_close(&fd);
	clv_free(path);
	return rc;
}

/* What is recovered stands on a database; none is made here. */
static clv_rc needs_database(const struct parent *p, const char *db, struct clv_err *err)
{
	char *path = clv_asprintf("%s/%s", conf_str(p->conf, "node", "state"), db);
	clv_rc rc = CLV_OK;

	if (!file_exists(path))
		rc =
		    err_set(err, CLV_E_NOTFOUND,
		            "%s is not there: bring it back with clavigerd store restore FILE, or make a new "
		            "group with clavigerd init",
		            path);
	clv_free(path);
	return rc;
}

clv_rc parent_prepare_state(struct parent *p, struct clv_err *err)
{
	static const struct {
		const char *sub;
		enum proc_id owner;
		mode_t mode;
	} dirs[] = {
	    {"vault", PROC_KEYHOLDER, 0700},
	    {"certificates", PROC_CORE, 0755},
	    {"certificates/Operations Manager", PROC_CORE, 0755},
	    {"Connector Configuration Cache", PROC_CORE, 0700},
	    {"backup", PROC_CORE, 0700},
	};
	const char *db = p->server ? "OperationsManager.db" : "HealthService.db";
	char journal[64];

	if ((p->mode == MODE_RECOVER || p->mode == MODE_RESTORE) && needs_database(p, db, err))
		return CLV_FAILED;

	if (file_mkdirs(conf_str(p->conf, "node", "state"), 0755, err) || parent_prepare_vault(p, err))
		return CLV_FAILED;
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (own_dir(p, dirs[i].sub, dirs[i].owner, dirs[i].mode, err))
			return CLV_FAILED;
	(void)snprintf(journal, sizeof journal, "%s-journal", db);
	if (own_file(p, db, err))
		return CLV_FAILED;
	return own_file(p, journal, err);
}

static socklen_t parse_listen(const char *text, struct sockaddr_storage *ss, struct clv_err *err)
{
	char host[64] = "";
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;
	char *end = NULL;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

	memset(ss, 0, sizeof *ss);
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (!colon || *end || end == colon + 1 || port > 65535 || n == 0 || n >= sizeof host)
		goto bad;
	memcpy(host, text, n);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof *v6;
	}
bad:
	(void)err_set(err, CLV_E_CONFIG,
	              "'%s' is no address to listen at; expected like 0.0.0.0:5723 or [::]:5723", text);
	return 0;
}

static clv_rc listen_at(const char *text, int *out, struct clv_err *err)
{
	struct sockaddr_storage ss;
	socklen_t len = parse_listen(text, &ss, err);
	int one = 1, fd = -1;

	if (!len)
		return CLV_FAILED;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(fd, (struct sockaddr *)&ss, len) || listen(fd, 1024)) {
		(void)err_sys(err, CLV_E_IO, "listening at %s (is another service there?)", text);
		fd_close(&fd);
		return CLV_FAILED;
	}
	*out = fd;
	return CLV_OK;
}

static clv_rc listen_list(struct parent *p, const char *option, int *fds, size_t *n, struct clv_err *err)
{
	const char *const *items = NULL;
	size_t count = conf_list(p->conf, "channel", option, &items);

	if (count == 1 && strcmp(items[0], "none") == 0)
		return CLV_OK;
	for (size_t i = 0; i < count && i < PARENT_LISTENERS_MAX; i++, (*n)++)
		if (listen_at(items[i], &fds[i], err))
			return CLV_FAILED;
	return CLV_OK;
}

clv_rc parent_listen(struct parent *p, struct clv_err *err)
{
	const char *const *items = NULL;

	if (p->mode != MODE_RUN)
		return CLV_OK;
	if (parent_unix_listen(conf_str(p->conf, "channel", "credential_socket"), &p->credential_fd, err))
		return CLV_FAILED;
	if (!p->server && parent_unix_listen(conf_str(p->conf, "channel", "alert_socket"), &p->alert_fd, err))
		return CLV_FAILED;
	if (!p->server && !p->gateway)
		return CLV_OK;
	if (conf_list(p->conf, "channel", "listen", &items))
		p->node_listen_text = clv_strdup(items[0]);
	if (listen_list(p, "listen", p->node_listeners, &p->n_node_listeners, err))
		return CLV_FAILED;
	if (p->gateway)
		return CLV_OK;
	if (listen_list(p, "listen_console", p->console_listeners, &p->n_console_listeners, err))
		return CLV_FAILED;
	return parent_unix_listen(conf_str(p->conf, "channel", "console_socket"), &p->console_fd, err);
}

void parent_take_console(struct parent *p, int fd)
{
	Clv__LocalConsole m = CLV__LOCAL_CONSOLE__INIT;
	struct clv_err err = {0};

	m.serial = ++p->console_serial;
	if (!p->children[PROC_CORE].ipc)
		(void)close(fd);
	else if (ipc_send(p->children[PROC_CORE].ipc, IPC_LOCAL_CONSOLE, &m.base, &fd, 1, &err))
		log_err(LOG_WARN, &err, "handing a console to core");
}

/* Names of users and groups for local principals: read from the files, no module is loaded. */
static Clv__UserName *user_name(uint32_t id, const char *name)
{
	Clv__UserName *u = clv_calloc(1, sizeof *u);

	clv__user_name__init(u);
	u->id = id;
	u->name = clv_strdup(name);
	return u;
}

static void read_names(Clv__Start *m)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;
	struct group *gr;

	m->users = clv_calloc(NAMES_MAX, sizeof *m->users);
	m->groups = clv_calloc(NAMES_MAX, sizeof *m->groups);
	while (f && m->n_users < NAMES_MAX && (pw = fgetpwent(f)))
		m->users[m->n_users++] = user_name(pw->pw_uid, pw->pw_name);
	if (f)
		(void)fclose(f);
	f = fopen("/etc/group", "re");
	while (f && m->n_groups < NAMES_MAX && (gr = fgetgrent(f)))
		m->groups[m->n_groups++] = user_name(gr->gr_gid, gr->gr_name);
	if (f)
		(void)fclose(f);
}

static void free_names(Clv__UserName **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		clv_free(list[i]->name);
		clv_free(list[i]);
	}
	clv_free(list);
}

/* Where others are told that this node is reached; a wildcard is no place. "": by its name. */
static char *advertised(const struct parent *p)
{
	const char *text = conf_str(p->conf, "channel", "advertise");
	char *bound = p->node_listen_text;

	if (text)
		return (char *)(uintptr_t)text;
	if (bound && strncmp(bound, "0.0.0.0:", 8) != 0 && strncmp(bound, "[::]:", 5) != 0)
		return bound;
	return (char *)(uintptr_t) "";
}

#define MS(section, name) ((uint32_t)conf_int(p->conf, (section), (name)))

static void fill_start(struct parent *p, Clv__Start *m, struct clv_slice machine)
{
	enum log_level level = LOG_INFO;
	const char *mech = conf_str(p->conf, "channel", "mechanism");

	m->name = (char *)(uintptr_t)conf_str(p->conf, "node", "name");
	m->group = (char *)(uintptr_t)conf_str(p->conf, "node", "group");
	m->role = (char *)(uintptr_t)conf_str(p->conf, "node", "role");
	m->state = (char *)(uintptr_t)conf_str(p->conf, "node", "state");
	m->mode = (char *)(uintptr_t)parent_modes[p->mode];
	m->relay = p->gateway;
	m->machine = PROTO_BYTES(machine);
	if (p->server_override)
		m->server = (char *)(uintptr_t)p->server_override;
	m->n_servers = conf_list(p->conf, "channel", "server", (const char *const **)&m->servers);
	m->heartbeat_ms = MS("channel", "heartbeat");
	m->retry_ms = MS("channel", "retry");
	m->recheck_ms = MS("channel", "recheck");
	m->mechanism = strcmp(mech, "certificate") == 0 ? 1 : strcmp(mech, "kerberos") == 0 ? 2 : 0;
	m->max_unauth = MS("channel", "max_unauthenticated");
	m->max_unauth_address = MS("channel", "max_unauthenticated_per_address");
	m->n_exempt = conf_list(p->conf, "channel", "exempt", (const char *const **)&m->exempt);
	m->key_bits = MS("keys", "bits");
	m->key_days = MS("keys", "days");
	m->renew_before_ms = conf_int(p->conf, "keys", "renew_before");
	m->arrive_ms = conf_int(p->conf, "keys", "arrive");
	m->approve_direct = strcmp(conf_str(p->conf, "trust", "approve"), "direct") == 0;
	m->retain_events_ms = conf_int(p->conf, "store", "retain_events");
	m->retain_audit_ms = conf_int(p->conf, "store", "retain_audit");
	m->retain_alerts_ms = conf_int(p->conf, "store", "retain_alerts");
	m->outbox_limit = (uint64_t)conf_int(p->conf, "store", "outbox_limit");
	m->crl_grace_ms = conf_int(p->conf, "channel", "crl_grace");
	if (!log_level_parse(conf_str(p->conf, "node", "log_level"), &level, NULL))
		m->log_level = (uint32_t)level;
	m->caller = (char *)(uintptr_t)(p->caller ? p->caller : "");
	if (p->has_recovery)
		m->recovery_key_hash = PROTO_BYTES(slice_of(p->recovery_hash, sizeof p->recovery_hash));
	if (p->node_listen_text)
		m->advertise = p->node_listen_text;
	m->reached = advertised(p);
	m->bare = conf_bool(p->conf, "node", "bare");
	m->replace = p->replace;
	m->reaccept = strcmp(conf_str(p->conf, "trust", "reaccept"), "direct") == 0;
	m->owner = geteuid();
	m->vault_protect = (char *)(uintptr_t)conf_str(p->conf, "node", "vault_protect");
	parent_fill_krb(p, m);
	if (p->protect_by)
		m->protect_by = (char *)(uintptr_t)p->protect_by;
}

static clv_rc give(struct parent *p, uint32_t which, int fd, struct clv_err *err)
{
	Clv__Vault m = CLV__VAULT__INIT;

	m.which = which;
	return ipc_send(p->children[PROC_KEYHOLDER].ipc, IPC_VAULT, &m.base, &fd, 1, err);
}

/* Of recover and restore, once: what the key holder reads to its end. */
static clv_rc send_given(struct parent *p, struct clv_err *err)
{
	const char *path = p->mode == MODE_RECOVER ? p->recovery_path : p->backup_path;
	int fd;

	if (path && p->mode != MODE_RUN) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, CLV_E_IO, "%s", path);
		if (give(p, p->mode == MODE_RECOVER ? 10 : 11, fd, err))
			return CLV_FAILED;
	}
	if (p->passphrase_fd < 0)
		return CLV_OK;
	fd = p->passphrase_fd;
	p->passphrase_fd = -1;
	return give(p, 12, fd, err);
}

static clv_rc send_listeners(struct parent *p, enum proc_id id, const int *fds, size_t n, struct clv_err *err)
{
	for (size_t i = 0; i < n; i++) {
		Clv__Listen m = CLV__LISTEN__INIT;
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return err_sys(err, CLV_E_IO, "passing a listener");
		if (ipc_send(p->children[id].ipc, IPC_LISTEN, &m.base, &fd, 1, err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

static clv_rc read_machine_id(const struct parent *p, struct clv_buf *out, struct clv_err *err)
{
	const char *path = conf_str(p->conf, "node", "machine_id_file");

	if (file_read(path, out, err))
		return err_wrap(err, "what tells this machine from a copy (machine_id_file)");
	if (buf_slice(out).len < 8)
		return err_set(err, CLV_E_CONFIG, "%s is too short to tell this machine from a copy", path);
	return CLV_OK;
}

clv_rc parent_send_start(struct parent *p, enum proc_id id, struct clv_err *err)
{
	Clv__Start m = CLV__START__INIT;
	struct clv_buf machine;
	clv_rc rc = CLV_FAILED;

	buf_init(&machine, 4096);
	if (id == PROC_KEYHOLDER && read_machine_id(p, &machine, err))
		goto out;
	fill_start(p, &m, buf_slice(&machine));
	if (id == PROC_CORE)
		read_names(&m);
	if (id == PROC_KEYHOLDER && parent_host_fill(p, &m, err))
		goto out;
	if (id == PROC_CORE && (parent_alert_fill(p, &m, err) || parent_persons_fill(p, &m, err)))
		goto out;
	if (ipc_send(p->children[id].ipc, IPC_START, &m.base, NULL, 0, err))
		goto out;
	if (id == PROC_KEYHOLDER)
		rc = send_given(p, err) ? CLV_FAILED : parent_send_vault(p, err);
	else if (id == PROC_NET_NODE)
		rc = parent_send_creds(p, id, err)
		         ? CLV_FAILED
		         : send_listeners(p, id, p->node_listeners, p->n_node_listeners, err);
	else if (id == PROC_NET_CONSOLE)
		rc = parent_send_creds(p, id, err)
		         ? CLV_FAILED
		         : send_listeners(p, id, p->console_listeners, p->n_console_listeners, err);
	else if (id == PROC_SIGNER)
		rc = parent_send_key(p, err);
	else if (id >= PROC_KRB_ACCEPT)
		rc = parent_send_keytab(p, id, err);
	else
		rc = CLV_OK;
out:
	parent_host_release(&m);
	parent_persons_release(&m);
	parent_release_krb(&m);
	if (id == PROC_CORE) {
		free_names(m.users, m.n_users);
		free_names(m.groups, m.n_groups);
	}
	buf_release(&machine);
	return rc;
}

/* Whoever it goes to says what is missing; a node without it cannot link. */
static int open_creds(const struct parent *p, uint32_t which)
{
	const char *path = conf_str(p->conf, "channel", creds_options[which]);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (path && fd < 0)
		log_error("[channel] %s: %s: %s", creds_options[which], path, strerror(errno));
	return fd;
}

clv_rc parent_send_key(struct parent *p, struct clv_err *err)
{
	Clv__SignerKey m = CLV__SIGNER_KEY__INIT;
	int fd;

	if (!p->children[PROC_SIGNER].ipc)
		return CLV_OK;
	fd = open_creds(p, CREDS_KEY);
	m.serial = p->creds_serial;
	p->has_key = fd >= 0;
	return ipc_send(p->children[PROC_SIGNER].ipc, IPC_SIGNER_KEY, &m.base, &fd, fd >= 0, err);
}

clv_rc parent_send_creds(struct parent *p, enum proc_id id, struct clv_err *err)
{
	Clv__Creds m = CLV__CREDS__INIT;
	int fds[4];
	size_t n = 0;

	m.serial = p->creds_serial;
	m.has = p->has_key ? 1u << CREDS_KEY : 0;
	for (uint32_t i = 0; i < 4; i++) {
		fds[n] = i == CREDS_KEY ? -1 : open_creds(p, i);
		if (fds[n] < 0)
			continue;
		n++;
		m.has |= 1u << i;
	}
	return ipc_send(p->children[id].ipc, IPC_CREDS, &m.base, fds, n, err);
}

static void mark_creds(const struct parent *p, uint8_t mark[64])
{
	memset(mark, 0, 64);
	for (size_t i = 0; i < 4; i++) {
		const char *path = conf_str(p->conf, "channel", creds_options[i]);
		struct stat st;
		uint64_t v[2];

		if (!path || stat(path, &st))
			continue;
		v[0] = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
		v[1] = (uint64_t)st.st_ino ^ (uint64_t)st.st_size << 40;
		memcpy(mark + i * 16, v, 16);
	}
}

/* A change counts once the files stood still from one look to the next: a certificate and its key
 * are seldom written in one step (P3). */
void parent_watch_creds(struct parent *p, int64_t now_ms, bool at_once)
{
	struct clv_err err = {0};
	uint8_t mark[64];
	bool still;

	if (!at_once && now_ms < p->creds_at_ms)
		return;
	p->creds_at_ms = now_ms + CREDS_WATCH_MS;
	mark_creds(p, mark);
	still = slice_eq(slice_of(mark, 64), slice_of(p->creds_next, 64));
	memcpy(p->creds_next, mark, 64);
	if ((!still && !at_once) || slice_eq(slice_of(mark, 64), slice_of(p->creds_mark, 64)))
		return;
	memcpy(p->creds_mark, mark, 64);
	if (p->creds_serial++ == 0)
		return; /* the first look */
	log_info("the channel's certificate files changed; passing them on");
	/* The signer first: it has the key before anybody has the certificate. */
	if (parent_send_key(p, &err))
		log_err(LOG_WARN, &err, "passing the key file");
	for (size_t id = PROC_NET_NODE; id <= PROC_NET_CONSOLE; id++)
		if (p->children[id].ipc && parent_send_creds(p, (enum proc_id)id, &err))
			log_err(LOG_WARN, &err, "passing certificate files");
}
