/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's certificate and configuration: found again or made at start, published, renewed,
 * confirmed by opening a configuration; older keys destroyed only then (S10 to S13, B4). Runs in core;
 * private keys are the key holder's.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/core_agent.h"
#include "proto/types.h"
#include <inttypes.h>
#include <string.h>

#define SIG_FILE_MAX 4096u
#define XML_FILE_MAX (1024u * 1024u)

static char *cert_path(const struct core *c, const struct agentcert_info *info)
{
	char hex[33];

	hex_encode(slice_of(info->key_id, 16), true, hex);
	return clv_asprintf("%s/certificates/Operations Manager/%s.pem", c->start->state, hex);
}

static char *config_path(const struct core *c, const char *suffix)
{
	return clv_asprintf("%s/Connector Configuration Cache/%s/OpsMgrConnector.Config.xml%s",
	                    c->start->state, c->start->group, suffix);
}

const struct agent_key *agent_newest(const struct agent *a)
{
	return a->n_keys ? &a->keys[a->n_keys - 1] : NULL;
}

static void take_key(struct core *c, uint64_t generation, int64_t made, struct clv_slice cert)
{
	struct agent *a = c->agent;
	struct agent_key *k;
	struct clv_err err = {0};

	if (a->n_keys == AGENT_KEYS_MAX)
		return;
	k = &a->keys[a->n_keys];
	memset(k, 0, sizeof *k);
	k->generation = generation;
	k->made = made;
	buf_init(&k->cert, AGENTCERT_DER_MAX);
	if (buf_put(&k->cert, cert, &err) || agentcert_check(cert, c->start->name, 0, &k->info, &err)) {
		log_err(LOG_ERROR, &err, "the agent certificate from the vault");
		buf_release(&k->cert);
		return;
	}
	a->n_keys++;
}

void agent_take_keys(struct core *c, const Clv__KhInfo *info)
{
	struct agent *a = c->agent;

	while (a->n_keys)
		buf_release(&a->keys[--a->n_keys].cert);
	for (size_t i = 0; i < info->n_keys; i++)
		take_key(c, info->keys[i]->generation, info->keys[i]->made,
		         PROTO_SLICE(info->keys[i]->certificate));
}

static bool file_is(const struct core *c, const struct agent_key *k)
{
	char *path = cert_path(c, &k->info);
	struct clv_buf pem, der;
	bool same;

	buf_init(&pem, 65536);
	buf_init(&der, AGENTCERT_DER_MAX);
	same = !file_read(path, &pem, NULL) && !agentcert_from_pem(buf_slice(&pem), &der, NULL) &&
	       slice_eq(buf_slice(&der), buf_slice(&k->cert));
	buf_release(&pem);
	buf_release(&der);
	clv_free(path);
	return same;
}

static clv_rc write_cert(const struct core *c, const struct agent_key *k, struct clv_err *err)
{
	char *path = cert_path(c, &k->info);
	struct clv_buf pem;
	clv_rc rc = CLV_FAILED;

	buf_init(&pem, 65536);
	if (!agentcert_to_pem(buf_slice(&k->cert), &pem, err))
		rc = file_replace(path, buf_slice(&pem), 0644, err);
	buf_release(&pem);
	clv_free(path);
	return rc;
}

static void on_made(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                    const struct clv_err *err)
{
	const Clv__KhMadeKey *k = (const Clv__KhMadeKey *)m;
	struct agent *a = c->agent;
	struct clv_err why = {0};

	(void)ctx;
	(void)type;
	a->making = false;
	if (!m) {
		/* The key holder, or we, were ended in between: it may have the key all the same. */
		a->look_at = clock_mono_ms() + 1000;
		if (err->code == CLV_E_CLOSED || err->code == CLV_E_CONFLICT) {
			log_err(LOG_NOTICE, err, "making an agent key; looked for again in a second");
			return;
		}
		a->look_at += 60000;
		core_event(c, 7005,
		           "A new key for secure messages could not be made: %s. The old key stays in use; "
		           "tried again within a minute.",
		           err->text);
		return;
	}
	take_key(c, k->generation, k->made, PROTO_SLICE(k->certificate));
	if (write_cert(c, agent_newest(a), &why)) {
		a->look_at = clock_mono_ms() + 60000;
		core_event(c, 7005,
		           "The new certificate could not be written: %s. It is tried again within a minute.",
		           why.text);
		return;
	}
	agent_publish(c);
}

