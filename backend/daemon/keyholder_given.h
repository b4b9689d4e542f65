/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parent hands to the key holder before the vault is opened: numbers of the message Vault, a
 * descriptor each. The parent reads none of them.
 */
#ifndef DAEMON_KEYHOLDER_GIVEN_H
#define DAEMON_KEYHOLDER_GIVEN_H

#define KH_GIVEN_VAULT        0u /* what opens the vault: machine secret, credential, passphrase */
#define KH_GIVEN_RECOVERY_KEY 10u
#define KH_GIVEN_BACKUP       11u
#define KH_GIVEN_PASSPHRASE   12u /* of the recovery key or the backup */
#define KH_GIVEN_NEW_SECRET   13u /* of vault protect */
#define KH_GIVEN_FIRST        KH_GIVEN_RECOVERY_KEY
#define KH_GIVEN_N            4u

#endif
