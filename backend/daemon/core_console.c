/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles: local ones by the kernel's word on the peer, others by their certificate; each request by
 * its row of the table, with the role it needs, default deny. Runs in core; reads no byte of a console
 * before net_console framed it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core_console_scan.h"
#include "daemon/core_server_alerts.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request_row {
	uint16_t type;
	const char *name;
	enum clv_role role;
	bool changes;
	const ProtobufCMessageDescriptor *body;
};

#define X(sym, num, body, reply, name, role, changes, help) \
	{num, name, role, changes, &clv__##body##__descriptor},
static const struct request_row requests[] = {CLV_REQUEST_LIST(X)};
#undef X

struct console *console_find(const struct server *s, uint64_t conn)
{
	struct console *k = s->consoles;

	while (k && k->conn != conn)
		k = k->next;
	return k;
}

/* A ladder: each role may what the ones below it may. */
enum clv_role console_role(const struct server *s, const struct console *k)
{
	enum clv_role best = CLV_ROLE_NONE;

	for (size_t i = 0; i < s->n_roles; i++)
		for (size_t j = 0; j < k->n_principals; j++)
			if (s->roles[i].role > best && strcmp(s->roles[i].principal, k->principals[j]) == 0)
				best = s->roles[i].role;
	return best;
}

void console_reply(struct core *c, uint64_t conn, uint16_t type, const ProtobufCMessage *m)
{
	core_frame(c, true, conn, type, m);
}

void console_refuse(struct core *c, uint64_t conn, uint64_t req, const struct clv_err *err,
                    uint64_t audit_row)
{
	Clv__Refused m = CLV__REFUSED__INIT;

	m.req = req;
	m.code = (uint32_t)err->code;
	m.text = (char *)(uintptr_t)err->text;
	m.audit_row = audit_row;
	console_reply(c, conn, REP_REFUSED, &m.base);
}

void console_answer(struct core *c, const struct console_request *q, uint16_t type, const ProtobufCMessage *m,
                    int64_t *time_field)
{
	struct clv_buf b;
	uint8_t hash[32];
	int64_t when = *time_field;

	if (q->watch || q->console->n_watches) {
		struct console_watch *w = q->watch;

		/* The clock alone is no change. */
		buf_init(&b, IPC_BODY_MAX);
		*time_field = 0;
		if (!proto_encode(m, &b, NULL) && !sha256(buf_slice(&b), hash, NULL)) {
			for (size_t i = 0; !w && i < q->console->n_watches; i++)
				if (q->console->watches[i].req == q->req)
					w = &q->console->watches[i];
			if (w && q->watch && slice_eq(slice_of(w->sent, 32), slice_of(hash, 32))) {
				buf_release(&b);
				return;
			}
			if (w)
				memcpy(w->sent, hash, 32);
		}
		buf_release(&b);
		*time_field = when;
	}
	console_reply(c, q->conn, type, m);
}

/* --- watches --- */
static void drop_watch(struct core *c, struct console *k, size_t i)
{
	scan_forget(c, k->conn, k->watches[i].req);
	proto_free(k->watches[i].query);
	k->n_watches--;
	memmove(&k->watches[i], &k->watches[i + 1], (k->n_watches - i) * sizeof k->watches[0]);
}

static bool is_list(uint16_t type)
{
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		if (requests[i].type == type)
			return requests[i].body == &clv__list_request__descriptor;
	return false;
}

static bool wants_watch(uint16_t type, const ProtobufCMessage *m)
{
	if (type == REQ_OVERVIEW)
		return ((const Clv__OverviewRequest *)m)->watch;
	if (type == REQ_AGENT)
		return ((const Clv__AgentRequest *)m)->watch;
	if (type == REQ_ACCOUNT)
		return ((const Clv__AccountRequest *)m)->watch;
	return is_list(type) && ((const Clv__ListRequest *)m)->watch;
}

/* Keeps the query; the next watch of a kind takes the place of the one before. */
static bool keep_watch(struct core *c, struct console *k, uint16_t type, uint64_t req, ProtobufCMessage *m)
{
	struct console_watch *w;

	for (size_t i = 0; i < k->n_watches; i++)
		if (k->watches[i].type == type) {
			drop_watch(c, k, i);
			break;
		}
	if (k->n_watches == CONSOLE_WATCHES_MAX)
		return false;
	w = &k->watches[k->n_watches++];
	*w = (struct console_watch){.req = req, .type = type, .query = m};
	return true;
}

static void look(struct core *c, const struct console_request *q, const ProtobufCMessage *m)
{
	if (q->type == REQ_OVERVIEW)
		console_overview(c, q);
	else if (q->type == REQ_AGENT)
		console_agent(c, q, (const Clv__AgentRequest *)m);
	else if (q->type == REQ_ACCOUNT)
		console_account(c, q, (const Clv__AccountRequest *)m);
	else if (q->type == REQ_RECOVERY)
		console_recovery(c, q);
	else if (q->type == REQ_CLAIM)
		console_claim(c, q, (const Clv__ClaimRequest *)m);
	else if (q->type == REQ_RECOVERY_REPORT)
		console_report(c, q);
	else if (q->type == REQ_AUDIT_CHECK)
		console_audit_check(c, q);
	else if (q->type == REQ_TRACE)
		console_trace(c, q, (const Clv__TraceRequest *)m);
	else if (q->type == REQ_PROBE)
		console_probe(c, q, (const Clv__ProbeRequest *)m);
	else if (q->type == REQ_ENCRYPTION)
		console_encryption(c, q, (const Clv__EncryptionRequest *)m);
	else if (q->type == REQ_INTAKE)
		console_intake(c, q, (const Clv__IntakeRequest *)m);
	else
		console_list(c, q, (const Clv__ListRequest *)m);
}

void console_push(struct core *c, int64_t now_ms)
{
	(void)now_ms;
	for (struct console *k = c->srv->consoles; k; k = k->next)
		for (size_t i = 0; i < k->n_watches; i++) {
			struct console_watch *w = &k->watches[i];
			struct console_request q = {k, k->conn, w->req, w->type, w};

			if (w->seen == c->srv->change)
				continue;
			w->seen = c->srv->change;
			look(c, &q, w->query);
		}
}

/* --- requests --- */
static void whoami(struct core *c, const struct console_request *q)
{
	Clv__Whoami m = CLV__WHOAMI__INIT;

	m.req = q->req;
	m.principal = q->console->principals[0];
	m.name = q->console->name;
	m.role = console_role(c->srv, q->console);
	m.group = c->start->group;
	m.server = c->start->name;
	m.channel = q->console->channel;
	console_reply(c, q->conn, REP_WHOAMI, &m.base);
}

static void unwatch(struct core *c, const struct console_request *q, const Clv__UnwatchRequest *m)
{
	Clv__Done d = CLV__DONE__INIT;

	for (size_t i = 0; i < q->console->n_watches; i++)
		if (q->console->watches[i].req == m->watched) {
			drop_watch(c, q->console, i);
			break;
		}
	d.req = q->req;
	console_reply(c, q->conn, REP_DONE, &d.base);
}

/* Takes m. */
static void dispatch(struct core *c, const struct request_row *row, struct console_request *q,
                     ProtobufCMessage *m)
{
	enum clv_role role = console_role(c->srv, q->console);
	struct clv_err err = {0};

	if (role < row->role) {
		if (row->changes) {
			console_deny(c, q, row->name, console_act_object(row->type, m), row->role, role);
		} else {
			(void)err_set(&err, CLV_E_DENIED, "%s needs %s, you are %s", row->name,
			              clv_role_word(row->role),
			              role == CLV_ROLE_NONE ? "without a role" : clv_role_word(role));
			console_refuse(c, q->conn, q->req, &err, 0);
		}
		proto_free(m);
		return;
	}
	if (row->changes) {
		console_act(c, q, m);
	} else if (row->type == REQ_WHOAMI) {
		whoami(c, q);
	} else if (row->type == REQ_UNWATCH) {
		unwatch(c, q, (const Clv__UnwatchRequest *)m);
	} else if (wants_watch(row->type, m) && keep_watch(c, q->console, row->type, q->req, m)) {
		look(c, q, m);
		return; /* the watch owns m */
	} else {
		look(c, q, m);
	}
	proto_free(m);
}

/* Every request's first field is its number. */
struct request_head {
	ProtobufCMessage base;
	uint64_t req;
};

void console_frame(struct core *c, const Clv__ConnFrame *f)
{
	struct console *k = console_find(c->srv, f->conn);
	const struct request_row *row = NULL;
	struct console_request q = {k, f->conn, 0, (uint16_t)f->type, NULL};
	ProtobufCMessage *m = NULL;
	struct clv_err err = {0};

	if (!k || !k->proven)
		return;
	for (size_t i = 0; i < sizeof requests / sizeof requests[0] && !row; i++)
		if (requests[i].type == f->type)
			row = &requests[i];
	if (!row || proto_decode(row->body, PROTO_SLICE(f->body), &m, &err)) {
		core_conn_close(c, true, f->conn, row ? err.text : "a request that has no row");
		return;
	}
	q.req = ((const struct request_head *)m)->req;
	dispatch(c, row, &q, m);
}

/* --- connections --- */
static void free_console(struct core *c, struct console *k)
{
	struct console **at = &c->srv->consoles;

	while (*at && *at != k)
		at = &(*at)->next;
	if (*at)
		*at = k->next;
	while (k->n_watches)
		drop_watch(c, k, k->n_watches - 1);
	for (size_t i = 0; i < k->n_principals; i++)
		clv_free(k->principals[i]);
	clv_free(k->name);
	clv_free(k->from);
	if (k->local)
		quota_give(&c->srv->local_consoles, k->uid);
	scan_forget(c, k->conn, 0);
	scan_release(k);
	clv_free(k);
}

void console_closed(struct core *c, const Clv__ConnClosed *m)
{
	struct console *k = console_find(c->srv, m->conn);

	if (k)
		free_console(c, k);
}

void console_lost(struct core *c)
{
	while (c->srv->consoles)
		free_console(c, c->srv->consoles);
}

static struct console *new_console(struct core *c, uint64_t conn, const char *from)
{
	struct console *k = clv_calloc(1, sizeof *k);

	k->conn = conn;
	k->from = clv_strdup(from);
	k->next = c->srv->consoles;
	c->srv->consoles = k;
	return k;
}

static void add_principal(struct console *k, char *principal)
{
	if (k->n_principals < CONSOLE_PRINCIPALS_MAX)
		k->principals[k->n_principals++] = principal;
	else
		clv_free(principal);
}

static const char *name_of(Clv__UserName *const *list, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i]->id == id)
			return list[i]->name;
	return NULL;
}

