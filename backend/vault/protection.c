/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for what protects a vault (see vault.h). In a file of its own: the parent and the commands name
 * a protection, and open no vault.
 */
#include "vault/vault.h"
#include <string.h>

const char *vault_protection_word(enum vault_protection v)
{
#define X(sym, word) [sym] = word,
	static const char *const words[] = {VAULT_PROTECTION_LIST(X)};
#undef X

	return v >= 0 && v < VAULT_PROTECTION_MAX ? words[v] : "unknown";
}

bool vault_protection_parse(const char *word, enum vault_protection *out)
{
	for (int i = 0; i < VAULT_PROTECTION_MAX; i++)
		if (strcmp(word, vault_protection_word((enum vault_protection)i)) == 0) {
			*out = (enum vault_protection)i;
			return true;
		}
	return false;
}
