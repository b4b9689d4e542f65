/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SecureData (S15, design 3): the RunAs list, signed by the group signing key (CMS SignedData),
 * inside a CMS AuthEnvelopedData for exactly one agent certificate. Sealed in a management server's
 * key holder, opened in the agent's. The reader holds a message against one template before it
 * decrypts and says the same of every refusal.
 */
#ifndef RUNAS_SECUREDATA_H
#define RUNAS_SECUREDATA_H

#include "claviger/secret.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define SECUREDATA_MAX (512u * 1024u)

/* list: the RunAs XML. Appends DER to out. CLV_E_LIMIT beyond SECUREDATA_MAX. */
CLV_MUST clv_rc securedata_seal(const struct clv_secret *list, X509 *recipient, EVP_PKEY *signer,
                                X509 *signer_cert, struct clv_buf *out, struct clv_err *err);
/* The outer template alone; recipient NULL: any issuer and serial number. */
CLV_MUST clv_rc securedata_check(struct clv_slice der, X509 *recipient, struct clv_err *err);
/* signer: certificate (or stand-in) of the pinned group signing key; NULL: the inner template is
 * held, the signature's value is not verified (probe only). list gets the XML. Every refusal has the
 * same text. */
CLV_MUST clv_rc securedata_open(struct clv_slice der, EVP_PKEY *key, X509 *recipient, X509 *signer,
                                struct clv_secret *list, struct clv_err *err);

#endif
