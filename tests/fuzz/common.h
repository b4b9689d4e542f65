/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz targets share: seeds written before libFuzzer reads its folder, and a count of accepted
 * inputs, printed at the end (a target that never accepts one tests nothing behind its first check).
 */
#ifndef TESTS_FUZZ_COMMON_H
#define TESTS_FUZZ_COMMON_H

#include "claviger/buf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Once, in LLVMFuzzerInitialize. */
void fuzz_start(const char *name);
/* Into the folder named by CLAVIGER_FUZZ_SEEDS, if any. */
void fuzz_seed(struct clv_slice s);
/* Once for each input. */
void fuzz_count(bool accepted);
/* Ends the process as a finding. */
void fuzz_check(bool good, const char *what);

#endif