static void add_user(const struct core *c, struct console *k, uid_t uid)
{
	const char *name = name_of(c->start->users, c->start->n_users, uid);

	add_principal(k, name ? clv_asprintf("user:%s", name) : clv_asprintf("uid:%u", uid));
	k->name = name ? clv_strdup(name) : clv_asprintf("uid %u", uid);
}

static void add_groups(const struct core *c, struct console *k, int fd, gid_t primary)
{
	gid_t gids[CONSOLE_PRINCIPALS_MAX];
	socklen_t len = sizeof gids;
	size_t n = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) == 0)
		n = len / sizeof gids[0];
	if (n < CONSOLE_PRINCIPALS_MAX)
		gids[n++] = primary;
	for (size_t i = 0; i < n; i++) {
		const char *name = name_of(c->start->groups, c->start->n_groups, gids[i]);

		add_principal(k, name ? clv_asprintf("group:%s", name) : clv_asprintf("gid:%u", gids[i]));
	}
}

void console_adopt(struct core *c, int fd)
{
	Clv__Adopt m = CLV__ADOPT__INIT;
	struct ucred cred;
	socklen_t len = sizeof cred;
	struct console *k;

	if (!c->srv || !c->srv->listed || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		(void)close(fd);
		return;
	}
	if (!quota_take(&c->srv->local_consoles, cred.uid)) {
		(void)close(fd);
		return;
	}
	k = new_console(c, c->next_id++, "local");
	k->uid = cred.uid;
	k->local = k->proven = true;
	k->root = cred.uid == 0;
	(void)snprintf(k->channel, sizeof k->channel, "local");
	add_user(c, k, cred.uid);
	add_groups(c, k, fd, cred.gid);
	m.conn = k->conn;
	m.principal = k->principals[0];
	core_send_fd(c, LINK_CONSOLE, IPC_ADOPT, &m.base, fd);
}

