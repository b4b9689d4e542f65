/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading OpsMgrConnector.Config.xml (see config.h). Written in the server's key holder,
 * read in the agent's processes. Nothing in it is secret but what SecureData seals.
 */
#include "runas/config.h"
#include "runas/base64.h"
#include "runas/xml.h"
#include <inttypes.h>
#include <string.h>

static clv_rc put_attr(struct clv_buf *b, const char *name, const char *value, struct clv_err *err)
{
	if (buf_printf(b, err, " %s=\"", name) || xml_escape(b, value, err) || buf_put_u8(b, '"', err))
		return CLV_FAILED;
	return CLV_OK;
}

/* Exactly 32 lower-case hex digits. */
static bool is_id(const char *s)
{
	return strlen(s) == RUNAS_ID_LEN && strspn(s, "0123456789abcdef") == RUNAS_ID_LEN;
}

/* A target stands exactly where the kind needs one. */
static clv_rc check_association(const struct config_association *a, enum clv_code code, struct clv_err *err)
{
	if (!a->profile[0] || !is_id(a->account))
		return err_set(err, code, "an association lacks its profile or account");
	if (a->kind >= CLV_TARGET_MAX || (a->kind == CLV_TARGET_ALL) != (a->target[0] == 0))
		return err_set(err, code, "an association's target does not suit its kind");
	return CLV_OK;
}

static clv_rc put_association(struct clv_buf *b, const struct config_association *a, struct clv_err *err)
{
	if (check_association(a, CLV_E_USAGE, err) || buf_put(b, SLICE_LIT("<Association"), err) ||
	    put_attr(b, "profile", a->profile, err) || put_attr(b, "account", a->account, err) ||
	    put_attr(b, "kind", clv_target_kind_word(a->kind), err) ||
	    (a->target[0] && put_attr(b, "target", a->target, err)))
		return CLV_FAILED;
	return buf_put(b, SLICE_LIT("/>\n"), err);
}

/* Only where there is one: what a host without a gateway gets is as it always was. */
static clv_rc put_servers(struct clv_buf *b, const struct config_head *head, struct clv_err *err)
{
	if (head->n_servers == 0)
		return CLV_OK;
	if (head->n_servers > CONFIG_SERVERS_MAX)
		return err_set(err, CLV_E_LIMIT, "%zu servers, at most %u", head->n_servers,
		               CONFIG_SERVERS_MAX);
	if (buf_put(b, SLICE_LIT("<Servers>\n"), err))
		return CLV_FAILED;
	for (size_t i = 0; i < head->n_servers; i++) {
		const struct config_server *s = &head->servers[i];

		if (!s->name[0])
			return err_set(err, CLV_E_USAGE, "a server without a name");
		if (buf_put(b, SLICE_LIT("<Server"), err) || put_attr(b, "name", s->name, err) ||
		    (s->address[0] && put_attr(b, "address", s->address, err)) ||
		    buf_put(b, SLICE_LIT("/>\n"), err))
			return CLV_FAILED;
	}
	return buf_put(b, SLICE_LIT("</Servers>\n"), err);
}

