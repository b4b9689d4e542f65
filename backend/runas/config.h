/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpsMgrConnector.Config.xml (S15) and the RunAs list inside its SecureData. Built in the server's
 * key holder; read in the agent's core (the file) and key holder (the list). DTDs, processing
 * instructions, unknown elements and attributes are refused; depth and size are bounded (T21).
 */
#ifndef RUNAS_CONFIG_H
#define RUNAS_CONFIG_H

#include "claviger/facts.h"
#include "claviger/secret.h"

#define CONFIG_XML_MAX     (720u * 1024u) /* 512 KiB of SecureData in base64, and the rest */
#define CONFIG_NAME_MAX    256u
#define CONFIG_SERVERS_MAX 8u
#define CONFIG_ASSOC_MAX   4096u          /* associations in one configuration */
#define RUNAS_LIST_MAX     (480u * 1024u) /* so that SecureData stays within 512 KiB */
#define RUNAS_ACCOUNT_MAX  (64u * 1024u)  /* one account, as it stands in the list */
#define RUNAS_ACCOUNTS_MAX 4096u
#define RUNAS_ID_LEN       32u /* an account's id: 32 lower-case hex digits */

/* By which server or gateway the host shall come. address: host[:port], "" by its name. */
struct config_server {
	char name[CONFIG_NAME_MAX], address[CONFIG_NAME_MAX];
};
struct config_head {
	char group[CONFIG_NAME_MAX], agent[CONFIG_NAME_MAX];
	uint64_t version, fencing;
	struct config_server
	    servers[CONFIG_SERVERS_MAX]; /* in order; none: by those of its own configuration */
	size_t n_servers;
};

/* Which account a profile uses here. Groups and patterns stand only in configurations of hosts that
 * they match; classes and objects are compared with the host's own configuration. */
struct config_association {
	char profile[CONFIG_NAME_MAX], account[RUNAS_ID_LEN + 1],
	    target[CONFIG_NAME_MAX]; /* target "" for all */
	enum clv_target_kind kind;
};

/* Writes the whole XML: <Message managementGroup agent version fencing><Servers><Server name address/>...
 * </Servers><Profiles><Association profile account
 * kind target/>...</Profiles><State><SecureData>...  (share/schema/OpsMgrConnector.Config.xsd). securedata:
 * DER. The same input gives the same bytes. */
CLV_MUST clv_rc config_write(const struct config_head *head, const struct config_association *list, size_t n,
                             struct clv_slice securedata, struct clv_buf *xml, struct clv_err *err);
/* Reads it; securedata gets the DER. *list is the caller's (clv_free), also when it is empty (NULL).
 * CLV_E_PROTO with line and column. */
CLV_MUST clv_rc config_read(struct clv_slice xml, struct config_head *head, struct config_association **list,
                            size_t *n, struct clv_buf *securedata, struct clv_err *err);

/* <RunAs group agent recipient version others><Account .../>...</RunAs> (share/schema/runas.xsd). recipient:
 * SHA-256 of the agent certificate; others="keep" or left out. */
struct runas_head {
	char group[CONFIG_NAME_MAX], agent[CONFIG_NAME_MAX];
	uint8_t recipient[32];
	uint64_t version;
	bool keep_others; /* what the host holds beside it stays (while a recovery is under way) */
};
/* <Account id version type name user domain context authProtocol privacyProtocol trial>BASE64</Account>;
 * empty attributes are left out, trial="true" and keep="true" stand only where they are; keep goes without a
 * password. An account stands at most once, and once more on trial. */
struct runas_account {
	char id[RUNAS_ID_LEN + 1];
	uint64_t version;
	enum clv_account_type type;
	char name[CONFIG_NAME_MAX], user[CONFIG_NAME_MAX], domain[CONFIG_NAME_MAX], context[CONFIG_NAME_MAX];
	char auth_protocol[16], privacy_protocol[16];
	bool keep;  /* no password comes: what the host holds stays (after a recovery) */
	bool trial; /* to be tried here; the version before it stays in use until then */
};
/* list has a capacity of RUNAS_LIST_MAX; begin clears it. add: CLV_E_LIMIT beyond RUNAS_ACCOUNT_MAX or
 * RUNAS_LIST_MAX. The password's bytes are base64 inside the list, never outside a secret. */
CLV_MUST clv_rc runas_begin(const struct runas_head *head, struct clv_secret *list, struct clv_err *err);
CLV_MUST clv_rc runas_add(const struct runas_account *a, const struct clv_secret *password,
                          struct clv_secret *list, struct clv_err *err);
CLV_MUST clv_rc runas_end(struct clv_secret *list, struct clv_err *err);
/* fn for each account in order; password is borrowed for the call, NULL where the account is kept. Double
 * ids are refused. fn may have been called before a later error: the caller acts only when all was read. */
typedef clv_rc runas_account_fn(const struct runas_account *a, const struct clv_secret *password, void *ctx,
                                struct clv_err *err);
CLV_MUST clv_rc runas_read(const struct clv_secret *list, struct runas_head *head, runas_account_fn *fn,
                           void *ctx, struct clv_err *err);

#endif