static void on_proof_signed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                            const struct clv_err *err)
{
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;
	uint64_t conn = *(uint64_t *)ctx;
	struct console *k = console_find(c->srv, conn);
	Clv__ServerProof p = CLV__SERVER_PROOF__INIT;

	(void)type;
	clv_free(ctx);
	if (!k)
		return;
	if (!m) {
		log_err(LOG_WARN, err, "proving this server to a console");
		core_conn_close(c, true, conn, "this server cannot prove itself now");
		return;
	}
	p.server_list = PROTO_BYTES(buf_slice(&c->srv->list_body));
	p.server_list_signature = PROTO_BYTES(buf_slice(&c->srv->list_sig));
	p.link_proof = s->body;
	p.link_proof_signature = s->signature;
	p.group_key = PROTO_BYTES(buf_slice(&c->group_key));
	p.group = c->start->group;
	k->proven = true;
	core_conn_proven(c, true, conn);
	console_reply(c, conn, REP_SERVER_PROOF, &p.base);
}

/* By its ticket, or by its certificate's address and digest. */
static void name_console(struct console *k, const Clv__ConnOpen *m)
{
	char hex[65];

	if (m->mechanism == CLV_MECHANISM_KERBEROS) {
		add_principal(k, clv_asprintf("krb:%s", m->principal));
		k->name = clv_strdup(m->principal);
		(void)snprintf(k->channel, sizeof k->channel, "Kerberos %s", m->cipher);
		return;
	}
	hex_encode(PROTO_SLICE(m->peer_thumbprint), true, hex);
	if (*m->peer_name) {
		add_principal(k, clv_asprintf("mail:%s", m->peer_name));
		k->name = clv_strdup(m->peer_name);
	} else {
		k->name = clv_asprintf("%.8s…", hex);
	}
	add_principal(k, clv_asprintf("cert:%s", hex));
	(void)snprintf(k->channel, sizeof k->channel, "certificate %s", m->protocol);
}

/* By TLS or Kerberos. A local console was made known by console_adopt before net_console heard of it. */
void console_open(struct core *c, const Clv__ConnOpen *m)
{
	struct console *k = console_find(c->srv, m->conn);

	if (k)
		return;
	if (m->mechanism == CLV_MECHANISM_KERBEROS ? !*m->principal : m->peer_thumbprint.len != 32) {
		core_conn_close(c, true, m->conn, "a console without a certificate or a principal");
		return;
	}
	k = new_console(c, m->conn, m->address);
	name_console(k, m);
	kh_sign_link(c, m, false, on_proof_signed, clv_memdup(&m->conn, sizeof m->conn));
}