/* max(last + 1, wall clock in ms), so that it rises even after a restore (design 3). */
static void make_key(struct core *c)
{
	struct agent *a = c->agent;
	const struct agent_key *newest = agent_newest(a);
	Clv__KhMakeKey m = CLV__KH_MAKE_KEY__INIT;
	uint64_t now = (uint64_t)clock_wall_ms(), last = newest ? newest->generation : 0;

	if (a->making)
		return;
	if (newest && a->want_above < newest->generation)
		a->want_above = newest->generation;
	if (a->box.generation > last)
		last = a->box.generation;
	m.generation = last + 1 > now ? last + 1 : now;
	a->making = true;
	a->box.generation = m.generation;
	agent_remember(c, "generation", m.generation);
	kh_ask(c, IPC_KH_MAKE_KEY, &m.base, on_made, NULL);
}

static void on_looked(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	const struct agent_key *k;
	struct clv_err why = {0};

	(void)ctx;
	(void)type;
	if (!m) {
		log_err(LOG_NOTICE, err, "looking into the vault");
		c->agent->look_at = clock_mono_ms() + 1000;
		return;
	}
	agent_take_keys(c, (const Clv__KhInfo *)m);
	k = agent_newest(c->agent);
	if (!k || k->generation <= c->agent->want_above) {
		make_key(c);
	} else if (!file_is(c, k) && write_cert(c, k, &why)) {
		c->agent->look_at = clock_mono_ms() + 60000;
		log_err(LOG_ERROR, &why, "writing the certificate");
	} else {
		agent_publish(c);
	}
}

void agent_look_again(struct core *c)
{
	Clv__KhInfoRequest q = CLV__KH_INFO_REQUEST__INIT;

	c->agent->look_at = 0;
	kh_ask(c, IPC_KH_INFO_REQUEST, &q.base, on_looked, NULL);
}

/* Copies of certificates whose keys are gone only confuse: the newest and its forerunners stay. */
static void remove_cert(const struct core *c, const struct agent_key *k)
{
	char *path = cert_path(c, &k->info);
	struct clv_err err = {0};

	if (file_remove(path, &err))
		log_err(LOG_WARN, &err, "removing an old certificate");
	clv_free(path);
}

/* --- configuration --- */
struct opening {
	struct clv_buf xml, body, sig;
	bool from_disk;
};

static void free_opening(struct opening *o)
{
	buf_release(&o->xml);
	buf_release(&o->body);
	buf_release(&o->sig);
	clv_free(o);
}

/* The signature is durable before the XML takes its place; a pair that does not match is asked for
 * again, never used (design 3). */
static clv_rc write_config(const struct core *c, const struct opening *o, struct clv_err *err)
{
	char *xml = config_path(c, ""), *sig = config_path(c, ".sig"), *slash, *dir = clv_strdup(xml);
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	buf_init(&b, SIG_FILE_MAX);
	slash = strrchr(dir, '/');
	*slash = 0;
	st.body = PROTO_BYTES(buf_slice(&o->body));
	st.signature = PROTO_BYTES(buf_slice(&o->sig));
	if (!file_mkdirs(dir, 0700, err) && !proto_encode(&st.base, &b, err) &&
	    !file_replace(sig, buf_slice(&b), 0600, err))
		rc = file_replace(xml, buf_slice(&o->xml), 0600, err);
	buf_release(&b);
	clv_free(xml);
	clv_free(sig);
	clv_free(dir);
	return rc;
}