clv_rc config_write(const struct config_head *head, const struct config_association *list, size_t n,
                    struct clv_slice securedata, struct clv_buf *xml, struct clv_err *err)
{
	if (n > CONFIG_ASSOC_MAX) {
		(void)err_set(err, CLV_E_LIMIT, "%zu associations, at most %u", n, CONFIG_ASSOC_MAX);
		goto fail;
	}
	if (buf_printf(xml, err, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Message") ||
	    put_attr(xml, "managementGroup", head->group, err) || put_attr(xml, "agent", head->agent, err) ||
	    buf_printf(xml, err, " version=\"%" PRIu64 "\" fencing=\"%" PRIu64 "\">\n", head->version,
	               head->fencing) ||
	    put_servers(xml, head, err) || buf_printf(xml, err, "<Profiles>\n"))
		goto fail;
	for (size_t i = 0; i < n; i++)
		if (put_association(xml, &list[i], err))
			goto fail;
	if (buf_printf(xml, err, "</Profiles>\n<State>\n<SecureData>") || base64_put(xml, securedata, err) ||
	    buf_printf(xml, err, "</SecureData>\n</State>\n</Message>\n"))
		goto fail;
	return CLV_OK;
fail:
	return err_wrap(err, "writing the configuration of %s", head->agent);
}

struct config_ctx {
	struct config_head head;
	struct config_association *list;
	size_t n, cap;
	struct clv_buf securedata;
	bool have_profiles, have_state, have;
};

static clv_rc open_message(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	struct config_ctx *c = ctx;

	if (xml_attr_count(a) != 4)
		return err_set(err, CLV_E_PROTO, "Message has other attributes than its four");
	if (xml_take(xml_attr(a, "managementGroup"), c->head.group, sizeof c->head.group, err) ||
	    xml_take(xml_attr(a, "agent"), c->head.agent, sizeof c->head.agent, err) ||
	    xml_number(xml_attr(a, "version"), &c->head.version, err))
		return CLV_FAILED;
	return xml_number(xml_attr(a, "fencing"), &c->head.fencing, err);
}

static clv_rc open_servers(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	const struct config_ctx *c = ctx;

	if (xml_attr_count(a) || c->have_profiles || c->have_state)
		return err_set(err, CLV_E_PROTO, "Servers takes no attributes and stands first");
	return CLV_OK;
}

static clv_rc open_server(void *ctx, const struct xml_attr *attrs, struct clv_err *err)
{
	struct config_ctx *c = ctx;
	struct config_server *s = &c->head.servers[c->head.n_servers];
	const char *address = xml_attr(attrs, "address");

	if (c->head.n_servers == CONFIG_SERVERS_MAX || xml_attr_count(attrs) != (address ? 2u : 1u))
		return err_set(err, CLV_E_PROTO, "a Server has a name and may have an address");
	if (xml_take(xml_attr(attrs, "name"), s->name, sizeof s->name, err) ||
	    (address && xml_take(address, s->address, sizeof s->address, err)))
		return CLV_FAILED;
	if (!s->name[0])
		return err_set(err, CLV_E_PROTO, "a Server without a name");
	c->head.n_servers++;
	return CLV_OK;
}

static clv_rc open_profiles(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	struct config_ctx *c = ctx;

	c->have_profiles = true;
	if (xml_attr_count(a) || c->have_state)
		return err_set(err, CLV_E_PROTO, "Profiles takes no attributes and stands before State");
	return CLV_OK;
}

static clv_rc open_association(void *ctx, const struct xml_attr *attrs, struct clv_err *err)
{
	struct config_ctx *c = ctx;
	struct config_association a = {.kind = CLV_TARGET_ALL};
	const char *kind = xml_attr(attrs, "kind"), *target = xml_attr(attrs, "target");

	if (xml_attr_count(attrs) != (target ? 4u : 3u))
		return err_set(err, CLV_E_PROTO, "Association has other attributes than its own");
	/* The parser takes other spellings too, for people; here the word alone stands. */
	if (!kind || !clv_target_kind_parse(kind, &a.kind) || strcmp(clv_target_kind_word(a.kind), kind) != 0)
		return err_set(err, CLV_E_PROTO, "an association of no known kind");
	if (xml_take(xml_attr(attrs, "profile"), a.profile, sizeof a.profile, err) ||
	    xml_take(xml_attr(attrs, "account"), a.account, sizeof a.account, err) ||
	    (target && xml_take(target, a.target, sizeof a.target, err)) ||
	    check_association(&a, CLV_E_PROTO, err))
		return CLV_FAILED;
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->list = clv_realloc(c->list, c->cap, sizeof *c->list);
	}
	c->list[c->n++] = a;
	return CLV_OK;
}

static clv_rc open_state(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	struct config_ctx *c = ctx;

	c->have_state = true;
	return xml_attr_count(a) ? err_set(err, CLV_E_PROTO, "State takes no attributes") : CLV_OK;
}

static clv_rc close_securedata(void *ctx, struct clv_slice text, struct clv_err *err)
{
	struct config_ctx *c = ctx;

	c->have = true;
	return base64_take(text, &c->securedata, err) ? err_wrap(err, "SecureData") : CLV_OK;
}

clv_rc config_read(struct clv_slice xml, struct config_head *head, struct config_association **list,
                   size_t *n, struct clv_buf *securedata, struct clv_err *err)
{
	static const struct xml_element elements[] = {
	    {"Message", "", 1, false, open_message, NULL},
	    {"Servers", "Message", 1, false, open_servers, NULL},
	    {"Server", "Servers", CONFIG_SERVERS_MAX, false, open_server, NULL},
	    {"Profiles", "Message", 1, false, open_profiles, NULL},
	    {"Association", "Profiles", CONFIG_ASSOC_MAX, false, open_association, NULL},
	    {"State", "Message", 1, false, open_state, NULL},
	    {"SecureData", "State", 1, true, NULL, close_securedata},
	    {NULL, NULL, 0, false, NULL, NULL},
	};
	static const struct xml_limits limits = {CONFIG_XML_MAX, CONFIG_XML_MAX, false};
	struct config_ctx c = {.have = false};
	clv_rc rc = CLV_FAILED;

	buf_init(&c.securedata, CONFIG_XML_MAX);
	if (xml_read(xml, elements, &limits, &c, err))
		goto out;
	if (!c.have) {
		(void)err_set(err, CLV_E_PROTO, "the configuration has no SecureData");
		goto out;
	}
	if (buf_put(securedata, buf_slice(&c.securedata), err))
		goto out;
	*head = c.head;
	*list = c.list;
	*n = c.n;
	c.list = NULL;
	rc = CLV_OK;
out:
	clv_free(c.list);
	buf_release(&c.securedata);
	return rc;
}
