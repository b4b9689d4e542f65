/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpsMgrConnector.Config.xml (S15) and the RunAs list inside its SecureData. Built in the server's
 * key holder; read in the agent's core (the file) and key holder (the list). DTDs, processing
 * instructions, unknown elements and attributes are refused; depth and size are bounded (T21).
 */
#ifndef RUNAS_CONFIG_H
#define RUNAS_CONFIG_H

#include "claviger/secret.h"

#define CONFIG_XML_MAX  (720u * 1024u) /* 512 KiB of SecureData in base64, and the rest */
#define CONFIG_NAME_MAX 256u
#define RUNAS_LIST_MAX  CLV_SECRET_MAX

struct config_head {
	char group[CONFIG_NAME_MAX], agent[CONFIG_NAME_MAX];
	uint64_t version, fencing;
};

/* Writes the whole XML. securedata: DER. */
CLV_MUST clv_rc config_write(const struct config_head *head, struct clv_slice securedata, struct clv_buf *xml,
                             struct clv_err *err);
/* Reads it; securedata gets the DER. CLV_E_PROTO with line and column. */
CLV_MUST clv_rc config_read(struct clv_slice xml, struct config_head *head, struct clv_buf *securedata,
                            struct clv_err *err);

/* <RunAs group agent recipient version/>. recipient: SHA-256 of the agent certificate. */
struct runas_head {
	char group[CONFIG_NAME_MAX], agent[CONFIG_NAME_MAX];
	uint8_t recipient[32];
	uint64_t version;
};
CLV_MUST clv_rc runas_write(const struct runas_head *head, struct clv_secret *list, struct clv_err *err);
CLV_MUST clv_rc runas_read(const struct clv_secret *list, struct runas_head *head, struct clv_err *err);

#endif