void agent_ask_config(struct core *c, const char *why)
{
	Clv__ConfigRequest m = CLV__CONFIG_REQUEST__INIT;

	c->agent->config_at = 0;
	if (c->agent->link != AGENT_UP)
		return;
	m.have = c->agent->config_version;
	m.why = (char *)(uintptr_t)why;
	core_frame(c, false, c->agent->conn, FRAME_CONFIG_REQUEST, &m.base);
}

/* The disk did not take it: soon, and later each time. */
static void ask_again(struct agent *a)
{
	a->config_ms = !a->config_ms ? 1000 : a->config_ms * 2 > 60000 ? 60000 : a->config_ms * 2;
	a->config_at = clock_mono_ms() + a->config_ms;
}

/* The action account; once, until it changes. */
static void tell_action(struct core *c, uint32_t event)
{
	c->agent->action = event;
	if (event == 7009)
		core_event(c, 7009,
		           "There is no credential for the action account here: its account waits for a "
		           "password. Local workflows that run by it do not.");
	else if (event == 7010)
		core_event(c, 7010,
		           "The new action account is of a wrong type, expected action or windows. It is not "
		           "given to anybody here.");
}

static void opened(struct core *c, const struct opening *o, const Clv__KhOpened *m)
{
	struct agent *a = c->agent;
	struct clv_err err = {0};

	if (!o->from_disk && write_config(c, o, &err)) {
		core_event(c, 7022,
		           "The new configuration could not be kept: %s. The old one stays; asked for again "
		           "within a minute.",
		           err.text);
		ask_again(a);
		return;
	}
	a->config_ms = 0;
	a->config_version = m->version;
	a->config_generation = m->generation;
	if (!o->from_disk) {
		core_event(c, 7023, "The secure part of the new configuration was processed.");
		core_event(c, 1210, "Configuration %" PRIu64 " was received and applied.", m->version);
	}
	if (m->action != a->action)
		tell_action(c, m->action);
	/* Also after a crash between opening and telling. */
	if (m->version > a->box.confirmed_version)
		agent_put_confirm(c, m);
	agent_took_accounts(c, m);
	agent_learn_servers(c, m);
}

static void on_opened(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                      const struct clv_err *err)
{
	struct opening *o = ctx;

	(void)type;
	if (m) {
		opened(c, o, (const Clv__KhOpened *)m);
	} else if (o->from_disk) {
		log_err(LOG_WARN, err, "the configuration on disk is not used; it is asked for again");
	} else if (err->code == CLV_E_CLOSED) {
		/* The key holder was ended over it: this says nothing of the configuration. */
		c->agent->config_at = clock_mono_ms() + 1000;
	} else if (err->code == CLV_E_NOTFOUND) {
		core_event(c, 7004,
		           "A secure message was encrypted with a key that is not here any more; it is "
		           "discarded and the public key "
		           "is published again.");
		agent_publish(c);
	} else {
		core_event(c, 7022, "A new configuration arrived but was refused: %s.", err->text);
		if (err->cls == CLV_CLASS_IO)
			ask_again(c->agent);
	}
	free_opening(o);
}

static void open_config(struct core *c, struct opening *o)
{
	Clv__KhOpen m = CLV__KH_OPEN__INIT;

	m.xml = PROTO_BYTES(buf_slice(&o->xml));
	m.body = PROTO_BYTES(buf_slice(&o->body));
	m.signature = PROTO_BYTES(buf_slice(&o->sig));
	kh_ask(c, IPC_KH_OPEN, &m.base, on_opened, o);
}

static struct opening *new_opening(bool from_disk)
{
	struct opening *o = clv_calloc(1, sizeof *o);

	buf_init(&o->xml, XML_FILE_MAX);
	buf_init(&o->body, SIG_FILE_MAX);
	buf_init(&o->sig, SIG_FILE_MAX);
	o->from_disk = from_disk;
	return o;
}

