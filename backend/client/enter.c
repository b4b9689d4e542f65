/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A password leaves the console: sealed to the intake certificate that the group signing key
 * vouches for, then sent as an act. Runs in the console, in a process whose OpenSSL heap is locked
 * and wiped; anywhere else it refuses. The secret stays the caller's, who wipes it.
 */
#include "client/session.h"

#include "console.pb-c.h"
#include "keys/agentcert.h"
#include "keys/joincode.h"
#include "proto/codec.h"
#include "proto/types.h"
#include "runas/intake.h"

#include <string.h>

_Static_assert(CLV_PASSWORD_MAX == INTAKE_SECRET_MAX, "what may be typed can be sealed");

static clv_rc name_into(char *out, size_t size, const char *from, const char *what, struct clv_err *err)
{
	size_t len = strlen(from);
	if (len >= size)
		return err_set(err, CLV_E_LIMIT, "%s is longer than %zu bytes", what, size - 1);
	memcpy(out, from, len + 1);
	return CLV_OK;
}

static clv_rc fill_head(const struct clv_intake_fact *in, struct intake_head *head, struct clv_err *err)
{
	head->expected = in->version;
	if (name_into(head->group, sizeof(head->group), in->group, "the group's name", err) != CLV_OK ||
	    name_into(head->account, sizeof(head->account), in->account_id, "the account's id", err) !=
	        CLV_OK)
		return CLV_FAILED;
	return name_into(head->operator_, sizeof(head->operator_), in->principal, "the operator's name", err);
}

static clv_rc check_may(const struct clv_session *s, const struct clv_secret *password, struct clv_err *err)
{
	if (!secret_openssl_arena_active())
		return err_set(err, CLV_E_DENIED,
		               "passwords cannot be entered: OpenSSL's memory is not locked here");
	if (s->line != LINE_OPEN)
		return err_set(err, CLV_E_CLOSED, "no line to %s", s->server);
	if (secret_len(password) == 0)
		return err_set(err, CLV_E_USAGE, "an empty password is none");
	if (secret_len(password) > INTAKE_SECRET_MAX)
		return err_set(err, CLV_E_LIMIT, "a password or file of more than %u bytes",
		               INTAKE_SECRET_MAX);
	return CLV_OK;
}

/* Whether it may be sent, and what is sent: `out` is initialised and released by the caller. */
static clv_rc seal(const struct clv_session *s, const struct clv_intake_fact *intake,
                   const struct clv_secret *secret, struct clv_sealed *out, struct clv_err *err)
{
	struct intake_head head = {.expected = 0};
	X509 *recipient = NULL;
	clv_rc rc = CLV_FAILED;
	if (check_may(s, secret, err) == CLV_OK && fill_head(intake, &head, err) == CLV_OK &&
	    x509_from_der(buf_slice(&intake->certificate), &recipient, err) == CLV_OK)
		rc = intake_seal(&head, secret, recipient, out, err);
	X509_free(recipient);
	return rc;
}

uint64_t clv_session_join(struct clv_session *s, const struct clv_intake_fact *intake, const char *name,
                          const struct clv_secret *code, struct clv_err *err)
{
	Clv__JoinRequest m = CLV__JOIN_REQUEST__INIT;
	struct clv_sealed sealed;
	uint64_t sent = 0;
	if (strcmp(intake->account_id, JOIN_ACCOUNT) != 0 || intake->version != 0) {
		err_set(err, CLV_E_PROTO, "the server does not take the code of a joining server");
		return 0;
	}
	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	if (seal(s, intake, code, &sealed, err) == CLV_OK) {
		m.req = ++s->next_req;
		m.name = session_str(name);
		m.sealed = PROTO_BYTES(buf_slice(&sealed.bytes));
		sent = session_send(s, REQ_JOIN, &m.base, m.req, false, err);
	}
	buf_release(&sealed.bytes);
	return sent;
}

uint64_t clv_session_enter(struct clv_session *s, const struct clv_intake_fact *intake,
                           const struct clv_secret *password, const char *first, bool all_at_once,
                           struct clv_err *err)
{
	Clv__EnterPasswordRequest m = CLV__ENTER_PASSWORD_REQUEST__INIT;
	struct clv_sealed sealed;
	uint64_t sent = 0;
	buf_init(&sealed.bytes, INTAKE_SEALED_MAX);
	if (seal(s, intake, password, &sealed, err) == CLV_OK) {
		m.req = ++s->next_req;
		m.name = session_str(intake->account);
		m.version = intake->version;
		m.sealed = PROTO_BYTES(buf_slice(&sealed.bytes));
		m.first = session_str(first);
		m.all_at_once = all_at_once;
		sent = session_send(s, REQ_ENTER_PASSWORD, &m.base, m.req, false, err);
	}
	buf_release(&sealed.bytes);
	return sent;
}
