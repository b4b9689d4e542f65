/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading OpsMgrConnector.Config.xml and the RunAs list (see config.h).
 */
#include "runas/config.h"
#include "runas/xml.h"
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static clv_rc put_base64(struct clv_buf *b, struct clv_slice s, struct clv_err *err)
{
	size_t n = (s.len + 2) / 3 * 4;
	uint8_t *room = NULL;

	if (buf_reserve(b, n + 1, &room, err))
		return CLV_FAILED;
	buf_commit(b, (size_t)EVP_EncodeBlock(room, s.ptr, (int)s.len));
	return CLV_OK;
}

/* Base64 without blanks, canonical: what it decodes to must encode to the same. */
static clv_rc take_base64(struct clv_slice text, struct clv_buf *out, struct clv_err *err)
{
	struct clv_buf again;
	size_t pad = 0;
	uint8_t *room = NULL;
	clv_rc rc = CLV_FAILED;
	int n;

	buf_init(&again, text.len + 8);
	if (text.len == 0 || text.len % 4)
		return err_set(err, CLV_E_PROTO, "SecureData is not base64");
	while (pad < 2 && text.ptr[text.len - 1 - pad] == '=')
		pad++;
	if (buf_reserve(out, text.len / 4 * 3, &room, err))
		return CLV_FAILED;
	n = EVP_DecodeBlock(room, text.ptr, (int)text.len);
	if (n < (int)pad || put_base64(&again, slice_of(room, (size_t)n - pad), NULL) ||
	    !slice_eq(buf_slice(&again), text)) {
		(void)err_set(err, CLV_E_PROTO, "SecureData is not base64");
		goto out;
	}
	buf_commit(out, (size_t)n - pad);
	rc = CLV_OK;
out:
	buf_release(&again);
	return rc;
}

clv_rc config_write(const struct config_head *head, struct clv_slice securedata, struct clv_buf *xml,
                    struct clv_err *err)
{
	if (buf_printf(xml, err, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Message managementGroup=\"") ||
	    xml_escape(xml, head->group, err) || buf_printf(xml, err, "\" agent=\"") ||
	    xml_escape(xml, head->agent, err) ||
	    buf_printf(xml, err, "\" version=\"%" PRIu64 "\" fencing=\"%" PRIu64 "\">\n<State>\n<SecureData>",
	               head->version, head->fencing) ||
	    put_base64(xml, securedata, err) || buf_printf(xml, err, "</SecureData>\n</State>\n</Message>\n"))
		return err_wrap(err, "writing the configuration of %s", head->agent);
	return CLV_OK;
}

struct config_ctx {
	struct config_head head;
	struct clv_buf *securedata;
	bool have;
};

static clv_rc take_name(const char *value, char out[CONFIG_NAME_MAX], struct clv_err *err)
{
	size_t n = value ? strlen(value) : 0;

	if (n == 0 || n >= CONFIG_NAME_MAX)
		return err_set(err, CLV_E_PROTO, "a name is missing or too long");
	memcpy(out, value, n + 1);
	return CLV_OK;
}

static clv_rc open_message(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	struct config_ctx *c = ctx;

	if (xml_attr_count(a) != 4)
		return err_set(err, CLV_E_PROTO, "Message has other attributes than its four");
	if (take_name(xml_attr(a, "managementGroup"), c->head.group, err) ||
	    take_name(xml_attr(a, "agent"), c->head.agent, err) ||
	    xml_number(xml_attr(a, "version"), &c->head.version, err))
		return CLV_FAILED;
	return xml_number(xml_attr(a, "fencing"), &c->head.fencing, err);
}

static clv_rc close_securedata(void *ctx, struct clv_slice text, struct clv_err *err)
{
	struct config_ctx *c = ctx;

	c->have = true;
	return take_base64(text, c->securedata, err);
}

clv_rc config_read(struct clv_slice xml, struct config_head *head, struct clv_buf *securedata,
                   struct clv_err *err)
{
	static const struct xml_element elements[] = {
	    {"Message", "", 1, false, open_message, NULL},
	    {"State", "Message", 1, false, NULL, NULL},
	    {"SecureData", "State", 1, true, NULL, close_securedata},
	    {NULL, NULL, 0, false, NULL, NULL},
	};
	static const struct xml_limits limits = {CONFIG_XML_MAX, CONFIG_XML_MAX};
	struct config_ctx c = {.securedata = securedata};

	if (xml_read(xml, elements, &limits, &c, err))
		return CLV_FAILED;
	if (!c.have)
		return err_set(err, CLV_E_PROTO, "the configuration has no SecureData");
	*head = c.head;
	return CLV_OK;
}

clv_rc runas_write(const struct runas_head *head, struct clv_secret *list, struct clv_err *err)
{
	char hex[65];
	struct clv_buf b;
	clv_rc rc = CLV_FAILED;

	/* No account yet stands in the list, so an ordinary buffer holds nothing that is secret. */
	buf_init(&b, 4096);
	hex_encode(slice_of(head->recipient, sizeof head->recipient), true, hex);
	if (buf_printf(&b, err, "<RunAs group=\"") || xml_escape(&b, head->group, err) ||
	    buf_printf(&b, err, "\" agent=\"") || xml_escape(&b, head->agent, err) ||
	    buf_printf(&b, err, "\" recipient=\"%s\" version=\"%" PRIu64 "\"/>\n", hex, head->version))
		goto out;
	secret_clear(list);
	rc = secret_append(list, buf_slice(&b).ptr, buf_slice(&b).len, err);
out:
	buf_release(&b);
	return rc;
}

static clv_rc open_runas(void *ctx, const struct xml_attr *a, struct clv_err *err)
{
	struct runas_head *h = ctx;
	const char *hex = xml_attr(a, "recipient");

	if (xml_attr_count(a) != 4 || !hex)
		return err_set(err, CLV_E_PROTO, "RunAs has other attributes than its four");
	if (take_name(xml_attr(a, "group"), h->group, err) ||
	    take_name(xml_attr(a, "agent"), h->agent, err) ||
	    xml_number(xml_attr(a, "version"), &h->version, err))
		return CLV_FAILED;
	return hex_decode(hex, strlen(hex), h->recipient, sizeof h->recipient, err);
}

static clv_rc read_list(struct clv_slice list, void *ctx, struct clv_err *err)
{
	static const struct xml_element elements[] = {
	    {"RunAs", "", 1, false, open_runas, NULL},
	    {NULL, NULL, 0, false, NULL, NULL},
	};
	static const struct xml_limits limits = {RUNAS_LIST_MAX, RUNAS_LIST_MAX};

	return xml_read(list, elements, &limits, ctx, err);
}

clv_rc runas_read(const struct clv_secret *list, struct runas_head *head, struct clv_err *err)
{
	struct runas_head h = {.version = 0};

	if (secret_use(list, read_list, &h, err))
		return CLV_FAILED;
	*head = h;
	return CLV_OK;
}