void agent_on_config(struct core *c, const Clv__Config *m)
{
	struct opening *o = new_opening(false);

	if (!m->statement || buf_put(&o->xml, PROTO_SLICE(m->xml), NULL) ||
	    buf_put(&o->body, PROTO_SLICE(m->statement->body), NULL) ||
	    buf_put(&o->sig, PROTO_SLICE(m->statement->signature), NULL)) {
		free_opening(o);
		agent_drop_link(c, "a configuration without its signature");
		return;
	}
	open_config(c, o);
}

static void open_from_disk(struct core *c)
{
	struct opening *o = new_opening(true);
	char *xml = config_path(c, ""), *sig = config_path(c, ".sig");
	ProtobufCMessage *st = NULL;
	struct clv_buf b;
	struct clv_err err = {0};

	buf_init(&b, SIG_FILE_MAX);
	if (!file_read(xml, &o->xml, &err) && !file_read(sig, &b, &err) &&
	    !proto_decode(&clv__signed_statement__descriptor, buf_slice(&b), &st, &err) &&
	    !buf_put(&o->body, PROTO_SLICE(((Clv__SignedStatement *)st)->body), &err) &&
	    !buf_put(&o->sig, PROTO_SLICE(((Clv__SignedStatement *)st)->signature), &err)) {
		open_config(c, o);
	} else {
		if (err.code != CLV_E_NOTFOUND)
			log_err(LOG_WARN, &err, "the configuration on disk");
		free_opening(o);
	}
	proto_free(st);
	buf_release(&b);
	clv_free(xml);
	clv_free(sig);
}

void agent_begin_keys(struct core *c)
{
	const struct agent_key *k = agent_newest(c->agent);

	open_from_disk(c);
	if (k && file_is(c, k)) {
		log_info("found the agent certificate of generation %" PRIu64, k->generation);
		return;
	}
	/* S12: deleted, it is made anew. */
	if (k)
		log_notice("the agent certificate is not in its folder; a new one is made");
	make_key(c);
}

/* --- publication --- */
static void on_publication(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                           const struct clv_err *err)
{
	const Clv__KhSigned *s = (const Clv__KhSigned *)m;
	const struct agent_key *k = agent_newest(c->agent);
	Clv__Publish p = CLV__PUBLISH__INIT;
	Clv__SignedStatement st = CLV__SIGNED_STATEMENT__INIT;
	char text[KEYID_TEXT_MAX];

	(void)ctx;
	(void)type;
	if (!m) {
		c->agent->look_at = clock_mono_ms() + (err->code == CLV_E_CLOSED ? 1000 : 60000);
		if (err->code != CLV_E_CLOSED)
			core_event(
			    c, 7005,
			    "The public key could not be published: %s. It is tried again within a minute.",
			    err->text);
		return;
	}
	if (c->agent->link != AGENT_UP || !k)
		return;
	st.body = s->body;
	st.signature = s->signature;
	p.publication = &st;
	core_frame(c, false, c->agent->conn, FRAME_PUBLISH, &p.base);
	keyid_7006_text(k->info.key_id, text);
	/* S13, to the letter. */
	core_event(c, 7006,
	           "The Health Service has published the public key [%s] used to send it secure messages to "
	           "management group %s.  "
	           "This message only indicates that the key is scheduled for delivery, not that delivery "
	           "has been confirmed.",
	           text, c->start->group);
}

void agent_publish(struct core *c)
{
	const struct agent_key *k = agent_newest(c->agent);
	Clv__KhPublish m = CLV__KH_PUBLISH__INIT;

	if (c->agent->link != AGENT_UP || !k)
		return;
	m.generation = k->generation;
	kh_ask(c, IPC_KH_PUBLISH, &m.base, on_publication, NULL);
}

static clv_rc open_order(struct core *c, enum statement_kind kind, const Clv__SignedStatement *s,
                         ProtobufCMessage **m)
{
	struct clv_err err = {0};

	if (!statement_open(kind, c->start->group, buf_slice(&c->group_key), PROTO_SLICE(s->body),
	                    PROTO_SLICE(s->signature), m, &err))
		return CLV_OK;
	log_err(LOG_WARN, &err, "a message that the group did not sign");
	agent_drop_link(c, "a message is not signed by the group");
	return CLV_FAILED;
}

void agent_on_receipt(struct core *c, const Clv__SignedStatement *s)
{
	struct agent *a = c->agent;
	const struct agent_key *k = agent_newest(a);
	ProtobufCMessage *m = NULL;
	const Clv__Receipt *r;

	if (open_order(c, STATEMENT_RECEIPT, s, &m))
		return;
	r = (const Clv__Receipt *)m;
	if (!agent_is_fenced(c, r->fencing, "a receipt") && strcmp(r->agent, c->start->name) == 0 && k &&
	    r->generation == k->generation) {
		a->published = true;
		if (r->result != 1)
			core_event(c, 7005, "The management server refused the public key: %s.", r->reason);
		agent_drain(c);
	}
	proto_free(m);
}

void agent_on_rotate(struct core *c, const Clv__SignedStatement *s)
{
	const struct agent_key *k = agent_newest(c->agent);
	ProtobufCMessage *m = NULL;
	const Clv__RotateOrder *r;

	if (open_order(c, STATEMENT_ROTATE, s, &m))
		return;
	r = (const Clv__RotateOrder *)m;
	if (!agent_is_fenced(c, r->fencing, "an order to rotate") && strcmp(r->agent, c->start->name) == 0 &&
	    k && k->generation <= r->above) {
		log_notice("the management group asks for a new key");
		c->agent->want_above = r->above;
		make_key(c);
	}
	proto_free(m);
}

void agent_renew(struct core *c, int64_t now_ms)
{
	const struct agent_key *k = agent_newest(c->agent);
	int64_t mono = clock_mono_ms();

	if (!k || c->agent->making || mono < c->agent->renew_at)
		return;
	c->agent->renew_at = mono + 60000;
	if (k->info.not_after_ms - now_ms > c->start->renew_before_ms)
		return;
	/* One renewal at a time: the new key must be confirmed before another is thought of. */
	if (k->generation != c->agent->config_generation && c->agent->n_keys > 1)
		return;
	core_event(c, 7013, "The key for secure messages ends soon; a new one is made and published.");
	make_key(c);
}

/* --- the old goes when the new has opened a configuration and the server knows it --- */
static void on_destroyed(struct core *c, void *ctx, enum ipc_type type, const ProtobufCMessage *m,
                         const struct clv_err *err)
{
	struct agent *a = c->agent;
	uint64_t upto = *(uint64_t *)ctx;

	(void)type;
	clv_free(ctx);
	a->destroying = false;
	if (!m) {
		log_err(LOG_WARN, err, "destroying an old key");
		return;
	}
	while (a->n_keys > 1 && a->keys[0].generation <= upto) {
		remove_cert(c, &a->keys[0]);
		buf_release(&a->keys[0].cert);
		a->n_keys--;
		memmove(&a->keys[0], &a->keys[1], a->n_keys * sizeof a->keys[0]);
	}
	agent_put_destroyed(c, upto);
}

void agent_destroy_old(struct core *c)
{
	struct agent *a = c->agent;
	Clv__KhDestroyKey m = CLV__KH_DESTROY_KEY__INIT;
	uint64_t upto;

	if (a->destroying || a->n_keys < 2 || a->box.acked < a->box.made || !a->config_generation ||
	    a->keys[0].generation >= a->config_generation || a->box.confirmed_version < a->config_version)
		return;
	upto = a->config_generation - 1;
	a->destroying = true;
	m.generation = upto;
	kh_ask(c, IPC_KH_DESTROY_KEY, &m.base, on_destroyed, clv_memdup(&upto, sizeof upto));
}
